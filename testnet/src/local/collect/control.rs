//! The effect of bulk on control: how much longer than the link's delay a control message takes to a neighbour
//! while its sender uploads a block.
//!
//! Announcements, headers and bodies short enough for the control lane are counted, from the record of their
//! sending to the record of their receipt. This time includes queues, writing, encryption and the loops of both
//! nodes. An upload lasts from the record of the body's sending to its receipt, minus the link's delay. Jitter
//! sometimes makes the figure negative.

use std::collections::{HashMap, VecDeque};

use node::observe::trace::Kind;
use protocol::limits::CONTROL_ITEM_BYTES_MAX;

use super::Observed;
use super::messages::{Message, Receipt, first_before, for_each_received, for_each_sent};
use crate::report::schema::Percentiles;
use crate::report::statistics::Sorted;
use crate::wan::Delays;

/// The excess over the link's delay in milliseconds.
pub(super) fn excess_ms(observed: &Observed, peers: &[HashMap<u32, usize>], delays: &Delays) -> Percentiles {
    let uploads = uploads(observed, peers, delays);
    let mut waiting: HashMap<Message, VecDeque<u64>> = HashMap::new();
    for_each_sent(observed, peers, |at_ns, message| {
        let busy = uploads.get(message.from).is_some_and(|spans| spans.iter().any(|span| span.contains(at_ns)));
        if busy {
            waiting.entry(message).or_default().push_back(at_ns);
        }
    });
    let mut values = Vec::new();
    for_each_received(observed, peers, |at_ns, message, Receipt { bytes, .. }| {
        if bytes > CONTROL_ITEM_BYTES_MAX as u64 {
            return;
        }
        let sent = waiting.get_mut(&message).and_then(|sent| first_before(sent, at_ns));
        if let Some(sent_ns) = sent {
            let delay_ns = delays.one_way_us(message.from, message.to) as f64 * 1e3;
            values.push(((at_ns - sent_ns) as f64 - delay_ns) / 1e6);
        }
    });
    Percentiles::of(&Sorted::new(values))
}

/// The uploads of blocks by a node.
struct Span {
    from_ns: u64,
    to_ns: u64,
}

impl Span {
    fn contains(&self, at_ns: u64) -> bool {
        (self.from_ns..=self.to_ns).contains(&at_ns)
    }
}

/// The times at which each node was uploading blocks that are too long for the control lane.
fn uploads(observed: &Observed, peers: &[HashMap<u32, usize>], delays: &Delays) -> Vec<Vec<Span>> {
    let mut begun: HashMap<Message, VecDeque<u64>> = HashMap::new();
    for_each_sent(observed, peers, |at_ns, message| {
        if message.body && message.kind == Kind::Block {
            begun.entry(message).or_default().push_back(at_ns);
        }
    });
    let mut uploads: Vec<Vec<Span>> = observed.nodes.iter().map(|_| Vec::new()).collect();
    for_each_received(observed, peers, |at_ns, message, Receipt { bytes, .. }| {
        if bytes <= CONTROL_ITEM_BYTES_MAX as u64 {
            return;
        }
        let sent = begun.get_mut(&message).and_then(|sent| first_before(sent, at_ns));
        if let (Some(from_ns), Some(spans)) = (sent, uploads.get_mut(message.from)) {
            let delay_ns = delays.one_way_us(message.from, message.to).saturating_mul(1_000);
            spans.push(Span { from_ns, to_ns: at_ns.saturating_sub(delay_ns) });
        }
    });
    uploads
}
