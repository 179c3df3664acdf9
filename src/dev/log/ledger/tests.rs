use super::*;
use crate::crypto::sha256;

const FILE: &str = "test.journal";

fn submission(number: usize) -> Submission {
    let certificate = number.to_be_bytes();
    let entry = [&[0, 0, 0, 0, 8][..], &certificate].concat();
    // Issued by "ca" and "root".
    let extra_data = b"\0\0\x0c\0\0\x02ca\0\0\x04root".to_vec();
    Submission { fingerprint: sha256(&certificate), entry, extra_data }
}

fn add(ledger: &mut Ledger, numbers: std::ops::Range<usize>) {
    for number in numbers {
        ledger.append(&submission(number), 1000 + number as u64, |leaf| Ok(sha256(leaf).to_vec())).unwrap();
    }
}

fn ledger(entries: usize) -> Ledger {
    let mut ledger = Ledger::open(None, FILE, Limits::DEV).unwrap();
    add(&mut ledger, 0..entries);
    ledger
}

#[test]
fn a_second_submission_gets_the_first_promise() {
    let mut ledger = ledger(2);
    let again = ledger.append(&submission(1), 9999, |_| Err(Unspecified)).unwrap();
    assert_eq!((again.timestamp, ledger.size()), (1001, 2));
    assert_eq!(again.extensions, [0, 0, 5, 0, 0, 0, 0, 1]);
    let record = ledger.record(1).unwrap().unwrap();
    assert_eq!(again.signature, sha256(&record.leaf));
    assert_eq!(ledger.index_of(&leaf_hash(&[&record.leaf])), Some(1));
    assert!(record.leaf.ends_with(&[0, 8, 0, 0, 5, 0, 0, 0, 0, 1]), "the leaf says where it is");
}

#[test]
fn what_is_not_there_is_not_found() {
    let ledger = ledger(3);
    assert_eq!((ledger.inclusion_proof(3, 3), ledger.inclusion_proof(0, 4)), (None, None));
    assert_eq!((ledger.consistency_proof(2, 1), ledger.consistency_proof(1, 4)), (None, None));
    assert_eq!((ledger.record(3).unwrap(), ledger.index_of(&[0; 32]), ledger.issuer(&[0; 32])), (None, None, None));
    let tile = |path| ledger.data_tile(Span::parse(path).unwrap()).unwrap();
    assert!(
        tile("000.p/3").is_some() && tile("000.p/4").is_none() && tile("000").is_none() && tile("001.p/1").is_none()
    );
}

#[test]
fn a_full_log_and_a_failed_signature_add_nothing() {
    let mut ledger = Ledger::open(None, FILE, Limits { entries: 1, ..Limits::DEV }).unwrap();
    assert!(matches!(ledger.append(&submission(0), 1, |_| Err(Unspecified)), Err(AppendError::Sign)));
    assert_eq!(ledger.size(), 0);
    ledger.append(&submission(0), 1, |_| Ok(Vec::new())).unwrap();
    let full = ledger.append(&submission(1), 1, |_| Ok(Vec::new()));
    assert!(matches!(full, Err(AppendError::Log(tiles::AppendError::Full(tiles::Full::Entries(1))))));
    assert!(ledger.append(&submission(0), 1, |_| Err(Unspecified)).is_ok());
    assert_eq!(ledger.size(), 1);
}

#[test]
fn a_log_that_is_opened_again_knows_what_it_promised() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::at(place.path()).unwrap();
    let mut first = Ledger::open(Some(&folder), FILE, Limits::DEV).unwrap();
    add(&mut first, 0..300);
    let (root, tile) = (first.root(), first.data_tile(Span::parse("000").unwrap()).unwrap());
    let promise = first.append(&submission(7), 1, |_| Err(Unspecified)).unwrap();
    drop(first);

    let mut second = Ledger::open(Some(&folder), FILE, Limits::DEV).unwrap();
    assert_eq!((second.size(), second.root(), second.latest()), (300, root, 1299));
    assert_eq!(second.data_tile(Span::parse("000").unwrap()).unwrap(), tile);
    assert_eq!(second.append(&submission(7), 9999, |_| Err(Unspecified)).unwrap(), promise);
    assert_eq!(&*second.issuer(&sha256(b"ca")).unwrap(), b"ca");
    assert_eq!(&*second.issuer(&sha256(b"root")).unwrap(), b"root");
    add(&mut second, 300..301);
    assert_eq!(second.root(), ledger(301).root(), "as if it had never been stopped");
}

#[test]
fn a_record_without_an_entry_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::at(place.path()).unwrap();
    let mut log = TileLog::open(Some(&folder), FILE, Limits::DEV, |_, _| None).unwrap();
    log.append(b"no entry", [0; 32]).unwrap();
    drop(log);
    assert!(matches!(Ledger::open(Some(&folder), FILE, Limits::DEV), Err(FolderError::Damaged { .. })));
}
