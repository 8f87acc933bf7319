//! Whether others can dial a node, and which relays it takes.

use libp2p::{Multiaddr, PeerId};
use node::config::reach::Reachability;
use node::net::behaviour::nat::verdict::{Judge, OFFERED_MAX, RESERVATIONS_WANTED, Relay, Stage, Test, Verdict};
use protocol::time::{Duration, Time};

const NOW: Time = Time::from_micros(1_000_000);

fn address(text: &str) -> Multiaddr {
    text.parse().expect("a good address")
}

fn test(at: &str, failure: Option<&str>) -> Test {
    Test { address: address(at), by: PeerId::random(), at: NOW, failure: failure.map(str::to_owned) }
}

fn judge(setting: Reachability, given: &[Multiaddr]) -> Judge {
    Judge::new(setting, given, [7; 32])
}

fn given(ip: &str) -> Multiaddr {
    address(&format!("/ip4/{ip}/tcp/30400")).with_p2p(PeerId::random()).expect("it has none yet")
}

fn asked(relays: &[Relay]) -> Vec<String> {
    relays.iter().map(|relay| relay.address.to_string()).collect()
}

#[test]
fn the_last_test_of_an_address_counts_and_one_address_that_works_is_enough() {
    let mut judge = judge(Reachability::Auto, &[]);
    assert_eq!(judge.verdict(), Verdict::Unknown);
    judge.on_test(test("/ip4/198.51.100.7/tcp/1", Some("no connection")));
    assert_eq!(judge.verdict(), Verdict::Unreachable);
    judge.on_test(test("/ip4/198.51.100.7/udp/1/quic-v1", None));
    assert_eq!(judge.verdict(), Verdict::Reachable);
    judge.on_test(test("/ip4/198.51.100.7/udp/1/quic-v1", Some("no connection")));
    assert_eq!((judge.verdict(), judge.tests().len()), (Verdict::Unreachable, 2));
}

#[test]
fn the_operators_word_wins_over_tests() {
    for (setting, wanted) in
        [(Reachability::Public, Verdict::Reachable), (Reachability::Private, Verdict::Unreachable)]
    {
        let mut judge = judge(setting, &[]);
        judge.on_test(test("/ip4/198.51.100.7/tcp/1", None));
        judge.on_test(test("/ip4/198.51.100.7/tcp/2", Some("no connection")));
        assert_eq!((judge.verdict(), judge.is_told()), (wanted, true));
    }
}

#[test]
fn only_an_unreachable_node_asks_relays_and_those_of_the_operator_first() {
    let relays = [given("198.51.100.1"), given("203.0.113.1"), given("192.0.2.1")];
    let mut judge = judge(Reachability::Auto, &relays);
    judge.on_offer(PeerId::random(), address("/ip4/198.18.0.1/tcp/30400"));
    assert!(judge.poll(NOW).is_empty());
    judge.on_test(test("/ip4/198.51.100.7/tcp/1", Some("no connection")));
    let first = judge.poll(NOW);
    assert_eq!(asked(&first), ["/ip4/198.51.100.1/tcp/30400", "/ip4/203.0.113.1/tcp/30400"]);
    assert_eq!(first.len(), RESERVATIONS_WANTED);
    assert!(judge.poll(NOW).is_empty(), "they were asked");
    judge.on_held(&first[0].peer);
    judge.on_lost(&first[1].peer, "no room".to_owned(), NOW);
    assert_eq!(asked(&judge.poll(NOW)), ["/ip4/192.0.2.1/tcp/30400"], "the next one, while the other waits");
}

#[test]
fn a_relay_that_failed_is_asked_again_later_and_a_found_one_meanwhile() {
    let only = given("198.51.100.1");
    let mut judge = judge(Reachability::Private, std::slice::from_ref(&only));
    let relay = judge.poll(NOW).remove(0);
    judge.on_lost(&relay.peer, "refused\u{1b}[31m".to_owned(), NOW);
    assert_eq!(judge.relays()[0].trouble.as_deref(), Some("refused[31m"), "no control characters");
    assert!(judge.poll(NOW).is_empty());
    judge.on_offer(PeerId::random(), address("/ip4/198.18.0.1/tcp/30400"));
    assert_eq!(asked(&judge.poll(NOW)), ["/ip4/198.18.0.1/tcp/30400"]);
    assert_eq!(asked(&judge.poll(NOW + Duration::from_secs(2))), ["/ip4/198.51.100.1/tcp/30400"]);
}

#[test]
fn found_relays_are_few_and_no_two_of_one_group_are_used() {
    let mut judge = judge(Reachability::Private, &[]);
    for n in 0..2 * OFFERED_MAX {
        judge.on_offer(PeerId::random(), address(&format!("/ip4/198.18.0.{n}/tcp/30400")));
    }
    assert_eq!(judge.relays().len(), OFFERED_MAX);
    assert_eq!(judge.poll(NOW).len(), 1, "all are in one /16");
    let held = judge.relays().iter().filter(|relay| relay.stage == Stage::Asked).count();
    assert_eq!(held, 1);
}
