//! Answers in the form in which people read them: fields, a table, a payload. Everything fits the terminal, or 80
//! columns if there is none. If something is omitted or cut, the output says so, and `--json` has it whole.
//!
//! No text from a peer or a stranger can control the terminal. Deliberately absent: asking, and JSON.

use std::time::{Duration, UNIX_EPOCH};

use comfy_table::Table;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use protocol::items::transaction::SignedTransaction;
use protocol::wire::codec::Decode as _;

use super::columns::{Column, GAP, last, render, total};
use crate::observe::units::{bytes_text, grouped};
use crate::rpc::command::{BanStatus, PeerStatus, ReachStatus, Status};
use crate::rpc::evidence::EvidenceView;
use crate::rpc::{BlockView, TransactionState, TransactionView};

/// Columns if standard output is no terminal.
pub const WIDTH_DEFAULT: usize = 80;

/// The most characters of a payload that are shown, or hexadecimal digits.
pub const PAYLOAD_SHOWN_MAX: usize = 512;

/// Characters at the end of a peer id that distinguish peers: 58⁸ is some 10¹⁴.
const PEER_ID_END: usize = 8;
/// The fewest characters of an address that are shown.
const ADDRESS_MIN: usize = 21;
/// The last millisecond of the year 9999.
const DATE_MS_MAX: u64 = 253_402_300_799_999;
/// Characters of an agent's name.
const AGENT_MAX: usize = 64;

/// The width of the terminal on standard output, or [`WIDTH_DEFAULT`].
#[must_use]
pub fn width() -> usize {
    Table::new().width().map_or(WIDTH_DEFAULT, usize::from).max(WIDTH_DEFAULT / 2)
}

/// `node status`.
#[must_use]
pub fn status(status: &Status, width: usize) -> String {
    let uptime = Duration::from_secs(Duration::try_from_secs_f64(status.uptime_s).unwrap_or_default().as_secs());
    let mut lines = vec![
        ("version", status.version.clone()),
        ("network", status.network.clone()),
        ("peer id", status.peer_id.clone()),
        ("public key", status.public_key.clone()),
        ("uptime", humantime::format_duration(uptime).to_string()),
        ("relay", status.relay.clone()),
    ];
    // The peer id stands above, and takes most of a line.
    let end = format!("/p2p/{}", status.peer_id);
    let listen = |address: &String| address.strip_suffix(&end).unwrap_or(address).to_owned();
    lines.extend(status.listen.iter().map(|address| ("listen", listen(address))));
    let (inbound, outbound, wanted) = (status.peers_in, status.peers_out, status.peers_out_target);
    let stats = &status.stats;
    lines.extend([
        ("peers", format!("{} ({inbound} in, {outbound} of {wanted} out)", inbound + outbound)),
        ("dialled", reach(&status.reach)),
        ("tip", format!("height {}", status.tip_height)),
        ("tip id", status.tip_id.clone()),
        ("sync", sync(status)),
        ("mempool", format!("{} tx · {}", status.mempool_transactions, bytes_text(status.mempool_bytes as u64))),
        ("accepted", items(stats.transactions_accepted, stats.blocks_accepted)),
        ("reorgs", stats.reorganisations.to_string()),
        ("duplicates", items(stats.transaction_duplicates, stats.block_duplicates)),
        ("wire", format!("{} in · {} out", bytes_text(status.wire_in), bytes_text(status.wire_out))),
        ("memory", format!("{} at most", bytes_text(status.rss_peak))),
    ]);
    if status.equivocations > 0 {
        let pairs = status.equivocations;
        lines.push(("evidence", format!("{pairs} × two blocks of a producer at one height: node evidence")));
    }
    lines.extend(status.disconnects.iter().map(|(reason, count)| ("closed", format!("{count} · {reason}"))));
    let banned = |ban: &BanStatus| format!("{} · {} · {:.0} s more", ban.who, ban.reason, ban.left_s);
    lines.extend(status.bans.iter().map(|ban| ("banned", banned(ban))));
    fields(&lines, width)
}

/// Whether others can dial the node, and how it is known. `node doctor` says what to do.
fn reach(reach: &ReachStatus) -> String {
    let held: Vec<String> =
        reach.relays.iter().filter(|relay| relay.held).map(|relay| relay.peer_id.clone()).collect();
    let trouble = reach.relays.iter().find_map(|relay| relay.trouble.as_ref());
    let through = match (held.as_slice(), trouble) {
        ([], None) => "no relay is known".to_owned(),
        ([], Some(why)) => format!("no relay: {why}"),
        (relays, _) => format!("through the relay {}", relays.join(" and ")),
    };
    let worked = reach.tests.iter().find(|test| test.failure.is_none());
    let known = match (reach.verdict.as_str(), worked, reach.tests.last()) {
        ("reachable", Some(test), _) => format!("yes: {} did at {}", test.by, test.address),
        ("reachable", None, _) => "yes, says --reachability public".to_owned(),
        ("unreachable", ..) if reach.is_told => format!("not directly, says --reachability private; {through}"),
        ("unreachable", _, Some(test)) => {
            let why = test.failure.as_deref().unwrap_or_default();
            format!("not directly: {} tried {}: {why}; {through}", test.by, test.address)
        }
        _ => "unknown: nobody has tried a public address".to_owned(),
    };
    if reach.is_relay {
        format!("{known} · a relay for {} nodes, {} circuits", reach.reservations, reach.circuits)
    } else {
        known
    }
}

