//! An answer's body on its way out. It leaves in pieces, so that no more than one is buffered, and tells its
//! connection's place when the last one has left.
//!
//! A stream of events (`events.rs`) has no last piece. It is passed on as it comes.
//!
//! Meanwhile an answer may hold a permit for large answers. So clients that ask for large answers and don't read them
//! cost no more than these few.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody, to_bytes};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::events::Endless;
use super::place::Place;
use crate::rpc::access::Large;

/// Bytes of one piece.
const PIECE_BYTES: usize = 64 * 1024;

/// A body on its way.
#[derive(Debug)]
pub(super) struct Answer {
    left: Left,
    place: Arc<Place>,
    _large: Option<Large>,
}

/// The part of an answer that has not been sent yet.
#[derive(Debug)]
enum Left {
    /// A body that is whole in memory.
    Whole(Bytes),
    /// A stream of events.
    Endless(Body),
    /// The connection becomes a WebSocket.
    Switched,
}

impl Answer {
    /// Takes over from the router: all its bodies are whole, except those of streams.
    pub(super) async fn of(mut response: Response, place: Arc<Place>) -> Response<Self> {
        let large = response.extensions_mut().remove::<Large>();
        let endless = response.extensions_mut().remove::<Endless>();
        let (head, body) = response.into_parts();
        let left = if head.status == StatusCode::SWITCHING_PROTOCOLS {
            place.watching();
            Left::Switched
        } else if endless.is_some() {
            place.watching();
            Left::Endless(body)
        } else {
            // It is made of bytes in memory, so it can't fail.
            let left = whole(body).await;
            place.answering();
            Left::Whole(left)
        };
        Response::from_parts(head, Self { left, place, _large: large })
    }
}

async fn whole(body: Body) -> Bytes {
    to_bytes(body, usize::MAX).await.unwrap_or_default()
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.left {
            Left::Whole(left) if left.is_empty() => Poll::Ready(None),
            Left::Whole(left) => {
                let piece = left.len().min(PIECE_BYTES);
                Poll::Ready(Some(Ok(Frame::data(left.split_to(piece)))))
            }
            Left::Endless(body) => Pin::new(body).poll_frame(cx),
            Left::Switched => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.left {
            Left::Whole(left) => left.is_empty(),
            Left::Endless(body) => body.is_end_stream(),
            Left::Switched => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.left {
            Left::Whole(left) => SizeHint::with_exact(left.len() as u64),
            Left::Endless(body) => body.size_hint(),
            Left::Switched => SizeHint::with_exact(0),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !matches!(self.left, Left::Switched) {
            self.place.waiting();
        }
    }
}
