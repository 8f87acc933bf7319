//! A run in the browser while it is under way, or a record of one: the overlay, the way of each item over it, the
//! figures as they grow, and controls.
//!
//! A [`Dashboard`] has its own thread, so that the run's thread keeps its schedule. It reads the trace files that the
//! nodes write anyway, and asks the nodes nothing. So a run with a page differs from one without by the processor
//! time of this thread, and by what the person does.
//!
//! Deliberately absent: a figure of the report. What is shown here is a look at the run; the report is computed from
//! the whole traces afterwards.

pub mod batch;
pub mod hub;
pub mod layout;
pub mod model;
pub mod orders;
mod page;
pub mod replay;
pub mod server;
pub mod tail;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use node::clock::monotonic_ns;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use self::batch::Hello;
use self::hub::Hub;
use self::model::{Model, Note};
use self::orders::{ORDERS_WAITING, Orders};
use self::server::{Site, serve};
use self::tail::{News, SHOWN_LATE, Tail};
use crate::wan::LinkPlan;

/// The time between two batches.
pub const BATCH_EVERY: Duration = Duration::from_millis(100);

/// Notes that wait. A burst of a person is one note.
const NOTES_WAITING: usize = 1_024;

/// How long the readers have for the last batch.
const LAST_BATCH: Duration = Duration::from_millis(300);

/// Says what happens in a run, to its page. Without a page, it says it to nobody.
#[derive(Clone, Debug, Default)]
pub struct Notes(Option<mpsc::Sender<(u64, Note)>>);

/// A page of a run under way.
#[derive(Debug)]
pub struct Dashboard {
    address: String,
    notes: Notes,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Notes {
    /// Something happens now.
    pub fn now(&self, note: Note) {
        if let Some(notes) = &self.0 {
            // The page shows one thing less if it is that far behind.
            let _ = notes.try_send((monotonic_ns(), note));
        }
    }
}

impl Dashboard {
    /// Serves the page of a run whose nodes write these traces, in the order of their numbers. Returns the run's end
    /// of the controls as well.
    ///
    /// # Errors
    /// If no port is free, or a thread can't be started.
    pub fn start(hello: Hello, traces: Vec<PathBuf>, links: Option<LinkPlan>) -> anyhow::Result<(Self, Orders)> {
        let zero_ns = monotonic_ns();
        let late_ms = u64::try_from(SHOWN_LATE.as_millis()).unwrap_or(u64::MAX);
        let model = Model::new(Hello { late_ms, ..hello }, zero_ns, links);
        let hub = Arc::new(Hub::new(model));
        let (orders, ordered) = mpsc::channel(ORDERS_WAITING);
        let (listener, site) = listen(Arc::clone(&hub), None, Some(orders))?;
        let address = site.address();
        let (notes, noted) = mpsc::channel(NOTES_WAITING);
        let (stop, stopped) = watch::channel(false);
        let tail = Tail::new(traces);
        let thread = std::thread::Builder::new().name("dashboard".to_owned()).spawn(move || {
            // The run itself goes on without its page.
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(show(listener, site, Shower { hub, tail, noted }, stopped));
        })?;
        Ok((Self { address, notes: Notes(Some(notes)), stop, thread: Some(thread) }, ordered))
    }

    /// The address of the page.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the run says to the page.
    #[must_use]
    pub fn notes(&self) -> Notes {
        self.notes.clone()
    }
}

impl Drop for Dashboard {
    /// Shows what the traces still have, and ends the page.
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            // If it panicked, there is nothing left to end.
            let _ = thread.join();
        }
    }
}

/// What the graph and the floor are computed from.
#[must_use]
pub const fn measured(links_are_known: bool) -> &'static str {
    if links_are_known { "the delays of the emulated links" } else { "the fastest messages so far" }
}

/// Serves a record until `stopped` becomes true.
///
/// # Errors
/// If no port is free.
pub async fn serve_film(
    film: replay::Film,
    say: impl FnOnce(&str),
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let hub = Arc::new(Hub::new(Model::new(Hello::default(), 0, None)));
    let (listener, site) = listen(hub, Some(film.into_bytes()), None)?;
    say(&site.address());
    serve(tokio::net::TcpListener::from_std(listener)?, site, stopped).await;
    Ok(())
}

fn listen(
    hub: Arc<Hub>,
    film: Option<bytes::Bytes>,
    orders: Option<mpsc::Sender<orders::Ask>>,
) -> anyhow::Result<(TcpListener, Arc<Site>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for the dashboard")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let token = server::token().context("no random address for the dashboard")?;
    Ok((listener, Arc::new(Site { hub, film, orders, token, port })))
}

/// What a run under way is shown from.
struct Shower {
    hub: Arc<Hub>,
    tail: Tail,
    noted: mpsc::Receiver<(u64, Note)>,
}

async fn show(listener: TcpListener, site: Arc<Site>, mut shower: Shower, stopped: watch::Receiver<bool>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let (end, ended) = watch::channel(false);
    let server = tokio::spawn(serve(listener, site, ended));
    let mut waiting = Vec::new();
    let mut next = Instant::now();
    while !*stopped.borrow() && stopped.has_changed().is_ok() {
        let late_ns = u64::try_from(SHOWN_LATE.as_nanos()).unwrap_or(u64::MAX);
        shower.look(monotonic_ns().saturating_sub(late_ns), &mut waiting, false);
        // After a pause the batches that were missed are not made up for.
        next = (next + BATCH_EVERY).max(Instant::now());
        sleep_until(next).await;
    }
    // The nodes have ended, so nothing comes late any more.
    while shower.look(monotonic_ns(), &mut waiting, false) > 0 {}
    shower.look(monotonic_ns(), &mut waiting, true);
    sleep(if shower.hub.readers() > 0 { LAST_BATCH } else { Duration::ZERO }).await;
    let _ = end.send(true);
    // If it panicked, nothing is served any more.
    let _ = server.await;
}

impl Shower {
    /// Shows everything up to `until_ns`. Returns the number of records.
    fn look(&mut self, until_ns: u64, waiting: &mut Vec<(u64, Note)>, over: bool) -> usize {
        while let Ok(note) = self.noted.try_recv() {
            waiting.push(note);
        }
        // Names of a person's items must be known before the items come.
        let due = waiting.iter().take_while(|(at_ns, _)| *at_ns <= until_ns || over).count();
        let news = self.tail.news(until_ns);
        let count = news.len();
        self.hub.advance(until_ns, over, |model| {
            waiting.drain(..due).for_each(|(at_ns, note)| model.note(at_ns, &note));
            for (node, news) in &news {
                match news {
                    News::Met(peer_id) => model.met(*node, peer_id),
                    News::Record(record) => model.record(*node, record),
                }
            }
        });
        count
    }
}
