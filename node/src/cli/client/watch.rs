//! `node members --watch`: all members, and from then on a line for each change.
//!
//! * The stream of events is opened first, and the list is asked for then. So nothing is missed. A change that comes
//!   between the two is in the list, and is told as well.
//! * If the node ends, this goes on: it looks for the node once a second, and prints the whole list again when it is
//!   back. It does the same if the node had to drop events because this reader was slow.
//! * With `--json` each line is an object: `known` for a member of the list, and the events of the stream.
//!
//! Deliberately absent: judgement of what a change means.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::header::HOST;
use axum::http::{Request, StatusCode};
use bytes::{Buf as _, BytesMut};
use futures::StreamExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::lasting::{self, Ended, at, put, tell_lost, until_unread};
use super::{AskError, Node, text};
use crate::cli::AskArgs;
use crate::clock::wall_ms;
use crate::observe::errors::chain;
use crate::rpc::ApiClient as _;
use crate::rpc::http::{BEAT_EVERY, MEMBER_EVENTS};
use crate::rpc::members::{LOST, MemberEventView, MemberView};

/// A node from which nothing came for this time is taken for gone: three comments were missed.
const SILENCE_MAX: Duration = BEAT_EVERY.saturating_mul(3);

/// Bytes of a line of the stream. Those of a node have some 200.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// How all members look to a person.
type Table = fn(&[MemberView], usize) -> String;

/// Prints all members, and what changes, until it is stopped or nobody reads it any more.
pub(super) fn watch(ask: &AskArgs, table: Table) -> Result<ExitCode, AskError> {
    until_unread(ask, |node, was_there| follow(node, ask, table, was_there))
}

fn follow(node: &Node, ask: &AskArgs, table: Table, was_there: &mut bool) -> Result<Ended, AskError> {
    let mut feed = lasting::open(node, Feed::open(&node.address))?;
    let mut lines = list(node, ask, table)?;
    *was_there = true;
    loop {
        for line in lines {
            if !put(&line)? {
                return Ok(Ended::Reader);
            }
        }
        let Some(event) = node.runtime.block_on(feed.next())? else { return Ok(Ended::Node) };
        lines = if event.event == LOST {
            tell_lost(event.events.unwrap_or_default());
            let mut lines = if ask.json { vec![line(&event, ask)] } else { Vec::new() };
            lines.extend(list(node, ask, table)?);
            lines
        } else {
            vec![line(&event, ask)]
        };
    }
}

/// The lines of the whole list.
fn list(node: &Node, ask: &AskArgs, table: Table) -> Result<Vec<String>, AskError> {
    let members = node.call(async |client| client.members_list().await)?;
    if !ask.json {
        return Ok(vec![table(&members, text::width())]);
    }
    let at = at(wall_ms());
    let lines = members.iter().map(|member| {
        let mut line = serde_json::to_value(member)?;
        if let Some(fields) = line.as_object_mut() {
            fields.insert("at".to_owned(), at.clone().into());
            fields.insert("event".to_owned(), "known".into());
        }
        Ok(line.to_string())
    });
    lines.collect::<io::Result<_>>().map_err(AskError::from)
}

/// One event.
fn line(event: &MemberEventView, ask: &AskArgs) -> String {
    let at = at(event.at_ms);
    if !ask.json {
        let member = event.peer_id.as_deref().or(event.public_key.as_deref()).unwrap_or("-");
        return format!("{at}  {}  {}", text::plain(member), text::plain(&event.event));
    }
    if let Some(events) = event.events {
        return json!({ "at": at, "event": event.event, "events": events }).to_string();
    }
    json!({ "at": at, "event": event.event, "peer_id": event.peer_id, "public_key": event.public_key }).to_string()
}

/// The stream of events of a node.
struct Feed {
    /// The connection stays open as long as this is there.
    _sender: http1::SendRequest<Body>,
    body: BodyDataStream,
    read: BytesMut,
}

impl Feed {
    async fn open(address: &str) -> Result<Self, AskError> {
        let host = address.trim_start_matches("http://").trim_end_matches('/');
        let failed = |error: &(dyn std::error::Error + 'static)| AskError::NoAnswer {
            address: address.to_owned(),
            error: chain(error),
        };
        let stream = TcpStream::connect(host).await.map_err(|error| failed(&error))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| failed(&error))?;
        // It ends with the body, which says so.
        tokio::spawn(connection);
        let request = Request::get(MEMBER_EVENTS).header(HOST, host).body(Body::empty());
        let request = request.map_err(|error| failed(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| failed(&error))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::SERVICE_UNAVAILABLE => return Err(AskError::Busy(address.to_owned())),
            StatusCode::FORBIDDEN => return Err(AskError::WrongHost(address.to_owned())),
            StatusCode::NOT_FOUND => {
                return Err(AskError::Strange(format!("{address} has no stream of events")));
            }
            code => return Err(AskError::Strange(format!("{address} answers with HTTP status {code}"))),
        }
        let body = Body::new(answer.into_body()).into_data_stream();
        Ok(Self { _sender: sender, body, read: BytesMut::new() })
    }

    /// The next event; `None` if the node is gone.
    async fn next(&mut self) -> Result<Option<MemberEventView>, AskError> {
        loop {
            while let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end);
                self.read.advance(1);
                if let Some(data) = line.strip_prefix(b"data: ") {
                    let event = serde_json::from_slice(data);
                    return event.map(Some).map_err(|error| AskError::Strange(error.to_string()));
                }
            }
            if self.read.len() > LINE_BYTES_MAX {
                return Err(AskError::Strange("a line of the stream has no end".to_owned()));
            }
            match timeout(SILENCE_MAX, self.body.next()).await {
                Ok(Some(Ok(piece))) => self.read.extend_from_slice(&piece),
                _ => return Ok(None),
            }
        }
    }
}
