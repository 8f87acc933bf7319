//! The commands' output for people fits its width, says what it left out, and marks payloads as payloads.

use crate::support::harness::transaction;
use node::cli::client::members;
use node::cli::client::text::{self, PAYLOAD_SHOWN_MAX, WIDTH_DEFAULT};
use node::rpc::command::{BehindStatus, PeerStatus, Status};
use node::rpc::members::MemberView;
use node::rpc::{TransactionState, TransactionView};

const ID: &str = "12D3KooWGzBJkXfvPAQbKHx5WzZkkvXc5M3uUYjvkTzYVhwEwdGo";

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

fn peer(address: &str) -> PeerStatus {
    PeerStatus {
        peer_id: ID.to_owned(),
        address: address.to_owned(),
        inbound: false,
        ready: true,
        tip_height: Some(12_345_678),
        delivered: 1_234_567,
        strikes: 12,
        response_ms: Some(1_234.5),
        round_trip_ms: Some(12.3),
        connected_s: 100_000.0,
        agent: Some("hearsay/0.1.0".to_owned()),
        bytes_in: 1_234_567,
        bytes_out: 7_654_321,
    }
}

#[test]
fn the_peers_table_fits_80_columns_and_says_what_it_left_out() {
    for address in [
        "/ip4/203.0.113.255/udp/30400/quic-v1",
        "/ip6/2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/udp/30400/quic-v1",
        "/dns/a-rather-long-name.of-a-host.in-some-domain.example.org/tcp/30400",
    ] {
        let table = text::peers(&[peer(address), PeerStatus { inbound: true, ..peer(address) }], WIDTH_DEFAULT);
        assert!(widest(&table) <= WIDTH_DEFAULT, "{table}");
        assert!(table.contains("VhwEwdGo") && table.contains("12345678"), "{table}");
        assert!(table.contains("AGENT") && table.contains("--json has everything"), "{table}");
    }
    let narrow = text::peers(&[peer("/ip4/203.0.113.255/udp/30400/quic-v1")], 40);
    assert!(widest(&narrow.lines().take(2).collect::<Vec<_>>().join("\n")) <= 40, "{narrow}");
}

#[test]
fn a_wide_terminal_shows_all_of_it() {
    let table = text::peers(&[peer("/ip4/203.0.113.255/udp/30400/quic-v1")], 160);
    for part in [
        ID,
        "203.0.113.255:30400 quic",
        "out",
        "12345678",
        "1,234,567",
        "12",
        "1234.5 ms",
        "27 h",
        "hearsay/0.1.0",
    ] {
        assert!(table.contains(part), "{part} is missing: {table}");
    }
    assert!(!table.contains("--json"), "{table}");
}

#[test]
fn a_table_of_few_short_cells_leaves_nothing_out_at_80_columns() {
    let small = PeerStatus {
        strikes: 0,
        delivered: 3,
        response_ms: None,
        tip_height: Some(7),
        ..peer("/ip4/192.0.2.1/tcp/1")
    };
    let table = text::peers(&[small], WIDTH_DEFAULT);
    assert!(table.contains("hearsay/0.1.0") && !table.contains("--json"), "{table}");
    assert!(widest(&table) <= WIDTH_DEFAULT, "{table}");
}

#[test]
fn a_peer_without_hello_is_told_from_one_with() {
    let table = text::peers(&[PeerStatus { ready: false, ..peer("/ip4/192.0.2.1/tcp/1") }], WIDTH_DEFAULT);
    assert!(table.contains("no hello"), "{table}");
}

