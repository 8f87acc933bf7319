//! Streams of events: `GET /events/members`, as server-sent events.
//!
//! * **A message** for each event: its name, and one line of JSON ([`MemberEventView`]). Between events there is a comment
//!   every [`BEAT_EVERY`], so that the reader knows that the node is there.
//! * **A slow reader** does not hold up the node. It loses the oldest events, and is told how many: `lost`. Then it asks
//!   for the whole list.
//! * **Places.** There are [`WATCHERS_MAX`] streams and WebSockets at a time, and they take no more than half of the listener's places.
//!   A stream has no time limit, and gives way to nobody. It ends with the node, or when its reader goes.
//! * **Nothing is repeated.** A reader that comes again opens the stream first, and asks for the list then. So it misses
//!   nothing.
//!
//! Deliberately absent: events from before the stream was opened, and other topics than members: those come over
//! WebSockets (`socket.rs`).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::timeout;

use crate::clock::wall_ms;
use crate::rpc::members::{MemberEventView, MemberNews};

/// The path of the stream of members.
pub const MEMBER_EVENTS: &str = "/events/members";

/// Streams and WebSockets at a time.
pub const WATCHERS_MAX: usize = 32;

/// The time from one comment to the next while there is no event.
pub const BEAT_EVERY: Duration = Duration::from_secs(10);

/// A comment, which readers ignore.
const BEAT: &str = ":\n\n";

/// Marks a response whose body has no end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endless;

/// Where streams of events come from.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    members: broadcast::Sender<MemberNews>,
    places: Arc<Semaphore>,
    most: usize,
}

impl Streams {
    /// The streams of a listener with this number of places.
    pub(super) fn new(members: broadcast::Sender<MemberNews>, connections_max: usize) -> Self {
        let most = WATCHERS_MAX.min(connections_max / 2);
        Self { members, places: Arc::new(Semaphore::new(most)), most }
    }

    /// Streams and WebSockets that are open now.
    pub(super) fn open_now(&self) -> usize {
        self.most.saturating_sub(self.places.available_permits())
    }

    /// The places of streams, which WebSockets take as well.
    pub(super) fn places(&self) -> Arc<Semaphore> {
        Arc::clone(&self.places)
    }

    /// Opens a stream, or says that there are too many.
    pub(super) fn open(&self) -> Response {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let text = "as many streams of events are open as there may be: close one, and ask again\n";
            return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "10")], text).into_response();
        };
        let body = Body::from_stream(messages(self.members.subscribe(), place).map(Ok::<_, Infallible>));
        let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
        let mut response = (headers, body).into_response();
        response.extensions_mut().insert(Endless);
        response
    }
}

/// The messages of one stream. The first is a comment, so the reader knows that it misses nothing from now on.
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
