//! A simulation as a film: the same records that real nodes would have written about the items that entered and
//! arrived, and about their links.
//!
//! Deliberately absent: bodies that were not needed and bytes, because the world's ledger knows no times of them; and
//! nodes that crash and come back.

use node::observe::trace::{Record, What};

use crate::dashboard::batch::Hello;
use crate::dashboard::measured;
use crate::dashboard::model::Note;
use crate::dashboard::replay::{Film, Footage, partition_notes};
use crate::dashboard::tail::News;
use crate::report::schema::Report;
use crate::sim::simulation::ledger::{Entry, short_of};
use crate::sim::simulation::{Finished, Setup};
use crate::wan::{LinkPlan, NS_PER_US};

/// What is kept of a simulation to show it.
#[derive(Debug, Default)]
pub struct Shot {
    links: Option<LinkPlan>,
    load_ns: u64,
    footage: Footage,
}

impl Shot {
    /// The network before the first event.
    pub(super) fn begin(&mut self, setup: &Setup) {
        for node in 0..setup.graph.nodes() {
            self.footage.news.push((0, node, News::Met(name(node))));
            for &other in setup.graph.neighbours(node) {
                let (peer, peer_id) = (other, name(other as usize));
                self.add(0, node, What::PeerUp { peer, peer_id, outbound: node < other as usize });
            }
        }
        self.links = Some(setup.link_plan());
    }

    /// The items, after the last event.
    pub(super) fn end(&mut self, finished: &Finished) {
        self.load_ns = finished.load_from.as_micros().saturating_mul(NS_PER_US);
        for entry in finished.ledger.entries().iter().filter(|entry| entry.originated) {
            self.add_item(entry);
        }
    }

    /// The film.
    ///
    /// # Errors
    /// As [`Film::new`].
    pub fn film(mut self, report: &Report) -> anyhow::Result<Film> {
        self.footage.notes.push((self.load_ns, Note::Phase("load".to_owned())));
        partition_notes(report, self.load_ns, &mut self.footage.notes);
        let hello = Hello {
            title: report.command.clone(),
            kind: "sim",
            nodes: report.nodes,
            measured: measured(true),
            ..Hello::default()
        };
        Film::new(hello, 0, self.links, self.footage)
    }

    fn add_item(&mut self, entry: &Entry) {
        let (kind, item, bytes) = (entry.kind(), short_of(&entry.id), entry.bytes);
        let at_ns = entry.at.as_micros().saturating_mul(NS_PER_US);
        self.add(at_ns, entry.origin, What::Submitted { kind, item, bytes });
        self.add(at_ns, entry.origin, What::Accepted { kind, item, bytes, from: None, within: false });
        for arrival in entry.arrivals() {
            let at_ns = at_ns.saturating_add(arrival.after.as_micros().saturating_mul(NS_PER_US));
            // An arrival without a neighbour is one within a block.
            let from = arrival.from.and_then(|from| u32::try_from(from).ok()).or(Some(u32::MAX));
            self.add(at_ns, arrival.node, What::Accepted { kind, item, bytes, from, within: arrival.within });
        }
    }

    fn add(&mut self, at_ns: u64, node: usize, what: What) {
        self.footage.news.push((at_ns, node, News::Record(Record { at_ns, what })));
    }
}

fn name(node: usize) -> String {
    format!("node {node}")
}
