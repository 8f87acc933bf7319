//! A hop that is compared with others.

use protocol::gossip::ArrivalWay;

use crate::report::deliveries::hops::Hop;

/// A hop, and what else is known of it.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    /// The item's index.
    pub(super) item: usize,
    pub(super) hop: Hop,
    pub(super) accepted_ns: u64,
    /// The delay of one message on the link.
    pub(super) delay_ms: f64,
}

impl Judged {
    /// The wait, without the way of the request.
    pub(super) fn waited(&self) -> Option<f64> {
        let request = if self.hop.cause.way() == Some(ArrivalWay::Fetched) { self.delay_ms } else { 0.0 };
        self.hop.parts.wait.map(|wait| wait - request)
    }

    /// The time on the link above its floor.
    pub(super) fn on_link(&self) -> Option<f64> {
        self.hop.parts.link.map(|link| link - self.hop.parts.floor.unwrap_or(0.0))
    }
}
