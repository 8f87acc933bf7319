//! The state of a run as its page shows it, made of the records of traces in the order of time. Records and notes go
//! in, batches come out. It reads no file and no clock, so a run under way, a finished run and a simulation are shown
//! by the same rules.
//!
//! Everything that grows with the run is bounded: items, events, hops and deliveries are the latest ones, and latencies
//! are a histogram.

mod items;
mod overlay;
mod recent;
mod spread;

use std::collections::{BTreeSet, VecDeque};

use node::observe::trace::{Kind, ReadBytes, Record, What};
use protocol::items::hash::ShortId;

use self::items::{Item, Items};
use self::overlay::{Message, Overlay};
use self::recent::{Delivered, Recent};
use self::spread::Spread;
use super::batch::{Batch, BytesBy, Happened, Hello, NodeView, Slow, State};
use super::layout::layout;
use crate::report::statistics::{Sorted, rounded};
use crate::topology::Graph;
use crate::topology::floor::{Floor, NOWHERE, Paths};
use crate::wan::LinkPlan;

/// Entries of the timeline that are remembered, for a page that is opened later.
const EVENTS_KEPT: usize = 500;

/// Waves in one batch. With 10 batches a second this is more than a person can look at.
const WAVES_MAX: usize = 8;

/// The latest waves, for a page that is opened later.
const WAVES_KEPT: usize = 12;

/// The time between two computations of places because of links, and because of round trips.
const PLACES_EVERY_NS: u64 = 2_000_000_000;

/// The time between two looks at the slowest node and link, and at all nodes.
const LOOK_EVERY_NS: u64 = 1_000_000_000;

/// The time between two sets of figures.
const FIGURES_EVERY_NS: u64 = 400_000_000;

/// What the person or the instrument did, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A phase begins.
    Phase(String),
    /// A node was killed, as planned or by a person.
    Killed(usize),
    /// A node was stopped for a while.
    Paused(usize),
    /// It goes on.
    Resumed(usize),
    /// A node ended by itself.
    Lost(usize),
    /// The halves are separated.
    Cut,
    /// They are one again.
    Healed,
    /// A person sent these items.
    Sent(Vec<ShortId>),
}

/// The state.
#[derive(Debug)]
pub struct Model {
    hello: Hello,
    zero_ns: u64,
    phase: String,
    nodes: Vec<Known>,
    recent: Vec<Recent>,
    overlay: Overlay,
    links: Option<LinkPlan>,
    /// The earliest arrivals, of the overlay as it was at the last computation of places. If the links are not known,
    /// a link takes as long as the fastest message on it so far.
    floor: Option<Floor>,
    items: Items,
    kinds: [Spread; 2],
    bytes: BytesBy,
    events: VecDeque<Happened>,
    waves: VecDeque<super::batch::Wave>,
    places: Vec<[f64; 2]>,
    fresh: Fresh,
}

/// What is known of a node.
#[derive(Clone, Debug, Default)]
struct Known {
    state: State,
    height: u64,
    items: u64,
    read: u64,
    read_before: u64,
    messages: ReadBytes,
}

/// What the next batch will tell.
#[derive(Debug, Default)]
struct Fresh {
    nodes: BTreeSet<usize>,
    events: usize,
    phase: bool,
    figures: bool,
    places_ns: u64,
    looked_ns: u64,
    figures_ns: u64,
}

impl Model {
    /// The state before the first record. Times count from `zero_ns`. If the links are known, their delays are used,
    /// and otherwise those that are measured.
    #[must_use]
    pub fn new(hello: Hello, zero_ns: u64, links: Option<LinkPlan>) -> Self {
        let nodes = hello.nodes;
        Self {
            zero_ns,
            phase: String::new(),
            nodes: vec![Known::default(); nodes],
            recent: (0..nodes).map(|_| Recent::default()).collect(),
            overlay: Overlay::new(nodes),
            links,
            floor: None,
            items: Items::new(nodes),
            kinds: [Spread::new(), Spread::new()],
            bytes: BytesBy::default(),
            events: VecDeque::new(),
            waves: VecDeque::new(),
            places: layout(nodes, &[], &[]),
            fresh: Fresh::default(),
            hello,
        }
    }

    /// A node's trace has begun.
    pub fn met(&mut self, node: usize, peer_id: &str) {
        self.overlay.met(node, peer_id);
        self.set_state(node, State::Up);
    }

