//! `node members`, `node set`, `node get`, `node aggregate` and `node leave`: what members there are, what they say of
//! themselves, and what this node says. Deliberately absent: what `--watch` does (`watch.rs`).

use std::process::ExitCode;

use super::columns::{Column, last, render, total};
use super::watch::watch;
use super::{AskError, Node, print, print_json, text};
use crate::cli::{AskArgs, GetArgs, MembersArgs, MembersCommand, SetArgs};
use crate::observe::logging::to_stderr;
use crate::rpc::ApiClient as _;
use crate::rpc::members::{AggregateView, EntryView, Estimates, MemberDetail, MemberView};

/// `node members`.
///
/// # Errors
/// See [`AskError`].
pub fn members(args: &MembersArgs) -> Result<ExitCode, AskError> {
    match &args.command {
        Some(MembersCommand::Show { id, ask }) => show(id, ask),
        None if args.watch => watch(&args.ask, table),
        None => list(&args.ask),
    }
}

/// `node set`.
///
/// # Errors
/// See [`AskError`].
pub fn set(args: &SetArgs) -> Result<ExitCode, AskError> {
    let node = Node::find_as_owner(&args.ask)?;
    let value = args.value.as_ref().map(hex::encode);
    node.call(async |client| client.members_set(args.key.clone(), value).await)?;
    Ok(ExitCode::SUCCESS)
}

