//! How an item came to this node and where it went, in the form of the RPC and the command line.
//!
//! Times are of this node's clock alone, in microseconds since the node first heard of the item. Deliberately absent:
//! what another node's clock says, and any latency that would need it.

use protocol::gossip::{ArrivalCause, ItemId, PeerHandle};
use protocol::time::Time;
use serde::{Deserialize, Serialize};

use crate::observe::passages::passage::{Came, Passage, State, Went};
use crate::observe::passages::{Found, Passages, Sought};
use crate::observe::trace::Kind;

/// Items in one answer of `trace_list`: 500 bytes of JSON each.
pub const TRACES_LISTED_MAX: usize = 200;

/// Items in an answer if no number is asked for.
pub const TRACES_LISTED: u32 = 20;

/// Why nothing is told of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// Several items begin with the digits that were asked for.
    #[error("several items begin with these digits: give more of them")]
    Ambiguous,
    /// Nothing is recorded.
    #[error(
        "the node records no item traces, so it cannot tell how an item came: start it without --no-item-traces"
    )]
    Off,
}

/// A peer of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerName {
    /// The node's own number of the connection. No number is used twice in a run.
    pub handle: u32,
    /// The peer's id; `None` if it left long ago.
    pub peer_id: Option<String>,
}

/// How one item came to this node, and where it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceView {
    /// `transaction` or `block`.
    pub kind: String,
    /// Its id; `None` while only its short id is known.
    pub id: Option<String>,
    /// Its short id.
    pub short_id: String,
    /// The length of its encoding.
    pub bytes: Option<u64>,
    /// `announced`, `received`, `accepted` or `refused`.
    pub state: String,
    /// Why it was refused.
    pub refusal: Option<String>,
    /// Why its first body came: the name of an [`ArrivalCause`].
    pub cause: Option<String>,
    /// How its first body came.
    pub way: Option<String>,
    /// The cause in words.
    pub reason: Option<String>,
    /// The peer that brought its first body.
    pub from: Option<PeerName>,
    /// The id of the block that brought it.
    pub within_block: Option<String>,
    /// When this node first heard of it, by its wall clock, in milliseconds since 1970.
    pub first_heard_unix_ms: u64,
    /// When each step was.
    pub steps_us: StepsView,
    /// How long its signature waited for its check.
    pub queued_us: Option<u64>,
    /// How long that check took, with those that were checked together.
    pub verified_us: Option<u64>,
    /// What came, in order.
    pub arrivals: Vec<ArrivalView>,
    /// How many more came.
    pub arrivals_left_out: u32,
    /// What left, in order.
    pub departures: Vec<DepartureView>,
    /// How many more left.
    pub departures_left_out: u32,
    /// Bodies that were sent unasked.
    pub pushed_to: u32,
    /// Bodies that were sent to peers that had asked.
    pub served_to: u32,
    /// Announcements and offers that were sent.
    pub announced_to: u32,
    /// All this in one sentence.
    pub summary: String,
}

/// When each step of an item was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepsView {
    /// The first announcement.
    pub announced: Option<u64>,
    /// The first request.
    pub asked: Option<u64>,
    /// The first body, or the submission.
    pub received: Option<u64>,
    /// The verdict about its signature.
    pub checked: Option<u64>,
    /// The engine accepted it.
    pub accepted: Option<u64>,
    /// The commit that keeps it is on disk.
    pub stored: Option<u64>,
    /// The first departure after it was accepted.
    pub relayed: Option<u64>,
}

/// Something that came from a peer, or was asked of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalView {
    /// When.
    pub at_us: u64,
    /// `announced`, `asked`, `pushed` or `fetched`.
    pub what: String,
    /// Why a body came.
    pub cause: Option<String>,
    /// Whether a body was not needed.
    pub duplicate: bool,
    /// The peer.
    pub peer: PeerName,
}

/// Something that left to a peer, or that a peer asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepartureView {
    /// When.
    pub at_us: u64,
    /// `announced`, `offered`, `wanted`, `pushed` or `served`.
    pub what: String,
    /// The peer.
    pub peer: PeerName,
}

/// One of the last items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceSummary {
    /// `transaction` or `block`.
    pub kind: String,
    /// Its id.
    pub id: Option<String>,
    /// Its short id.
    pub short_id: String,
    /// The length of its encoding.
    pub bytes: Option<u64>,
    /// What became of it.
    pub state: String,
    /// Why its first body came.
    pub cause: Option<String>,
    /// How its first body came.
    pub way: Option<String>,
    /// The peer that brought its first body.
    pub from: Option<PeerName>,
    /// When this node first heard of it, in milliseconds since 1970.
    pub first_heard_unix_ms: u64,
    /// The first announcement, in microseconds after that.
    pub announced_us: Option<u64>,
    /// The first body.
    pub received_us: Option<u64>,
    /// Its acceptance.
    pub accepted_us: Option<u64>,
    /// Bodies that were sent.
    pub sent_to: u32,
    /// Announcements and offers that were sent.
    pub announced_to: u32,
}

