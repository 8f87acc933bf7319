//! Emulated links for one process: the file that says what they are like, and the place in the node where they go.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use node::transport::{Links, Stream, TcpStream};

use super::link::Link;
use super::pace::Machine;
use super::site::{LinkPlan, Site};

/// The links of one node.
#[derive(Debug)]
pub struct EmulatedLinks(Arc<Site>);

/// Why there are no emulated links.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// The file can't be read or written.
    #[error("cannot use the links' description {}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It doesn't describe links.
    #[error("{} describes no links: {error}", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// It has fewer nodes.
    #[error("{} has no node {number}", path.display())]
    Number {
        /// Which file.
        path: PathBuf,
        /// Which node.
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
    /// The links of the node with this number, as a file describes them.
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
}

impl Links for EmulatedLinks {
    fn wrap(&self, socket: TcpStream) -> Box<dyn Stream> {
        Box::new(Link::new(socket, Arc::clone(&self.0), Machine))
    }
}
