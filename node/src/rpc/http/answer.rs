//! An answer's body on its way out. It leaves in pieces, so that no more than one is buffered, and tells its
//! connection's place when the last one has left.
//!
//! Meanwhile it may hold a permit for large answers. So clients that ask for large answers and don't read them
//! cost no more than these few.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::place::Place;
use crate::rpc::access::Large;

/// Bytes of one piece.
const PIECE_BYTES: usize = 64 * 1024;

/// A body that is whole in memory.
#[derive(Debug)]
pub(super) struct Answer {
    left: Bytes,
    place: Arc<Place>,
    _large: Option<Large>,
}

impl Answer {
    /// Takes over from the router: all its bodies are whole.
    pub(super) async fn of(mut response: Response, place: Arc<Place>) -> Response<Self> {
        let large = response.extensions_mut().remove::<Large>();
        let (head, body) = response.into_parts();
        // It is made of bytes in memory, so it can't fail.
        let left = whole(body).await;
        place.answering();
        Response::from_parts(head, Self { left, place, _large: large })
    }
}

async fn whole(body: Body) -> Bytes {
    to_bytes(body, usize::MAX).await.unwrap_or_default()
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.left.len().min(PIECE_BYTES);
        if piece == 0 {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.place.waiting();
    }
}
