//! The bounds of a relay: what it gives to all others together, and to one of them.
//!
//! A circuit is there so that two nodes can punch a hole, which takes some kilobytes and seconds. If that is impossible,
//! it carries gossip until it reaches its bound, and is opened anew. So the bounds are what an operator gives away:
//! at most [`CIRCUITS_MAX`] circuits, [`CIRCUIT_BYTES_MAX`] each way in [`CIRCUIT_TIME`]. All of them at their
//! bound, one after the other, are 2 × 16 × 1 MiB in 120 s: 280 kB a second each way. `--max-upload` and
//! `--max-download` count these bytes as well.
//!
//! * **A reservation lasts as long as its connection.** libp2p's relay can end one after a time. But if a client renews
//!   it just then, and takes the answer only later, the relay's own check of its state fails, and ends the program
//!   (libp2p-relay 0.22). So the time is a year. A connection that is lost, or that makes room for another without a
//!   slot (`slots.rs`), ends the reservation.
//! * **Memory.** A circuit has a buffer of 8 KiB for each way. Its streams count among those of the two connections.
//!
//! Deliberately absent: a list of those who may use the relay.

use std::num::NonZeroU32;
use std::time::Duration;

use libp2p::{PeerId, relay};

/// Reservations of all clients together. Each is a connection that stays open, and connections without a slot have 32
/// places that are theirs alone (`SLOTLESS_CONNECTIONS_MAX`).
pub const RESERVATIONS_MAX: usize = 32;
/// Reservations of one client: two connections, if both sides dialled at once.
pub const RESERVATIONS_PER_PEER: usize = 2;
/// Circuits of all clients together: half as many as reservations.
pub const CIRCUITS_MAX: usize = 16;
/// Circuits that one node may open. A connection has 8 streams of each side, and most are for other things.
pub const CIRCUITS_PER_PEER: usize = 3;
/// Bytes that a circuit carries each way: 16 times what a hole takes, and enough for the Hellos, the comparison of two
/// mempools that differ little, and some hundred transactions.
pub const CIRCUIT_BYTES_MAX: u64 = 1 << 20;
/// How long a circuit lasts. libp2p's own value.
pub const CIRCUIT_TIME: Duration = Duration::from_secs(120);
/// The time for which a reservation is given: no end, see above.
pub const RESERVATION_TIME: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Requests of one peer: so many at once, and one more in this time. libp2p's own values are as high, and two minutes
/// for a peer and one for an address. A node that finds no hole opens a circuit anew in as much time as one lasts.
pub const REQUESTS_AT_ONCE: u32 = 30;
/// See [`REQUESTS_AT_ONCE`].
pub const REQUEST_INTERVAL: Duration = Duration::from_secs(60);
/// The same for one IP address, behind which a whole network may be.
pub const REQUESTS_PER_IP_AT_ONCE: u32 = 60;
/// See [`REQUESTS_PER_IP_AT_ONCE`].
pub const REQUEST_PER_IP_INTERVAL: Duration = Duration::from_secs(10);

/// Bytes that a circuit holds in its two buffers.
pub const CIRCUIT_MEMORY_BYTES: usize = 2 * 8 * 1024;

/// The bounds, as libp2p takes them.
#[must_use]
pub fn limits() -> relay::Config {
    let config = relay::Config {
        max_reservations: RESERVATIONS_MAX,
        // libp2p refuses only what is above its two numbers for a peer.
        max_reservations_per_peer: RESERVATIONS_PER_PEER - 1,
        reservation_duration: RESERVATION_TIME,
        reservation_rate_limiters: Vec::new(),
        max_circuits: CIRCUITS_MAX,
        max_circuits_per_peer: CIRCUITS_PER_PEER - 1,
        max_circuit_duration: CIRCUIT_TIME,
        max_circuit_bytes: CIRCUIT_BYTES_MAX,
        circuit_src_rate_limiters: Vec::new(),
    };
    let (peer, ip) = (at_least_one(REQUESTS_AT_ONCE), at_least_one(REQUESTS_PER_IP_AT_ONCE));
    config
        .reservation_rate_per_peer(peer, REQUEST_INTERVAL)
        .reservation_rate_per_ip(ip, REQUEST_PER_IP_INTERVAL)
        .circuit_src_per_peer(peer, REQUEST_INTERVAL)
        .circuit_src_per_ip(ip, REQUEST_PER_IP_INTERVAL)
}

/// A relay for others. It says so at once, whatever it knows about its own addresses: the operator wants it.
pub(super) fn behaviour(local: PeerId) -> relay::Behaviour {
    let mut behaviour = relay::Behaviour::new(local, limits());
    behaviour.set_status(Some(relay::Status::Enable));
    behaviour
}

const fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(number.saturating_sub(1))
}
