//! The emulated links of one process: the file that describes them, the place in the node where they are
//! installed, and the message that comes during the run when a partition begins and ends.

mod incoming;
pub mod link;
mod outgoing;
pub mod pace;
mod piece;
mod site;

use std::fmt;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use node::config::links::{Links, Stream, TcpStream};

pub use self::incoming::HELD_BYTES_MAX;
pub use self::outgoing::{LINK_PIECE_BYTES, SEND_BUFFER_BYTES};
pub use self::site::{LinkPlan, Outage, Site, SlowLink};

use self::link::Link;
use self::pace::Machine;

/// The links of one node.
#[derive(Debug)]
pub struct EmulatedLinks(Arc<Site>);

/// Why there are no emulated links.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// The file can't be read or written.
    #[error("cannot use the links' description {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's message.
        error: io::Error,
    },
    /// It doesn't describe links.
    #[error("{} describes no links: {error}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// It describes fewer nodes.
    #[error("{} has no node {number}", path.display())]
    Number {
        /// The file.
        path: PathBuf,
        /// The number of the node.
        number: usize,
    },
}

impl LinkPlan {
    /// Writes the description of a run's links, for its workers.
    ///
    /// # Errors
    /// Names the file.
    pub fn write(&self, path: &Path) -> Result<(), LinksError> {
        let json = serde_json::to_vec(self).map_err(|error| LinksError::Json { path: path.to_owned(), error })?;
        std::fs::write(path, json).map_err(|error| LinksError::Io { path: path.to_owned(), error })
    }
}

impl EmulatedLinks {
    /// The links of the node with this number, as described in a file.
    ///
    /// # Errors
    /// Names the file, and says what is wrong with it.
    pub fn read(path: &Path, number: usize) -> Result<Self, LinksError> {
        let json = std::fs::read(path).map_err(|error| LinksError::Io { path: path.to_owned(), error })?;
        let plan: LinkPlan =
            serde_json::from_slice(&json).map_err(|error| LinksError::Json { path: path.to_owned(), error })?;
        let site = Site::new(plan, number).ok_or_else(|| LinksError::Number { path: path.to_owned(), number })?;
        Ok(Self(Arc::new(site)))
    }

    /// Waits on its own thread for lines that say when the halves are separated. Without halves, it waits for
    /// nothing. All workers of a run get the same lines, so that they start and end the partition together.
    pub fn listen(&self, input: impl BufRead + Send + 'static) {
        if self.0.has_halves() {
            let site = Arc::clone(&self.0);
            std::thread::spawn(move || {
                // If nothing comes, the process that started this one is gone. Then nothing is cut.
                let outages = input.lines().map_while(Result::ok).filter_map(|line| line.parse().ok());
                outages.for_each(|outage| site.set_outage(outage));
            });
        }
    }
}

/// The line that the launcher writes to its workers: `partition FROM TO`.
impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {} {}", self.from_ns, self.to_ns)
    }
}

impl FromStr for Outage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let instants = text.strip_prefix("partition ").and_then(|rest| rest.split_once(' '));
        match instants.map(|(from, to)| (from.parse(), to.parse())) {
            Some((Ok(from_ns), Ok(to_ns))) => Ok(Self { from_ns, to_ns }),
            _ => Err(format!("{text:?} is no outage: partition FROM TO is wanted, in nanoseconds")),
        }
    }
}

impl Links for EmulatedLinks {
    fn wrap(&self, socket: TcpStream) -> Box<dyn Stream> {
        Box::new(Link::new(socket, Arc::clone(&self.0), Machine))
    }
}
