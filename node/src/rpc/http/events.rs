//! Streams of events, as server-sent events: `GET /events` for the topics of `feeds.rs`, and `GET /events/members`.
//!
//! * **A message** for each event: its name, and one line of JSON. On `/events` the name is the topic, and the data are
//!   those of a subscription. On `/events/members` it is the change ([`MemberEventView`]). Between events there is a
//!   comment every [`BEAT_EVERY`], so that the reader knows that the node is there.
//! * **Ids.** A message of `/events` has the number of its event on this stream, from 1. Lost events are counted as well,
//!   so a gap says how many are missing. Numbers end with the stream.
//! * **A slow reader** does not hold up the node. It loses the oldest events, and is told how many: `lost`. Then it asks
//!   for the state. Readers share the rings of `feeds.rs`: [`FEED_EVENTS_MAX`](crate::rpc::feeds::FEED_EVENTS_MAX) events
//!   of each topic, whoever reads.
//! * **Places.** There are [`WATCHERS_MAX`] streams and WebSockets at a time, and they take no more than half of the
//!   listener's places. A stream has no time limit, and gives way to nobody. It ends with the node, or when its reader
//!   goes.
//! * **Nothing is repeated.** A reader that comes again opens the stream first, and asks for the state then. So it misses
//!   nothing.
//!
//! Deliberately absent: events from before the stream was opened. `Last-Event-ID`, which browsers send when they come
//! again, changes nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::timeout;

use crate::clock::wall_ms;
use crate::observe::metrics::RpcMeter;
use crate::rpc::feeds::{Feeds, Told, Topic};
use crate::rpc::members::{LOST, MemberEventView, MemberNews};

/// The path of the stream of all topics.
pub const EVENTS: &str = "/events";

/// The path of the stream of members.
pub const MEMBER_EVENTS: &str = "/events/members";

/// Streams and WebSockets at a time: a quarter of the 128 places. Each has at most one event on its way for each of its
/// subscriptions, at most 15 of 768 bytes, and 64 KiB that the connection has taken over: 32 · (15 · 768 B + 64 KiB) are
/// 2.4 MiB.
pub const WATCHERS_MAX: usize = 32;

/// The time from one comment to the next while there is no event.
pub const BEAT_EVERY: Duration = Duration::from_secs(10);

/// A comment, which readers ignore.
const BEAT: &str = ":\n\n";

/// How a stream of topics begins: a browser that loses it comes again after 2 s.
const BEGINNING: &str = "retry: 2000\n:\n\n";

/// The parameter of a stream's address that selects topics.
const TOPICS: &str = "topics=";

/// Marks a response whose body has no end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endless;

/// Where streams of events come from.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    feeds: Feeds,
    members: broadcast::Sender<MemberNews>,
    meter: RpcMeter,
    places: Arc<Semaphore>,
    most: usize,
}

impl Streams {
    /// The streams of a listener with this number of places.
    pub(super) fn new(
        feeds: Feeds,
        members: broadcast::Sender<MemberNews>,
        meter: RpcMeter,
        connections_max: usize,
    ) -> Self {
        let most = WATCHERS_MAX.min(connections_max / 2);
        Self { feeds, members, meter, places: Arc::new(Semaphore::new(most)), most }
    }

    /// Streams and WebSockets that are open now.
    pub(super) fn open_now(&self) -> usize {
        self.most.saturating_sub(self.places.available_permits())
    }

    /// The places of streams, which WebSockets take as well.
    pub(super) fn places(&self) -> Arc<Semaphore> {
        Arc::clone(&self.places)
    }

    /// Opens a stream of what changes about members, or says that there are too many.
    pub(super) fn open(&self) -> Response {
        self.answer(|streams, place| messages(streams.members.subscribe(), place))
    }

    /// Opens a stream of the topics that a query names, or of all. If there are too many streams, or no such topic, it
    /// says so.
    pub(super) fn open_topics(&self, query: Option<&str>) -> Response {
        match topics(query) {
            Ok(topics) => self.answer(|streams, place| streams.follow(topics, place)),
            Err(text) => (StatusCode::BAD_REQUEST, format!("{text}\n")).into_response(),
        }
    }

