//! Which caller may call which method, and how many large answers there are at a time.
//!
//! Deliberately absent: how a caller proves that it is the owner (`http/guard.rs`).

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::Either;
use jsonrpsee::core::middleware::{Batch, BatchEntry, BatchEntryErr, Notification};
use jsonrpsee::server::middleware::rpc::RpcServiceT;
use jsonrpsee::types::{ErrorObjectOwned, Request};
use jsonrpsee::{Extensions, MethodResponse};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::CODE_NOT_ALLOWED;
use crate::observe::metrics::RpcMeter;

/// The methods that need no cookie. They ask, or send a transaction, which the engine itself limits. All
/// others need the cookie.
pub const OPEN_METHODS: [&str; 17] = [
    "admin_nodeInfo",
    "admin_peers",
    "evidence_list",
    "tx_send",
    "tx_get",
    "block_get",
    "block_list",
    "pool_content",
    "trace_get",
    "trace_list",
    "bans_list",
    "members_list",
    "members_get",
    "members_aggregate",
    "events_subscribe",
    "events_unsubscribe",
    "rpc.discover",
];

/// The number of large answers at a time. Each counts from when it is made until the client has it. A block of
/// 4 MiB takes 8 MiB in hexadecimal, and 10.5 MiB in JSON with the ids of its transactions
/// ([`RESPONSE_BYTES_MAX`](super::RESPONSE_BYTES_MAX)). While the JSON is made, 39,568 ids take another 3.3 MiB.
/// With the block itself that is 26 MiB, so all four take 104 MiB.
pub const LARGE_ANSWERS_MAX: usize = 4;

/// The sender of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A client on this machine.
    Anyone,
    /// A client that can read the data dir.
    Owner,
}

/// How many calls of a batch came after its first one. It travels among a request's extensions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batched(Arc<AtomicU64>);

impl Batched {
    /// The number of calls after the first one; 0 if the request is no batch.
    pub(crate) fn calls(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The permit of an answer that may be large. It travels among a response's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Large(
    #[expect(dead_code, reason = "dropping it is what it is for")] pub(crate) Arc<OwnedSemaphorePermit>,
);

/// Lets the owner call every method, and every other client those of [`OPEN_METHODS`].
#[derive(Clone, Debug)]
pub(crate) struct Access<S> {
    inner: S,
    names: Names,
    large: Arc<Semaphore>,
    meter: RpcMeter,
}

/// The names of all methods.
pub(crate) type Names = Arc<[&'static str]>;

impl<S> Access<S> {
    pub(crate) const fn new(inner: S, names: Names, large: Arc<Semaphore>, meter: RpcMeter) -> Self {
        Self { inner, names, large, meter }
    }

    /// Counts a call, and says why it is refused; `None` if it isn't refused.
    fn refusal(&self, method: &str, extensions: &Extensions) -> Option<ErrorObjectOwned> {
        if let Some(name) = self.names.iter().find(|name| **name == method) {
            self.meter.called(name);
        }
        let allowed = OPEN_METHODS.contains(&method) || extensions.get::<Caller>() == Some(&Caller::Owner);
        // If a method does not exist, jsonrpsee says so.
        if allowed || !self.names.contains(&method) {
            return None;
        }
        let text = format!(
            "{method} changes the node, so it needs the cookie; nothing was done: send the content of the file `cookie` in \
             the node's data dir as 'Authorization: Bearer …'"
        );
        Some(ErrorObjectOwned::owned(CODE_NOT_ALLOWED, text, None::<()>))
    }
}

impl<S> RpcServiceT for Access<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse, BatchResponse = MethodResponse>
        + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = S::NotificationResponse;
    type BatchResponse = S::BatchResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = Self::MethodResponse> + Send + 'a {
        match self.refusal(request.method_name(), request.extensions()) {
            Some(refusal) => Either::Left(ready(MethodResponse::error(request.id, refusal))),
            None => {
                let (inner, large) = (self.inner.clone(), Arc::clone(&self.large));
                Either::Right(async move {
                    let permit = permit(&large, is_large(request.method_name())).await;
                    held(inner.call(request).await, permit)
                })
            }
        }
    }

    fn batch<'a>(&self, requests: Batch<'a>) -> impl Future<Output = Self::BatchResponse> + Send + 'a {
        let mut any_large = false;
        if let Some(batched) = requests.iter().flatten().find_map(|entry| entry.extensions().get::<Batched>()) {
            batched.0.fetch_add(requests.len().saturating_sub(1) as u64, Ordering::Relaxed);
        }
        let checked = requests.into_iter().map(|entry| match entry {
            Ok(BatchEntry::Call(request)) => match self.refusal(request.method_name(), request.extensions()) {
                Some(refusal) => Err(BatchEntryErr::new(request.id, refusal)),
                None => {
                    any_large |= is_large(request.method_name());
                    Ok(BatchEntry::Call(request))
                }
            },
            other => other,
        });
        let checked = Batch::from(checked.collect());
        let (inner, large) = (self.inner.clone(), Arc::clone(&self.large));
        async move {
            let permit = permit(&large, any_large).await;
            held(inner.batch(checked).await, permit)
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        // A notification gets no answer, and jsonrpsee calls no method for it.
        self.inner.notification(notification)
    }
}

/// Whether the answer may be megabytes long.
fn is_large(method: &str) -> bool {
    method == "block_get"
}

/// Waits for the turn of a large answer. Other answers go at once.
async fn permit(large: &Arc<Semaphore>, wanted: bool) -> Option<Large> {
    if !wanted {
        return None;
    }
    // The semaphore is never closed.
    Arc::clone(large).acquire_owned().await.ok().map(|permit| Large(Arc::new(permit)))
}

/// The answer keeps the permit until the client has it.
fn held(answer: MethodResponse, permit: Option<Large>) -> MethodResponse {
    let Some(permit) = permit else { return answer };
    let mut extensions = answer.extensions().clone();
    extensions.insert(permit);
    answer.with_extensions(extensions)
}
