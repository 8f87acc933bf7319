//! Messages with a type of their own: what two people say to each other, as JSON in payloads.
//!
//! ```text
//! cargo run -p hearsay-node --example chat
//! ```
//!
//! Two nodes run in this process. A rule for payloads lets only messages of the chat pass, on every node that has the
//! rule. The program ends by itself. `docs/EMBEDDING.md` explains it.

use std::error::Error;

use node::{Event, Node, NodeError};
use serde::{Deserialize, Serialize};

/// The longest text.
const TEXT_CHARS_MAX: usize = 200;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Message {
    Hello { name: String },
    Says { name: String, text: String },
}

impl Message {
    fn payload(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The rule: the same bytes get the same answer on every node.
    fn read(payload: &[u8]) -> Result<Self, &'static str> {
        let message = serde_json::from_slice(payload).map_err(|_| "the payload is no message of the chat")?;
        match &message {
            Self::Says { text, .. } if text.chars().count() > TEXT_CHARS_MAX => Err("the text is too long"),
            _ => Ok(message),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let builder = || {
        let builder = Node::builder("chat").listen(["/ip4/127.0.0.1/tcp/0"]).exempt_loopback(true);
        builder.payload_rule(|payload| Message::read(payload).map(|_| ()))
    };
    let first = builder().start().await?;
    let second = builder().bootstrap(first.addresses()).start().await?;
    let mut events = second.events();

    let name = "anna".to_owned();
    first.send(Message::Hello { name: name.clone() }.payload()?).await?;
    first.send(Message::Says { name, text: "good evening".to_owned() }.payload()?).await?;
    match first.send("nonsense").await {
        Err(NodeError::Refused(reason)) => println!("nonsense is refused: {reason}"),
        other => return Err(format!("nonsense should be refused, not {other:?}").into()),
    }
    let mut heard = 0;
    while heard < 2 {
        let Event::Transaction(transaction) = events.next().await.ok_or("the second node has ended")? else {
            continue;
        };
        match Message::read(transaction.payload())? {
            Message::Hello { name } => println!("{name} is here"),
            Message::Says { name, text } => println!("{name}: {text}"),
        }
        heard += 1;
    }
    second.stop().await?;
    first.stop().await?;
    Ok(())
}