/// `node get`.
///
/// # Errors
/// See [`AskError`].
pub fn get(args: &GetArgs) -> Result<ExitCode, AskError> {
    let node = Node::find(&args.ask)?;
    let id = match &args.member {
        Some(id) => id.clone(),
        None => node.call(async |client| client.node_info().await)?.public_key,
    };
    let detail = detail(&node, &id)?;
    let entry = detail.entries.iter().find(|entry| entry.key == args.key);
    let entry = entry.ok_or_else(|| AskError::NoEntry { member: id, key: args.key.clone() })?;
    if args.ask.json {
        print_json(entry)?;
    } else {
        print(&shown(entry))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `node aggregate`.
///
/// # Errors
/// See [`AskError`].
pub fn aggregate(name: &str, ask: &AskArgs) -> Result<ExitCode, AskError> {
    let node = Node::find(ask)?;
    let found = node.call(async |client| client.members_aggregate(name.to_owned()).await)?;
    if ask.json {
        print_json(&found)?;
    } else {
        print(&text::fields(&aggregate_lines(&found), text::width()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `node leave`.
///
/// # Errors
/// See [`AskError`].
pub fn leave(ask: &AskArgs) -> Result<ExitCode, AskError> {
    let node = Node::find_as_owner(ask)?;
    node.call(async |client| client.members_leave().await)?;
    to_stderr(
        "the node has told the network that it leaves. It relays on until it is stopped, and is a member again when it is \
         started",
    );
    Ok(ExitCode::SUCCESS)
}

fn list(ask: &AskArgs) -> Result<ExitCode, AskError> {
    let members = Node::find(ask)?.call(async |client| client.members_list().await)?;
    if ask.json {
        print_json(&members)?;
    } else {
        print(&table(&members, text::width()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(id: &str, ask: &AskArgs) -> Result<ExitCode, AskError> {
    let detail = detail(&Node::find(ask)?, id)?;
    if ask.json {
        print_json(&detail)?;
    } else {
        print(&text::fields(&detail_lines(&detail), text::width()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn detail(node: &Node, id: &str) -> Result<MemberDetail, AskError> {
    let found = node.call(async |client| client.members_get(id.to_owned()).await)?;
    found.ok_or_else(|| AskError::NoMember(id.to_owned()))
}

/// All members, one in a line, and below them how many there are in each state.
#[must_use]
pub fn table(members: &[MemberView], width: usize) -> String {
    let dash = || "-".to_owned();
    let own = |member: &MemberView| if member.is_self { " (this node)" } else { "" };
    let mut columns = vec![
        Column::new("MEMBER", members, |member| format!("{}{}", member.peer_id, own(member))),
        Column::new("STATE", members, |member| member.state.clone()),
        Column::new("SINCE", members, |member| text::span(member.since_s)).numbers(),
        Column::new("ADDRESS", members, |member| {
            member.addresses.first().map_or_else(dash, |address| text::short_address(address))
        })
        .goes(3),
        // One that is only estimated has a tilde.
        Column::new("RTT", members, |member| match (member.round_trip_ms, member.estimated_ms) {
            (Some(round_trip), _) => format!("{round_trip:.1} ms"),
            (None, Some(estimate)) => format!("~{estimate:.0} ms"),
            (None, None) => dash(),
        })
        .numbers(),
        Column::new("PHI", members, |member| member.phi.map_or_else(dash, |phi| format!("{phi:.1}"))).numbers(),
        Column::new("TIP", members, |member| member.tip_height.map_or_else(dash, |height| height.to_string()))
            .numbers()
            .goes(2),
        Column::new("AGENT", members, |member| text::visible(&member.agent)).goes(1),
    ];
    if members.iter().all(|member| member.phi.is_none()) {
        columns.retain(|column| column.head != "PHI");
    }
    if total(&columns) > width {
        let ids = members.iter().map(|member| format!("…{}{}", last(&member.peer_id, 8), own(member)));
        if let Some(column) = columns.first_mut() {
            column.cells = ids.collect();
        }
    }
    while total(&columns) > width
        && let Some((_, place)) =
            columns.iter().enumerate().filter_map(|(place, column)| Some((column.goes?, place))).min()
    {
        columns.remove(place);
    }
    let count = |state: &str| members.iter().filter(|member| member.state == state).count();
    let counts = ["alive", "suspect", "dead", "left"].map(|state| format!("{} {state}", count(state)));
    format!("{}\n{}", render(&columns), counts.join(" · "))
}

fn detail_lines(detail: &MemberDetail) -> Vec<(&'static str, String)> {
    let member = &detail.member;
    let mut lines = vec![
        ("peer id", member.peer_id.clone()),
        ("public key", member.public_key.clone()),
        ("state", format!("{} for {}", member.state, text::span(member.since_s))),
    ];
    if member.is_self {
        lines.push(("", "this node".to_owned()));
    } else if !member.reached {
        lines.push(("", "it has never answered this node".to_owned()));
    }
    lines.extend(member.addresses.iter().map(|address| ("address", text::plain(address))));
    lines.extend(detail.relays.iter().map(|relay| ("relay", relay.clone())));
    lines.extend([
        ("agent", text::visible(&member.agent)),
        ("version", detail.version.to_string()),
        ("incarnation", member.incarnation.to_string()),
        ("instance", detail.instance.clone()),
        ("signed", text::made(detail.issued_ms)),
    ]);
    lines.extend(member.round_trip_ms.map(|round_trip| ("round trip", format!("{round_trip:.1} ms"))));
    lines.extend(member.estimated_ms.map(|estimate| ("estimate", format!("{estimate:.1} ms for a round trip"))));
    lines.extend(member.phi.map(|phi| ("phi", format!("{phi:.1}"))));
    lines.extend(
        detail.entries.iter().map(|entry| ("entry", format!("{} = {}", text::plain(&entry.key), shown(entry)))),
    );
    lines.extend(detail.accusers.iter().map(|accuser| ("accused by", accuser.clone())));
    lines
}

fn aggregate_lines(found: &AggregateView) -> Vec<(&'static str, String)> {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let named = |found: &Option<(f64, String)>| match found {
        Some((value, member)) => format!("{value} · {member}"),
        None => "-".to_owned(),
    };
    let mut lines = vec![
        ("members", format!("{} of {} tell it as a number", found.count, found.members)),
        ("sum", found.sum.to_string()),
        ("average", number(found.average)),
        ("median", number(found.median)),
        ("trimmed mean", number(found.trimmed_mean)),
        ("minimum", named(&found.minimum)),
        ("maximum", named(&found.maximum)),
    ];
    if let Some(estimates) = &found.push_sum {
        lines.extend(estimate_lines("push-sum", estimates, |one| {
            let (average, ends) = (one.average, format!("from {} to {}", one.minimum, one.maximum));
            (format!("average {average}, {ends}"), one.epoch, one.age_s)
        }));
    }
    if let Some(estimates) = &found.size {
        lines.extend(estimate_lines("size", estimates, |one| {
            let error = format!("standard error {:.1}", one.standard_error);
            (format!("{} members take part, {error}", one.members), one.epoch, one.age_s)
        }));
    }
    lines
}

/// The estimate of the epoch under way, and the last one of an earlier epoch.
fn estimate_lines<T>(
    name: &'static str,
    estimates: &Estimates<T>,
    told: impl Fn(&T) -> (String, u64, u64),
) -> Vec<(&'static str, String)> {
    let line = |one: &T| {
        let (text, epoch, age_s) = told(one);
        format!("{text} · epoch {epoch}, for {age_s} s")
    };
    let now = estimates.under_way.as_ref().map_or_else(|| "none yet in this epoch".to_owned(), line);
    std::iter::once(now).chain(estimates.finished.as_ref().map(line)).map(|text| (name, text)).collect()
}

/// The value as text if it can be shown as such, and otherwise in hexadecimal.
fn shown(entry: &EntryView) -> String {
    let bytes = hex::decode(&entry.hex).unwrap_or_default();
    text::payload(&bytes).1
}
