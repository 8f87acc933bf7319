//! What the node tells the service manager that started it, if one did (systemd's `Type=notify`): that it is ready,
//! that it stops, and that it is alive.
//!
//! Without `NOTIFY_SOCKET` in the environment nothing is sent. With `WATCHDOG_USEC`, the node says that it is alive
//! three times in that period, but only while its loop is. So a loop that is stuck is restarted by the service
//! manager. A failure to send is logged at level `debug`, and never ends the node.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;

use crate::observe::errors::chain;
use crate::rpc::http::Health;

/// The manager is told this often in a period of its watchdog.
const BEATS_PER_PERIOD: u32 = 3;

/// The shortest time between two such messages. A period that is shorter than three of these is one that nobody
/// sets.
const BEAT_MIN: Duration = Duration::from_millis(100);

/// Tells the service manager about this node until it is dropped.
#[derive(Debug)]
pub(super) struct Notifier {
    watchdog: Option<JoinHandle<()>>,
}

impl Notifier {
    /// The node is ready. `address` is where others reach it.
    pub(super) fn ready(health: &Arc<Health>, address: Option<&str>) -> Self {
        let status = address.map_or("ready".to_owned(), |address| format!("ready at {address}"));
        tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
        let watchdog = sd_notify::watchdog_enabled().map(|period| {
            let (health, pause) = (Arc::clone(health), (period / BEATS_PER_PERIOD).max(BEAT_MIN));
            tokio::spawn(async move {
                loop {
                    if health.is_live() {
                        tell(&[NotifyState::Watchdog]);
                    }
                    tokio::time::sleep(pause).await;
                }
            })
        });
        Self { watchdog }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.abort();
        }
    }
}

/// The node begins to stop.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(error = chain(&error), "the service manager can't be told");
    }
}
