use std::io;
use std::sync::{Arc, Mutex};

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_have_the_members_that_fulcio_s_have() {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt().event_format(Zap).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(log, || {
        tracing::warn!(request_id = "a\"b", code = 3_u64, share = 0.5, is_so = true, shown = ?Some("x"), "it\n{}", 7);
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&line["severity"], &line["message"]), (&"warn".into(), &"it\n7".into()));
    assert!(line["ts"].as_f64().unwrap() > 1.7e9 && line["caller"].as_str().unwrap().starts_with("zap/tests.rs:"));
    assert_eq!((&line["requestID"], &line["code"]), (&"a\"b".into(), &3.into()));
    assert_eq!((&line["share"], &line["is_so"], &line["shown"]), (&0.5.into(), &true.into(), &"Some(\"x\")".into()));
    let line: Value = serde_json::from_str(&super::line("fatal", "why", &[("hint", "do".into())])).unwrap();
    assert_eq!((&line["severity"], &line["message"], &line["hint"]), (&"fatal".into(), &"why".into(), &"do".into()));
}
