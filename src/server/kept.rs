//! Bytes that were read and could not be passed on yet: they come before what the stream has next.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// Fills the buffer with what was kept, or else from the stream. Returns what was kept and did not fit, which comes behind whatever of the
/// buffer is kept once more.
pub(super) fn poll_read_kept<I: AsyncRead + Unpin>(
    stream: &mut I,
    kept: &mut Vec<u8>,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<Vec<u8>>> {
    if kept.is_empty() {
        return Pin::new(stream).poll_read(context, buffer).map_ok(|()| Vec::new());
    }
    let length = kept.len().min(buffer.remaining());
    let rest = kept.split_off(length);
    buffer.put_slice(&std::mem::take(kept));
    Poll::Ready(Ok(rest))
}
