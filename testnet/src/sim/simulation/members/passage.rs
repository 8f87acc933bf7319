//! What lies between two members for pings and short dials: which directions are cut, and how long a lost packet
//! delays them.
//!
//! * **A cut** in one direction is enough to let nothing through: TCP needs both.
//! * **Loss** is that of the messages at this time ([`Weather`](crate::sim::link::Weather)). Each packet of a ping or of
//!   a dial is lost with this probability, and sent again after a pause that doubles. The pause begins with a round trip
//!   and 200 ms, which is the least of Linux. The first packet of a dial, and the first of its answer, know no round trip
//!   yet, and their pause begins with a second. After that, the pause is that of the first measurement: a round trip, and
//!   the larger of two more and 200 ms (RFC 6298, sections 2.1 and 2.2).
//!
//! Deliberately absent: jitter, the bandwidth of the access, and faults of `faults.partition`, which cut links and no
//! dials.

use protocol::time::Duration;

use super::super::Simulation;
use crate::random::{Draws, Seed};
use crate::sim::members::cuts::Cuts;
use crate::sim::members::ledger::Between;

/// The least pause of TCP before it sends a packet again, beside the round trip (Linux's `TCP_RTO_MIN`).
const RESEND_MIN: Duration = Duration::from_millis(200);

/// The pause while no round trip has been measured (RFC 6298, section 2.1).
const RESEND_DIAL: Duration = Duration::from_secs(1);

/// After this number of losses in a row, TCP has waited for longer than anybody here.
const LOSSES_MAX: u32 = 7;

/// Cuts between members, and the draws for losses.
#[derive(Debug)]
pub(super) struct Passages {
    pub(super) cuts: Cuts,
    draws: Draws,
}

impl Passages {
    pub(super) fn new(seed: Seed) -> Self {
        Self { cuts: Cuts::new(seed), draws: seed.draws("member packets") }
    }

    /// How long the losses of this number of packets, one after the other, delay the last of them.
    fn delayed(&mut self, loss: f64, packets: u32, pause: Duration) -> Duration {
        let mut sum = Duration::ZERO;
        for _ in 0..packets {
            let mut pause = pause;
            for _ in 0..LOSSES_MAX {
                if loss <= 0.0 || !self.draws.chance(loss) {
                    break;
                }
                sum = sum + pause;
                pause = pause.times(2);
            }
        }
        sum
    }
}

impl Simulation {
    /// Whether members can reach each other by a new connection now.
    pub(super) fn can_dial(&self, one: usize, other: usize) -> bool {
        let Some(world) = self.members.as_ref() else { return false };
        world.passages.cuts.between(one, other, self.now) == Between::Nothing
    }

    /// The delay of a ping or its answer in one direction, with the losses on the way.
    pub(super) fn ping_delay(&mut self, from: usize, to: usize) -> Duration {
        let pause = self.round_trip(from, to) + RESEND_MIN;
        self.one_way(from, to) + self.losses(1, pause)
    }

    /// The losses of a dial's packets in one direction, this number of them after the one that opens the connection.
    pub(super) fn dial_losses(&mut self, from: usize, to: usize, further: u32) -> Duration {
        let trip = self.round_trip(from, to);
        let measured = trip + trip.times(2).max(RESEND_MIN);
        self.losses(1, RESEND_DIAL) + self.losses(further, measured)
    }

    pub(super) fn one_way(&self, from: usize, to: usize) -> Duration {
        Duration::from_micros(self.delays.one_way_us(from, to))
    }

    pub(super) fn round_trip(&self, one: usize, other: usize) -> Duration {
        self.one_way(one, other) + self.one_way(other, one)
    }

    fn losses(&mut self, packets: u32, pause: Duration) -> Duration {
        let weather = self.network.weather();
        let loss = weather.loss + weather.vanish;
        self.members.as_mut().map_or(Duration::ZERO, |world| world.passages.delayed(loss, packets, pause))
    }
}
