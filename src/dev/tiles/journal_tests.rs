use super::*;
use std::fs;
use std::path::PathBuf;

fn place() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("log.journal");
    (place, path)
}

/// The journal of a file, with what it holds.
fn open(path: &Path) -> Result<(Journal, Vec<Vec<u8>>), JournalError> {
    let mut records = Vec::new();
    let journal = Journal::open(path, |index, record| {
        assert_eq!(index, records.len());
        records.push(record.to_vec());
        true
    })?;
    Ok((journal, records))
}

/// Of several lengths, the empty one among them.
fn records() -> Vec<Vec<u8>> {
    [0, 1, 15, 16, 17, 300].iter().map(|length| vec![7; *length]).collect()
}

/// A file with those, and where each ends.
fn written(path: &Path) -> (Vec<u8>, Vec<u64>) {
    let (mut journal, none) = open(path).unwrap();
    assert!(none.is_empty());
    for record in records() {
        journal.append(&record).unwrap();
    }
    (fs::read(path).unwrap(), journal.ends)
}

#[test]
fn a_journal_cut_at_any_byte_holds_the_whole_records_before_and_goes_on() {
    let (_place, path) = place();
    let (bytes, ends) = written(&path);
    for cut in 0..=bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let (mut journal, found) = open(&path).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut as u64).count();
        assert_eq!(found, records()[..whole], "cut at {cut}");
        journal.append(b"more").unwrap();
        assert_eq!(journal.get(whole).unwrap().unwrap(), b"more");
        let (_, again) = open(&path).unwrap();
        assert_eq!(again, [&found[..], &[b"more".to_vec()]].concat(), "cut at {cut}");
    }
}

#[test]
fn a_lost_tail_of_zeros_is_cut_off() {
    let (_place, path) = place();
    let (bytes, _) = written(&path);
    for zeros in [1, 15, 16, 17, 400] {
        fs::write(&path, [&bytes[..], &vec![0; zeros]].concat()).unwrap();
        assert_eq!(open(&path).unwrap().1, records(), "{zeros}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

/// Promised entries must not go away silently: only the last record can be one that was interrupted.
#[test]
fn a_changed_byte_is_refused_or_was_the_last_records() {
    let (_place, path) = place();
    let (bytes, ends) = written(&path);
    let last = usize::try_from(ends[ends.len() - 2]).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x40;
        fs::write(&path, &changed).unwrap();
        match open(&path) {
            Err(JournalError::Foreign) => assert!(at < MAGIC.len(), "{at}"),
            Err(JournalError::Changed(_)) => assert!((MAGIC.len()..last + 8).contains(&at), "{at}"),
            Ok((_, found)) => {
                assert!(at >= last + 8, "{at}");
                assert_eq!(found, records()[..records().len() - 1], "{at}");
            }
            Err(other) => panic!("{at}: {other}"),
        }
    }
}

#[test]
fn files_of_others_and_records_of_others_are_refused() {
    let (place, path) = place();
    fs::write(&path, "notes").unwrap();
    assert!(matches!(open(&path), Err(JournalError::Foreign)));
    assert_eq!(fs::read(&path).unwrap(), b"notes", "left as it was");
    fs::remove_file(&path).unwrap();
    written(&path);
    assert!(matches!(Journal::open(&path, |index, _| index < 2), Err(JournalError::Record(2))));
    let link = place.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(open(&link), Err(JournalError::Io(_))));
}

#[test]
fn a_record_that_is_read_back_changed_is_an_error() {
    let (_place, path) = place();
    let (mut bytes, _) = written(&path);
    let (journal, _) = open(&path).unwrap();
    assert_eq!(journal.get(5).unwrap().unwrap(), records()[5]);
    assert_eq!(journal.get(6).unwrap(), None);
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(journal.get(5).is_err());
}

#[test]
fn a_record_that_is_too_long_is_not_written() {
    let (_place, path) = place();
    let (mut journal, _) = open(&path).unwrap();
    assert!(journal.append(&vec![0; MAX_RECORD + 1]).is_err());
    journal.append(&vec![0; MAX_RECORD]).unwrap();
    assert_eq!(open(&path).unwrap().1.len(), 1);
}
