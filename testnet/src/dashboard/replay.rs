//! A finished run or a simulation as a film: all its batches, made by the rules of a run under way. The page gets the
//! whole film, so that a person can go to any moment of it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use node::observe::trace::{self, Kind, What};

use super::batch::{Batch, Hello};
use super::model::{Model, Note};
use super::tail::News;
use super::{BATCH_EVERY, measured};
use crate::report::schema::Report;
use crate::report::{Found, read};
use crate::wan::LinkPlan;

/// The batches of a film. A run of 10 minutes has one each 100 ms, and a longer one has longer steps.
const BATCHES_MAX: u64 = 6_000;

/// The longest film in bytes. A browser reads this in about a second. One of 50 nodes for 10 minutes has 30 MiB.
pub const FILM_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The most nodes of a film. More are no picture: each would have less than a pixel of its own.
pub const FILMED_NODES_MAX: usize = 1_000;

/// A node whose trace ends this much before the last one, and not in order, was killed.
const EARLY_NS: u64 = 2_000_000_000;

/// All batches, as lines of JSON.
#[derive(Clone, Debug)]
pub struct Film(Vec<u8>);

/// What happens in a film, in any order: the time, the node, and the news.
#[derive(Clone, Debug, Default)]
pub struct Footage {
    /// The records.
    pub news: Vec<(u64, usize, News)>,
    /// The notes.
    pub notes: Vec<(u64, Note)>,
}

impl Film {
    /// Shows everything from `zero_ns` on.
    ///
    /// # Errors
    /// If the film would be longer than a browser can take.
    pub fn new(hello: Hello, zero_ns: u64, links: Option<LinkPlan>, footage: Footage) -> anyhow::Result<Self> {
        let Footage { mut news, mut notes } = footage;
        ensure!(
            hello.nodes <= FILMED_NODES_MAX,
            "{} nodes are too many to be shown: at most {FILMED_NODES_MAX}",
            hello.nodes
        );
        news.sort_by_key(|(at_ns, node, _)| (*at_ns, *node));
        notes.sort_by_key(|(at_ns, _)| *at_ns);
        let end_ns = news.last().map_or(zero_ns, |last| last.0).saturating_add(1);
        let usual_ns = u64::try_from(BATCH_EVERY.as_nanos()).unwrap_or(u64::MAX);
        let step_ns = (end_ns.saturating_sub(zero_ns) / BATCHES_MAX).max(usual_ns);
        let mut film = Self(Vec::new());
        let mut model = Model::new(hello, zero_ns, links);
        film.add(&model.snapshot(zero_ns))?;
        let (mut news, mut notes) = (news.into_iter().peekable(), notes.into_iter().peekable());
        let mut now_ns = zero_ns;
        while now_ns < end_ns {
            now_ns = now_ns.saturating_add(step_ns);
            while let Some((at_ns, note)) = notes.next_if(|(at_ns, _)| *at_ns <= now_ns) {
                model.note(at_ns, &note);
            }
            while let Some((_, node, news)) = news.next_if(|(at_ns, ..)| *at_ns <= now_ns) {
                match news {
                    News::Met(peer_id) => model.met(node, &peer_id),
                    News::Record(record) => model.record(node, &record),
                }
            }
            film.add(&Batch { over: now_ns >= end_ns, ..model.batch(now_ns) })?;
        }
        Ok(film)
    }

