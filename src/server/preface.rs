//! Which version of HTTP a new connection speaks.
//!
//! Owns the telling apart by the handshake and the first bytes, which stay unread for what serves the connection.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncBufRead as _, AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::server::TlsStream;

/// What an HTTP/2 client sends first (RFC 9113 section 3.4); no HTTP/1 method is `PRI`.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long to wait for more when a first packet ends within the preface; unread bytes wake nobody. Each time twice as long, so that
/// clients that stop there cost little.
const AGAIN: Duration = Duration::from_millis(5);
const AGAIN_AT_LAST: Duration = Duration::from_millis(320);

/// What a client that speaks HTTP/2 names in its handshake (RFC 7301).
pub(super) const HTTP2: &[u8] = b"h2";
/// The same of HTTP/1.
pub(super) const HTTP1: &[u8] = b"http/1.1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// What the handshake says, or else the first bytes; those are waited for either way, but where the server speaks first.
pub(super) async fn of_tls<I: AsyncRead + AsyncWrite + Unpin>(stream: &mut TlsStream<I>) -> io::Result<Protocol> {
    let agreed = stream.get_ref().1.alpn_protocol().map(|name| name == HTTP2);
    if agreed == Some(true) {
        return Ok(Protocol::Http2);
    }
    poll_fn(|context| {
        let first = ready!(Pin::new(&mut *stream).poll_fill_buf(context))?;
        Poll::Ready(match (agreed, first) {
            (_, []) => Err(io::ErrorKind::UnexpectedEof.into()),
            // One record has it whole in practice; no HTTP/1 method begins like it.
            (None, [b'P', b'R', b'I', ..]) => Ok(Protocol::Http2),
            _ => Ok(Protocol::Http1),
        })
    })
    .await
}

/// Waits for the first byte, which stays unread. That a socket is said to be readable is not enough: it may be so with nothing in it.
pub(super) async fn first_byte(stream: &TcpStream) -> io::Result<u8> {
    let mut first = [0];
    let read = stream.peek(&mut first).await?;
    first.get(..read).and_then(<[u8]>::first).copied().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Waits for the first byte of a handshake. Who speaks HTTP without TLS is told so, as Go's servers tell it.
pub(super) async fn first_byte_of_tls(stream: &TcpStream) -> io::Result<()> {
    const REFUSED: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
        This port speaks HTTPS, and the request came without TLS.\n";
    if !first_byte(stream).await?.is_ascii_uppercase() {
        return Ok(());
    }
    // What is left unread would end the connection before the answer is read.
    let _ = stream.try_read(&mut [0; 4096]);
    let _ = stream.try_write(REFUSED);
    Err(io::Error::new(io::ErrorKind::InvalidData, "HTTP without TLS"))
}

/// Looks at the first bytes until they tell; how long that may take is the caller's to say.
pub(super) async fn detect(stream: &TcpStream) -> io::Result<Protocol> {
    let mut first = [0; PREFACE.len()];
    let mut again = AGAIN;
    loop {
        let length = stream.peek(&mut first).await?;
        match first.get(..length).and_then(tell) {
            Some(protocol) => return Ok(protocol),
            None if length == 0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            None => time::sleep(again).await,
        }
        again = (again * 2).min(AGAIN_AT_LAST);
    }
}

/// What the first bytes tell, if they do.
fn tell(first: &[u8]) -> Option<Protocol> {
    match first {
        [] => None,
        PREFACE => Some(Protocol::Http2),
        part if PREFACE.starts_with(part) => None,
        _ => Some(Protocol::Http1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    #[test]
    fn the_whole_preface_is_http2_and_any_difference_http1() {
        assert_eq!(tell(PREFACE), Some(Protocol::Http2));
        for length in 0..PREFACE.len() {
            assert_eq!(tell(&PREFACE[..length]), None, "{length}");
        }
        for other in [&b"POST /"[..], b"PUT", b"GET", b"\x16\x03\x01", b"PRI * HTTP/1.1\r\n"] {
            assert_eq!(tell(other), Some(Protocol::Http1));
        }
    }

    #[tokio::test]
    async fn packets_may_be_small_and_clients_may_say_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        assert!(time::timeout(Duration::from_millis(50), detect(&stream)).await.is_err(), "silent");
        client.write_all(&PREFACE[..7]).await.unwrap();
        assert!(time::timeout(Duration::from_millis(50), detect(&stream)).await.is_err(), "partial");
        client.write_all(&PREFACE[7..]).await.unwrap();
        assert_eq!(detect(&stream).await.unwrap(), Protocol::Http2);
        drop(client);
        let (closed, _) = {
            drop(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
            listener.accept().await.unwrap()
        };
        assert!(detect(&closed).await.is_err());
    }
}
