//! JSON-RPC over a WebSocket, at `GET /`: the same methods as `POST /`, and subscriptions.
//!
//! * **One request at a time.** The next message is read when the answer to the last has left. So a client that sends and
//!   does not read costs one request and one answer, as over HTTP. (The JSON-RPC library's own server begins a task for each
//!   message, and has no bound.) A message is passed to the library as if it were the body of a request. So the same checks,
//!   batches and limits hold.
//! * **Turns.** Each message waits for its turn, as over HTTP (`turns.rs`). Events do not.
//! * **Events** come between answers: the topics and their queues are in `feeds.rs`. A client that does not take a message
//!   within [`Times::answer`] is disconnected.
//! * **Places.** A socket keeps its connection's place. It counts as a stream (`events.rs`): there are
//!   [`WATCHERS_MAX`](super::WATCHERS_MAX) of both together. A socket has at most [`SUBSCRIPTIONS_MAX`] subscriptions.
//! * **The end.** A client that answers no ping ends, and one that neither asks nor subscribes for [`IDLE_MAX`].
//! * **Who may connect** is checked before the upgrade, by the same guard (`guard.rs`): Host, Origin, cookie. A browser sends
//!   its page's Origin with every WebSocket, and can't send the cookie.
//!
//! Deliberately absent: binary messages, compression, and subprotocols.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts as _, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use axum::response::{IntoResponse as _, Response};
use futures::{Stream, StreamExt as _};
use jsonrpsee::types::error::{INVALID_PARAMS_CODE, INVALID_REQUEST_CODE};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::guard::OPEN_REQUEST_BYTES_MAX;
use super::place::Place;
use crate::observe::metrics::RpcMeter;
use crate::rpc::access::{Batched, Caller, Large};
use crate::rpc::feeds::{Feeds, Told, Topic};
use crate::rpc::{CODE_REFUSED, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, SUBSCRIBE, UNSUBSCRIBE};

/// Subscriptions of one socket: three of each topic.
pub const SUBSCRIPTIONS_MAX: usize = 15;

/// The time from one ping to the next.
pub const PING_EVERY: Duration = Duration::from_secs(20);

/// A client from which nothing came for this long is gone: it answered three pings not.
const PONG_WAIT: Duration = PING_EVERY.saturating_mul(3);

/// A client that has no subscription and asks nothing for this long is disconnected.
pub const IDLE_MAX: Duration = Duration::from_secs(300);

/// The library's buffers of a socket, for reading and for writing. A larger message makes the first one grow for as long as
/// the message is read.
const WEBSOCKET_BUFFER_BYTES: usize = 16 * 1024;

/// The method of the messages that carry events.
pub const EVENT: &str = "events_event";

/// A call of the JSON-RPC, as the tower service of the listener.
pub(super) type Call = Arc<dyn Fn(Request) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync>;

/// Opens sockets.
#[derive(Clone)]
pub(super) struct Sockets {
    pub(super) call: Call,
    pub(super) feeds: Feeds,
    pub(super) meter: RpcMeter,
    pub(super) places: Arc<Semaphore>,
    /// How long a client may take to take a message.
    pub(super) patience: Duration,
}

impl Sockets {
    /// Answers the request for an upgrade. The socket's own task begins when the answer has left.
    pub(super) async fn open(self, request: Request) -> Response {
        let (mut head, _) = request.into_parts();
        let (Some(place), Some(caller)) =
            (head.extensions.get::<Arc<Place>>().cloned(), head.extensions.get::<Caller>().copied())
        else {
            return (StatusCode::SERVICE_UNAVAILABLE, "a socket needs a place\n").into_response();
        };
        let host = head.headers.get(HOST).cloned();
        let upgrade = match WebSocketUpgrade::from_request_parts(&mut head, &()).await {
            Ok(upgrade) => upgrade,
            Err(_) => {
                let text = "ask with POST, or open a WebSocket here: this request is neither\n";
                return (StatusCode::METHOD_NOT_ALLOWED, text).into_response();
            }
        };
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            let text = "as many streams and WebSockets are open as there may be: close one, and ask again\n";
            return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "10")], text).into_response();
        };
        let most = match caller {
            Caller::Anyone => OPEN_REQUEST_BYTES_MAX,
            Caller::Owner => REQUEST_BYTES_MAX,
        };
        let (ended, end) = oneshot::channel();
        place.switching(end);
        let upgrade = upgrade
            .max_message_size(most)
            .max_frame_size(most)
            .read_buffer_size(WEBSOCKET_BUFFER_BYTES)
            .write_buffer_size(WEBSOCKET_BUFFER_BYTES)
            // One message and one ping at a time wait to be written.
            .max_write_buffer_size(RESPONSE_BYTES_MAX + 4 * WEBSOCKET_BUFFER_BYTES);
        upgrade.on_upgrade(move |socket| async move {
            let meter = self.meter.clone();
            meter.websockets.inc();
            let session =
                Session { sockets: self, caller, host, subscriptions: Vec::new(), next_id: 1, _permit: permit };
            let subscribed = session.run(socket, &place).await;
            meter.subscriptions.dec_by(i64::try_from(subscribed).unwrap_or(0));
            meter.websockets.dec();
            // The connection's task waits for this, and gives up the place.
            let _ = ended.send(());
        })
    }
}

