//! The checks that a request must pass first: its turn has come (`turns.rs`), it is for a loopback host, it does not
//! come from another site's page, it has the right cookie or none, and it is whole.
//!
//! A browser resolves an attacker's name to 127.0.0.1 like any other name (DNS rebinding), and sends requests of
//! any page to any address. `Host` shows the first, `Origin` the second. A browser sends no `Origin` if a page only
//! embeds something, such as a picture or a frame. Then `Sec-Fetch-Site` shows it. Without this, any page could keep the
//! places of streams.
//!
//! No answer names a site that may read it (CORS), and every answer says that it is of the type that it names.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

use super::accept::READ_BYTES_MAX;
use super::health::HEALTH_PATHS;
use super::place::Place;
use crate::config::cookie::Cookie;
use crate::rpc::REQUEST_BYTES_MAX;
use crate::rpc::access::{Batched, Caller};

/// Bytes of a request without the cookie: some transactions of 64 KiB in hexadecimal, or a full batch of small
/// ones. If every connection has one such body, they hold 128 MiB together, and three times that while all are
/// decoded at the same time.
pub const OPEN_REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// What every answer says to a browser: it is of the type that it names, and no page of another site may embed it.
const SAID_ALWAYS: [(HeaderName, &str); 2] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Lets a request through, or answers it.
pub(super) async fn check(State(cookie): State<Option<Cookie>>, request: Request, next: Next) -> Response {
    let mut response = checked(cookie, request, next).await;
    response.headers_mut().extend(SAID_ALWAYS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

async fn checked(cookie: Option<Cookie>, request: Request, next: Next) -> Response {
    let health = HEALTH_PATHS.contains(&request.uri().path());
    let admitted = if is_of_another_site(&request) {
        Err((StatusCode::FORBIDDEN, OTHER_SITE.to_owned()))
    } else {
        admit(request.headers(), health, cookie.as_ref())
    };
    let place = request.extensions().get::<Arc<Place>>().cloned();
    // Refusing costs something as well. The owner could stop the node, and need not flood it.
    let shares = place.as_ref().filter(|_| !matches!(admitted, Ok(Caller::Owner)));
    if let Some(place) = shares
        && let Err(late) = place.turn().begin().await
        && !health
    {
        place.reading();
        // A small body is read all the same. If the connection closes with bytes unread, the answer is lost.
        let _ = whole(request.into_body(), READ_BYTES_MAX).await;
        return late.into_response();
    }
    if let Some(place) = &place {
        place.reading();
    }
    let caller = match admitted {
        Ok(caller) => caller,
        Err(refused) => return refused.into_response(),
    };
    let most = match caller {
        Caller::Anyone => OPEN_REQUEST_BYTES_MAX,
        Caller::Owner => REQUEST_BYTES_MAX,
    };
    let (mut head, body) = request.into_parts();
    let Some(body) = whole(body, most).await else { return too_large(caller, most).into_response() };
    // The place has the time limit for reading, and ends the connection.
    if let Some(place) = &place {
        place.serving();
    }
    head.extensions.insert(caller);
    // The header is no longer needed, and must not appear in a log.
    head.headers.remove(AUTHORIZATION);
    let batched = Batched::default();
    head.extensions.insert(batched.clone());
    let response = next.run(Request::from_parts(head, Body::from(body))).await;
    if let Some(place) = place.filter(|_| caller == Caller::Anyone) {
        let bytes = response.body().size_hint().exact().unwrap_or(0);
        place.turn().end(batched.calls(), bytes).await;
    }
    response
}

/// The bytes of a body; `None` if it doesn't arrive whole, or has more than `most`. They are put together in one
/// piece: many small ones, as they came, would take thirty times their bytes.
async fn whole(body: Body, most: usize) -> Option<Bytes> {
    if body.size_hint().lower() > most as u64 {
        return None;
    }
    let (mut pieces, mut bytes) = (body.into_data_stream(), BytesMut::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece.ok()?;
        if bytes.len() + piece.len() > most {
            return None;
        }
        bytes.extend_from_slice(&piece);
    }
    Some(bytes.freeze())
}

type Refused = (StatusCode, String);

const OTHER_SITE: &str = "pages of other sites may not ask this node; nothing was done\n";

/// Whether a browser says that a page of another site, or of another port of this machine, makes the request. Such a page
/// may have a link to the node's own page, and no more.
fn is_of_another_site(request: &Request) -> bool {
    let says = |name: &str, value: &str| request.headers().get(name).is_some_and(|said| said == value);
    let elsewhere = says("sec-fetch-site", "cross-site") || says("sec-fetch-site", "same-site");
    let is_link = request.method() == Method::GET
        && request.uri().path() == "/"
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document");
    elsewhere && !is_link
}

fn admit(headers: &HeaderMap, health: bool, cookie: Option<&Cookie>) -> Result<Caller, Refused> {
    let refused = |status, text: &str| Err((status, format!("{text}\n")));
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    // Plain health checks send no `Host`; browsers always do.
    let host = text(HOST).or(health.then_some("localhost"));
    let Some(host) = host.filter(|host| is_loopback(host)) else {
        return refused(
            StatusCode::FORBIDDEN,
            "the Host header names no loopback host; nothing was done: ask for 127.0.0.1 or localhost",
        );
    };
    if text(ORIGIN).is_some_and(|origin| !origin.eq_ignore_ascii_case(&format!("http://{host}"))) {
        return Err((StatusCode::FORBIDDEN, OTHER_SITE.to_owned()));
    }
    match (text(AUTHORIZATION), cookie) {
        (None, _) => Ok(Caller::Anyone),
        (Some(sent), Some(cookie)) if cookie.is_in(sent) => Ok(Caller::Owner),
        (Some(_), Some(_)) => refused(
            StatusCode::UNAUTHORIZED,
            "this is not the cookie of this run; nothing was done: send the content of the file `cookie` in the data \
             dir as 'Authorization: Bearer …', or send none",
        ),
        (Some(_), None) => refused(
            StatusCode::UNAUTHORIZED,
            "this node has no data dir and so no cookie; nothing was done: send no Authorization header",
        ),
    }
}

fn too_large(caller: Caller, most: usize) -> Refused {
    let more = if caller == Caller::Anyone { ", and more only with the cookie" } else { "" };
    let text = format!("the body did not come whole, or has over {most} bytes{more}; nothing was done\n");
    (StatusCode::PAYLOAD_TOO_LARGE, text)
}

/// Whether a `Host` header, with or without a port, names this machine by a name or address that
/// can't mean anything else.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