/// Whether the node has what its peers have. Without a peer it can't know.
fn sync(status: &Status) -> String {
    match &status.behind {
        Some(behind) => behind.text.clone(),
        None if status.peers_in + status.peers_out == 0 => "unknown: no peer is connected".to_owned(),
        None => "in step".to_owned(),
    }
}

fn items(transactions: u64, blocks: u64) -> String {
    format!("{transactions} tx · {blocks} {}", if blocks == 1 { "block" } else { "blocks" })
}

/// `node block get`.
#[must_use]
pub fn block(view: BlockView, width: usize) -> String {
    let lines = [
        ("height", view.height.to_string()),
        ("parent", view.parent),
        ("producer", view.producer),
        ("made", made(view.timestamp_ms)),
        ("size", bytes_text(view.encoded.len() as u64 / 2)),
        ("transactions", view.transactions.len().to_string()),
    ];
    fields(&lines, width)
}

/// `node evidence`.
#[must_use]
pub fn evidence(evidence: &[EvidenceView], width: usize) -> String {
    let pair = |pair: &EvidenceView| {
        let [first, second] = &pair.headers;
        let lines = [
            ("producer", pair.producer.clone()),
            ("height", pair.height.to_string()),
            ("first block", first.id.clone()),
            ("second block", second.id.clone()),
        ];
        fields(&lines, width)
    };
    let pairs: Vec<String> = evidence.iter().map(pair).collect();
    format!("{}\n\nboth signed headers of each: --json", pairs.join("\n\n"))
}

/// When a block was made, by its producer's word. Producers may write any value, and a date
/// ends with the year 9999.
pub(super) fn made(timestamp_ms: u64) -> String {
    if timestamp_ms > DATE_MS_MAX {
        return format!("{timestamp_ms} ms after 1970, which is no date");
    }
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(timestamp_ms)).to_string()
}

/// `node tx get`.
#[must_use]
pub fn transaction(view: TransactionView, width: usize) -> String {
    let status = match view.status {
        TransactionState::Pending => "pending, in the mempool",
        TransactionState::Confirmed => "confirmed",
    };
    let decoded = view.transaction.as_deref().and_then(decode);
    let mut lines = vec![("status", status.to_owned())];
    lines.extend(view.block.map(|block| ("block", block)));
    lines.extend(view.height.map(|height| ("height", height.to_string())));
    if let Some(transaction) = decoded {
        lines.push(("author", transaction.author().to_string()));
        lines.push(("nonce", transaction.nonce().to_string()));
        lines.push(("valid until", format!("height {}", transaction.valid_until())));
        let (kind, shown) = payload(transaction.payload());
        lines.push(("payload", format!("{} · {kind}", bytes_text(transaction.payload().len() as u64))));
        if !shown.is_empty() {
            lines.push(("", shown));
        }
    }
    fields(&lines, width)
}

/// The transaction in an answer. The answer has it in hexadecimal.
#[must_use]
pub fn decode(text: &str) -> Option<SignedTransaction> {
    SignedTransaction::from_bytes(&hex::decode(text).ok()?.into()).ok()
}

/// The kind of a payload, and as much of it as is shown. It is shown as text if it has nothing but letters, marks
/// and spaces, and otherwise as hexadecimal digits.
#[must_use]
pub fn payload(bytes: &[u8]) -> (&'static str, String) {
    match std::str::from_utf8(bytes) {
        Ok("") => ("empty", String::new()),
        Ok(text) if is_printable(text) => ("text", cut_payload(text)),
        _ => ("hex", cut_payload(&hex::encode(bytes))),
    }
}

fn cut_payload(text: &str) -> String {
    if text.chars().count() <= PAYLOAD_SHOWN_MAX {
        return text.to_owned();
    }
    let start: String = text.chars().take(PAYLOAD_SHOWN_MAX).collect();
    format!("{start}… (the rest is cut: --json has all of it)")
}

/// Whether the text has no control character, nothing that reverses the direction of writing, and
/// nothing without a shape.
fn is_printable(text: &str) -> bool {
    let plain = |c: &char| !matches!(c, '"' | '\'' | '\\');
    let plain: String = text.chars().filter(plain).collect();
    plain.escape_debug().eq(plain.chars())
}

/// A text from a peer, without anything that could control a terminal.
pub(super) fn visible(text: &str) -> String {
    plain(text).chars().take(AGENT_MAX).collect()
}

