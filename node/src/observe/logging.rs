//! Logs go to stderr, so that stdout carries data alone. They are quiet by default: faults of peers are counted,
//! and one ban in ten minutes is logged.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

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
}

/// Prints a line to stderr. A closed stderr must not stop the node, so unlike `eprintln!` this never panics.
pub fn to_stderr(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Starts logging for the whole process. Does nothing if logging has been started before.
pub fn start(filter: &str, format: LogFormat) {
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_ansi(colours)
        // A failed write would be reported on stderr, which is what failed: that panics.
        .log_internal_errors(false);
    // A second start means that a test runs several nodes in one process. The first one's settings stay.
    let _ = match format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Auto | LogFormat::Pretty => builder.try_init(),
    };
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
