//! Serves the page on the loopback interface, at one address with a random part.
//!
//! * **Who may ask.** A request must name this server as its host, and its path must begin with the random part. So
//!   another page that is open in the same browser can neither read nor give orders: it does not know the address, its
//!   requests name another origin, and a name that is bound to 127.0.0.1 later is not this host.
//! * **What the page may do.** It loads scripts and styles from here alone, and talks to nobody else.
//! * **Bounds.** [`PAGE_CONNECTIONS_MAX`] connections, [`READERS_MAX`](super::hub::READERS_MAX) streams, and
//!   [`ORDER_BYTES_MAX`] bytes of an order.
//!
//! Deliberately absent: other machines. Whoever wants to look from afar forwards the port.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{self, HeaderValue};
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use futures::StreamExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::hub::Hub;
use super::orders::{Answer, Ask, Order};
use super::page;

/// Connections at a time. A browser opens up to six for a page.
pub const PAGE_CONNECTIONS_MAX: usize = 64;

/// Bytes of an order. The longest has 60.
pub const ORDER_BYTES_MAX: usize = 1_024;

/// A head must have come within this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The run answers an order within this time. It may be waiting for the answer of a node, which takes 10 s at most.
const ORDER_TIMEOUT: Duration = Duration::from_secs(15);

/// If no connection can be accepted, the server rests for this long.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// The page loads nothing that is not from here, and stands in no other page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// What is served.
#[derive(Debug)]
pub struct Site {
    /// The state of a run under way.
    pub hub: Arc<Hub>,
    /// All batches of a record, as lines of JSON; `None` for a run under way.
    pub film: Option<Bytes>,
    /// The way to the run; `None` if there is nothing to control.
    pub orders: Option<mpsc::Sender<Ask>>,
    /// The random part of the address.
    pub token: String,
    /// The port.
    pub port: u16,
}

impl Site {
    /// The address of the page.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.token)
    }

    /// Whether a request names this server.
    fn is_host(&self, host: &HeaderValue) -> bool {
        ["127.0.0.1", "localhost"].iter().any(|name| host.as_bytes() == format!("{name}:{}", self.port).as_bytes())
    }

    /// Whether a request comes from the page itself, or from a program that names no origin.
    fn is_origin(&self, origin: Option<&HeaderValue>) -> bool {
        let Some(origin) = origin.and_then(|origin| origin.to_str().ok()) else { return origin.is_none() };
        let host = origin.strip_prefix("http://").and_then(|host| HeaderValue::from_str(host).ok());
        host.is_some_and(|host| self.is_host(&host))
    }
}

/// A word that nobody guesses: 128 random bits.
///
/// # Errors
/// If the system has no random numbers.
pub fn token() -> std::io::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut token = String::new();
    for byte in bytes {
        // Writing into a string can't fail.
        let _ = write!(token, "{byte:02x}");
    }
    Ok(token)
}

/// Serves until `stopped` becomes true, or its sender is gone.
pub async fn serve(listener: TcpListener, site: Arc<Site>, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(PAGE_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_REST).await;
            continue;
        };
        // One too many is closed.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let site = Arc::clone(&site);
        connections.spawn(async move {
            let _place = place;
            let service = service_fn(move |request| {
                let site = Arc::clone(&site);
                async move { Ok::<_, Infallible>(answer(&site, request).await) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            // A connection that breaks off has nobody to tell.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
    connections.shutdown().await;
}

async fn answer(site: &Site, request: Request<Incoming>) -> Response {
    if !request.headers().get(header::HOST).is_some_and(|host| site.is_host(host)) {
        return text(StatusCode::MISDIRECTED_REQUEST, "this is another host\n");
    }
    if !site.is_origin(request.headers().get(header::ORIGIN)) {
        return text(StatusCode::FORBIDDEN, "another page may not ask here\n");
    }
    let path = request.uri().path().strip_prefix('/').and_then(|path| path.strip_prefix(site.token.as_str()));
    let Some(path) = path.map(str::to_owned) else {
        return text(StatusCode::NOT_FOUND, "there is nothing here\n");
    };
    match (request.method(), path.as_str()) {
        (&Method::GET, "/stream") if site.film.is_none() => stream_to(site),
        (&Method::GET, "/film") if site.film.is_some() => film(site),
        (&Method::POST, "/order") => order(site, request).await,
        (&Method::GET, path) => match page::file(path, if site.film.is_some() { "film" } else { "stream" }) {
            Some((kind, body)) => respond(StatusCode::OK, kind, Body::from(body)),
            None => text(StatusCode::NOT_FOUND, "there is nothing here\n"),
        },
        _ => text(StatusCode::METHOD_NOT_ALLOWED, "this can't be asked for\n"),
    }
}

fn stream_to(site: &Site) -> Response {
    match site.hub.open() {
        Some(stream) => {
            let body = Body::from_stream(stream.map(Ok::<_, Infallible>));
            respond(StatusCode::OK, "text/event-stream", body)
        }
        None => text(StatusCode::SERVICE_UNAVAILABLE, "as many pages are open as there may be: close one\n"),
    }
}

fn film(site: &Site) -> Response {
    let film = site.film.clone().unwrap_or_default();
    respond(StatusCode::OK, "application/x-ndjson", Body::from(film))
}

/// Gives an order to the run. Only JSON is taken, because a foreign form can't send it unasked.
async fn order(site: &Site, request: Request<Incoming>) -> Response {
    let is_json = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !is_json {
        return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "an order is application/json\n");
    }
    let Ok(body) = to_bytes(Body::new(request.into_body()), ORDER_BYTES_MAX).await else {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "an order is shorter\n");
    };
    let answer = match Order::parse(&body) {
        Ok(order) => ask(site, order).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(done) => text(StatusCode::OK, done),
        Err(why) => text(StatusCode::CONFLICT, why),
    }
}

async fn ask(site: &Site, order: Order) -> Answer {
    let orders = site.orders.as_ref().ok_or("there is nothing to control here; nothing was done")?;
    let (answer, answered) = oneshot::channel();
    orders.try_send(Ask { order, answer }).map_err(|_| "the run takes no orders now; nothing was done")?;
    match timeout(ORDER_TIMEOUT, answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err("the run has ended; nothing was done".to_owned()),
        Err(_) => Err(format!("no answer within {} s; it may still be done", ORDER_TIMEOUT.as_secs())),
    }
}

fn text(status: StatusCode, text: impl Into<String>) -> Response {
    respond(status, "text/plain; charset=utf-8", Body::from(text.into()))
}

fn respond(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