/// One client.
struct Session {
    sockets: Sockets,
    caller: Caller,
    host: Option<axum::http::HeaderValue>,
    subscriptions: Vec<Subscription>,
    next_id: u64,
    _permit: OwnedSemaphorePermit,
}

struct Subscription {
    id: u64,
    events: Pin<Box<dyn Stream<Item = Told> + Send>>,
}

/// What happens next.
enum Next {
    Heard(Option<Message>),
    Event(u64, Option<Told>),
    Ping,
    Over,
}

/// The part of a request that is looked at here.
#[derive(Deserialize)]
struct Asked<'a> {
    method: String,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    params: Value,
}

impl Session {
    /// Serves the socket until one side ends. Returns the number of subscriptions that it had then.
    async fn run(mut self, mut socket: WebSocket, place: &Place) -> usize {
        let mut heard = Instant::now();
        let mut asked = heard;
        let mut ping = heard + PING_EVERY;
        loop {
            let next = tokio::select! {
                () = place.over() => Next::Over,
                message = socket.recv() => Next::Heard(message.and_then(Result::ok)),
                (id, told) = next_event(&mut self.subscriptions) => Next::Event(id, told),
                () = sleep_until(ping) => Next::Ping,
            };
            let going = match next {
                Next::Over => self.end(&mut socket, close_code::AWAY, "the node ends").await,
                Next::Heard(None | Some(Message::Close(_))) => false,
                Next::Heard(Some(Message::Binary(_))) => {
                    self.end(&mut socket, close_code::UNSUPPORTED, "requests are text").await
                }
                Next::Heard(Some(Message::Text(text))) => {
                    let going = self.on_text(&mut socket, place, text).await;
                    (heard, asked) = (Instant::now(), Instant::now());
                    going
                }
                Next::Heard(Some(Message::Ping(_) | Message::Pong(_))) => {
                    heard = Instant::now();
                    true
                }
                Next::Event(id, told) => self.on_event(&mut socket, id, told).await,
                Next::Ping => {
                    ping = Instant::now() + PING_EVERY;
                    let idle = self.subscriptions.is_empty() && asked.elapsed() >= IDLE_MAX;
                    if heard.elapsed() >= PONG_WAIT || idle {
                        self.end(&mut socket, close_code::NORMAL, "nothing was asked for a long time").await
                    } else {
                        self.send(&mut socket, Message::Ping(Bytes::new())).await
                    }
                }
            };
            if !going {
                return self.subscriptions.len();
            }
        }
    }

    /// A request. False if the client is gone.
    async fn on_text(&mut self, socket: &mut WebSocket, place: &Place, text: Utf8Bytes) -> bool {
        let turn = Some(place.turn()).filter(|_| self.caller == Caller::Anyone);
        if let Some(turn) = turn
            && let Err(late) = turn.begin().await
        {
            let id = serde_json::from_str::<Asked<'_>>(&text).ok().and_then(|asked| asked.id);
            let answer = late.to_json(id.map_or("null", RawValue::get));
            return self.send(socket, Message::Text(answer.into())).await;
        }
        if let Ok(asked) = serde_json::from_str::<Asked<'_>>(&text)
            && let Some(answer) = self.subscribe(&asked)
        {
            return self.send(socket, Message::Text(answer.into())).await;
        }
        let batched = Batched::default();
        let answer = self.call(text, &batched).await;
        if let Some(turn) = turn {
            turn.end(batched.calls(), answer.as_ref().map_or(0, |(text, _)| text.len() as u64)).await;
        }
        let Some((answer, _large)) = answer else { return true };
        self.send(socket, Message::Text(answer)).await
    }

