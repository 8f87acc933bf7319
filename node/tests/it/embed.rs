//! Tests of a node inside another program, through the door that such a program uses.

mod earlier; // what an earlier run had connected
mod events; // accepted items
mod members; // changes of members
mod rules; // a chain's own
mod settings; // what is refused, and the defaults
mod stop; // and what is free afterwards

use node::{Builder, Node};

/// A node that keeps nothing, listens on a free loopback port, and takes anyone's blocks.
fn builder() -> Builder {
    Node::builder("test").listen(["/ip4/127.0.0.1/tcp/0"]).exempt_loopback(true).open_producers()
}

/// The same, which joins this node.
fn joining(other: &Node) -> Builder {
    builder().bootstrap(other.addresses())
}

async fn start(builder: Builder) -> Node {
    builder.start().await.expect("the node starts")
}
