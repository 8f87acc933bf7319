//! The one HTTP listener: JSON-RPC at `POST /` and over WebSockets at `GET /`, the node's own page at `GET /` in a browser,
//! streams of events at `/events`, `/metrics`, `/healthz` and `/readyz`.
//!
//! It runs on its own thread. So it can report a stuck loop, and a busy client costs the loop
//! nothing but its commands.
//!
//! * It listens on loopback only. `guard.rs` checks Host, Origin and the cookie, and bounds bodies.
//! * It has a fixed number of places. A connection that waits or dawdles gives its place to a new one
//!   (`accept.rs`), and ends by itself after its time ([`Times`]). Large answers are made and kept a few at
//!   a time (`answer.rs`).
//! * Callers without the cookie share a number of calls a second (`turns.rs`).
//! * What a caller without the cookie may do is one list: [`OPEN_METHODS`](crate::rpc::access::OPEN_METHODS). The page
//!   is such a caller.
//!
//! Deliberately absent: TLS and accounts (use a tunnel, and the owner of the data dir), HTTP/2.

mod accept;
mod answer;
mod events;
mod guard;
mod health;
mod metrics;
mod page;
mod place;
mod socket;
mod turns;

use std::future::ready;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, UPGRADE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use jsonrpsee::server::middleware::rpc::RpcServiceBuilder;
use jsonrpsee::server::{BatchRequestConfig, Server, ServerConfig, ServerHandle as MethodsHandle, stop_channel};
use tokio::sync::{Semaphore, broadcast, mpsc, watch};
use tower::Service as _;

use crate::clock::Clock;
use crate::config::cookie::Cookie;
use crate::observe::metrics::{Metrics, RpcMeter};
use crate::rpc::access::{Access, LARGE_ANSWERS_MAX, Names};
use crate::rpc::command::Command;
use crate::rpc::feeds::Feeds;
use crate::rpc::members::MemberNews;
use crate::rpc::{self, BATCH_MAX, OPENRPC, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};

pub(crate) use accept::{BUSY_MAX, READ_BYTES_MAX};
use events::Streams;
pub use events::{BEAT_EVERY, EVENTS, MEMBER_EVENTS, WATCHERS_MAX};
pub use guard::OPEN_REQUEST_BYTES_MAX;
pub use health::{BEAT_MAX, Criterion, Health, Readiness, Reason};
use health::{HEALTHZ, READYZ};
pub use metrics::METRICS;
use metrics::Scrape;
use page::Page;
pub use place::Times;
use socket::{Call, Sockets};
pub use socket::{EVENT, IDLE_MAX, PING_EVERY, SUBSCRIPTIONS_MAX};
pub use turns::{ANSWER_BYTES_A_CALL, Late, Turn, Turns};

/// The path of the description of all methods.
pub const OPENRPC_JSON: &str = "/openrpc.json";

/// Connections at a time, if the limit of open files allows it.
pub const CONNECTIONS_MAX: usize = 128;

/// The listener's socket, bound but not yet answering.
#[derive(Debug)]
pub struct HttpListener {
    socket: TcpListener,
    address: SocketAddr,
}

/// The parts of the node that the listener serves.
#[derive(Debug)]
pub struct Faces {
    /// The service's queue for requests.
    pub commands: mpsc::Sender<Command>,
    /// The cookie of this run; without one, no client is the owner.
    pub cookie: Option<Cookie>,
    /// The health of the loop.
    pub health: Arc<Health>,
    /// Where changes of members are told.
    pub members: broadcast::Sender<MemberNews>,
    /// What subscribers are told.
    pub feeds: Feeds,
    /// The node's metrics.
    pub metrics: Metrics,
    /// Connections at a time: [`CONNECTIONS_MAX`], or what the limit of open files leaves.
    pub connections_max: usize,
    /// Calls a second for all callers without the cookie together; `None` for no limit.
    pub calls_max: Option<u32>,
    /// How long a connection may spend in each state.
    pub times: Times,
}

/// The running listener. Dropping it stops it.
#[derive(Debug)]
pub struct HttpServer {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    _methods: MethodsHandle,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is not on loopback.
    #[error(
        "whoever reaches the RPC may send transactions, so it listens on loopback only, not on {0}: use --rpc-addr 127.0.0.1:30401"
    )]
    NotLoopback(SocketAddr),
    /// Another process has the address.
    #[error(
        "{0} is in use, so the RPC can't listen there: choose another with --rpc-addr, or 127.0.0.1:0 for a free port"
    )]
    AddressInUse(SocketAddr),
    /// The system failed.
    #[error("the RPC can't listen on {address}: {error}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        error: io::Error,
    },
}

