//! What must hold for any bytes, for every fuzz target: over its whole corpus, and over entries of it that are damaged at random.

#[path = "../../fuzz/invariants.rs"]
mod each;

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

/// The seeds and the crashes that were fixed: every file of the target's folder.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn every_entry_of_every_corpus_holds() {
    for (target, holds) in each::ALL {
        let entries = corpus(target);
        assert!(entries.len() > 5, "{target} has {} seeds", entries.len());
        for entry in entries {
            holds(&entry);
        }
    }
}

/// One change to an entry.
#[derive(Clone, Debug)]
enum Damage {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Splice(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let words =
        prop::sample::select(vec!["{", "}", "[", "\"", "\\u0000", "*", "&a ", ": ", "\n", "{{", "}}", ".", "=", "\0"]);
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(place, byte)| Damage::Replace(place, byte)),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..4))
            .prop_map(|(place, bytes)| Damage::Insert(place, bytes)),
        (any::<Index>(), words).prop_map(|(place, word)| Damage::Insert(place, word.as_bytes().to_vec())),
        (any::<Index>(), 1..40_usize).prop_map(|(place, length)| Damage::Remove(place, length)),
        (any::<Index>(), 1..40_usize).prop_map(|(place, length)| Damage::Repeat(place, length)),
        (any::<Index>(), any::<Index>()).prop_map(|(entry, place)| Damage::Splice(entry, place)),
    ]
}

fn damaged(corpus: &[Vec<u8>], entry: Index, changes: &[Damage]) -> Vec<u8> {
    let mut bytes = entry.get(corpus).clone();
    for change in changes {
        let place = |place: &Index, bytes: &[u8]| place.index(bytes.len() + 1);
        match change {
            Damage::Replace(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Damage::Insert(at, more) => {
                let at = place(at, &bytes);
                bytes.splice(at..at, more.iter().copied());
            }
            Damage::Remove(at, length) => {
                let at = place(at, &bytes);
                bytes.drain(at..bytes.len().min(at + length));
            }
            Damage::Repeat(at, length) => {
                let at = place(at, &bytes);
                let part = bytes[at..bytes.len().min(at + length)].to_vec();
                bytes.splice(at..at, part);
            }
            Damage::Splice(other, at) => {
                let other = other.get(corpus);
                bytes.truncate(place(at, &bytes));
                bytes.extend_from_slice(&other[at.index(other.len() + 1)..]);
            }
            Damage::Replace(..) => {}
        }
    }
    bytes
}

#[test]
fn damaged_entries_hold() {
    for (target, holds) in each::ALL {
        let corpus = corpus(target);
        let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
        let inputs = (any::<Index>(), prop::collection::vec(damage(), 0..6));
        let outcome = TestRunner::new(config).run(&inputs, |(entry, changes)| {
            holds(&damaged(&corpus, entry, &changes));
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{target}: {failure}"));
    }
}
