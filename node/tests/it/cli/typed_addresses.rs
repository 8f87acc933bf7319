//! An address that can never be dialled, or listened on, is refused when it is typed, and the error shows the
//! intended form.

use node::cli::typed::{parse_dial, parse_listen};

const ID: &str = "12D3KooWGzBJkXfvPAQbKHx5WzZkkvXc5M3uUYjvkTzYVhwEwdGo";

#[test]
fn what_can_be_dialled_is_taken() {
    for text in [
        "/ip4/192.0.2.1/tcp/30400",
        "/ip4/192.0.2.1/udp/30400/quic-v1",
        "/ip6/2001:db8::1/tcp/30400",
        "/dns/example.org/tcp/30400",
        "/dns4/example.org/udp/30400/quic-v1",
        "/dns6/example.org/tcp/30400",
        "/dnsaddr/example.org",
    ] {
        assert_eq!(parse_dial(text).map(|address| address.to_string()), Ok(text.to_owned()));
        let with_id = format!("{text}/p2p/{ID}");
        assert_eq!(parse_dial(&with_id).map(|address| address.to_string()), Ok(with_id));
    }
    let relayed = format!("/dns4/relay.example.org/tcp/1/p2p/{ID}/p2p-circuit/p2p/{ID}");
    assert_eq!(parse_dial(&relayed).map(|address| address.to_string()), Ok(relayed));
}

#[test]
fn what_can_never_be_dialled_is_refused_with_the_right_form() {
    let only_id = format!("/p2p/{ID}");
    let relayed = format!("/ip4/192.0.2.1/tcp/1/p2p/{ID}/p2p-circuit");
    for (text, hint) in [
        ("", "a comma too many"),
        (" ", "a comma too many"),
        ("/ip4/192.0.2.1/udp/1", "write /ip4/192.0.2.1/udp/1/quic-v1"),
        ("/ip4/192.0.2.1/udp/1/quic", "write /ip4/192.0.2.1/udp/1/quic-v1"),
        ("/ip4/192.0.2.1/tcp/1/ws", "write /ip4/192.0.2.1/tcp/1"),
        ("/dns/example.org/tcp/443/wss", "write /dns/example.org/tcp/443"),
        ("/ip4/192.0.2.1/tcp/1/http", "write /ip4/192.0.2.1/tcp/1"),
        (&only_id, "an address before it"),
        (&relayed, "needs both ids"),
        ("/ip4/192.0.2.1", "/tcp/PORT"),
        ("/ip4/0.0.0.0/tcp/30400", "one of the addresses that the other node has"),
        ("/ip6/::/udp/30400/quic-v1", "one of the addresses that the other node has"),
        ("/ip4/192.0.2.1/tcp/0", "the port of the other node"),
        ("/unix/a", "/ip4/ADDRESS/tcp/PORT"),
        ("/tcp/30400", "/ip4/ADDRESS/tcp/PORT"),
        ("nonsense", "/ip4/ADDRESS/tcp/PORT"),
        ("192.0.2.1:30400", "write /ip4/192.0.2.1/tcp/30400"),
        ("192.0.2.1", "write /ip4/192.0.2.1/tcp/30400"),
        ("[::1]:1", "write /ip6/::1/tcp/1"),
        ("2001:db8::1", "write /ip6/2001:db8::1/tcp/30400"),
        ("example.org:4001", "write /dns/example.org/tcp/4001"),
        ("localhost:4001", "write /dns/localhost/tcp/4001"),
        ("example.org", "write /dns/example.org/tcp/30400"),
    ] {
        let said = parse_dial(text).expect_err(text);
        assert!(said.contains(hint), "{text}: {said}");
    }
}

#[test]
fn what_a_node_can_listen_on_is_taken_and_nothing_else() {
    for text in ["/ip4/0.0.0.0/tcp/0", "/ip4/127.0.0.1/udp/30400/quic-v1", "/ip6/::/tcp/30400"] {
        assert_eq!(parse_listen(text).map(|address| address.to_string()), Ok(text.to_owned()));
    }
    let with_id = format!("/ip4/0.0.0.0/tcp/30400/p2p/{ID}");
    for (text, hint) in [
        ("", "a comma too many"),
        (with_id.as_str(), "write /ip4/0.0.0.0/tcp/30400"),
        ("/dns/example.org/tcp/30400", "not on names: write /ip4/ADDRESS/tcp/PORT"),
        ("example.org:30400", "not on names: write /ip4/ADDRESS/tcp/PORT"),
        ("localhost:4001", "not on names: write /ip4/127.0.0.1/tcp/4001"),
        ("/dns/localhost/tcp/30400", "not on names: write /ip4/127.0.0.1/tcp/30400"),
        ("/ip4/0.0.0.0/udp/30400", "write /ip4/0.0.0.0/udp/30400/quic-v1"),
        ("/ip4/0.0.0.0/udp/30400/quic", "write /ip4/0.0.0.0/udp/30400/quic-v1"),
        ("/ip4/0.0.0.0/tcp/30400/ws", "write /ip4/0.0.0.0/tcp/30400"),
        ("/ip4/0.0.0.0", "/tcp/PORT"),
        ("0.0.0.0:30400", "write /ip4/0.0.0.0/tcp/30400"),
        ("[::]:30400", "write /ip6/::/tcp/30400"),
    ] {
        let said = parse_listen(text).expect_err(text);
        assert!(said.contains(hint), "{text}: {said}");
    }
}
