//! The progress of a run, on standard error: a moving line on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows the phases of a run.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

/// How often the moving line moves.
const REDRAW_EVERY: Duration = Duration::from_millis(200);

impl Progress {
    /// On standard error.
    #[must_use]
    pub fn stderr() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(1);
            if let Ok(style) = ProgressStyle::with_template("{spinner} [{bar:24}] {wide_msg} {elapsed}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.enable_steady_tick(REDRAW_EVERY);
            bar
        });
        Self { bar }
    }

    /// Whether there is a moving line.
    #[must_use]
    pub const fn moves(&self) -> bool {
        self.bar.is_some()
    }

    /// Shows a line that stays on the screen.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| to_stderr(text)),
            None => to_stderr(text),
        }
    }

    /// Shows how much of the present phase is done. It moves the bar on a terminal.
    pub fn done(&self, part: u64, whole: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(whole);
            bar.set_position(part.min(whole));
        }
    }

    /// Shows the present action, on a terminal only.
    pub fn now(&self, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        }
    }
}

/// Writes a line to standard error. If nobody reads it, the run continues.
pub fn to_stderr(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