/// The moment of an answer, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The node's own time.
    pub now: Time,
    /// The wall clock, in milliseconds since 1970.
    pub wall_ms: u64,
}

/// What is recorded of an item; `None` if nothing is.
///
/// # Errors
/// See [`TraceError`].
pub fn find(passages: &Passages, sought: &Sought, moment: Moment) -> Result<Option<TraceView>, TraceError> {
    match passages.find(sought) {
        Found::Nothing if !passages.is_on() => Err(TraceError::Off),
        Found::Nothing => Ok(None),
        Found::One(passage) => Ok(Some(view(passages, passage, moment))),
        Found::Several => Err(TraceError::Ambiguous),
    }
}

/// The last items whose bodies came, the newest first.
///
/// # Errors
/// [`TraceError::Off`].
pub fn latest(passages: &Passages, count: usize, moment: Moment) -> Result<Vec<TraceSummary>, TraceError> {
    if !passages.is_on() {
        return Err(TraceError::Off);
    }
    Ok(passages.latest().take(count).map(|passage| summarized(passages, passage, moment)).collect())
}

fn view(passages: &Passages, passage: &Passage, moment: Moment) -> TraceView {
    let after = |at: Time| at.since(passage.heard).as_micros();
    let name = |handle| name(passages, handle);
    let cause = passage.origin.map(|(cause, _)| cause);
    let arrivals = passage.arrivals.kept().iter().map(|one| {
        let (what, cause, duplicate) = match one.what {
            Came::Announced => ("announced", None, false),
            Came::Asked => ("asked", None, false),
            Came::Body { cause, duplicate } => (cause.way().name(), Some(cause.name().to_owned()), duplicate),
        };
        ArrivalView { at_us: after(one.at), what: what.to_owned(), cause, duplicate, peer: name(one.peer) }
    });
    let departures = passage.departures.kept().iter().map(|one| DepartureView {
        at_us: after(one.at),
        what: went(one.what).to_owned(),
        peer: name(one.peer),
    });
    let mut view = TraceView {
        kind: kind(passage).to_owned(),
        id: id(passage),
        short_id: passage.short.to_string(),
        bytes: passage.bytes.map(|bytes| bytes as u64),
        state: state(passage).to_owned(),
        refusal: passage.refusal.map(str::to_owned),
        cause: cause.map(|cause| cause.name().to_owned()),
        way: cause.map(|cause| cause.way().name().to_owned()),
        reason: cause.map(|cause| cause.reason().to_owned()),
        from: passage.origin.and_then(|(_, from)| from).map(name),
        within_block: passage.within.map(|block| block.to_string()),
        first_heard_unix_ms: first_heard(passage, moment),
        steps_us: steps(passage),
        queued_us: queued(passage),
        verified_us: passage.check_took.map(|took| took.as_micros()),
        arrivals: arrivals.collect(),
        arrivals_left_out: passage.arrivals.left_out(),
        departures: departures.collect(),
        departures_left_out: passage.departures.left_out(),
        pushed_to: passage.sent.pushed,
        served_to: passage.sent.served,
        announced_to: passage.sent.announced,
        summary: String::new(),
    };
    view.summary = view.sentence();
    view
}

fn summarized(passages: &Passages, passage: &Passage, moment: Moment) -> TraceSummary {
    let steps = steps(passage);
    let cause = passage.origin.map(|(cause, _)| cause);
    TraceSummary {
        kind: kind(passage).to_owned(),
        id: id(passage),
        short_id: passage.short.to_string(),
        bytes: passage.bytes.map(|bytes| bytes as u64),
        state: state(passage).to_owned(),
        cause: cause.map(|cause| cause.name().to_owned()),
        way: cause.map(|cause| cause.way().name().to_owned()),
        from: passage.origin.and_then(|(_, from)| from).map(|from| name(passages, from)),
        first_heard_unix_ms: first_heard(passage, moment),
        announced_us: steps.announced,
        received_us: steps.received,
        accepted_us: steps.accepted,
        sent_to: passage.sent.pushed.saturating_add(passage.sent.served),
        announced_to: passage.sent.announced,
    }
}

