//! What the log was told, and so is not told again for a while. The texts are in `say.rs`.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId};
use protocol::gossip::Gossip;
use protocol::time::{Duration, Time};
use protocol::wire::message::GoodbyeReason;
use tracing::{info, warn};

use super::notices::{BehindNotices, TurnedAway, TurnedAwayNotices};
use super::say;
use crate::net::discovery::Trouble;
use crate::net::reason::{CloseReason, blames};
use crate::observe::progress::Progress;
use crate::observe::seldom::Seldom;
use crate::observe::status_line::{Figures, StatusLine};

/// The time between two warnings while no bootstrap address answers.
const WARN_INTERVAL: Duration = Duration::from_secs(30);
/// The time before the first warning, so that dials have time.
const WARN_AFTER: Duration = Duration::from_secs(5);
/// Addresses that a warning names.
const TROUBLES_MAX: usize = 3;

/// The state.
#[derive(Debug, Default)]
pub(super) struct Said {
    alone: Option<Time>,
    progress: Progress,
    status: StatusLine,
    behind: BehindNotices,
    turned_away: TurnedAwayNotices,
    goodbyes: Seldom,
    bans: Seldom,
    other_versions: Seldom,
    listener_errors: Seldom,
}

impl Said {
    /// A peer was banned.
    pub(super) fn banned(&mut self, now: Time, peer: &PeerId, address: Option<IpAddr>, reason: CloseReason) {
        if self.bans.may_say(now) {
            say::banned(peer, address, reason);
        }
    }

    /// A peer said why it closes the connection.
    pub(super) fn goodbye(&mut self, now: Time, peer: Option<PeerId>, reason: &GoodbyeReason) {
        if blames(reason) && self.goodbyes.may_say(now) {
            say::goodbye(peer, reason);
        }
    }

    /// A peer speaks another version.
    pub(super) fn other_version(&mut self, now: Time, peer: &PeerId, version: u64) {
        if self.other_versions.may_say(now) {
            say::another_version(peer, version);
        }
    }

    /// A listener failed. If descriptors run out, this comes ten times a second: libp2p's listeners rest 100 ms
    /// after each failure.
    pub(super) fn listener_error(&mut self, now: Time, error: &io::Error) {
        if self.listener_errors.may_say(now) {
            warn!(%error, "a listener reports an error and goes on");
        }
    }

    /// No peer has said Hello, though this number of fixed addresses is known.
    pub(super) fn alone<'a>(
        &mut self,
        now: Time,
        fixed: usize,
        troubles: impl Iterator<Item = (&'a Multiaddr, Option<&'a Trouble>)>,
    ) {
        let since = now.since(self.alone.unwrap_or_default());
        let wait = if self.alone.is_some() { WARN_INTERVAL } else { WARN_AFTER };
        if since < wait {
            return;
        }
        self.alone = Some(now);
        let told: Vec<_> =
            troubles.take(TROUBLES_MAX).map(|(address, trouble)| say::trouble(address, trouble)).collect();
        say::alone(fixed, &told);
    }

    /// Reports what is due about the node's state.
    pub(super) fn look(
        &mut self,
        now: Time,
        gossip: &Gossip,
        disconnects: &BTreeMap<&'static str, u64>,
        max_peers_in: usize,
    ) {
        if let Some(line) = self.progress.line(now, gossip.sync()) {
            info!("{line}");
        }
        if let Some(notice) = self.behind.line(now, gossip.tip().height, gossip.behind(now).as_ref()) {
            say::notice(&notice);
        }
        if let Some(notice) = self.turned_away.line(now, TurnedAway::of(disconnects), max_peers_in) {
            say::notice(&notice);
        }
    }

    /// The status line, if it is due.
    pub(super) fn status(&mut self, now: Time, figures: Figures) {
        if let Some(line) = self.status.line(now, figures) {
            say::status(&line);
        }
    }
}