    /// The answer to a request about subscriptions; `None` if the request is about something else.
    fn subscribe(&mut self, asked: &Asked<'_>) -> Option<String> {
        let param = || match &asked.params {
            Value::Array(list) => list.first(),
            Value::Object(fields) => fields.values().next(),
            _ => None,
        };
        let result = match asked.method.as_str() {
            SUBSCRIBE => self.add(param().and_then(Value::as_str).unwrap_or_default()),
            UNSUBSCRIBE => match param().and_then(Value::as_u64) {
                Some(id) => Ok(json!(self.remove(id))),
                None => Err((INVALID_PARAMS_CODE, "the number of a subscription is wanted".to_owned())),
            },
            _ => return None,
        };
        let id = asked.id.map_or_else(|| "null".to_owned(), |id| id.get().to_owned());
        Some(match result {
            Ok(value) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{value}}}"#),
            Err((code, message)) => {
                let error = json!({ "code": code, "message": message });
                format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
            }
        })
    }

    fn add(&mut self, topic: &str) -> Result<Value, (i32, String)> {
        let topic: Topic = topic.parse().map_err(|error| (INVALID_PARAMS_CODE, format!("{error}")))?;
        if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            let text = format!("a WebSocket has at most {SUBSCRIPTIONS_MAX} subscriptions: end one first");
            return Err((CODE_REFUSED, text));
        }
        let id = self.next_id;
        self.next_id += 1;
        let events = self.sockets.feeds.subscribe(topic).events();
        self.subscriptions.push(Subscription { id, events: Box::pin(events) });
        self.sockets.meter.subscriptions.inc();
        Ok(json!(id))
    }

    /// Ends a subscription. False if there is none.
    fn remove(&mut self, id: u64) -> bool {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|subscription| subscription.id != id);
        let removed = self.subscriptions.len() < before;
        if removed {
            self.sockets.meter.subscriptions.dec();
        }
        removed
    }

    /// Asks the JSON-RPC; `None` if there is no answer, as for a notification.
    async fn call(&mut self, text: Utf8Bytes, batched: &Batched) -> Option<(Utf8Bytes, Option<Large>)> {
        let mut request = Request::post("/").header(CONTENT_TYPE, "application/json");
        if let Some(host) = &self.host {
            request = request.header(HOST, host);
        }
        let request =
            request.extension(self.caller).extension(batched.clone()).body(Body::from(Bytes::from(text))).ok()?;
        let mut response = (self.sockets.call)(request).await;
        let large = response.extensions_mut().remove::<Large>();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.ok()?;
        if status.is_success() {
            let text = Utf8Bytes::try_from(body).ok()?;
            return (!text.is_empty()).then_some((text, large));
        }
        let text = String::from_utf8_lossy(&body);
        let error = json!({ "code": INVALID_REQUEST_CODE, "message": text.trim() });
        Some((json!({ "jsonrpc": "2.0", "id": null, "error": error }).to_string().into(), None))
    }

    async fn on_event(&mut self, socket: &mut WebSocket, id: u64, told: Option<Told>) -> bool {
        let Some(told) = told else {
            // The node ends.
            self.remove(id);
            return true;
        };
        if let Told::Lost(events) = told {
            self.sockets.meter.lost.inc_by(events);
        }
        let event = told.into_json();
        let text =
            format!(r#"{{"jsonrpc":"2.0","method":"{EVENT}","params":{{"subscription":{id},"result":{event}}}}}"#);
        self.send(socket, Message::Text(text.into())).await
    }

    /// Sends a message. False if the client does not take it in time, or is gone.
    async fn send(&mut self, socket: &mut WebSocket, message: Message) -> bool {
        matches!(timeout(self.sockets.patience, socket.send(message)).await, Ok(Ok(())))
    }

    /// Tells the client why it is disconnected. Always false.
    async fn end(&mut self, socket: &mut WebSocket, code: u16, reason: &'static str) -> bool {
        self.send(socket, Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
        false
    }
}

/// The next event of any subscription, and which. They take turns. Waits forever if there are none.
async fn next_event(subscriptions: &mut [Subscription]) -> (u64, Option<Told>) {
    let next = |cx: &mut Context<'_>| {
        for place in 0..subscriptions.len() {
            let Some(subscription) = subscriptions.get_mut(place) else { break };
            if let Poll::Ready(told) = subscription.events.poll_next_unpin(cx) {
                let id = subscription.id;
                // The ones behind it are looked at first the next time.
                subscriptions.rotate_left(place + 1);
                return Poll::Ready((id, told));
            }
        }
        Poll::Pending
    };
    poll_fn(next).await
}
