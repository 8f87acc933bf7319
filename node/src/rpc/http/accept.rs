//! Accepts connections, and gives each a place.
//!
//! * If all places are taken, the connection that has waited or dawdled longest is closed. If all are being
//!   served, the one that has been there longest is told to leave with its answer. The new connection waits for
//!   that place, first come, first served. So no client holds a place forever by asking without a pause. A
//!   connection that waited in vain is told that all places are taken. If it asks for the node's health, it is
//!   answered even then.
//! * Connections are accepted as fast as calls are served, and are shared out like them (`turns.rs`). The others wait
//!   in the system's backlog. So clients that connect in a loop cost no more than those that call in a loop.
//! * If the system has no descriptor left, one waiting connection is closed, and the listener rests, longer each
//!   time, up to a second. This is logged at most once in ten minutes.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, RETRY_AFTER};
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nix::sys::socket::{Backlog, listen};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::{Duration, Instant, sleep, timeout};
use tower::Service as _;
use tracing::{debug, warn};

use super::answer::Answer;
use super::health::HEALTH_PATHS;
use super::place::{Place, Times};
use super::turns::Turns;
use crate::clock::Clock;
use crate::observe::metrics::RpcMeter;
use crate::observe::seldom::Seldom;

/// The first rest after a failure to accept, and the longest rest: one try a second costs nothing.
const REST_MIN: Duration = Duration::from_millis(50);
const REST_MAX: Duration = Duration::from_secs(1);

/// Bytes that are read ahead, and so the limit of a request's head. Heads have some 200 bytes; bodies of MiB
/// need pieces of this size.
pub(crate) const READ_BYTES_MAX: usize = 64 * 1024;

/// The most connections that wait for a place. As many more may be there only to be told that no place became
/// free. The oldest is closed for a new one.
pub(crate) const BUSY_MAX: usize = 32;

/// How long a connection waits for a place, and how long it may then take to ask and be told. This is longer than
/// a connection that is told to leave may take.
const BUSY_TIME: Duration = Duration::from_secs(2);

/// A new connection keeps its place for this long, whatever it does. A client on this machine has sent its request
/// by then, and 128 places still take 25,000 connections a second.
const GRACE: Duration = Duration::from_millis(5);

/// Connections that the system may hold for us until they are accepted. With the usual 128, a burst of other
/// connections would make a client wait for seconds.
const BACKLOG: i32 = 1_024;

/// Serves connections until `stopped` becomes true or its sender is gone, then lets requests under way end.
pub(super) async fn run(
    listener: TcpListener,
    router: Router,
    (most, times, turns): (usize, Times, Turns<Clock>),
    meter: RpcMeter,
    mut stopped: watch::Receiver<bool>,
) {
    if let Err(error) = listen(&listener, Backlog::new(BACKLOG).unwrap_or(Backlog::MAXCONN)) {
        debug!(%error, "the system keeps its own backlog");
    }
    let door = turns.door();
    let mut open = Open::new((most, times, turns), router, meter, stopped.clone());
    let clock = Clock::start();
    let (mut rest, mut complaint, mut may_accept) = (REST_MIN, Seldom::default(), false);
    loop {
        let patience = open.patience();
        let accepted = tokio::select! {
            biased;
            () = told(&mut stopped) => break,
            Some(done) = open.tasks.join_next_with_id() => {
                open.ended(done.map_or_else(|error| error.id(), |(id, ())| id));
                continue;
            }
            () = patience => {
                open.look_again();
                continue;
            }
            accepted = async {
                if !may_accept {
                    door.open().await;
                    may_accept = true;
                }
                listener.accept().await
            } => accepted,
        };
        may_accept = false;
        match accepted {
            Ok((stream, _)) => {
                rest = REST_MIN;
                open.take(stream);
                // A connection that has to go ends before the next one comes.
                tokio::task::yield_now().await;
            }
            Err(error) if is_over(&error) => {
                debug!(%error, "a connection to the RPC had gone again before it was taken")
            }
            Err(error) => {
                if complaint.may_say(clock.now()) {
                    warn!(%error, "the RPC can't take connections for now; those it has are served on. Most likely the limit of open files is too low");
                }
                open.make_room();
                tokio::select! {
                    () = told(&mut stopped) => break,
                    () = sleep(rest) => rest = (rest * 2).min(REST_MAX),
                }
            }
        }
    }
    drop(listener);
    open.end().await;
}

/// The connections.
struct Open {
    most: usize,
    times: Times,
    turns: Turns<Clock>,
    router: Router,
    meter: RpcMeter,
    stopped: watch::Receiver<bool>,
    places: HashMap<Id, Arc<Place>>,
    tasks: JoinSet<()>,
    /// Connections that wait for a place, and until when, in order of arrival.
    queue: VecDeque<(TcpStream, Instant)>,
}

impl Open {
    fn new(
        (most, times, turns): (usize, Times, Turns<Clock>),
        router: Router,
        meter: RpcMeter,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let (places, tasks, queue) = (HashMap::new(), JoinSet::new(), VecDeque::new());
        Self { most, times, turns, router, meter, stopped, places, tasks, queue }
    }

    /// Accepts a connection. It gets a place if it is its turn and there is one, and otherwise
    /// waits behind the others.
    fn take(&mut self, stream: TcpStream) {
        self.meter.accepted.inc();
        if self.queue.len() >= BUSY_MAX {
            self.queue.pop_front();
        }
        self.queue.push_back((stream, Instant::now() + BUSY_TIME));
        self.look_again();
        if !self.queue.is_empty() {
            self.ask_one_to_leave();
        }
    }

