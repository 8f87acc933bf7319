//! `node doctor`: is this machine, and the node on it, in a state in which a node works well?
//!
//! [`Facts`] are gathered first (`gather.rs`, `dial.rs`), and [`examine`] judges them: a pure function. A fact that
//! could not be gathered is a warning that says so, never an ok. A finding says what was found and what it means;
//! one that is not ok says what to do as well.
//!
//! Deliberately absent: repairs. The doctor changes nothing, and leaves no file behind.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::rpc::command::ReachStatus;

mod machine;
mod network;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing to do.
    Ok,
    /// The node works, but not as well as it could; or the check could not be made.
    Warn,
    /// The node does not work, or soon will not.
    Fail,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name of the check, in one or two words.
    pub check: &'static str,
    /// How it ended.
    pub level: Level,
    /// What was found, and what it means.
    pub found: String,
    /// What to do; `None` if nothing.
    pub advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, found: found.into(), advice: None }
    }

    fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Warn, found: found.into(), advice: Some(advice.into()) }
    }

    fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Fail, ..Self::warn(check, found, advice) }
    }
}

/// Everything that is judged.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The node that was asked.
    pub node: Node,
    /// The limits of open files, and the number that the settings need.
    pub files: Option<Files>,
    /// Whether the system's clock is kept right.
    pub clock: Clock,
    /// The addresses that a node with these settings listens on.
    pub ports: Vec<Port>,
    /// The data dir and its files.
    pub place: Place,
    /// `net.ipv4.tcp_slow_start_after_idle`.
    pub slow_start_after_idle: Option<bool>,
    /// `net.core.rmem_default`, in bytes: what a socket of QUIC gets.
    pub receive_buffer: Option<u64>,
    /// Whether the node listens on QUIC at all.
    pub uses_quic: bool,
    /// The addresses of `--bootstrap`, `--reserved-peer` and `--relay-addr`.
    pub dials: Vec<Dial>,
}

/// The node that was asked.
#[derive(Clone, Debug, Default)]
pub enum Node {
    /// No node runs there. The text says why it is thought so.
    #[default]
    Absent,
    /// A node runs, and did not answer.
    Silent(String),
    /// It answered.
    Up(Box<Up>),
}

/// What a running node told.
#[derive(Clone, Debug, Default)]
pub struct Up {
    /// Addresses it listens on.
    pub listen: Vec<String>,
    /// Where its RPC listens.
    pub rpc: Option<String>,
    /// How long it runs.
    pub uptime: Duration,
    /// Gossip peers that dialled it, and that it dialled.
    pub peers: (usize, usize),
    /// Addresses of the peers that dialled it.
    pub callers: Vec<String>,
    /// The IP addresses under which peers see it, and how many said so.
    pub observed: Vec<(String, u32)>,
    /// Whether others can dial it, as far as it knows.
    pub reach: ReachStatus,
    /// Why it is behind, if it is.
    pub behind: Option<String>,
    /// The best chain's last block was made this many milliseconds before now, by its producer's clock; below zero,
    /// after now.
    pub tip_age_ms: Option<i64>,
}

/// Limits of open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Files {
    /// The limit that a process has.
    pub soft: u64,
    /// The limit to which a node raises it.
    pub hard: u64,
    /// The number that a node with these settings needs.
    pub needed: u64,
}

/// Whether the clock is kept right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// What the system says; `None` if it can't be asked.
    pub synchronised: Option<bool>,
    /// Who said so.
    pub source: &'static str,
}

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The address, as it was given.
    pub address: String,
    /// The flag that names it.
    pub flag: &'static str,
    /// Whether it can be bound.
    pub state: PortState,
}

/// Whether an address can be bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortState {
    /// Nobody has it.
    Free,
    /// The node that was asked has it.
    Ours,
    /// Some other program has it.
    Taken,
    /// It can't be bound for another reason.
    Refused(String),
}

/// The data dir.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Where it is, or would be; `None` without a home directory.
    pub path: Option<PathBuf>,
    /// Whether it exists.
    pub exists: bool,
    /// Free and all bytes of its disk.
    pub space: Option<(u64, u64)>,
    /// How fast files are written there.
    pub speed: Speed,
    /// The files whose rights matter.
    pub files: Vec<Secret>,
}

/// How fast a disk is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Speed {
    /// There is no data dir yet.
    #[default]
    Unknown,
    /// A file was written there.
    Written {
        /// Bytes a second of a large file, with its sync.
        rate: u64,
        /// How long a write of 4 KiB and its sync take.
        sync: Duration,
    },
    /// No file could be written.
    Failed(String),
}

/// A file or directory whose rights matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// What it is: `data dir`, `key` or `cookie`.
    pub what: &'static str,
    /// The path.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// Whether the user who asks owns it.
    pub own: bool,
}

/// An address to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// The address, as it was given.
    pub address: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an address to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The name leads to no address.
    Unresolved(String),
    /// A TCP connection opened at this IP address, after this time.
    Open(String, Duration),
    /// No connection opened.
    Closed(String),
    /// It is QUIC's, and only a node could say more than that the name leads to these IP addresses.
    NotTried(Vec<String>),
}

/// Judges the facts: one finding for each check.
#[must_use]
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![network::node(&facts.node)];
    findings.push(machine::files(facts.files));
    findings.push(machine::clock(&facts.clock));
    findings.extend(machine::tip_clock(&facts.node));
    findings.extend(facts.ports.iter().map(machine::port));
    findings.extend(machine::place(&facts.place, matches!(facts.node, Node::Up(_))));
    findings.push(machine::slow_start(facts.slow_start_after_idle));
    if facts.uses_quic {
        findings.push(machine::receive_buffer(facts.receive_buffer));
    }
    findings.extend(network::dials(&facts.dials, &facts.node));
    findings.push(network::reachable(&facts.node));
    findings
}

/// The worst of all.
#[must_use]
pub fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
}
