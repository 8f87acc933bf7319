//! The estimate of the size. All members of a network come to the same one, because they hold the same minima in the
//! end. So one machine that is given all tickets tells it.

use protocol::gossip::aggregate::extrema::Extrema;
use protocol::items::keys::{PublicKey, Signature};
use protocol::items::member::ticket::Ticket;
use protocol::time::Time;

use super::epoch;
use crate::random::Seed;
use crate::report::aggregates::Sizes;

/// The estimates of this number of epochs. The draws of an epoch follow from its seed.
#[must_use]
pub fn estimated(members: usize, first: u64, epochs: u64) -> Sizes {
    let mut estimates = Vec::new();
    let mut standard_error = 0;
    for seed in first..first.saturating_add(epochs) {
        let mut machine = Extrema::default();
        machine.begin(Time::ZERO, epoch(Seed(seed)), None);
        let mut draws = Seed(seed).draws("tickets");
        for _ in 0..members {
            let key: [u8; 32] = draws.bytes(32).try_into().unwrap_or_default();
            // The machine is not asked to check it.
            machine.take_own(&Ticket { member: PublicKey(key), signature: Signature([0; 64]) });
        }
        if let Some(size) = machine.estimate() {
            standard_error = size.standard_error;
            estimates.push(size.members);
        }
    }
    Sizes::of(members, &estimates, standard_error as f64 / 1e6)
}
