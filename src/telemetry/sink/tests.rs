use std::sync::mpsc::{self, Receiver, Sender};

use super::*;

/// A sink that does what it is told for each call, and remembers what it took.
struct Scripted {
    script: Receiver<io::Result<usize>>,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.script.recv().map_err(|_| io::Error::from(ErrorKind::BrokenPipe))??.min(bytes.len());
        self.taken.lock().extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn scripted() -> (LogSink, Sender<io::Result<usize>>, impl Fn() -> String) {
    let (send, script) = mpsc::channel();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let sink = LogSink::new();
    // Only what a test does makes the thread write.
    let pause = Duration::from_hours(1);
    let report = Box::new(|lost| format!("{lost} lost\n"));
    sink.start_with(Scripted { script, taken: Arc::clone(&taken) }, report, pause).unwrap();
    (sink, send, move || String::from_utf8(taken.lock().clone()).unwrap())
}

fn until(what: impl Fn() -> bool) {
    let begin = Instant::now();
    while !what() {
        assert!(begin.elapsed() < Duration::from_secs(20), "waited in vain");
        thread::sleep(Duration::from_millis(5));
    }
}

const ALL: usize = usize::MAX;

#[test]
fn a_stuck_sink_costs_lines_within_a_bound_and_says_so_when_it_is_back() {
    let (sink, script, taken) = scripted();
    let line = [[b'x'; 999].as_slice(), b"\n"].concat();
    // Nothing is written: the first call does not return.
    for _ in 0..10_000 {
        sink.push(&line);
    }
    let lost = sink.lost();
    assert!(lost > 8000 && lost < 9100, "{lost}");
    assert!(sink.0.queue.lock().lines.cost() <= QUEUE_BYTES);
    let begin = Instant::now();
    sink.flush(Duration::from_millis(50));
    assert!(begin.elapsed() < Duration::from_secs(5), "a flush has an end");
    for _ in 0..100 {
        script.send(Ok(ALL)).unwrap();
    }
    sink.flush(Duration::from_secs(20));
    until(|| taken().contains(&format!("{lost} lost\n")));
    assert_eq!(u64::try_from(taken().matches("x\n").count()).unwrap(), 10_000 - lost);
}

#[test]
fn a_sink_that_fails_loses_lines_and_a_torn_line_ends() {
    let (sink, script, taken) = scripted();
    script.send(Err(ErrorKind::BrokenPipe.into())).unwrap();
    sink.push(b"one\n");
    until(|| sink.lost() == 1);
    script.send(Ok(2)).unwrap();
    script.send(Err(ErrorKind::StorageFull.into())).unwrap();
    sink.push(b"two\n");
    until(|| sink.lost() == 2);
    for answer in [Err(ErrorKind::Interrupted.into()), Err(ErrorKind::WouldBlock.into()), Ok(3), Ok(ALL), Ok(ALL)] {
        script.send(answer).unwrap();
    }
    sink.push(b"three\n");
    until(|| taken().ends_with("lost\n"));
    assert_eq!(taken(), "tw\nthree\n2 lost\n");
}

#[test]
fn a_line_that_is_too_long_is_lost_alone() {
    let (sink, script, taken) = scripted();
    sink.push(&vec![b'x'; LONGEST_LINE + 1]);
    script.send(Ok(ALL)).unwrap();
    script.send(Ok(ALL)).unwrap();
    sink.push(b"short\n");
    until(|| taken() == "short\n1 lost\n");
    assert_eq!(sink.lost(), 1);
}

#[test]
fn nothing_comes_behind_the_last_line() {
    let (sink, script, taken) = scripted();
    sink.push_last(b"why\n");
    sink.push(b"by the way\n");
    script.send(Ok(ALL)).unwrap();
    sink.flush(Duration::from_secs(20));
    assert_eq!((taken().as_str(), sink.lost()), ("why\n", 0));
}

#[test]
fn a_push_inside_a_push_does_not_wait() {
    let sink = LogSink::new();
    let queue = sink.0.queue.lock();
    sink.try_push(b"x\n");
    assert_eq!((sink.lost(), queue.lines.ends.len()), (1, 0));
}
