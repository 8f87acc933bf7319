//! How open files are divided: peers and the store get theirs first, and the listener gets the rest.

use node::rpc::http::CONNECTIONS_MAX;
use node::run::descriptors::{Descriptors, HTTP_MIN, RESERVE};

#[test]
fn the_listener_gets_what_peers_and_the_reserve_leave() {
    let most = CONNECTIONS_MAX as u64;
    let first = 300 + RESERVE;
    for (limit, http, short) in [
        (first + most, most, false),
        (first + most + 1, most, false),
        (first + most - 1, most - 1, true),
        (first + HTTP_MIN, HTTP_MIN, true),
        (first, HTTP_MIN, true),
        (0, HTTP_MIN, true),
        (u64::MAX, most, false),
    ] {
        let shared = Descriptors::share(limit, 300);
        assert_eq!((shared.http as u64, shared.are_short()), (http, short), "{limit}");
        assert_eq!(shared.needed, first + most);
    }
    assert!(Descriptors::share(1_024, u64::MAX).are_short());
}