    /// Takes a note.
    pub fn note(&mut self, at_ns: u64, note: &Note) {
        let (what, text) = match note {
            Note::Phase(phase) => {
                self.phase.clone_from(phase);
                self.fresh.phase = true;
                ("phase", phase.clone())
            }
            Note::Killed(node) => {
                self.end(*node, State::Killed);
                ("kill", format!("node {node} is killed"))
            }
            Note::Lost(node) => {
                self.end(*node, State::Lost);
                ("lost", format!("node {node} ended by itself"))
            }
            Note::Paused(node) => {
                self.set_state(*node, State::Paused);
                ("pause", format!("node {node} is stopped"))
            }
            Note::Resumed(node) => {
                self.set_state(*node, State::Up);
                ("resume", format!("node {node} goes on"))
            }
            Note::Cut => ("cut", "nothing passes between the two halves".to_owned()),
            Note::Healed => ("heal", "the two halves are one again".to_owned()),
            Note::Sent(ids) => {
                ids.iter().for_each(|id| self.items.sent_by_hand(*id));
                let text = match ids.as_slice() {
                    [only] => format!("item {only} is sent by hand"),
                    all => format!("{} items are sent by hand", all.len()),
                };
                ("hand", text)
            }
        };
        self.happened(at_ns, what, text);
    }

    /// Takes a record of a node's trace.
    pub fn record(&mut self, node: usize, record: &Record) {
        let at_ns = record.at_ns;
        match &record.what {
            What::Submitted { kind, item, bytes } => self.enters((*kind, *item), *bytes, node, at_ns),
            What::Accepted { kind, item, bytes, from, within } => {
                if let Some(known) = self.nodes.get_mut(node) {
                    known.items += 1;
                }
                match from {
                    // Nodes themselves make only blocks. A transaction was submitted before.
                    None if *kind == Kind::Block && !within => self.enters((*kind, *item), *bytes, node, at_ns),
                    None => {}
                    Some(peer) => {
                        let from = self.overlay.peer(node, *peer);
                        self.arrives((*kind, *item), node, from, *within, at_ns);
                    }
                }
            }
            What::Body { kind, item, bytes, from, duplicate, .. } => {
                self.body(*kind, *bytes, *duplicate);
                self.received(*kind, *item, (*from, node), true, at_ns);
            }
            What::Announced { kind, item, from } => {
                self.bytes.announced += 1;
                if let Some(from) = self.overlay.peer(node, *from) {
                    self.items.announced((*kind, *item), node, from);
                }
                self.received(*kind, *item, (*from, node), false, at_ns);
            }
            What::SentBody { kind, item, to } => self.sent(*kind, *item, (node, *to), true, at_ns),
            What::SentInv { kind, item, to } => self.sent(*kind, *item, (node, *to), false, at_ns),
            What::PeerUp { peer, peer_id, .. } => self.overlay.peer_up(node, *peer, peer_id),
            What::PeerDown { peer, .. } => self.overlay.peer_down(node, *peer),
            What::Tip { height, .. } => {
                if let Some(known) = self.nodes.get_mut(node) {
                    known.height = *height;
                }
            }
            What::Sample { wire_in, lateness_us, .. } => self.sample(node, *wire_in, lateness_us),
            What::End => self.end(node, State::Ended),
            What::Read(bytes) => {
                if let Some(known) = self.nodes.get_mut(node) {
                    known.messages = *bytes;
                }
            }
        }
    }

    /// What has changed up to `now_ns`.
    pub fn batch(&mut self, now_ns: u64) -> Batch {
        let living: Vec<bool> = self.nodes.iter().map(|known| known.state == State::Up).collect();
        let settled = self.items.settle(now_ns, &living);
        let places = self.new_places(now_ns);
        let waves = self.settle(&settled, &living);
        let look = self.is_due(now_ns, LOOK_EVERY_NS, |fresh| &mut fresh.looked_ns);
        if look {
            self.fresh.nodes.extend(0..self.nodes.len());
            self.look_at_bytes();
        }
        let figures = self.fresh.figures && self.is_due(now_ns, FIGURES_EVERY_NS, |fresh| &mut fresh.figures_ns);
        self.fresh.figures &= !figures;
        let events = self.events.len().saturating_sub(std::mem::take(&mut self.fresh.events));
        let nodes = std::mem::take(&mut self.fresh.nodes);
        let nodes = self.views(nodes.into_iter());
        Batch {
            t: self.ms(now_ns),
            hello: None,
            phase: std::mem::take(&mut self.fresh.phase).then(|| self.phase.clone()),
            nodes,
            links: self.overlay.take_news(),
            places,
            waves,
            figures: figures.then(|| self.kinds.each_ref().map(Spread::figures)),
            bytes: look.then(|| self.bytes.clone()),
            slow: look.then(|| self.slow()),
            events: self.events.iter().skip(events).cloned().collect(),
            over: false,
        }
    }

