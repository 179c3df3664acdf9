use super::*;

/// The Merkle Tree Hash in the words of RFC 6962 section 2.1.
fn root_by_definition(leaves: &[Arc<[u8]>]) -> Hash {
    match leaves {
        [] => Sha256::digest(b"").into(),
        [leaf] => leaf_hash(leaf),
        leaves => {
            let split = 1 << (leaves.len() - 1).ilog2();
            let (left, right) = leaves.split_at(split);
            Sha256::new()
                .chain_update([1])
                .chain_update(root_by_definition(left))
                .chain_update(root_by_definition(right))
                .finalize()
                .into()
        }
    }
}

fn submission(number: usize) -> Submission {
    let mut fingerprint = [0; 32];
    fingerprint[..8].copy_from_slice(&number.to_be_bytes());
    Submission { fingerprint, entry: vec![0, 0, 0, 0, 1, fingerprint[7]], extra_data: vec![fingerprint[7]] }
}

fn ledger(entries: usize) -> Ledger {
    let mut ledger = Ledger::new(MAX_ENTRIES);
    for number in 0..entries {
        ledger.append(&submission(number), 1000 + number as u64, |leaf| Ok(leaf.to_vec())).unwrap();
    }
    ledger
}

#[test]
fn the_root_is_the_one_that_the_rfc_defines() {
    for size in 0..20 {
        let ledger = ledger(size);
        assert_eq!(ledger.root_hash(), root_by_definition(ledger.tree.items()), "{size}");
    }
}

#[test]
fn proofs_are_for_the_tree_that_was_asked_about() {
    let ledger = ledger(13);
    let roots: Vec<_> = (0..=13).map(|size| super::tests::ledger(size).tree.root()).collect();
    for size in 1..=13 {
        for index in 0..size {
            let proof = ledger.inclusion_proof(index, size).unwrap();
            let proof = ct_merkle::InclusionProof::from_bytes(proof.concat());
            roots[size].verify_inclusion(&ledger.entry(index).unwrap().leaf, index as u64, &proof).unwrap();
        }
        for first in 1..size {
            let proof = ledger.consistency_proof(first, size).unwrap();
            let proof = ct_merkle::ConsistencyProof::try_from_bytes(proof.concat()).unwrap();
            roots[size].verify_consistency(&roots[first], &proof).unwrap();
        }
    }
}

#[test]
fn what_is_not_there_has_no_proof() {
    let ledger = ledger(3);
    assert_eq!(ledger.inclusion_proof(3, 3), None);
    assert_eq!(ledger.inclusion_proof(0, 4), None);
    assert_eq!(ledger.inclusion_proof(0, 0), None);
    assert_eq!(ledger.consistency_proof(2, 1), None);
    assert_eq!(ledger.consistency_proof(1, 4), None);
    assert_eq!(ledger.consistency_proof(0, 3), Some(Vec::new()));
    assert_eq!(ledger.consistency_proof(3, 3), Some(Vec::new()));
    assert_eq!(ledger.entry(3), None);
    assert_eq!(ledger.index_of(&[0; 32]), None);
}

#[test]
fn a_second_submission_gets_the_first_promise() {
    let mut ledger = ledger(2);
    let again = ledger.append(&submission(1), 9999, |_| Err(Unspecified)).unwrap();
    assert_eq!((again.timestamp, ledger.size()), (1001, 2));
    let leaf = ledger.entry(1).unwrap().leaf;
    assert_eq!((&*leaf, ledger.index_of(&leaf_hash(&leaf))), (again.signature.as_slice(), Some(1)));
}

#[test]
fn a_full_log_and_a_failed_signature_add_nothing() {
    let mut ledger = Ledger::new(1);
    assert!(matches!(ledger.append(&submission(0), 1, |_| Err(Unspecified)), Err(AppendError::Sign)));
    assert_eq!(ledger.size(), 0);
    ledger.append(&submission(0), 1, |_| Ok(Vec::new())).unwrap();
    assert!(matches!(ledger.append(&submission(1), 1, |_| Ok(Vec::new())), Err(AppendError::Full)));
    assert!(ledger.append(&submission(0), 1, |_| Err(Unspecified)).is_ok());
    assert_eq!(ledger.size(), 1);
}
