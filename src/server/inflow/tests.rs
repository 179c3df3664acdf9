//! Frames wait for memory, arrive unchanged, and cost no more than was reserved.

use super::*;
use crate::limits::memory::{ConnectionMemory, MemoryBudget};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn inflow(stream: tokio::io::DuplexStream) -> (Inflow<tokio::io::DuplexStream>, Arc<Inbound>) {
    let inbound = Inbound::new(&ConnectionMemory::http2(Arc::<MemoryBudget>::default()));
    (Inflow::new(stream, Arc::clone(&inbound), Duration::from_secs(10)), inbound)
}

#[tokio::test]
async fn one_header_block_is_passed_on_at_a_time_and_all_in_the_end() {
    let (mut client, stream) = tokio::io::duplex(1 << 20);
    let (mut inflow, inbound) = inflow(stream);
    let one = |stream| [frame(HEADERS, END_HEADERS, stream, &[0x82; 30]), frame(DATA, 0, stream, b"12345")].concat();
    let sent = [&[0; PREFACE][..], &frame(SETTINGS, 0, 0, b""), &one(1), &one(3), &one(5)].concat();
    client.write_all(&sent).await.unwrap();
    let mut read = vec![0; sent.len()];
    let first = inflow.read(&mut read).await.unwrap();
    assert_eq!(first, PREFACE + HEAD + one(1).len());
    let call = inbound.begin_call();
    inflow.read_exact(&mut read[first..]).await.unwrap();
    assert_eq!(read, sent);
    drop(call);
}

#[tokio::test]
async fn a_block_waits_for_memory_and_is_given_up_after_a_while() {
    tokio::time::pause();
    let (mut client, stream) = tokio::io::duplex(1 << 20);
    let memory = ConnectionMemory::http2(Arc::<MemoryBudget>::default());
    let mut all = crate::limits::memory::Reservation::new(Arc::clone(&memory));
    for step in [1 << 20, 1 << 10, 1] {
        while all.grow(step).is_ok() {}
    }
    let mut inflow = Inflow::new(stream, Inbound::new(&memory), Duration::from_secs(10));
    client.write_all(&[&[0; PREFACE][..], &frame(HEADERS, END_HEADERS, 1, &[0x82; 30])].concat()).await.unwrap();
    let mut read = [0; 100];
    assert_eq!(inflow.read(&mut read).await.unwrap(), PREFACE);
    assert!(time::timeout(Duration::from_secs(5), inflow.read(&mut read)).await.is_err(), "there is no memory");
    drop(all.split(1 << 20));
    assert_eq!(inflow.read(&mut read).await.unwrap(), HEAD + 30);
    let unfinished = frame(HEADERS, 0, 3, &[0x82; 30]);
    client.write_all(&unfinished).await.unwrap();
    assert_eq!(inflow.read(&mut read).await.unwrap(), unfinished.len());
    let start = Instant::now();
    assert_eq!(inflow.read(&mut read).await.unwrap_err().kind(), io::ErrorKind::TimedOut, "it does not end");
    assert!(start.elapsed() >= Duration::from_secs(10));
}

