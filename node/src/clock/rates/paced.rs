//! A stream under the limits of its node. It pays before it writes. What it reads it pays for afterwards, and reads
//! nothing more before that.
//!
//! Flushing and closing pass: they send nothing that was not paid for when it was written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{AsyncRead, AsyncWrite};

use super::{Flow, Timing};

/// A stream under limits, or under none.
pub struct Paced<S, T: Timing> {
    inner: S,
    upload: Option<Flow<T>>,
    download: Option<Flow<T>>,
}

impl<S, T: Timing> Paced<S, T> {
    pub(super) const fn new(inner: S, upload: Option<Flow<T>>, download: Option<Flow<T>>) -> Self {
        Self { inner, upload, download }
    }
}

impl<S: AsyncRead + Unpin, T: Timing> AsyncRead for Paced<S, T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let Self { inner, download, .. } = self.get_mut();
        let Some(flow) = download else { return Pin::new(inner).poll_read(cx, buf) };
        let piece = ready!(flow.poll_settle(cx)).min(buf.len());
        let read = ready!(Pin::new(inner).poll_read(cx, buf.get_mut(..piece).unwrap_or_default()))?;
        flow.passed(read);
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin, T: Timing> AsyncWrite for Paced<S, T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Self { inner, upload, .. } = self.get_mut();
        let Some(flow) = upload.as_mut().filter(|_| !buf.is_empty()) else {
            return Pin::new(inner).poll_write(cx, buf);
        };
        let room = ready!(flow.poll_pay(cx, buf.len())).min(buf.len());
        let written = ready!(Pin::new(inner).poll_write(cx, buf.get(..room).unwrap_or_default()))?;
        flow.passed(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.upload.is_none() {
            return Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        }
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.poll_write(cx, first.map_or(&[], |buf| &**buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