impl HttpListener {
    /// Binds `address`; port 0 takes a free one. Connections wait until [`HttpListener::serve`].
    ///
    /// # Errors
    /// If the address is not on loopback, is in use, or can't be bound.
    pub fn bind(address: SocketAddr) -> Result<Self, HttpError> {
        if !address.ip().is_loopback() {
            return Err(HttpError::NotLoopback(address));
        }
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => HttpError::AddressInUse(address),
            _ => HttpError::Io { address, error },
        };
        let socket = TcpListener::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    /// The address, with the port that was taken.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until the server is stopped or dropped.
    ///
    /// # Errors
    /// The system's error.
    pub fn serve(self, faces: Faces) -> Result<HttpServer, HttpError> {
        let Self { socket, address } = self;
        let failed = |error| HttpError::Io { address, error };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let listener = {
            // A socket belongs to the runtime in which it is registered.
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(socket).map_err(failed)?
        };
        let (stop, stopped) = watch::channel(false);
        let meter = faces.metrics.rpc.clone();
        let turns = Turns::new(faces.calls_max, faces.times.turn, meter.clone(), Clock::start());
        let limits = (faces.connections_max, faces.times, turns);
        let (router, methods) = router(faces);
        let serve = move || runtime.block_on(accept::run(listener, router, limits, meter, stopped));
        let thread = std::thread::Builder::new().name("http".to_owned()).spawn(serve).map_err(failed)?;
        Ok(HttpServer { stop, thread: Some(thread), _methods: methods })
    }
}

impl HttpServer {
    /// Accepts no more connections, and ends those without a whole request. Requests under way get their answer.
    pub fn stop(&self) {
        let _ = self.stop.send(true);
    }

    /// Waits until the last answer has left.
    pub async fn stopped(mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // An error means that the thread panicked, which ends the process by itself.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn router(faces: Faces) -> (Router, MethodsHandle) {
    let Faces { commands, cookie, health, members, feeds, metrics, connections_max, times, .. } = faces;
    let streams = Streams::new(feeds.clone(), members, metrics.rpc.clone(), connections_max);
    let (meter, places) = (metrics.rpc.clone(), streams.places());
    let (call, handle) = calls(commands.clone(), &metrics.rpc);
    let sockets = Sockets { call: Arc::clone(&call), feeds, meter, places, patience: times.answer };
    let scrape =
        Scrape { metrics, health: Arc::clone(&health), commands: commands.clone(), streams: streams.clone() };
    let (page, topics) = (Page::new(), streams.clone());
    let router = Router::new()
        .route("/", post(move |request: Request| call(request)).get(move |request| front(request, sockets.clone(), page.clone())))
        .route(EVENTS, get(move |request: Request| ready(topics.open_topics(request.uri().query()))))
        .route(MEMBER_EVENTS, get(move || ready(streams.open())))
        .route(OPENRPC_JSON, get(async || ([(CONTENT_TYPE, "application/json")], OPENRPC)))
        .route(METRICS, get(move || ready(scrape.answer())))
        .route(HEALTHZ, get(healthz))
        .route(READYZ, get(readyz))
        .fallback(async || {
            (
                StatusCode::NOT_FOUND,
                "there is nothing here: POST / is the JSON-RPC, GET / the page, and there are /events, /events/members, /metrics, \
                 /openrpc.json, /healthz and /readyz\n",
            )
        })
        .with_state(health)
        .layer(middleware::from_fn_with_state(cookie, guard::check));
    (router, handle)
}

/// Answers `GET /`: a WebSocket if one is asked for, and otherwise the page.
async fn front(request: Request, sockets: Sockets, page: Page) -> Response {
    if request.headers().contains_key(UPGRADE) { sockets.open(request).await } else { page.answer() }
}

/// The JSON-RPC as a service, behind the check of the caller's rights.
fn calls(commands: mpsc::Sender<Command>, meter: &RpcMeter) -> (Call, MethodsHandle) {
    let (stop, handle) = stop_channel();
    let config = ServerConfig::builder()
        .http_only()
        .max_request_body_size(u32::try_from(REQUEST_BYTES_MAX).unwrap_or(u32::MAX))
        .max_response_body_size(u32::try_from(RESPONSE_BYTES_MAX).unwrap_or(u32::MAX))
        // The listener itself counts the connections.
        .max_connections(u32::MAX >> 1)
        .set_batch_request_config(BatchRequestConfig::Limit(BATCH_MAX))
        .build();
    let module = rpc::methods(commands);
    let names: Names = module.method_names().collect();
    names.iter().for_each(|name| meter.method(name));
    let counted = meter.clone();
    let large = Arc::new(Semaphore::new(LARGE_ANSWERS_MAX));
    let methods =
        Server::builder()
            .set_config(config)
            .set_rpc_middleware(RpcServiceBuilder::new().layer_fn(move |inner| {
                Access::new(inner, Arc::clone(&names), Arc::clone(&large), counted.clone())
            }))
            .to_service_builder()
            .build(module, stop);
    let call: Call = Arc::new(move |request: Request| {
        let mut methods = methods.clone();
        Box::pin(async move {
            let answer = methods.call(request).await;
            answer.map_or_else(
                |error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
                |answer| answer.map(Body::new),
            )
        })
    });
    (call, handle)
}

/// Whether the loop is live: 200 or 503. Waits for nothing.
async fn healthz(State(health): State<Arc<Health>>) -> Response {
    if health.is_live() {
        return plain(StatusCode::OK, "live\n".to_owned());
    }
    let since = health.since_beat().as_secs_f64();
    plain(StatusCode::SERVICE_UNAVAILABLE, format!("the node's loop has not answered for {since:.1} s\n"))
}

/// Whether the node is ready: 200 or 503, with the reasons as JSON.
async fn readyz(State(health): State<Arc<Health>>) -> Response {
    let readiness = health.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CACHE_CONTROL, "no-store")], Json(readiness)).into_response()
}

fn plain(status: StatusCode, text: String) -> Response {
    (status, [(CACHE_CONTROL, "no-store"), (CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