#[tokio::test]
async fn second_blocks_promises_and_floods_of_resets_are_refused() {
    let block = |stream| frame(HEADERS, END_HEADERS, stream, &[0x82]);
    let resets: Vec<u8> = (0..=RESETS).flat_map(|_| frame(RESET, 0, 1, &[0, 0, 0, 8])).collect();
    for hostile in [[block(1), block(1)].concat(), frame(PUSH_PROMISE, 0, 1, &[0; 8]), resets] {
        let (mut client, stream) = tokio::io::duplex(1 << 20);
        let (mut inflow, _) = inflow(stream);
        client.write_all(&[&[0; PREFACE][..], &hostile].concat()).await.unwrap();
        let mut read = Vec::new();
        assert_eq!(inflow.read_to_end(&mut read).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}

#[tokio::test(start_paused = true)]
async fn the_header_table_may_be_used_until_the_client_must_know_that_it_is_empty() {
    let (indexed, sized) = (&[0x40, 1, b'x', 1, b'y'][..], &[0x20, 0x40, 1, b'x', 1, b'y'][..]);
    // Used before the client knew; after a pause, and after our settings, it says that the table is empty.
    for (second, expected) in [(sized, None), (&[0x82][..], None), (indexed, Some(io::ErrorKind::InvalidData))] {
        let (mut client, stream) = tokio::io::duplex(1 << 20);
        let (mut inflow, inbound) = inflow(stream);
        let mut read = [0; 100];
        client.write_all(&[&[0; PREFACE][..], &frame(HEADERS, END_HEADERS, 1, indexed)].concat()).await.unwrap();
        assert_eq!(inflow.read(&mut read).await.unwrap(), PREFACE + HEAD + indexed.len());
        drop(inbound.begin_call());
        time::advance(Table::LEARNED * 2).await;
        let later = [frame(SETTINGS, ACK, 0, &[]), frame(HEADERS, END_HEADERS, 3, second)].concat();
        client.write_all(&later).await.unwrap();
        drop(client);
        let outcome = inflow.read_to_end(&mut Vec::new()).await;
        assert_eq!(outcome.err().map(|error| error.kind()), expected, "{second:?}");
    }
}

proptest! {
    /// Whatever comes, in whatever pieces: nothing panics, and what is passed on is what came, in its order.
    #[test]
    fn bytes_are_passed_on_as_they_came(
        frames in proptest::collection::vec((0..11_u8, any::<u8>(), 0..9_u32, proptest::collection::vec(any::<u8>(), 0..60)), 0..20),
        cut in 1..50_usize,
    ) {
        let sent: Vec<u8> = std::iter::once(vec![0; PREFACE])
            .chain(frames.iter().map(|(kind, flags, stream, payload)| frame(*kind, *flags, *stream, payload)))
            .flatten()
            .collect();
        let inbound = Inbound::new(&ConnectionMemory::http2(Arc::<MemoryBudget>::default()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let read = runtime.block_on(async {
            let (mut client, stream) = tokio::io::duplex(cut);
            let mut inflow = Inflow::new(stream, inbound, Duration::from_secs(1));
            let mut read = Vec::new();
            let writing = async {
                let _ = client.write_all(&sent).await;
                drop(client);
            };
            let _ = tokio::join!(inflow.read_to_end(&mut read), time::timeout(Duration::from_mins(1), writing));
            read
        });
        prop_assert!(sent.starts_with(&read));
    }
}

/// What a map of as many fields takes, in bytes: as much as the process holds more of after many such maps.
fn measured(fields: usize, length: usize, distinct: bool) -> (usize, Vec<HeaderMap>) {
    const MAPS: usize = 30;
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    };
    let before = resident();
    let maps: Vec<HeaderMap> = (0..MAPS)
        .map(|_| {
            let mut map = HeaderMap::new();
            for number in 0..fields {
                let name = if distinct { format!("{number:x}") } else { "a".to_owned() };
                let value = HeaderValue::from_bytes(&vec![b'v'; length]).unwrap();
                map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
            }
            map
        })
        .collect();
    (resident().saturating_sub(before) / MAPS, maps)
}

#[test]
fn what_is_charged_for_a_header_list_is_at_least_what_it_takes() {
    const LIST: usize = 80 * 1024;
    // All are kept, so that each needs memory of its own.
    let mut kept = vec![measured(96, 100, true)];
    for (distinct, length) in [(false, 0), (true, 0), (true, 30), (true, 800), (false, 60_000)] {
        let fields = LIST / (35 + length);
        let block: Vec<u8> = (0..fields)
            .flat_map(|number| {
                let name = if distinct { format!("{number:x}") } else { "a".to_owned() };
                let mut field = vec![0, u8::try_from(name.len()).unwrap()];
                field.extend(name.bytes());
                match length.checked_sub(127) {
                    None => field.push(u8::try_from(length).unwrap()),
                    Some(mut rest) => {
                        field.push(127);
                        while rest >= 128 {
                            field.push(u8::try_from(rest % 128).unwrap() | 128);
                            rest /= 128;
                        }
                        field.push(u8::try_from(rest).unwrap());
                    }
                }
                field.extend(std::iter::repeat_n(b'v', length));
                field
            })
            .collect();
        let mut read = Block::default();
        read.read(&block);
        assert_eq!(read.fields(), fields);
        let charged = Frames::cost(block.len(), read.cost());
        // Other tests of this process take memory as well.
        kept.extend((0..6).map(|_| measured(fields, length, distinct)));
        let taken = kept.iter().rev().take(6).map(|(taken, _)| *taken).min().unwrap_or_default();
        assert!(charged >= taken, "{fields} fields of {length} bytes: {charged} charged, {taken} taken");
        println!("{fields} fields of {length} bytes, distinct {distinct}: {charged} charged, {taken} taken");
    }
}
