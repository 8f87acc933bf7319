//! Hearsay as a library: a node that carries signed transactions and blocks to every other node of a network, inside
//! another program. The file `docs/EMBEDDING.md` of the repository leads through it in an afternoon, and two examples
//! run as they are: `cargo run -p hearsay-node --example coins`, a chain with accounts, and `--example chat`, payloads
//! with an encoding of their own.
//!
//! The package is `hearsay-node`, and the crate is `node`, unless the program calls it otherwise:
//!
//! ```toml
//! [dependencies]
//! hearsay = { package = "hearsay-node", path = "../hearsay/node" }
//! tokio = { version = "1", features = ["macros", "rt"] }
//! ```
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
//! The crate promises to keep only what its root exports: [`Node`] and the types around it, the crate [`protocol`] with
//! the items, the rules and the engine, and the crate [`bytes`], whose `Bytes` hold payloads and encodings. Some of
//! these types are documented in a module below, and are promised all the same. The modules themselves are the parts of
//! the program `node`. They are public for the program, the instrument and their tests, and may change with any
//! version.
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

pub use bytes;
pub use config::application::MemberEvents;
pub use config::application::items::{Event, Events};
pub use config::members::Part;
pub use config::memory::Memory;
pub use embed::Node;
pub use embed::builder::Builder;
pub use embed::changes::{MemberChanges, MemberNotice};
pub use embed::error::NodeError;
pub use protocol;
pub use protocol::gossip::{Refusal, Submission, TransactionStatus};
pub use rpc::command::{PeerStatus, Status};
pub use rpc::members::MemberView;