    /// Gives places to waiting connections, as far as there are any or room can be made.
    fn settle(&mut self) {
        while !self.queue.is_empty() && (self.places.len() < self.most || self.make_room()) {
            if let Some((stream, _)) = self.queue.pop_front() {
                self.start(stream);
            }
        }
    }

    fn start(&mut self, stream: TcpStream) {
        let place = Arc::new(Place::new(self.times, self.turns.join()));
        let task = self.tasks.spawn(serve(stream, self.router.clone(), Arc::clone(&place), self.stopped.clone()));
        self.places.insert(task.id(), place);
        self.count();
    }

    fn count(&self) {
        self.meter.connections.set(i64::try_from(self.places.len()).unwrap_or(i64::MAX));
    }

    fn ended(&mut self, id: Id) {
        self.places.remove(&id);
        self.settle();
        self.count();
    }

    /// Ends when it is time to look at the waiting connections: a connection's grace or its
    /// waiting time has ended.
    fn patience(&self) -> impl Future<Output = ()> + use<> {
        let waits = !self.queue.is_empty();
        async move { if waits { sleep(GRACE).await } else { pending().await } }
    }

    /// Gives places to waiting connections, and turns away those that have waited long enough.
    fn look_again(&mut self) {
        self.settle();
        while self.queue.front().is_some_and(|(_, until)| *until <= Instant::now()) {
            self.turn_first_away();
        }
    }

    fn turn_first_away(&mut self) {
        let Some((stream, _)) = self.queue.pop_front() else { return };
        self.meter.turned_away.inc();
        // Connections that are leaving count as well, for a moment.
        if self.tasks.len() < self.most + BUSY_MAX {
            self.tasks.spawn(turn_away(stream, self.router.clone()));
        }
    }

    /// Tells a connection that is being served to leave: of those that are not leaving already, the one that
    /// has been there longest.
    fn ask_one_to_leave(&self) {
        let staying = self.places.values().filter_map(|place| Some((place.opened()?, place)));
        if let Some((_, place)) = staying.min_by_key(|(opened, _)| *opened) {
            place.leave();
        }
    }

    /// Closes the connection that has waited or dawdled longest; false if there is none.
    fn make_room(&mut self) -> bool {
        let waiting = self.places.iter().filter(|(_, place)| place.age() >= GRACE);
        let waiting = waiting.filter_map(|(id, place)| Some((place.since()?, *id)));
        let Some((_, longest)) = waiting.min_by_key(|(since, _)| *since) else { return false };
        if let Some(place) = self.places.remove(&longest) {
            place.vacate();
        }
        true
    }

    /// Ends requests that aren't whole, and streams, and waits for the others. Connections with a request under way end with
    /// their answer, and all others at once.
    async fn end(mut self) {
        self.queue.clear();
        self.places.values().filter(|place| place.may_end()).for_each(|place| place.vacate());
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Serves one connection until it closes, its time is over, or its place is wanted.
async fn serve(stream: TcpStream, router: Router, place: Arc<Place>, mut stopped: watch::Receiver<bool>) {
    // Answers are small and wanted at once. If this fails, they come a little later.
    let _ = stream.set_nodelay(true);
    let state = Arc::clone(&place);
    let service = service_fn(move |mut request: Request<Incoming>| {
        state.queued();
        request.extensions_mut().insert(Arc::clone(&state));
        let (mut router, state) = (router.clone(), Arc::clone(&state));
        async move {
            let answered = router.call(request.map(Body::new)).await;
            match answered {
                Ok(response) => Ok::<_, Infallible>(Answer::of(response, state).await),
                Err(never) => match never {},
            }
        }
    });
    let connection =
        http1::Builder::new().max_buf_size(READ_BYTES_MAX).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection.with_upgrades());
    let served = async {
        tokio::select! {
            served = connection.as_mut() => return served,
            () = told(&mut stopped) => {}
            () = place.left() => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    tokio::select! {
        served = served => {
            if let Err(error) = served {
                debug!(%error, "a connection to the RPC ended");
            }
            // A WebSocket keeps the place. It looks itself whether it has to go.
            if let Some(end) = place.switched() {
                let _ = end.await;
            }
        }
        () = place.over() => debug!("a connection to the RPC was closed: its time was over, or its place was wanted"),
    }
}

/// Tells one request that all places are taken. The request has to be read first, because clients expect no
/// answer before they ask. A request for the node's health is answered all the same: a supervisor must not
/// mistake a busy node for a dead one.
async fn turn_away(stream: TcpStream, router: Router) {
    let service = service_fn(async |request: Request<Incoming>| {
        if HEALTH_PATHS.contains(&request.uri().path()) {
            return router.clone().call(request.map(Body::new)).await;
        }
        let headers = [(RETRY_AFTER, "1"), (CONNECTION, "close")];
        let text = "all places are taken by requests under way; nothing was done: ask again\n";
        Ok::<_, Infallible>((StatusCode::SERVICE_UNAVAILABLE, headers, text).into_response())
    });
    let connection =
        http1::Builder::new().max_buf_size(READ_BYTES_MAX).serve_connection(TokioIo::new(stream), service);
    // The connection is turned away either way.
    let _ = timeout(BUSY_TIME, connection).await;
}

/// Ends when the listener has to stop.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone. Then the listener has to stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Whether the error concerns only the one connection. Any other error may come again at
/// once, so the listener rests.
fn is_over(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
