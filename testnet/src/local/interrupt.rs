//! Ctrl-C and similar signals. The first ends the run in order; the second ends it at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end a run: from the keyboard, from a system, from a closed terminal.
#[derive(Debug)]
pub struct Interrupt {
    keyboard: Signal,
    system: Signal,
    terminal: Signal,
}

impl Interrupt {
    /// Catches the signals from now on.
    ///
    /// # Errors
    /// The system's error.
    pub fn catch() -> std::io::Result<Self> {
        Ok(Self {
            keyboard: signal(SignalKind::interrupt())?,
            system: signal(SignalKind::terminate())?,
            terminal: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.keyboard.recv() => {}
            _ = self.system.recv() => {}
            _ = self.terminal.recv() => {}
        }
    }
}
