//! `node doctor`: asks the running node, has the machine looked at, and prints what was found.
//!
//! Deliberately absent: the checks themselves (`doctor/checks.rs`).

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use self::checks::{Facts, Finding, Level, Up};
use super::{AskError, Node, dir, print, print_json, text};
use crate::cli::DoctorArgs;
use crate::clock::wall_ms;
use crate::config::data_dir::DataDirError;
use crate::net::addresses::is_quic;
use crate::rpc::ApiClient as _;

pub mod checks;
mod dial;
mod gather;

/// The widest name of a check.
const CHECK_WIDTH: usize = 17;

/// `node doctor`. `files_needed` is the number of open files that a node with these settings needs.
///
/// # Errors
/// If standard output can't be written. A node that does not answer is a finding.
pub fn run(args: &DoctorArgs, files_needed: u64) -> Result<ExitCode, AskError> {
    let findings = checks::examine(&facts(args, files_needed));
    let worst = checks::worst(&findings);
    if args.json {
        print_json(&json!({ "worst": worst, "findings": findings }))?;
    } else {
        let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        print(&shown(&findings, text::width(), colours))?;
    }
    Ok(if worst == Level::Fail { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The findings as lines: result, check, and what was found, with the advice below.
#[must_use]
pub fn shown(findings: &[Finding], width: usize, colours: bool) -> String {
    let indent = 6 + CHECK_WIDTH;
    let room = width.saturating_sub(indent).max(20);
    let mut lines = Vec::new();
    for finding in findings {
        let (name, colour) = match finding.level {
            Level::Ok => ("ok", 32),
            Level::Warn => ("warn", 33),
            Level::Fail => ("fail", 31),
        };
        let name = format!("{name:<6}");
        let name = if colours { format!("\x1b[{colour}m{name}\x1b[0m") } else { name };
        for (n, part) in text::wrapped(&text::plain(&finding.found), room).into_iter().enumerate() {
            let check = if n == 0 { finding.check } else { "" };
            let name = if n == 0 { name.as_str() } else { "      " };
            lines.push(format!("{name}{check:<CHECK_WIDTH$}{part}").trim_end().to_owned());
        }
        if let Some(advice) = &finding.advice {
            for part in text::wrapped(&format!("-> {}", text::plain(advice)), room) {
                lines.push(format!("{:indent$}{part}", "").trim_end().to_owned());
            }
        }
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (ok, warn, fail) = (count(Level::Ok), count(Level::Warn), count(Level::Fail));
    lines.push(format!("{} checks: {ok} ok, {warn} warn, {fail} fail", findings.len()));
    lines.join("\n")
}

fn facts(args: &DoctorArgs, files_needed: u64) -> Facts {
    let node = ask(args);
    let (ours, own_rpc) = match &node {
        checks::Node::Up(up) => (up.listen.iter().filter_map(|text| text.parse().ok()).collect(), up.rpc.clone()),
        _ => (Vec::new(), None),
    };
    let run = &args.run;
    let dials = run.bootstrap.iter().chain(&run.reserved_peer).chain(&run.reach.relay_addr);
    let dials: Vec<_> = dials.cloned().collect();
    // A node that keeps nothing has no place, unless one is named.
    let place = if run.ephemeral && run.place.data_dir.is_none() { None } else { dir(&run.place).ok() };
    let rpc = (!run.no_rpc).then_some(run.rpc_addr);
    Facts {
        files: gather::files(files_needed),
        clock: gather::clock(),
        ports: gather::ports(&run.listen, rpc, &ours, own_rpc.as_deref()),
        place: gather::place(place, run.key_file.as_deref()),
        slow_start_after_idle: gather::sysctl("net/ipv4/tcp_slow_start_after_idle").map(|value| value != 0),
        receive_buffer: gather::sysctl("net/core/rmem_default"),
        uses_quic: run.listen.iter().any(is_quic),
        dials: dial::all(&dials),
        node,
    }
}

/// The state of the running node.
fn ask(args: &DoctorArgs) -> checks::Node {
    let found = match Node::find(&args.ask()) {
        Ok(found) => found,
        Err(AskError::NotRunning(_) | AskError::DataDir(DataDirError::Killed { .. } | DataDirError::NoHome)) => {
            return checks::Node::Absent;
        }
        Err(error) => return checks::Node::Silent(error.to_string()),
    };
    let told = || -> Result<Up, AskError> {
        let status = found.call(async |client| client.node_info().await)?;
        let peers = found.call(async |client| client.peers().await)?;
        let tip = found.call(async |client| client.block_get(status.tip_id.clone()).await)?;
        let now_ms = i64::try_from(wall_ms()).unwrap_or(i64::MAX);
        let age = |made: u64| now_ms.saturating_sub(i64::try_from(made).unwrap_or(i64::MAX));
        Ok(Up {
            listen: status.listen,
            rpc: Some(found.address.trim_start_matches("http://").to_owned()),
            uptime: Duration::try_from_secs_f64(status.uptime_s).unwrap_or_default(),
            peers: (status.peers_in, status.peers_out),
            callers: peers.into_iter().filter(|peer| peer.inbound).map(|peer| peer.address).collect(),
            reach: status.reach,
            observed: status.observed.into_iter().map(|seen| (seen.ip, seen.peers)).collect(),
            behind: status.behind.map(|behind| behind.text),
            tip_age_ms: tip.map(|tip| age(tip.timestamp_ms)),
        })
    };
    match told() {
        Ok(up) => checks::Node::Up(Box::new(up)),
        Err(error) => checks::Node::Silent(error.to_string()),
    }
}
