//! The signals that ask a node to stop: the first one cleanly, the second one at once.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::RunError;

/// A signal to stop.
#[derive(Clone, Copy)]
pub(super) enum Stop {
    Interrupt,
    Terminate,
    Hangup,
}

impl Stop {
    /// The operator's action.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted",
            Self::Terminate => "terminated",
            Self::Hangup => "hung up",
        }
    }

    /// 128 plus the signal's number, as in shells.
    pub(super) fn forced(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::Hangup => 129,
        })
    }
}

/// The signals that stop a node.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if the process that started us wants hangups ignored, as nohup does.
    hangup: Option<Signal>,
}

impl Signals {
    /// Catches the signals from now on.
    pub(super) fn listen() -> Result<Self, RunError> {
        let of = |kind| signal(kind).map_err(|error| RunError::System { action: "listen for signals", error });
        let hangup = if ignores_hangups() { None } else { Some(of(SignalKind::hangup())?) };
        Ok(Self { interrupt: of(SignalKind::interrupt())?, terminate: of(SignalKind::terminate())?, hangup })
    }

    /// The next signal.
    pub(super) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = self.terminate.recv() => Stop::Terminate,
            () = hung_up(&mut self.hangup) => Stop::Hangup,
        }
    }
}

/// Ends with the next hangup. Waits forever if hangups are ignored.
async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether this process was started with SIGHUP ignored. Linux tells this; on other systems the answer is no.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // Signal n is bit n - 1, and SIGHUP is signal 1.
    mask & 1 != 0
}
