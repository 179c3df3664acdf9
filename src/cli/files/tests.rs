use super::*;

/// Says no every second time, and takes a byte otherwise.
#[derive(Default)]
struct Slow {
    taken: Vec<u8>,
    calls: usize,
}

impl io::Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        match self.calls % 3 {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            1 => Err(io::ErrorKind::Interrupted.into()),
            _ => self.taken.write(bytes.get(..1).unwrap_or_default()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn of_several_files_all_are_written_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let (key, chain) = (folder.path().join("key"), folder.path().join("chain"));
    fs::write(folder.path().join("file"), "x").unwrap();
    let blocked = folder.path().join("file/root");
    let content = b"x".as_slice();
    let files = [(key.as_path(), content, Readers::Owner), (blocked.as_path(), content, Readers::All)];
    assert!(create_all(files.into_iter()).is_err());
    assert!(!key.exists(), "a key without its certificate");
    fs::write(&chain, "there before").unwrap();
    let files = [(key.as_path(), content, Readers::Owner), (chain.as_path(), content, Readers::All)];
    assert!(create_all(files.into_iter()).is_err());
    assert_eq!((key.exists(), fs::read_to_string(&chain).unwrap().as_str()), (false, "there before"));
}

#[test]
fn output_that_is_not_ready_is_waited_for() {
    let mut slow = Slow::default();
    write_patiently(&mut slow, b"abc").unwrap();
    assert_eq!(slow.taken, b"abc");
}
