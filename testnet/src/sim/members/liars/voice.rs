//! What all liars have: a key to sign with, an eye on what goes by, and a way to speak.

use std::sync::Arc;

use protocol::gossip::PeerHandle;
use protocol::gossip::members::MemberMessage;
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::member::accusation::Accusation;
use protocol::items::member::record::SignedRecord;
use protocol::items::member::{Incarnation, Statement, Unsigned};
use protocol::items::network::NetworkId;
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use super::About;
use crate::random::Draws;
use crate::random::keys::node_key;
use crate::sim::adversary::Sending;

/// The time between two acts of a liar.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// A liar's means.
#[derive(Debug)]
pub(super) struct Voice {
    pub(super) key: SecretKey,
    pub(super) victim: PublicKey,
    pub(super) draws: Draws,
    network: NetworkId,
    from: Time,
    epoch_ms: u64,
}

impl Voice {
    pub(super) fn new(about: &About, node: usize, victim: PublicKey) -> Self {
        Self {
            key: node_key(about.seed, node),
            victim,
            draws: about.seed.draws(&format!("liar {node}")),
            network: about.network.clone(),
            from: about.from,
            epoch_ms: about.epoch_ms,
        }
    }

    /// Whether the time to lie has come.
    pub(super) fn lies(&self, now: Time) -> bool {
        now >= self.from
    }

    /// The wall clock.
    pub(super) const fn wall_ms(&self, now: Time) -> u64 {
        self.epoch_ms + now.as_micros() / 1_000
    }

    /// An accusation of the victim by the owner of a key.
    pub(super) fn accuses(&self, key: &SecretKey, incarnation: Incarnation) -> Statement {
        let accusation = Accusation { accuser: key.public(), subject: self.victim, incarnation };
        Statement::Accusation(accusation.sign(key, &self.network))
    }

    /// A statement by the owner of a key, if all of its parts are within their bounds.
    pub(super) fn signs(&self, key: &SecretKey, unsigned: Unsigned) -> Option<Statement> {
        unsigned.sign(key, &self.network).ok()
    }
}

/// The newest record of one member that went by.
#[derive(Debug)]
pub(super) struct Newest {
    of: PublicKey,
    record: Option<Arc<SignedRecord>>,
}

impl Newest {
    pub(super) const fn new(of: PublicKey) -> Self {
        Self { of, record: None }
    }

    /// Looks at a message.
    pub(super) fn look(&mut self, message: &Message) {
        for statement in statements(message) {
            if let Statement::Record(record) = statement
                && record.key() == self.of
                && self.record.as_ref().is_none_or(|held| record.supersedes(held))
            {
                self.record = Some(record.clone());
            }
        }
    }

    pub(super) fn record(&self) -> Option<&Arc<SignedRecord>> {
        self.record.as_ref()
    }

    pub(super) fn incarnation(&self) -> Option<Incarnation> {
        self.record.as_ref().map(|record| record.incarnation())
    }
}

/// The statements in a message.
pub(super) fn statements(message: &Message) -> &[Statement] {
    match message {
        Message::Members(message) => match &**message {
            MemberMessage::News(statements) | MemberMessage::Wanted(statements) => statements,
            MemberMessage::Difference(difference) => &difference.statements,
            _ => &[],
        },
        _ => &[],
    }
}

/// The message without the statements that are not to go out. `None` for news of which nothing is left.
pub(super) fn without(message: Message, drop: impl Fn(&Statement) -> bool) -> Option<Message> {
    let Message::Members(mut inner) = message else { return Some(message) };
    let left = match &mut *inner {
        MemberMessage::News(statements) => {
            statements.retain(|statement| !drop(statement));
            !statements.is_empty()
        }
        MemberMessage::Wanted(statements) => {
            statements.retain(|statement| !drop(statement));
            true
        }
        MemberMessage::Difference(difference) => {
            difference.statements.retain(|statement| !drop(statement));
            true
        }
        _ => true,
    };
    left.then_some(Message::Members(inner))
}

/// A message about members that is sent at once.
pub(super) fn say(to: PeerHandle, message: MemberMessage) -> Sending {
    Sending { to, message: Message::Members(Box::new(message)), after: Duration::ZERO }
}

/// News for each peer.
pub(super) fn tell_all(peers: &[PeerHandle], statements: &[Statement], out: &mut Vec<Sending>) {
    if !statements.is_empty() {
        out.extend(peers.iter().map(|peer| say(*peer, MemberMessage::News(statements.to_vec()))));
    }
}