    /// The film of a finished run of real nodes, from its directory.
    ///
    /// # Errors
    /// If there are no traces, or if one can't be read.
    pub fn of_run(dir: &Path) -> anyhow::Result<Self> {
        let report = match read(dir)? {
            Found::One(report) if report.kind == "run" => report,
            Found::One(_) => bail!(
                "{} has a simulation, which keeps no traces: show it with testnet sim --dashboard",
                dir.display()
            ),
            _ => bail!("{} has several runs, or none: give the directory of one run", dir.display()),
        };
        let links = links_of(dir)?;
        let mut footage = Footage::default();
        let mut ends = Vec::new();
        for node in 0..report.nodes {
            ends.push(add_trace(dir, node, report.nodes, &mut footage)?);
        }
        ensure!(!footage.news.is_empty(), "{} has no traces, so there is nothing to show", dir.display());
        add_ends(&ends, &mut footage);
        let zero_ns = footage.news.iter().map(|news| news.0).min().unwrap_or(0);
        add_partition(&report, &mut footage);
        let hello = Hello {
            title: report.command.clone(),
            kind: "replay",
            nodes: report.nodes,
            measured: measured(links.is_some()),
            ..Hello::default()
        };
        Self::new(hello, zero_ns, links, footage)
    }

    /// Its lines.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0.into()
    }

    fn add(&mut self, batch: &Batch) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.0, batch)?;
        self.0.push(b'\n');
        ensure!(
            self.0.len() <= FILM_BYTES_MAX,
            "the run is too long to be shown: its film is longer than {} MiB",
            FILM_BYTES_MAX / (1024 * 1024)
        );
        Ok(())
    }
}

/// The partition of a report as notes. Its times count from the load, which began at `load_ns`.
pub fn partition_notes(report: &Report, load_ns: u64, notes: &mut Vec<(u64, Note)>) {
    let Some(healed) = report.partition else { return };
    let ns = |ms: f64| u64::try_from(Duration::from_secs_f64(ms.max(0.0) / 1e3).as_nanos()).unwrap_or(u64::MAX);
    let cut_ns = load_ns.saturating_add(ns(healed.at_ms));
    notes.push((cut_ns, Note::Cut));
    notes.push((cut_ns.saturating_add(ns(healed.lasts_ms)), Note::Healed));
}

/// The emulated links of the run, if there were any.
fn links_of(dir: &Path) -> anyhow::Result<Option<LinkPlan>> {
    let path = dir.join("links.json");
    if !path.is_file() {
        return Ok(None);
    }
    let json = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&json).map(Some).with_context(|| format!("{} describes no links", path.display()))
}

/// Adds a node's trace. Returns its last time, and whether it ended in order. A node that was killed early has none.
fn add_trace(dir: &Path, node: usize, nodes: usize, footage: &mut Footage) -> anyhow::Result<Option<(u64, bool)>> {
    let digits = nodes.saturating_sub(1).to_string().len().max(2);
    let path = dir.join("traces").join(format!("{node:0digits$}.trace"));
    let Ok((header, records)) = trace::read(&path) else { return Ok(None) };
    let last = records.last().map(|last| (last.at_ns, last.what == What::End));
    footage.news.push((header.monotonic_ns, node, News::Met(header.peer_id)));
    footage.news.extend(records.into_iter().map(|record| (record.at_ns, node, News::Record(record))));
    Ok(Some(last.unwrap_or((header.monotonic_ns, false))))
}

/// Nodes whose traces end too early were killed.
fn add_ends(ends: &[Option<(u64, bool)>], footage: &mut Footage) {
    let last_ns = ends.iter().flatten().map(|end| end.0).max().unwrap_or(0);
    for (node, end) in ends.iter().enumerate() {
        match end {
            Some((at_ns, false)) if at_ns.saturating_add(EARLY_NS) < last_ns => {
                footage.notes.push((*at_ns, Note::Killed(node)));
            }
            _ => {}
        }
    }
}

/// The load begins with the first transaction.
fn add_partition(report: &Report, footage: &mut Footage) {
    let submitted = footage.news.iter().filter_map(|(at_ns, _, news)| match news {
        News::Record(record) => {
            matches!(record.what, What::Submitted { kind: Kind::Transaction, .. }).then_some(*at_ns)
        }
        News::Met(_) => None,
    });
    if let Some(load_ns) = submitted.min() {
        footage.notes.push((load_ns, Note::Phase("load".to_owned())));
        partition_notes(report, load_ns, &mut footage.notes);
    }
}