#[test]
fn the_status_fits_80_columns_and_keeps_ids_whole() {
    let status = Status {
        version: "0.1.0".to_owned(),
        peer_id: ID.to_owned(),
        public_key: "ab".repeat(32),
        network: "n".repeat(32),
        listen: vec![format!("/ip4/203.0.113.255/udp/30400/quic-v1/p2p/{ID}")],
        tip_height: 12_345_678,
        tip_id: "cd".repeat(32),
        behind: Some(BehindStatus {
            text: "its peers are at height 12000000 and it at 7: no block for 34 s, and 42 headers were refused"
                .to_owned(),
            ..BehindStatus::default()
        }),
        ..Status::default()
    };
    let text = text::status(&status, WIDTH_DEFAULT);
    assert!(widest(&text) <= WIDTH_DEFAULT, "{text}");
    for part in
        [ID, &"ab".repeat(32), "/ip4/203.0.113.255/udp/30400/quic-v1\n", "height 12345678\n", &"cd".repeat(32)]
    {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    assert_eq!(text.matches(ID).count(), 1, "{text}");
}

#[test]
fn a_node_without_peers_does_not_call_itself_in_step() {
    let sync = |status: &Status| {
        let text = text::status(status, WIDTH_DEFAULT);
        text.lines().find_map(|line| Some(line.strip_prefix("sync")?.trim().to_owned())).expect("a line")
    };
    assert_eq!(sync(&Status::default()), "unknown: no peer is connected");
    assert_eq!(sync(&Status { peers_in: 1, ..Status::default() }), "in step");
    assert_eq!(sync(&Status { peers_out: 1, ..Status::default() }), "in step");
}

#[test]
fn a_payload_is_shown_as_text_if_it_is_nothing_else_and_in_hexadecimal_otherwise() {
    for good in ["hello", "\"it's\" a \\ path", "žluťoučký kůň", "नमस्ते", "e\u{301}", "👩 🚀"]
    {
        assert_eq!(text::payload(good.as_bytes()), ("text", good.to_owned()));
    }
    for (bytes, hex) in [
        (&b"two\nlines"[..], "74776f0a6c696e6573"),
        (b"\x1b[2J", "1b5b324a"),
        (b"\xff\x00", "ff00"),
        ("\u{202e}gpj.exe".as_bytes(), "e280ae67706a2e657865"),
        ("\u{9b}2J".as_bytes(), "c29b324a"),
    ] {
        assert_eq!(text::payload(bytes), ("hex", hex.to_owned()));
    }
    assert_eq!(text::payload(b""), ("empty", String::new()));
}

#[test]
fn a_long_payload_is_cut_and_says_so() {
    let (_, whole) = text::payload(&[b'x'; PAYLOAD_SHOWN_MAX]);
    assert_eq!(whole.len(), PAYLOAD_SHOWN_MAX);
    let (kind, shown) = text::payload(&[b'x'; PAYLOAD_SHOWN_MAX + 1]);
    assert_eq!(kind, "text");
    assert!(
        shown.starts_with(&"x".repeat(PAYLOAD_SHOWN_MAX)) && shown.contains("--json has all of it"),
        "{shown}"
    );
    let (kind, shown) = text::payload(&[7; 65_536]);
    assert!(kind == "hex" && shown.starts_with("0707") && shown.contains("--json has all of it"), "{shown}");
}

#[test]
fn a_transaction_is_shown_with_its_payload_in_80_columns() {
    let item = transaction(b'a', 77, 200);
    let view = TransactionView {
        status: TransactionState::Confirmed,
        block: Some("ef".repeat(32)),
        height: Some(9),
        transaction: Some(hex::encode(item.encoded())),
    };
    let text = text::transaction(view, WIDTH_DEFAULT);
    assert!(widest(&text) <= WIDTH_DEFAULT, "{text}");
    for part in ["confirmed", "77", "height       9", "200 B · text", &"a".repeat(60), &"ef".repeat(32)] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

fn member(state: &str, is_self: bool) -> MemberView {
    MemberView {
        peer_id: ID.to_owned(),
        state: state.to_owned(),
        since_s: 100_000.0,
        is_self,
        reached: true,
        addresses: vec!["/ip4/203.0.113.255/udp/30400/quic-v1".to_owned()],
        agent: "hearsay/0.1.0\u{1b}[31m".to_owned(),
        tip_height: Some(12_345_678),
        round_trip_ms: Some(123.4),
        ..MemberView::default()
    }
}

#[test]
fn the_members_table_fits_its_width_counts_states_and_obeys_no_agent() {
    let all = [member("alive", true), member("alive", false), member("suspect", false), member("left", false)];
    for width in [WIDTH_DEFAULT, 120, 200] {
        let table = members::table(&all, width);
        assert!(widest(&table) <= width, "{width}: {table}");
        assert!(table.contains("VhwEwdGo") && table.contains("(this node)") && table.contains("27 h"), "{table}");
        assert!(table.ends_with("2 alive · 1 suspect · 0 dead · 1 left"), "{table}");
        assert!(!table.contains('\u{1b}'), "{table}");
    }
    let wide = members::table(&all, 200);
    for part in [ID, "203.0.113.255:30400 quic", "123.4 ms", "12345678", "hearsay/0.1.0"] {
        assert!(wide.contains(part), "{part} is missing: {wide}");
    }
    assert!(!wide.contains("PHI"), "nobody has one: {wide}");
    let phi = [MemberView { phi: Some(1.25), ..member("alive", false) }];
    assert!(members::table(&phi, 200).contains("1.2"));
}
