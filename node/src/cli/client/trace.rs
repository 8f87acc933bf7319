//! `node trace`: how an item came to a running node and where it went, as a table, as JSON, or as a picture for
//! Graphviz; or the last items.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::columns::{Column, render};
use super::follow::follow;
use super::lasting::at;
use super::{AskError, Node, print, print_json, text};
use crate::cli::TraceArgs;
use crate::observe::logging::to_stderr;
use crate::observe::units::bytes_text;
use crate::rpc::ApiClient as _;
use crate::rpc::feeds::Topic;
use crate::rpc::trace::{PeerName, TraceSummary, TraceView, span};

/// `node trace`.
///
/// # Errors
/// See [`AskError`].
pub fn run(args: &TraceArgs) -> Result<ExitCode, AskError> {
    let Some(id) = &args.id else {
        if args.follow {
            return follow(&args.ask, &[Topic::Transactions, Topic::Blocks], |node| list(node, args));
        }
        return list(&Node::find(&args.ask)?, args).map(|()| ExitCode::SUCCESS);
    };
    let node = Node::find(&args.ask)?;
    let found = node.call(async |client| client.trace_get(id.clone()).await)?;
    if args.ask.json {
        print_json(&found)?;
    }
    let Some(view) = found else { return Err(AskError::NoTrace(missing(&node, id)?)) };
    if args.dot {
        print(&picture(&view))?;
    } else if !args.ask.json {
        print(&page(&view, text::width()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(node: &Node, args: &TraceArgs) -> Result<(), AskError> {
    let shown = node.call(async |client| client.trace_list(Some(args.count)).await)?;
    if args.ask.json {
        print_json(&shown)?;
    } else if shown.is_empty() {
        to_stderr("no item has come since the node was started");
    } else {
        print(&table(&shown))?;
    }
    Ok(())
}

/// Why nothing is recorded of an item.
fn missing(node: &Node, id: &str) -> Result<String, AskError> {
    let whole = id.len() == 64;
    let held = whole
        && (node.call(async |client| client.tx_get(id.to_owned()).await)?.is_some()
            || node.call(async |client| client.block_get(id.to_owned()).await)?.is_some());
    Ok(if held {
        format!(
            "{id} is too old: the node holds it, and no longer remembers how it came, because many others came since then or \
             the node was started again. Ask sooner, or give the node more --memory"
        )
    } else {
        format!(
            "the node has recorded nothing of {id}: it never came here, or it is too old. `node trace` lists what came last"
        )
    })
}

/// The last items, the newest first.
fn table(shown: &[TraceSummary]) -> String {
    let dash = || "-".to_owned();
    let columns = [
        Column::new("ITEM", shown, |one| one.short_id.clone()),
        Column::new("KIND", shown, |one| if one.kind == "block" { "block" } else { "tx" }.to_owned()),
        Column::new("SIZE", shown, |one| one.bytes.map_or_else(dash, bytes_text)).numbers(),
        Column::new("WAITED", shown, |one| waited(one).map_or_else(dash, span)).numbers(),
        Column::new("CAUSE", shown, |one| one.cause.clone().unwrap_or_else(dash)),
        Column::new("FROM", shown, |one| one.from.as_ref().map_or_else(dash, PeerName::text)),
        Column::new("SENT", shown, |one| one.sent_to.to_string()).numbers(),
        Column::new("TOLD", shown, |one| one.announced_to.to_string()).numbers(),
    ];
    format!("{}\n{} shown, the newest first", render(&columns), shown.len())
}

/// From the first announcement to the body; `None` if the body was there before any announcement.
fn waited(one: &TraceSummary) -> Option<u64> {
    one.received_us?.checked_sub(one.announced_us?)
}

/// One thing that happened to an item, for people.
struct Line {
    at_us: u64,
    what: String,
    peer: Option<PeerName>,
    note: String,
}

fn page(view: &TraceView, width: usize) -> String {
    let item = view.id.as_ref().unwrap_or(&view.short_id);
    let mut fields = vec![
        (view.kind.as_str(), item.clone()),
        (
            "state",
            view.refusal.as_ref().map_or_else(|| view.state.clone(), |why| format!("{}: {why}", view.state)),
        ),
        ("first heard", at(view.first_heard_unix_ms)),
    ];
    fields.extend(view.bytes.map(|bytes| ("size", bytes_text(bytes))));
    fields.extend(view.cause.as_ref().map(|cause| ("cause", cause.clone())));
    fields.extend(view.within_block.as_ref().map(|block| ("in block", block.clone())));
    fields.extend(view.queued_us.map(|queued| ("queued", span(queued))));
    fields.push(("summary", view.summary.clone()));
    let lines = timeline(view);
    let columns = [
        Column::new("AFTER", &lines, |line| span(line.at_us)).numbers(),
        Column::new("WHAT", &lines, |line| line.what.clone()),
        Column::new("PEER", &lines, |line| line.peer.as_ref().map(PeerName::text).unwrap_or_default()),
        Column::new("CAUSE", &lines, |line| line.note.clone()),
    ];
    let mut page = format!("{}\n\n{}", text::fields(&fields, width), render(&columns));
    for (count, what) in [(view.arrivals_left_out, "arrivals"), (view.departures_left_out, "departures")] {
        if count > 0 {
            let _ = write!(page, "\n{count} later {what} are not recorded");
        }
    }
    page
}

/// Everything that happened, in order.
fn timeline(view: &TraceView) -> Vec<Line> {
    let steps = &view.steps_us;
    let entered = steps.received.filter(|_| view.from.is_none());
    let own = [
        (entered, "entered here"),
        (steps.checked, "checked"),
        (steps.accepted, "accepted"),
        (steps.stored, "stored"),
    ];
    let own = own.into_iter().filter_map(|(at, what)| {
        Some(Line { at_us: at?, what: what.to_owned(), peer: None, note: String::new() })
    });
    let arrivals = view.arrivals.iter().map(|one| Line {
        at_us: one.at_us,
        what: format!("{} {}", one.what, preposition(&one.what)),
        peer: Some(one.peer.clone()),
        note: if one.duplicate { "duplicate".to_owned() } else { one.cause.clone().unwrap_or_default() },
    });
    let departures = view.departures.iter().map(|one| Line {
        at_us: one.at_us,
        what: format!("{} {}", one.what, if one.what == "wanted" { "by" } else { "to" }),
        peer: Some(one.peer.clone()),
        note: String::new(),
    });
    let mut lines: Vec<Line> = arrivals.chain(own).chain(departures).collect();
    lines.sort_by_key(|line| line.at_us);
    lines
}

fn preposition(what: &str) -> &'static str {
    match what {
        "asked" => "of",
        "fetched" => "from",
        _ => "by",
    }
}

/// A graph in the language of Graphviz: peers that brought it, this node, and peers to which it went. Bodies are solid
/// lines, announcements and requests are dashed, and what was not needed is grey.
fn picture(view: &TraceView) -> String {
    let mut text = String::from("digraph trace {\n  rankdir=LR;\n  node [shape=box];\n");
    let item = format!("{} {}", view.kind, view.short_id);
    let _ = writeln!(text, "  label={};", quoted(&view.summary));
    let _ = writeln!(text, "  here [label={}, style=bold];", quoted(&format!("this node\n{item}")));
    let arrivals = view.arrivals.iter().map(|one| &one.peer);
    let departures = view.departures.iter().map(|one| &one.peer);
    let mut peers: Vec<&PeerName> = arrivals.chain(departures).collect();
    peers.sort_by_key(|peer| peer.handle);
    peers.dedup_by_key(|peer| peer.handle);
    for peer in peers {
        let _ = writeln!(text, "  peer{} [label={}];", peer.handle, quoted(&peer.text()));
    }
    let mut first = true;
    for one in &view.arrivals {
        let (from, to) = (format!("peer{}", one.peer.handle), "here".to_owned());
        let (from, to) = if one.what == "asked" { (to, from) } else { (from, to) };
        let style = match (one.cause.is_some(), one.duplicate) {
            (false, _) => "dashed",
            (true, true) => "solid, color=grey",
            (true, false) if std::mem::take(&mut first) => "bold",
            (true, false) => "solid",
        };
        let cause = one.cause.as_ref().map(|cause| format!("\n{cause}")).unwrap_or_default();
        let label = quoted(&format!("{}{cause}\n{}", one.what, span(one.at_us)));
        let _ = writeln!(text, "  {from} -> {to} [label={label}, style={style}];");
    }
    for one in &view.departures {
        let (from, to) = ("here".to_owned(), format!("peer{}", one.peer.handle));
        let (from, to) = if one.what == "wanted" { (to, from) } else { (from, to) };
        let style = if matches!(one.what.as_str(), "pushed" | "served") { "solid" } else { "dashed" };
        let label = quoted(&format!("{}\n{}", one.what, span(one.at_us)));
        let _ = writeln!(text, "  {from} -> {to} [label={label}, style={style}];");
    }
    text.push('}');
    text
}

/// A text as Graphviz reads it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
