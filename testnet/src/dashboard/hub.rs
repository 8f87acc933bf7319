//! The state of the record that is shown, and its readers. A reader first gets everything, and then each batch. One
//! that falls behind gets everything again, so a slow reader costs no memory and misses nothing for long.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

use super::batch::Batch;
use super::model::Model;

/// Readers at a time: pages of one person.
pub const READERS_MAX: usize = 8;

/// Batches that a reader may be behind: those of 3 s.
const BEHIND_MAX: usize = 32;

/// The state and its readers.
#[derive(Debug)]
pub struct Hub {
    shown: Mutex<Shown>,
    batches: broadcast::Sender<Bytes>,
    places: Arc<Semaphore>,
}

#[derive(Debug)]
struct Shown {
    model: Model,
    now_ns: u64,
    over: bool,
}

/// A reader's place in the stream.
struct Reader {
    hub: Arc<Hub>,
    batches: Option<broadcast::Receiver<Bytes>>,
    over: bool,
    _place: OwnedSemaphorePermit,
}

impl Hub {
    /// A hub with no reader.
    #[must_use]
    pub fn new(model: Model) -> Self {
        let (batches, _) = broadcast::channel(BEHIND_MAX);
        let shown = Mutex::new(Shown { model, now_ns: 0, over: false });
        Self { shown, batches, places: Arc::new(Semaphore::new(READERS_MAX)) }
    }

    /// Changes the state, and tells all readers what has changed up to `now_ns`.
    pub fn advance(&self, now_ns: u64, over: bool, change: impl FnOnce(&mut Model)) {
        let mut shown = self.shown();
        change(&mut shown.model);
        shown.now_ns = now_ns;
        shown.over = over;
        let batch = Batch { over, ..shown.model.batch(now_ns) };
        // Without a reader there is nobody to tell.
        let _ = self.batches.send(message(&batch));
    }

    /// The readers that are there.
    #[must_use]
    pub fn readers(&self) -> usize {
        READERS_MAX.saturating_sub(self.places.available_permits())
    }

    /// The stream of a new reader, as server-sent events; `None` if there are too many.
    #[must_use]
    pub fn open(self: &Arc<Self>) -> Option<impl Stream<Item = Bytes> + use<>> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let reader = Reader { hub: Arc::clone(self), batches: None, over: false, _place: place };
        Some(stream::unfold(reader, |mut reader| async { Some((reader.next().await?, reader)) }))
    }

    fn everything(&self) -> (Bytes, broadcast::Receiver<Bytes>, bool) {
        let shown = self.shown();
        let batch = Batch { over: shown.over, ..shown.model.snapshot(shown.now_ns) };
        // Under the lock, so that no batch falls between the two.
        (message(&batch), self.batches.subscribe(), shown.over)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// The next message; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        if let Some(batches) = &mut self.batches {
            match batches.recv().await {
                Ok(message) => return Some(message),
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(_)) => {}
            }
        }
        let (message, batches, over) = self.hub.everything();
        self.batches = Some(batches);
        self.over = over;
        Some(message)
    }
}

/// A batch as a server-sent event.
fn message(batch: &Batch) -> Bytes {
    // Numbers and words always become JSON.
    let json = serde_json::to_string(batch).unwrap_or_else(|_| "{}".to_owned());
    Bytes::from(format!("data: {json}\n\n"))
}
