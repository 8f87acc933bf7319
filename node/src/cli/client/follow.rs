//! `--follow`: what there is, and from then on a line for each change, over a WebSocket.
//!
//! * The subscription begins first, and the list is asked for then. So nothing is missed. A change between the two is in
//!   the list, and is told as well.
//! * If the node ends, this goes on: it looks for the node once a second, and prints the whole list again when it is back.
//!   It does the same if the node had to drop events because this reader was slow.
//! * With `--json` each line is an object: the topic, and the event as the node tells it.
//!
//! Deliberately absent: changes of members (`watch.rs`).

use std::process::ExitCode;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::lasting::{self, Ended, at, put, tell_lost, until_unread};
use super::{AskError, Node, text};
use crate::cli::AskArgs;
use crate::observe::errors::chain;
use crate::rpc::SUBSCRIBE;
use crate::rpc::feeds::{BlockEvent, PeerEvent, TipEvent, Topic, TransactionEvent};
use crate::rpc::http::PING_EVERY;
use crate::rpc::members::LOST;

/// A node from which nothing came for this time is taken for gone: three pings were missed.
const QUIET_MAX: Duration = PING_EVERY.saturating_mul(3);

/// Prints what `list` prints, and then what changes, until it is stopped or nobody reads it any more.
pub(super) fn follow(
    ask: &AskArgs,
    topics: &[Topic],
    list: impl Fn(&Node) -> Result<(), AskError>,
) -> Result<ExitCode, AskError> {
    until_unread(ask, |node, was_there| watch(node, ask, topics, &list, was_there))
}

fn watch(
    node: &Node,
    ask: &AskArgs,
    topics: &[Topic],
    list: &impl Fn(&Node) -> Result<(), AskError>,
    was_there: &mut bool,
) -> Result<Ended, AskError> {
    let mut feed = lasting::open(node, Feed::open(&node.address, topics))?;
    list(node)?;
    *was_there = true;
    while let Some((topic, event)) = node.runtime.block_on(feed.next()) {
        let lost = event["event"] == LOST;
        if lost {
            tell_lost(event["events"].as_u64().unwrap_or_default());
        }
        let line = if ask.json {
            Some(json!({ "topic": topic, "event": event }).to_string())
        } else {
            line(topic, event)
        };
        if let Some(line) = line
            && !put(&line)?
        {
            return Ok(Ended::Reader);
        }
        if lost {
            list(node)?;
        }
    }
    Ok(Ended::Node)
}

/// An event in words; `None` if there are none for it.
fn line(topic: Topic, event: Value) -> Option<String> {
    let (at_ms, words) = match topic {
        Topic::Transactions => {
            let TransactionEvent { at_ms, id, bytes, within } = serde_json::from_value(event).ok()?;
            let within = within.map(|block| format!("  in block {block}")).unwrap_or_default();
            (at_ms, format!("{id}  {bytes} bytes{within}"))
        }
        Topic::Blocks => {
            let BlockEvent { at_ms, id, height, transactions, .. } = serde_json::from_value(event).ok()?;
            (at_ms, format!("block {height}  {id}  {transactions} tx"))
        }
        Topic::Tip => {
            let TipEvent { at_ms, height, id, stale } = serde_json::from_value(event).ok()?;
            let stale = if stale > 0 { format!("  {stale} stale") } else { String::new() };
            (at_ms, format!("tip {height}  {id}{stale}"))
        }
        Topic::Peers => {
            let PeerEvent { at_ms, event, peer_id, inbound, reason } = serde_json::from_value(event).ok()?;
            let way = if inbound { "in" } else { "out" };
            let reason = reason.map(|reason| format!("  {reason}")).unwrap_or_default();
            (at_ms, format!("{event}  {peer_id}  {way}{reason}"))
        }
        Topic::Members => return None,
    };
    Some(format!("{}  {}", at(at_ms), text::plain(&words)))
}

/// A WebSocket with subscriptions.
struct Feed {
    socket: WebSocketStream<TcpStream>,
    /// The topic of each subscription, by its number.
    topics: Vec<(u64, Topic)>,
}

impl Feed {
    async fn open(address: &str, topics: &[Topic]) -> Result<Self, AskError> {
        let host = address.trim_start_matches("http://").trim_end_matches('/');
        let failed = |error: &(dyn std::error::Error + 'static)| AskError::NoAnswer {
            address: address.to_owned(),
            error: chain(error),
        };
        let stream = TcpStream::connect(host).await.map_err(|error| failed(&error))?;
        let request = format!("ws://{host}/").into_client_request().map_err(|error| failed(&error))?;
        let opened = client_async(request, stream).await;
        let (socket, _) = opened.map_err(|error| match error {
            Error::Http(answer) if answer.status() == 503 => AskError::Busy(address.to_owned()),
            Error::Http(answer) if answer.status() == 403 => AskError::WrongHost(address.to_owned()),
            Error::Http(_) => AskError::Strange(format!("{address} opens no WebSocket")),
            other => failed(&other),
        })?;
        let mut feed = Self { socket, topics: Vec::new() };
        for topic in topics {
            feed.subscribe(*topic).await?;
        }
        Ok(feed)
    }

    async fn subscribe(&mut self, topic: Topic) -> Result<(), AskError> {
        let strange = || AskError::Strange("the node answers no subscription".to_owned());
        let request = json!({ "jsonrpc": "2.0", "id": 0, "method": SUBSCRIBE, "params": [topic] });
        self.socket.send(Message::text(request.to_string())).await.map_err(|_| strange())?;
        // Events of an earlier topic may come first. The list that follows has them.
        while let Some(message) = self.hear().await {
            if let Some(error) = message.get("error") {
                return Err(AskError::Strange(text::plain(&error["message"].to_string())));
            }
            if let Some(number) = message["result"].as_u64() {
                self.topics.push((number, topic));
                return Ok(());
            }
        }
        Err(strange())
    }

    /// The next event; `None` if the node is gone.
    async fn next(&mut self) -> Option<(Topic, Value)> {
        loop {
            let mut message = self.hear().await?;
            let params = message["params"].take();
            let number = params["subscription"].as_u64();
            if let Some((_, topic)) = self.topics.iter().find(|(known, _)| Some(*known) == number) {
                return Some((*topic, params["result"].clone()));
            }
        }
    }

    async fn hear(&mut self) -> Option<Value> {
        loop {
            // Pings are answered by the library.
            match timeout(QUIET_MAX, self.socket.next()).await.ok()??.ok()? {
                Message::Text(text) => return serde_json::from_str(&text).ok(),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }
}
