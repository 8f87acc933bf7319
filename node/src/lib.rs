//! Hearsay as a library: a node that carries signed transactions and blocks to every other node of a network, inside
//! another program. `docs/EMBEDDING.md` leads through it in an afternoon.
//!
//! ```
//! use node::{Event, Node, NodeError};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), NodeError> {
//!     let node = Node::builder("demo").listen(["/ip4/127.0.0.1/tcp/0"]).start().await?;
//!     let mut events = node.events();
//!     let id = node.send("hello").await?;
//!     while let Some(event) = events.next().await {
//!         if matches!(event, Event::Transaction(transaction) if transaction.id() == id) {
//!             break;
//!         }
//!     }
//!     node.stop().await
//! }
//! ```
//!
//! What is named here at the root is what the crate promises: [`Node`] and the types around it, and the crate
//! [`protocol`] with the items, the rules and the engine. The modules below are the parts of the program `node`. They are
//! public for the program, the instrument and their tests, and may change with any version.
#![deny(missing_docs)]

pub mod cli;
pub mod clock;
pub mod config;
pub mod embed;
pub mod host;
pub mod net;
pub mod observe;
pub mod rpc;
pub mod run;
pub mod service;
pub mod store;

pub use config::application::MemberEvents;
pub use config::application::items::{Event, Events};
pub use config::members::Part;
pub use config::memory::Memory;
pub use embed::Node;
pub use embed::builder::Builder;
pub use embed::changes::{MemberChanges, MemberNotice};
pub use embed::error::NodeError;
pub use protocol;
pub use rpc::command::{PeerStatus, Status};
pub use rpc::members::MemberView;
