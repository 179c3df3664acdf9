use super::path::{Span, level_and_span};
use super::*;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

const NAME: &str = "test.journal";
const FEW: Limits = Limits { entries: 3, bytes: 100 };

fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

/// The Merkle Tree Hash in the words of RFC 6962 section 2.1.
fn root_by_definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest(b"").into(),
        [leaf] => *leaf,
        leaves => {
            let mut split = 1;
            while split * 2 < leaves.len() {
                split *= 2;
            }
            let (left, right) = leaves.split_at(split);
            let (left, right) = (root_by_definition(left), root_by_definition(right));
            Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
        }
    }
}

/// Trees of another crate, one of each size, and ours of the largest.
fn trees(size: usize) -> (Vec<MemoryBackedTree<Sha256, Vec<u8>>>, Tree) {
    let (mut tree, mut other, mut others) = (Tree::default(), MemoryBackedTree::new(), Vec::new());
    others.push(other.clone());
    for number in 0..size {
        let leaf = number.to_be_bytes();
        tree.push(leaf_hash(&leaf));
        other.push(leaf.to_vec());
        others.push(other.clone());
    }
    (others, tree)
}

#[test]
fn roots_of_every_size_are_those_of_the_definition() {
    let leaves: Vec<Hash> = (0..600_usize).map(|number| leaf_hash(&number.to_be_bytes())).collect();
    let mut tree = Tree::default();
    for leaf in &leaves {
        tree.push(*leaf);
    }
    for size in 0..=600 {
        assert_eq!(tree.root(size).unwrap(), root_by_definition(&leaves[..size]), "{size}");
    }
    assert_eq!(tree.root(601), None);
}

/// Each proof of small trees, and of larger ones those of some leaves.
#[test]
fn another_crate_verifies_the_proofs_of_every_size() {
    let (others, tree) = trees(600);
    for size in 1..=600_usize {
        let root = others[size].root();
        assert_eq!(root.as_bytes()[..], tree.root(size).unwrap());
        let step = size / 40 + 1;
        for number in (0..size).step_by(step).chain([size - 1]) {
            let proof = tree.inclusion_proof(number, size).unwrap();
            let proof = InclusionProof::<Sha256>::try_from_bytes(proof.concat()).unwrap();
            root.verify_inclusion(&number.to_be_bytes().to_vec(), number as u64, &proof).unwrap();
            if number > 0 {
                let proof = tree.consistency_proof(number, size).unwrap();
                let proof = ConsistencyProof::<Sha256>::try_from_bytes(proof.concat()).unwrap();
                root.verify_consistency(&others[number].root(), &proof).unwrap();
            }
        }
    }
}

#[test]
fn what_the_tree_has_not_has_no_proof_and_no_tile() {
    let (_, tree) = trees(300);
    for (index, size) in [(300, 300), (0, 301), (0, 0), (5, 5)] {
        assert_eq!(tree.inclusion_proof(index, size), None, "{index} {size}");
    }
    assert_eq!((tree.consistency_proof(2, 1), tree.consistency_proof(1, 301)), (None, None));
    assert_eq!((tree.consistency_proof(0, 300), tree.consistency_proof(7, 7)), (Some(vec![]), Some(vec![])));
    let tile = |path| level_and_span(path).and_then(|(level, span)| tree.tile(level, span));
    for path in ["0/001", "0/001.p/45", "1/000", "1/000.p/2", "2/000.p/1"] {
        assert_eq!(tile(path), None, "{path}");
    }
}

#[test]
fn tiles_have_the_hashes_of_their_level() {
    let leaves: Vec<Hash> = (0..70_000_usize).map(|number| leaf_hash(&number.to_be_bytes())).collect();
    let mut tree = Tree::default();
    for leaf in &leaves {
        tree.push(*leaf);
    }
    let tile = |level, path: &str| tree.tile(level, Span::parse(path).unwrap()).unwrap();
    assert_eq!(tile(0, "001"), leaves[256..512].concat());
    assert_eq!(tile(0, "000.p/3"), leaves[..3].concat());
    assert_eq!(tile(0, "273.p/112"), leaves[273 * 256..].concat());
    let level_1: Vec<Hash> = leaves.as_chunks::<256>().0.iter().map(|leaves| root_by_definition(leaves)).collect();
    assert_eq!(tile(1, "000"), level_1[..256].concat());
    assert_eq!(tile(1, "001.p/17"), level_1[256..].concat());
    assert_eq!(tile(2, "000.p/1"), root_by_definition(&level_1[..256]));
    assert_eq!(tree.root(70_000).unwrap(), root_by_definition(&leaves));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A start finds what was there, and goes on as a log that was never stopped.
    #[test]
    fn a_log_that_is_opened_again_is_the_same(
        records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..40),
        stops in proptest::collection::vec(0_usize..40, 0..3),
    ) {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path()).unwrap();
        let leaf = |_: usize, record: &[u8]| Some(leaf_hash(record));
        let open = |folder| TileLog::open(folder, NAME, Limits::DEV, leaf).unwrap();
        let (mut kept, mut in_memory) = (open(Some(&folder)), open(None));
        for (index, record) in records.iter().enumerate() {
            if stops.contains(&index) {
                drop(kept);
                kept = open(Some(&folder));
            }
            for log in [&mut kept, &mut in_memory] {
                prop_assert_eq!(log.append(record, leaf_hash(record)).unwrap(), index);
            }
        }
        drop(kept);
        let kept = open(Some(&folder));
        prop_assert_eq!((kept.size(), kept.root(), kept.bytes), (records.len(), in_memory.root(), in_memory.bytes));
        for size in 0..=records.len() {
            prop_assert_eq!(kept.tree().root(size), in_memory.tree().root(size));
            prop_assert_eq!(kept.record(size).unwrap(), records.get(size).cloned());
        }
    }
}

#[test]
fn a_full_log_says_so_and_stays_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::at(place.path()).unwrap();
    for folder in [None, Some(&folder)] {
        let mut log = TileLog::open(folder, NAME, FEW, |_, record| Some(leaf_hash(record))).unwrap();
        assert_eq!(log.append(&[1; 60], [1; 32]).unwrap(), 0);
        let root = log.root();
        assert!(matches!(log.append(&[1; 41], [2; 32]), Err(AppendError::Full(Full::Bytes(100)))));
        assert_eq!((log.size(), log.root(), log.record(1).unwrap()), (1, root, None));
        log.append(&[2; 20], [2; 32]).unwrap();
        log.append(&[], [3; 32]).unwrap();
        assert!(matches!(log.append(&[], [4; 32]), Err(AppendError::Full(Full::Entries(3)))));
        assert_eq!(log.size(), 3);
    }
}

#[test]
fn a_record_of_another_log_is_named_with_its_file() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::at(place.path()).unwrap();
    let mut log = TileLog::open(Some(&folder), NAME, FEW, |_, _| None).unwrap();
    log.append(b"x", [1; 32]).unwrap();
    drop(log);
    let error = TileLog::open(Some(&folder), NAME, FEW, |_, _| None).unwrap_err();
    assert!(matches!(error, FolderError::Damaged { .. }) && error.to_string().contains(NAME), "{error}");
}
