//! Changes of members, one after the other, for a program that runs a node in its own process.
//!
//! All readers share one ring of [`MEMBER_EVENTS_MAX`](crate::service::MEMBER_EVENTS_MAX) changes. The node never waits
//! for a reader.

use futures::Stream;
use futures::stream::unfold;
use protocol::gossip::members::MemberEvent;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::rpc::members::MemberNews;

/// What a reader of changes is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberNotice {
    /// Something about a member has changed.
    Changed(MemberEvent),
    /// The reader was too slow, and this number of changes is missing here. It should ask for all members again:
    /// [`Node::members`](super::Node::members).
    Lost(u64),
}

/// One reader of changes of members.
#[derive(Debug)]
pub struct MemberChanges {
    news: broadcast::Receiver<MemberNews>,
    ended: watch::Receiver<bool>,
}

impl MemberChanges {
    pub(super) const fn new(news: broadcast::Receiver<MemberNews>, ended: watch::Receiver<bool>) -> Self {
        Self { news, ended }
    }

    /// The next change. `None` once the node has ended and everything was told. Nothing is lost if the future is
    /// dropped.
    pub async fn next(&mut self) -> Option<MemberNotice> {
        let told = tokio::select! {
            // What was told before the end comes before the end.
            biased;
            news = self.news.recv() => news,
            // The sender is gone with the node's task.
            _ = self.ended.wait_for(|ended| *ended) => return None,
        };
        match told {
            Ok(MemberNews { event, .. }) => Some(MemberNotice::Changed(event)),
            Err(RecvError::Lagged(changes)) => Some(MemberNotice::Lost(changes)),
            Err(RecvError::Closed) => None,
        }
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = MemberNotice> + Send {
        unfold(self, |mut changes| async move { changes.next().await.map(|notice| (notice, changes)) })
    }
}