impl TraceView {
    /// All this in one sentence.
    fn sentence(&self) -> String {
        let parts = [Some(self.how_it_came()), self.how_it_was_decided(), self.where_it_went()];
        let text: Vec<String> = parts.into_iter().flatten().collect();
        text.join("; ")
    }

    fn how_it_came(&self) -> String {
        let cause = self.cause.as_deref().and_then(ArrivalCause::named);
        let (Some(cause), Some(received)) = (cause, self.steps_us.received) else {
            return "announced, and not here yet".to_owned();
        };
        let late = match self.steps_us.announced {
            Some(announced) if announced <= received => {
                format!("{} after its first announcement", span(received - announced))
            }
            _ => "before any announcement".to_owned(),
        };
        let from = self.from.as_ref().map(PeerName::text).unwrap_or_default();
        let reason = cause.reason();
        match cause.way().name() {
            "pushed" => format!("came {late}, pushed by {from} {reason}"),
            "fetched" => format!("came {late}, fetched from {from} {reason}"),
            "enclosed" => {
                let block = self.within_block.as_deref().map(abridged).unwrap_or_default();
                format!("came as a part of block {block}")
            }
            _ => "entered at this node".to_owned(),
        }
    }

    fn how_it_was_decided(&self) -> Option<String> {
        let verified = self.verified_us.map(|took| format!("verified in {}", span(took)));
        let decided = match self.state.as_str() {
            "refused" => Some(format!("refused: {}", self.refusal.as_deref().unwrap_or_default())),
            "accepted" => None,
            _ => self.steps_us.received.map(|_| "not decided on yet".to_owned()),
        };
        let parts: Vec<String> = verified.into_iter().chain(decided).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn where_it_went(&self) -> Option<String> {
        self.steps_us.received?;
        let peers = |count: u32| format!("{count} {}", if count == 1 { "peer" } else { "peers" });
        let counted = [
            (self.pushed_to, "pushed to"),
            (self.served_to, "sent on request to"),
            (self.announced_to, "announced to"),
        ];
        let counted = counted.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = counted.map(|(count, what)| format!("{what} {}", peers(*count))).collect();
        Some(if parts.is_empty() { "sent to nobody".to_owned() } else { parts.join(", ") })
    }
}

impl PeerName {
    /// For people: the end of its id, by which peers differ, or its number.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.peer_id {
            Some(id) => format!("…{}", id.get(id.len().saturating_sub(8)..).unwrap_or(id)),
            None => format!("peer {}, which left long ago", self.handle),
        }
    }
}

/// A span of time for people.
#[must_use]
pub fn span(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
}

/// The first digits of an id, which name the item in commands as well.
fn abridged(id: &str) -> String {
    id.chars().take(16).collect()
}

fn name(passages: &Passages, handle: PeerHandle) -> PeerName {
    PeerName { handle: handle.0, peer_id: passages.peer(handle).map(ToString::to_string) }
}

fn steps(passage: &Passage) -> StepsView {
    let after = |at: Option<Time>| at.map(|at| at.since(passage.heard).as_micros());
    let steps = &passage.steps;
    StepsView {
        announced: after(steps.announced),
        asked: after(steps.asked),
        received: after(steps.received),
        checked: after(steps.checked),
        accepted: after(steps.accepted),
        stored: after(steps.stored),
        relayed: after(steps.relayed),
    }
}

/// From the body to the verdict, less the check itself.
fn queued(passage: &Passage) -> Option<u64> {
    let (received, checked, took) = (passage.steps.received?, passage.steps.checked?, passage.check_took?);
    Some(checked.since(received).as_micros().saturating_sub(took.as_micros()))
}

fn first_heard(passage: &Passage, moment: Moment) -> u64 {
    moment.wall_ms.saturating_sub(moment.now.since(passage.heard).as_micros() / 1_000)
}

fn id(passage: &Passage) -> Option<String> {
    Some(match passage.id? {
        ItemId::Transaction(id) => id.to_string(),
        ItemId::Block(id) => id.to_string(),
    })
}

const fn kind(passage: &Passage) -> &'static str {
    match passage.kind {
        Kind::Transaction => "transaction",
        Kind::Block => "block",
    }
}

const fn state(passage: &Passage) -> &'static str {
    match passage.state {
        State::Announced => "announced",
        State::Received => "received",
        State::Accepted => "accepted",
        State::Refused => "refused",
    }
}

const fn went(what: Went) -> &'static str {
    match what {
        Went::Announced => "announced",
        Went::Offered => "offered",
        Went::Wanted => "wanted",
        Went::Pushed => "pushed",
        Went::Served => "served",
    }
}
