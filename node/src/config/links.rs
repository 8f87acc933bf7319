//! The seam where an instrument emulates links, below everything that a node does with a TCP connection.

use std::fmt;

use futures::{AsyncRead, AsyncWrite};
pub use libp2p::tcp::tokio::TcpStream;

/// A stream of bytes that can lie under a connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The layer between a node's TCP connections and their sockets: the seam where an instrument emulates links.
pub trait Links: fmt::Debug + Send + Sync {
    /// Wraps the socket of a connection that was just opened, by either side, before a byte has passed. Bytes that
    /// are read and written on the wrapper are counted. Bytes that the wrapper itself adds on the socket are not.
    /// Called inside the runtime.
    fn wrap(&self, socket: TcpStream) -> Box<dyn Stream>;
}