    /// Everything that a page must know that begins now.
    #[must_use]
    pub fn snapshot(&self, now_ns: u64) -> Batch {
        Batch {
            t: self.ms(now_ns),
            hello: Some(self.hello.clone()),
            phase: Some(self.phase.clone()),
            nodes: self.views(0..self.nodes.len()),
            links: self.overlay.open_links().map(|(a, b)| (a, b, true)).collect(),
            places: Some(self.places.clone()),
            waves: self.waves.iter().cloned().collect(),
            figures: Some(self.kinds.each_ref().map(Spread::figures)),
            bytes: Some(self.bytes.clone()),
            slow: Some(self.slow()),
            events: self.events.iter().cloned().collect(),
            over: false,
        }
    }

    fn enters(&mut self, key: (Kind, ShortId), bytes: u64, node: usize, at_ns: u64) {
        if self.items.enters(key, bytes, node, at_ns) {
            self.kind(key.0).submitted += 1;
            self.fresh.figures = true;
            if key.0 == Kind::Block {
                self.happened(at_ns, "block", format!("block {} of {bytes} bytes enters at node {node}", key.1));
            }
        }
    }

    fn arrives(&mut self, key: (Kind, ShortId), node: usize, from: Option<usize>, within: bool, at_ns: u64) {
        let Some(item) = self.items.arrives(key, node, from, within, at_ns) else { return };
        if item.settled {
            let after_us = item.arrivals.last().map_or(0, |arrival| arrival.after_us);
            self.kind(key.0).delivery(after_us, None);
            self.fresh.figures = true;
        }
    }

    fn body(&mut self, kind: Kind, bytes: u64, duplicate: bool) {
        let bodies = &mut self.kind(kind).bodies;
        bodies.0 += 1;
        bodies.1 += u64::from(!duplicate);
        let counted = if duplicate { &mut self.bytes.unneeded } else { &mut self.bytes.needed };
        *counted += bytes;
    }

    fn sent(&mut self, kind: Kind, item: ShortId, (from, peer): (usize, u32), body: bool, at_ns: u64) {
        if let Some(to) = self.overlay.peer(from, peer) {
            self.overlay.sent(Message { from, to, kind, item, body }, at_ns);
        }
    }

    fn received(&mut self, kind: Kind, item: ShortId, (peer, to): (u32, usize), body: bool, at_ns: u64) {
        if let Some(from) = self.overlay.peer(to, peer) {
            self.overlay.received(Message { from, to, kind, item, body }, at_ns);
        }
    }

    fn sample(&mut self, node: usize, wire_in: u64, lateness_us: &[u64]) {
        if let Some(known) = self.nodes.get_mut(node) {
            known.read = wire_in;
        }
        if let Some(recent) = self.recent.get_mut(node) {
            recent.late_ms =
                Sorted::new(lateness_us.iter().map(|us| *us as f64)).percentile(99).map(|us| rounded(us / 1e3, 1));
        }
    }

    /// Counts the deliveries of settled items. Returns the ways that are shown: those of a person first.
    fn settle(&mut self, settled: &[Item], living: &[bool]) -> Vec<super::batch::Wave> {
        let floor = self.floor.take();
        let mut paths = floor.as_ref().map(Paths::new);
        for item in settled {
            let floors = paths.as_mut().map(|paths| paths.from(item.origin, item.bytes));
            let floor_us = |node: usize| {
                let us = floors.as_ref()?.get(node).copied()?;
                (us < NOWHERE).then_some(u64::from(us))
            };
            self.kind(item.kind).expected += item.wanted(living) as u64;
            for (arrival, hop_us, hops) in item.hops() {
                let (node, after_us, floor_us) = (arrival.node, arrival.after_us, floor_us(arrival.node));
                self.kind(item.kind).delivery(after_us, floor_us);
                if let Some(recent) = self.recent.get_mut(node) {
                    recent.note(Delivered { after_us, floor_us, hops, asked: arrival.asked });
                }
                if let (Some(from), Some(hop_us)) = (arrival.from, hop_us) {
                    self.overlay.hop(from, node, hop_us);
                }
            }
        }
        drop(paths);
        self.floor = floor;
        self.fresh.figures |= !settled.is_empty();
        let mut shown: Vec<&Item> = settled.iter().collect();
        shown.sort_by_key(|item| (!item.by_hand, item.submitted_ns));
        shown.truncate(WAVES_MAX);
        shown.sort_by_key(|item| item.submitted_ns);
        let waves: Vec<_> = shown.iter().map(|item| item.wave(self.ms(item.submitted_ns), living)).collect();
        self.waves.extend(waves.iter().cloned());
        let more = self.waves.len().saturating_sub(WAVES_KEPT);
        self.waves.drain(..more);
        waves
    }

