use super::*;
use crate::limits::connections::{ConnectionLimits, Connections, DEFAULT_BEGUN};
use std::num::NonZeroUsize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn one_place() -> Connections {
    Connections::new(ConnectionLimits { total: NonZeroUsize::MIN, begun: DEFAULT_BEGUN, per_address: None })
}

#[tokio::test]
async fn a_connection_that_was_cut_wakes_and_fails() {
    let connections = one_place();
    let (_client, stream) = tokio::io::duplex(64);
    let mut connection = Connection::new(stream, connections.admit(None).unwrap().0);
    let reading = tokio::spawn(async move { connection.read_u8().await });
    tokio::task::yield_now().await;
    let _new = connections.admit(None).unwrap();
    assert_eq!(reading.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_waited_for_and_then_given_up() {
    let (mut client, stream) = tokio::io::duplex(8);
    let mut connection = Connection::new(stream, one_place().admit(None).unwrap().0);
    let writing = tokio::spawn(async move { (connection.write_all(&[0; 24]).await, connection) });
    time::sleep(WRITE_STALL / 2).await;
    let mut sixteen = [0; 16];
    client.read_exact(&mut sixteen).await.unwrap();
    let (written, mut connection) = writing.await.unwrap();
    written.expect("all was taken in time");
    let stalled = connection.write_all(&[0; 24]).await;
    assert_eq!(stalled.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_byte_now_and_then_is_given_up_as_well() {
    let (mut client, stream) = tokio::io::duplex(8);
    let mut connection = Connection::new(stream, one_place().admit(None).unwrap().0);
    let writing = tokio::spawn(async move { connection.write_all(&[0; 1000]).await });
    let begin = time::Instant::now();
    while !writing.is_finished() {
        time::sleep(Duration::from_secs(1)).await;
        let _ = client.read_u8().await;
    }
    assert_eq!(writing.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(begin.elapsed() < WRITE_STALL + Duration::from_secs(3));
}
