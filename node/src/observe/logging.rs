//! Logs go to stderr, so that stdout carries data alone. They are quiet by default: faults of peers are counted,
//! and one ban in ten minutes is logged.

//!
//! What is logged can be changed while the node runs ([`change`]). The format can't.

mod logfmt;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, OnceLock, PoisonError};

use clap::ValueEnum;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use self::logfmt::{Logfmt, LogfmtFields};

/// Bytes of a filter that is given at run time. Those in use have some 200.
const LOG_FILTER_BYTES_MAX: usize = 4 * 1024;

/// The default filter: this node's infos and the warnings of libraries, but only errors of the transport, because
/// a peer can make it warn at will.
pub const FILTER_DEFAULT: &str = "warn,node=info,libp2p=error,multistream_select=error,yamux=error,quinn=error,\
                                  quinn_proto=error,hickory=error,netlink=error,jsonrpsee=error";

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Pretty, coloured on a terminal.
    #[default]
    Auto,
    /// Lines for people.
    Pretty,
    /// One JSON object a line.
    Json,
    /// One line of key=value pairs each.
    Logfmt,
}

impl LogFormat {
    /// Whether programs read the lines, so that each one must have this format.
    #[must_use]
    pub const fn is_for_programs(self) -> bool {
        matches!(self, Self::Json | Self::Logfmt)
    }
}

/// Changes the filter of the running process.
static CHANGE: OnceLock<Change> = OnceLock::new();

struct Change {
    filter: reload::Handle<EnvFilter, Registry>,
    /// What is logged now.
    now: Mutex<String>,
}

/// Prints a line to stderr. A closed stderr must not stop the node, so unlike `eprintln!` this never panics.
pub fn to_stderr(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Starts logging for the whole process. Does nothing if logging has been started before.
pub fn start(filter: &str, format: LogFormat) {
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (layer, handle) = reload::Layer::new(EnvFilter::new(filter));
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colours)
        // A failed write would be reported on stderr, which is what failed: that panics.
        .log_internal_errors(false);
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
        LogFormat::Logfmt => lines.with_ansi(false).event_format(Logfmt).fmt_fields(LogfmtFields).boxed(),
        LogFormat::Auto | LogFormat::Pretty => lines.boxed(),
    };
    // A second start means that a test runs several nodes in one process. The first one's settings stay.
    if tracing_subscriber::registry().with(layer).with(lines).try_init().is_ok() {
        let _ = CHANGE.set(Change { filter: handle, now: Mutex::new(filter.to_owned()) });
    }
}

/// Changes what is logged from now on, and returns the filter from before.
///
/// # Errors
/// Says which part makes no sense, or that logging was never started. Then nothing is changed.
pub fn change(text: &str) -> Result<String, String> {
    if text.len() > LOG_FILTER_BYTES_MAX {
        return Err(format!("a filter has at most {LOG_FILTER_BYTES_MAX} bytes; nothing was changed"));
    }
    let filter = parse_filter(text)?;
    let change = CHANGE.get().ok_or("this process does not log; nothing was changed")?;
    let mut now = change.now.lock().unwrap_or_else(PoisonError::into_inner);
    change.filter.reload(EnvFilter::new(&filter)).map_err(|error| format!("{error}; nothing was changed"))?;
    Ok(std::mem::replace(&mut now, filter))
}

/// Checks a filter and returns it.
///
/// # Errors
/// Says which part makes no sense.
pub fn parse_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| format!("{error}: write debug or warn,node=debug"))
}