/// The same in full length.
pub(in crate::cli) fn plain(text: &str) -> String {
    text.chars().map(|c| if is_printable(c.encode_utf8(&mut [0; 4])) { c } else { '?' }).collect()
}

/// `node peers`: a line for each peer, and below them what was omitted, if anything.
#[must_use]
pub fn peers(peers: &[PeerStatus], width: usize) -> String {
    let dash = || "-".to_owned();
    let mut columns = vec![
        Column::new("PEER", peers, |peer| peer.peer_id.clone()),
        Column::new("ADDRESS", peers, |peer| short_address(&peer.address)),
        Column::new("DIR", peers, |peer| if peer.inbound { "in" } else { "out" }.to_owned()),
        Column::new("TIP", peers, |peer| match peer.tip_height {
            _ if !peer.ready => "no hello".to_owned(),
            Some(height) => height.to_string(),
            None => dash(),
        })
        .numbers(),
        Column::new("FIRST", peers, |peer| grouped(peer.delivered)).numbers().goes(4),
        Column::new("STRIKES", peers, |peer| peer.strikes.to_string()).numbers().goes(2),
        Column::new("ANSWER", peers, |peer| peer.response_ms.map_or_else(dash, |ms| format!("{ms:.1} ms")))
            .numbers()
            .goes(3),
        Column::new("UP", peers, |peer| span(peer.connected_s)).numbers().goes(5),
        Column::new("AGENT", peers, |peer| peer.agent.as_deref().map_or_else(dash, visible)).goes(1),
    ];
    // A column of zeros tells nothing.
    if peers.iter().all(|peer| peer.strikes == 0) {
        columns.retain(|column| column.head != "STRIKES");
    }
    let mut left_out = Vec::new();
    if total(&columns) > width {
        let end = |id: &String| format!("…{}", last(id, PEER_ID_END));
        if let Some(ids) = columns.first_mut() {
            ids.cells = ids.cells.iter().map(end).collect();
        }
    }
    // First addresses are shortened a little, then columns are omitted, then addresses are
    // shortened as far as necessary.
    while total(&columns) > width {
        let over = total(&columns) - width;
        let addresses = columns.get(1).map_or(0, Column::width);
        let next = columns.iter().enumerate().filter_map(|(place, column)| Some((column.goes?, place))).min();
        match next {
            Some((_, place)) if addresses.saturating_sub(over) < ADDRESS_MIN => {
                left_out.push(columns.remove(place).head);
            }
            _ => {
                if let Some(column) = columns.get_mut(1) {
                    column.cut(addresses.saturating_sub(over).max(1));
                }
                break;
            }
        }
    }
    let mut text = render(&columns);
    if !left_out.is_empty() {
        text.push_str(&format!("\nno room for {}: --json has everything", left_out.join(", ")));
    }
    text
}

/// An address as `IP:PORT`, with `quic` behind it for QUIC. Other addresses are not changed.
pub(super) fn short_address(text: &str) -> String {
    let Ok(address) = text.parse::<Multiaddr>() else { return visible(text) };
    let parts: Vec<_> = address.iter().collect();
    let (host, rest) = match parts.as_slice() {
        [Protocol::Ip4(ip), rest @ ..] => (ip.to_string(), rest),
        [Protocol::Ip6(ip), rest @ ..] => (format!("[{ip}]"), rest),
        _ => return text.to_owned(),
    };
    match rest {
        [Protocol::Tcp(port)] | [Protocol::Tcp(port), Protocol::P2p(_)] => format!("{host}:{port}"),
        [Protocol::Udp(port), Protocol::QuicV1] | [Protocol::Udp(port), Protocol::QuicV1, Protocol::P2p(_)] => {
            format!("{host}:{port} quic")
        }
        _ => text.to_owned(),
    }
}

/// Seconds, minutes, hours or days, rounded down.
pub(super) fn span(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs() {
        secs @ ..120 => format!("{secs} s"),
        secs @ ..7_200 => format!("{} min", secs / 60),
        secs @ ..172_800 => format!("{} h", secs / 3_600),
        secs => format!("{} d", secs / 86_400),
    }
}

/// Names and values, one below the other. A value that is longer than its line continues below itself.
pub(in crate::cli) fn fields(lines: &[(&str, String)], width: usize) -> String {
    let names = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + GAP;
    let room = width.saturating_sub(names).max(1);
    let mut text = Vec::new();
    for (name, value) in lines {
        for (n, part) in wrapped(value, room).into_iter().enumerate() {
            let name = if n == 0 { *name } else { "" };
            text.push(format!("{name:names$}{part}"));
        }
    }
    text.join("\n")
}

/// A text in lines of at most this number of characters. It is broken at spaces, or inside words that are longer.
pub(super) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let letters = word.trim_end_matches(' ').chars().count();
        if used > 0 && used + letters > room && letters <= room {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            if used >= room {
                if c == ' ' {
                    continue;
                }
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
            used += 1;
        }
    }
    lines
}
