//! News: statements that are new here, on their way to the peers.
//!
//! * **Rounds.** While there is news, `gossip-nodes` random links get some each `gossip-interval`.
//! * **Order.** Refutations first, then members that left, then records, then accusations, then entries. Within a
//!   class, what was sent the fewest times, and then what came first.
//! * **How often.** A piece is sent at most `retransmit-mult` · ⌈log10(N+1)⌉ times, once over each link, and never
//!   to a peer that sent it. When every link has it, it is dropped: a new peer learns it by push-pull.
//!   *Source:* memberlist's `TransmitLimitedQueue`. It may send the same thing to one peer twice, because it does
//!   not know what a datagram did. Links lose nothing.
//! * **Newer statements** take the place of older ones of the same member and kind.
//! * **How much.** A link gets `members-budget` bytes a second, and [`NEWS_BURST_BYTES`] after a quiet time.
//! * **Full.** If there is too much news, the last piece in the order is dropped. Push-pull brings it later.
//!
//! Deliberately absent: which statements are news (`intake`), and comparisons (`push_pull`, `by_difference`).

mod by_difference;
pub(super) mod intake;
pub(super) mod links;
mod push_pull;
pub(super) mod walk;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::codec::Encode as _;
use crate::footprint::tree;
use crate::gossip::api::PeerHandle;
use crate::items::keys::PublicKey;
use crate::items::member::Statement;
use crate::limits::{NEWS_BYTES_MAX, NEWS_MAX, NEWS_MESSAGE_BYTES_MAX};

/// How urgent a piece of news is. The first is the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Refutation,
    Left,
    Join,
    Suspicion,
    Entries,
}

/// What a piece of news is about. A newer one takes the place of an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Record(PublicKey),
    Entries(PublicKey),
    /// The subject, and the accuser.
    Accusation(PublicKey, PublicKey),
}

/// The order in which news is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    class: Class,
    sends: u32,
    sequence: u64,
}

#[derive(Debug)]
struct News {
    statement: Statement,
    bytes: usize,
    /// The links that have it: they got it, or brought it.
    had: Vec<PeerHandle>,
}

/// The news that is being spread.
#[derive(Debug, Default)]
pub(super) struct Spread {
    news: BTreeMap<Turn, News>,
    topics: BTreeMap<Topic, Turn>,
    bytes: usize,
    next: u64,
}

impl Spread {
    /// The memory of a piece of news, beside its statement's bytes and the links that have it.
    pub(super) const ENTRY_BYTES: usize = tree(size_of::<(Turn, News)>()) + tree(size_of::<(Topic, Turn)>());

    /// Spreads a statement to all links but the one that brought it.
    pub(super) fn add(&mut self, class: Class, statement: Statement, from: Option<PeerHandle>) {
        let topic = Topic::of(&statement);
        self.remove(&topic);
        let turn = Turn { class, sends: 0, sequence: self.next };
        self.next = self.next.saturating_add(1);
        let bytes = statement.encoded_len();
        self.bytes = self.bytes.saturating_add(bytes);
        self.topics.insert(topic, turn);
        self.news.insert(turn, News { statement, bytes, had: from.into_iter().collect() });
        while self.news.len() > NEWS_MAX || self.bytes > NEWS_BYTES_MAX {
            let Some(last) = self.news.last_key_value().map(|(_, news)| Topic::of(&news.statement)) else {
                return;
            };
            self.remove(&last);
        }
    }

    /// A peer sent a statement that is known here already: it needs no copy.
    pub(super) fn had(&mut self, statement: &Statement, link: PeerHandle) {
        let turn = self.topics.get(&Topic::of(statement));
        let news = turn.and_then(|turn| self.news.get_mut(turn));
        if let Some(news) = news.filter(|news| news.statement == *statement && !news.had.contains(&link)) {
            news.had.push(link);
        }
    }

    /// The accusations of a member mean nothing any more.
    pub(super) fn refuted(&mut self, subject: &PublicKey) {
        let range =
            Topic::Accusation(*subject, PublicKey([0; 32]))..=Topic::Accusation(*subject, PublicKey([255; 32]));
        let topics: Vec<Topic> = self.topics.range(range).map(|(topic, _)| *topic).collect();
        for topic in topics {
            self.remove(&topic);
        }
    }

    /// What to send to a link now, the most urgent first. A piece that was sent often enough is dropped.
    pub(super) fn take(&mut self, link: PeerHandle, sends_max: u32) -> Vec<Statement> {
        let mut room = NEWS_MESSAGE_BYTES_MAX;
        let mut chosen = Vec::new();
        for (turn, news) in &self.news {
            if !news.had.contains(&link) && news.bytes <= room {
                room = room.saturating_sub(news.bytes);
                chosen.push(*turn);
            }
        }
        let mut statements = Vec::new();
        for turn in chosen {
            let Some(mut news) = self.news.remove(&turn) else { continue };
            let topic = Topic::of(&news.statement);
            statements.push(news.statement.clone());
            news.had.push(link);
            let next = Turn { sends: turn.sends.saturating_add(1), ..turn };
            if next.sends >= sends_max {
                self.topics.remove(&topic);
                self.bytes = self.bytes.saturating_sub(news.bytes);
            } else {
                self.topics.insert(topic, next);
                self.news.insert(next, news);
            }
        }
        statements
    }

    /// Drops what all of these links have.
    pub(super) fn settle(&mut self, links: &[PeerHandle]) {
        let everywhere = |news: &News| links.iter().all(|link| news.had.contains(link));
        let done = self.news.values().filter(|news| everywhere(news)).map(|news| Topic::of(&news.statement));
        let done: Vec<Topic> = done.collect();
        for topic in done {
            self.remove(&topic);
        }
    }

    /// A link is gone. Its number is not used again, so nothing is mistaken for it.
    pub(super) fn link_gone(&mut self, link: PeerHandle) {
        for news in self.news.values_mut() {
            news.had.retain(|had| *had != link);
        }
    }

    /// A member was forgotten.
    pub(super) fn forget(&mut self, key: &PublicKey) {
        self.remove(&Topic::Record(*key));
        self.remove(&Topic::Entries(*key));
        self.refuted(key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.news.is_empty()
    }

    /// Pieces of news, and their bytes.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.news.len(), self.bytes)
    }

    fn remove(&mut self, topic: &Topic) {
        let Some(turn) = self.topics.remove(topic) else { return };
        if let Some(news) = self.news.remove(&turn) {
            self.bytes = self.bytes.saturating_sub(news.bytes);
        }
    }
}

impl Topic {
    fn of(statement: &Statement) -> Self {
        match statement {
            Statement::Record(record) => Self::Record(record.key()),
            Statement::Entries(entries) => Self::Entries(entries.owner()),
            Statement::Accusation(accusation) => Self::Accusation(accusation.subject(), accusation.accuser()),
        }
    }
}
