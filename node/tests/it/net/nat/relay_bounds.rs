//! What a circuit relay gives: a bound for everything, and the help tells the same numbers.

use clap::CommandFactory as _;
use node::cli::Cli;
use node::net::behaviour::nat::server::{
    CIRCUIT_BYTES_MAX, CIRCUIT_TIME, CIRCUITS_MAX, RESERVATION_TIME, RESERVATIONS_MAX, limits,
};
use node::net::limits::SLOTLESS_CONNECTIONS_MAX;

#[test]
fn a_relay_has_a_bound_for_each_thing_that_it_gives() {
    let limits = limits();
    assert_eq!((limits.max_reservations, limits.max_circuits), (RESERVATIONS_MAX, CIRCUITS_MAX));
    assert_eq!((limits.max_circuit_bytes, limits.max_circuit_duration), (CIRCUIT_BYTES_MAX, CIRCUIT_TIME));
    assert_eq!((limits.reservation_rate_limiters.len(), limits.circuit_src_rate_limiters.len()), (2, 2));
    // libp2p's relay must never see the end of one, and a client must be able to renew it in time.
    assert!(limits.reservation_duration == RESERVATION_TIME && RESERVATION_TIME.as_secs() > 100 * 86_400);
    // Clients of a relay have no slots, so there is room for their connections.
    const { assert!(RESERVATIONS_MAX <= SLOTLESS_CONNECTIONS_MAX) }
}

#[test]
fn the_help_says_what_an_operator_gives_away() {
    let command = Cli::command();
    let flag = command.get_arguments().find(|arg| arg.get_long() == Some("relay-server")).expect("there is one");
    let help = flag.get_help().expect("it has help").to_string();
    let (mib, minutes) = (CIRCUIT_BYTES_MAX >> 20, CIRCUIT_TIME.as_secs() / 60);
    for number in [
        format!("{RESERVATIONS_MAX} of them"),
        format!("{CIRCUITS_MAX} circuits"),
        format!("{mib} MiB"),
        format!("{minutes} minutes"),
    ] {
        assert!(help.contains(&number), "{number}: {help}");
    }
}
