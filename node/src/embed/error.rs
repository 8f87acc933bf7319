//! The one error of a node that runs in another program.
//!
//! Each text says what happened, what became of it, and what to do. It names settings by the flags of the program
//! `node`. A method of [`Builder`](super::builder::Builder) has the same name as its flag.

use protocol::codec::DecodeError;
use protocol::gossip::Refusal;

use crate::config::data_dir::DataDirError;
use crate::config::identity::IdentityError;
use crate::rpc::http::HttpError;
use crate::rpc::members::MembersError;
use crate::service::ServiceError;

/// Why a node could not start, could not go on, or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A setting can't be used.
    #[error("{0}; nothing was started")]
    Setting(String),
    /// It was started outside of a tokio runtime.
    #[error(
        "there is no tokio runtime here; nothing was started: call `start` inside one whose IO and time are enabled"
    )]
    NoRuntime,
    /// The key failed.
    #[error(transparent)]
    Key(#[from] IdentityError),
    /// The data dir failed.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The RPC's listener failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The node could not start, or its store failed later.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The node's task ended without a result: it panicked, or its runtime ended.
    #[error("the node ended without a word: {0}")]
    Lost(String),
    /// It did not stop in time.
    #[error("the node did not stop within 5 s and was left: what it had not written yet is lost")]
    StopTimeout,
    /// It has stopped.
    #[error(
        "the node has stopped; an item that was sent may or may not have been taken: start it again and look it up"
    )]
    Stopped,
    /// An item was refused.
    #[error("the item was refused, and nothing of it is kept: {0}")]
    Refused(Refusal),
    /// An item could not be made.
    #[error("the item was not made, because every node would refuse it: {0}")]
    Item(DecodeError),
    /// A question or an order about members can't be carried out.
    #[error(transparent)]
    Members(#[from] MembersError),
}

impl From<Refusal> for NodeError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