    /// Computes places and floors again, if something has changed that they depend on.
    fn new_places(&mut self, now_ns: u64) -> Option<Vec<[f64; 2]>> {
        if !self.is_due(now_ns, PLACES_EVERY_NS, |fresh| &mut fresh.places_ns) || !self.overlay.take_changed() {
            return None;
        }
        let open: Vec<(usize, usize)> = self.overlay.open_links().collect();
        let trip = |a: usize, b: usize| match &self.links {
            Some(links) => Some(links.delays.one_way_us(a, b).saturating_add(links.delays.one_way_us(b, a))),
            None => self.overlay.round_trip_us(a, b),
        };
        let trips: Vec<_> = open.iter().map(|&(a, b)| (a, b, trip(a, b).unwrap_or(0) as f64)).collect();
        let graph = Graph::of(self.nodes.len(), open);
        self.floor = Some(match &self.links {
            Some(links) => Floor::new(&graph, &links.delays, links.bandwidth),
            None => Floor::measured(&graph, |from, to| {
                self.overlay.one_way_us(from, to).or_else(|| self.overlay.one_way_us(to, from))
            }),
        });
        self.places = layout(self.nodes.len(), &trips, &self.places);
        let round = |place: &[f64; 2]| [rounded(place[0], 4), rounded(place[1], 4)];
        Some(self.places.iter().map(round).collect())
    }

    fn slow(&self) -> Slow {
        let counts = |node: usize| self.nodes.get(node).is_some_and(|known| known.state == State::Up);
        let own_us = |from: usize, to: usize| match &self.links {
            Some(links) => Some(links.delays.one_way_us(from, to)),
            None => self.overlay.one_way_us(from, to),
        };
        Slow {
            node: recent::slowest(&self.recent, counts),
            link: self
                .overlay
                .slowest()
                .map(|way| recent::slow_way(way, own_us(way.0, way.1), self.links.is_some())),
        }
    }

    fn look_at_bytes(&mut self) {
        let read: u64 = self.nodes.iter().map(|known| known.read).sum();
        let before: u64 = self.nodes.iter().map(|known| known.read_before).sum();
        self.bytes.read = read;
        let sum = |of: fn(&ReadBytes) -> u64| self.nodes.iter().map(|known| of(&known.messages)).sum();
        self.bytes.relay = sum(|bytes| bytes.relay);
        self.bytes.repair = sum(|bytes| bytes.repair);
        self.bytes.sync = sum(|bytes| bytes.sync);
        self.bytes.members = sum(|bytes| bytes.members);
        self.bytes.link = sum(|bytes| bytes.link);
        self.bytes.per_s = read.saturating_sub(before);
        self.nodes.iter_mut().for_each(|known| known.read_before = known.read);
    }

    fn views(&self, nodes: impl ExactSizeIterator<Item = usize>) -> Vec<NodeView> {
        if nodes.len() == 0 {
            return Vec::new();
        }
        let degrees = self.overlay.degrees();
        nodes.filter_map(|node| self.view(node, degrees.get(node).copied().unwrap_or(0))).collect()
    }

    fn view(&self, node: usize, links: usize) -> Option<NodeView> {
        let (known, recent) = (self.nodes.get(node)?, self.recent.get(node)?);
        Some(NodeView {
            n: node,
            state: known.state,
            links,
            height: known.height,
            items: known.items,
            p95_ms: recent.p95_ms(),
            late_ms: recent.late_ms,
        })
    }

    fn set_state(&mut self, node: usize, state: State) {
        if let Some(known) = self.nodes.get_mut(node) {
            known.state = state;
            self.fresh.nodes.insert(node);
        }
    }

    /// The node's process is gone. A node that was killed does not end in order as well.
    fn end(&mut self, node: usize, state: State) {
        if self.nodes.get(node).is_some_and(|known| matches!(known.state, State::Up | State::Paused)) {
            self.set_state(node, state);
        }
        self.overlay.gone(node);
    }

    fn happened(&mut self, at_ns: u64, what: &'static str, text: String) {
        if self.events.len() >= EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(Happened { t: self.ms(at_ns), what, text });
        self.fresh.events = (self.fresh.events + 1).min(self.events.len());
    }

    /// Whether something is due again. If so, it is done at `now_ns`.
    fn is_due(&mut self, now_ns: u64, every_ns: u64, last: fn(&mut Fresh) -> &mut u64) -> bool {
        let last = last(&mut self.fresh);
        let due = now_ns >= last.saturating_add(every_ns);
        if due {
            *last = now_ns;
        }
        due
    }

    fn kind(&mut self, kind: Kind) -> &mut Spread {
        let [transactions, blocks] = &mut self.kinds;
        match kind {
            Kind::Transaction => transactions,
            Kind::Block => blocks,
        }
    }

    fn ms(&self, at_ns: u64) -> f64 {
        rounded((at_ns.saturating_sub(self.zero_ns)) as f64 / 1e6, 3)
    }
}
