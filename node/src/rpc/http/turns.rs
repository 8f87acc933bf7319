//! The rate limit of the RPC: all callers without the cookie together get a fixed number of calls a second.
//!
//! 1. **It holds.** In any span of time, they get at most the rate times the span, plus a quarter of a second's calls
//!    (`clock/rates/shares.rs`).
//! 2. **Slowed, not refused.** A request waits for its turn before its body is read. So a client that calls in a loop
//!    calls no faster than it is served, and what it sends meanwhile waits in the system's buffers.
//! 3. **It is fair.** Each connection gets the same. One that asks seldom goes before all that ask without a pause, so
//!    it hardly waits. While there is no crowd, one connection may use everything.
//! 4. **Work is what counts.** A request costs one call. What else it turned out to cost is paid before its answer
//!    leaves: each further call of a batch, and each [`ANSWER_BYTES_A_CALL`] of the answer.
//! 5. **Refused at last.** If the turn does not come in time ([`Times::turn`](super::Times::turn)), the answer is 429,
//!    with an error of the JSON-RPC. Requests that wait are as many as connections, so at most 128 wait at a time, and
//!    as many are refused in that time. Health checks are never refused.
//!
//! *Compare:* Bitcoin Core's RPC server also lets requests wait, in one queue of a fixed length (`-rpcworkqueue`), and
//! answers 503 if the queue is full.
//!
//! Deliberately absent: limits for each method, and for each program. All clients come from one address.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use futures::future::{Either, select};
use serde_json::json;
use tracing::info;

use crate::clock::rates::{Shared, Sharer, Timing};
use crate::observe::metrics::RpcMeter;
use crate::observe::seldom::Seldom;
use crate::rpc::CODE_TOO_MANY;

/// Bytes of an answer that count as much as a call. This is an estimate: what it takes to make and send so much JSON
/// was not measured.
pub const ANSWER_BYTES_A_CALL: u64 = 16 * 1024;

/// Parts of a call. With these, a rate of 2,000 calls has a burst of 500 calls, and a connection that was silent has a
/// lead of 8 calls (`LEAD_BYTES`).
const CALL: u64 = 1_000;

/// How long a refused client should wait, in seconds.
const RETRY_S: u64 = 1;

/// What all connections share.
#[derive(Clone, Debug)]
pub struct Turns<T: Timing> {
    limit: Option<Shared<T>>,
    rate: u32,
    patience: Duration,
    timing: T,
    meter: RpcMeter,
    said: Arc<Mutex<Seldom>>,
}

/// One connection's turns.
#[derive(Debug)]
pub struct Turn<T: Timing> {
    sharer: Option<Sharer<T>>,
    turns: Turns<T>,
}

/// The turn of a request did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "clients ask for more than the {rate} calls a second that the node serves without the cookie (--rpc-calls), and the \
     turn of this request did not come in {patience_ms} ms; nothing was done: ask again in {RETRY_S} s, and more slowly"
)]
pub struct Late {
    rate: u32,
    patience_ms: u64,
}

impl<T: Timing> Turns<T> {
    /// Turns for so many calls a second; `None` for no limit. A request waits for at most `patience`.
    #[must_use]
    pub fn new(rate: Option<u32>, patience: Duration, meter: RpcMeter, timing: T) -> Self {
        let limit = rate.map(|rate| Shared::new(u64::from(rate).saturating_mul(CALL), timing.clone()));
        Self { limit, rate: rate.unwrap_or(0), patience, timing, meter, said: Arc::default() }
    }

    /// The turns of a new connection.
    #[must_use]
    pub fn join(&self) -> Turn<T> {
        Turn { sharer: self.limit.as_ref().map(Shared::join), turns: self.clone() }
    }

    /// The same rate for the acceptance of connections, which is counted apart.
    #[must_use]
    pub fn door(&self) -> Turn<T> {
        let rate = u64::from(self.rate).saturating_mul(CALL);
        let limit = self.limit.as_ref().map(|_| Shared::new(rate, self.timing.clone()));
        Self { limit, ..self.clone() }.join()
    }

    fn slowed(&self) {
        self.meter.slowed.inc();
        let may_say = self.said.lock().unwrap_or_else(PoisonError::into_inner).may_say(self.timing.now());
        if may_say {
            info!(calls = self.rate, "clients of the RPC ask faster than --rpc-calls allows, and are slowed down");
        }
    }
}

impl<T: Timing> Turn<T> {
    /// Waits for the turn of a request.
    ///
    /// # Errors
    /// If it does not come in time. Then the request has cost nothing.
    pub async fn begin(&self) -> Result<(), Late> {
        let Some(sharer) = &self.sharer else { return Ok(()) };
        let mut turn = Box::pin(sharer.take(CALL));
        if futures::poll!(&mut turn).is_ready() {
            return Ok(());
        }
        let turns = &self.turns;
        turns.slowed();
        let over = turns.timing.until(turns.timing.now() + protocol::time::Duration::from(turns.patience));
        match select(turn, over).await {
            Either::Left(_) => Ok(()),
            Either::Right(_) => {
                turns.meter.refused.inc();
                let patience_ms = u64::try_from(turns.patience.as_millis()).unwrap_or(u64::MAX);
                Err(Late { rate: turns.rate, patience_ms })
            }
        }
    }

    /// Pays for the rest: further calls, and the bytes of the answer.
    pub async fn end(&self, calls: u64, answer_bytes: u64) {
        let bytes = answer_bytes.saturating_mul(CALL) / ANSWER_BYTES_A_CALL;
        if let Some(sharer) = &self.sharer {
            sharer.take(calls.saturating_mul(CALL).saturating_add(bytes)).await;
        }
    }

    /// Waits until one more connection may be accepted.
    pub async fn open(&self) {
        if let Some(sharer) = &self.sharer {
            sharer.take(CALL).await;
        }
    }
}

impl Late {
    /// The answer to a request with this id.
    pub(super) fn to_json(self, id: &str) -> String {
        let data = json!({ "retry_after_s": RETRY_S });
        let error = json!({ "code": CODE_TOO_MANY, "message": self.to_string(), "data": data });
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
    }
}

impl IntoResponse for Late {
    fn into_response(self) -> Response {
        let headers = [(CONTENT_TYPE, "application/json".to_owned()), (RETRY_AFTER, RETRY_S.to_string())];
        // The body was not read, and the id is in it.
        (StatusCode::TOO_MANY_REQUESTS, headers, self.to_json("null")).into_response()
    }
}