    fn answer<S>(&self, make: impl FnOnce(&Self, OwnedSemaphorePermit) -> S) -> Response
    where
        S: Stream<Item = Bytes> + Send + 'static,
    {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let text = "as many streams of events are open as there may be: close one, and ask again\n";
            return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "10")], text).into_response();
        };
        let body = Body::from_stream(make(self, place).map(Ok::<_, Infallible>));
        let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
        let mut response = (headers, body).into_response();
        response.extensions_mut().insert(Endless);
        response
    }

    /// The messages of one stream of topics. They take turns.
    fn follow(&self, topics: Vec<Topic>, place: OwnedSemaphorePermit) -> impl Stream<Item = Bytes> + use<> {
        let events = topics.into_iter().map(|topic| {
            let events = self.feeds.subscribe(topic).events();
            events.map(move |told| (topic, told)).boxed()
        });
        let state = (stream::select_all(events), 0, self.meter.clone(), place);
        let following = stream::unfold(state, async |(mut events, mut number, meter, place)| {
            let text = match timeout(BEAT_EVERY, events.next()).await {
                Err(_) => BEAT.to_owned(),
                Ok(None) => return None,
                Ok(Some((topic, told))) => numbered(topic, told, &mut number, &meter),
            };
            Some((Bytes::from(text), (events, number, meter, place)))
        });
        stream::once(async { Bytes::from_static(BEGINNING.as_bytes()) }).chain(following)
    }
}

/// The topics that a query names, each once; all, if it names none.
fn topics(query: Option<&str>) -> Result<Vec<Topic>, String> {
    let mut wanted = Vec::new();
    for part in query.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
        let Some(names) = part.strip_prefix(TOPICS) else {
            return Err(format!("a stream of events has one parameter, {TOPICS}…; no stream was opened"));
        };
        // Browsers may write a comma as this.
        for name in names.replace("%2C", ",").split(',') {
            let topic: Topic = name.parse().map_err(|error| format!("{error}; no stream was opened"))?;
            if !wanted.contains(&topic) {
                wanted.push(topic);
            }
        }
    }
    if wanted.is_empty() {
        wanted.extend(Topic::ALL.map(|(_, topic)| topic));
    }
    Ok(wanted)
}

/// The message for an event, or for those that are lost.
fn numbered(topic: Topic, told: Told, number: &mut u64, meter: &RpcMeter) -> String {
    let (name, data) = match told {
        Told::Event(event) => {
            *number += 1;
            (topic.name(), event)
        }
        Told::Lost(events) => {
            meter.lost.inc_by(events);
            *number += events;
            (LOST, json!({ "event": LOST, "topic": topic, "events": events }).to_string())
        }
    };
    format!("id: {number}\nevent: {name}\ndata: {data}\n\n")
}

/// The messages of one stream of members. The first is a comment, so the reader knows that it misses nothing from now on.
fn messages(heard: broadcast::Receiver<MemberNews>, place: OwnedSemaphorePermit) -> impl Stream<Item = Bytes> {
    let following = stream::unfold((heard, place), async |(mut heard, place)| {
        let text = match timeout(BEAT_EVERY, heard.recv()).await {
            Err(_) => BEAT.to_owned(),
            Ok(Ok(news)) => message(&MemberEventView::from(&news)),
            Ok(Err(RecvError::Lagged(events))) => message(&MemberEventView::lost(wall_ms(), events)),
            Ok(Err(RecvError::Closed)) => return None,
        };
        Some((Bytes::from(text), (heard, place)))
    });
    stream::once(async { Bytes::from_static(BEAT.as_bytes()) }).chain(following)
}

fn message(event: &MemberEventView) -> String {
    // Texts and numbers can always be written.
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("event: {}\ndata: {data}\n\n", event.event)
}
