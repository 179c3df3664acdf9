use super::*;
use crate::authority::ephemeral::root_and_intermediate_with_key;

const YEAR: Duration = Duration::from_hours(365 * 24);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
}

fn pem_of(key: &NewKey, certificates: &[Vec<u8>]) -> Vec<u8> {
    let certificates = certificates.iter().map(|der| text::pem("CERTIFICATE", der)).collect::<String>();
    format!("{}{certificates}", key.to_pem(None).unwrap().as_str()).into_bytes()
}

fn unfit(content: &[u8]) -> Unfit {
    TimestampingChain::read(content, now()).unwrap_err()
}

#[tokio::test]
async fn a_folder_has_one_chain_at_all_starts() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::at(place.path()).unwrap();
    let first = TimestampingChain::open(Some(&folder), now()).await.unwrap();
    let again = TimestampingChain::open(Some(&folder), now() + YEAR).await.unwrap();
    assert_eq!((&first.certificates, first.not_before), (&again.certificates, now()));
    assert_eq!(again.not_before, first.not_before);
    assert_ne!(TimestampingChain::open(None, now()).await.unwrap().certificates, first.certificates);
    let error = TimestampingChain::open(Some(&folder), now() + 11 * YEAR).await.unwrap_err();
    assert!(
        matches!(&error, TimestampingError::Folder(FolderError::Damaged { problem, .. }) if problem.contains("not valid now"))
    );
}

#[tokio::test]
async fn the_leaf_is_for_timestamps_and_nothing_else() {
    let chain = TimestampingChain::open(None, now()).await.unwrap();
    let (leaf, root) = (parse(&chain.certificates[0], 1).unwrap(), parse(&chain.certificates[1], 2).unwrap());
    assert_eq!(leaf.subject().to_string(), "O=sigmint, CN=sigmint development timestamping");
    // sigstore-python refuses a trusted root whose authorities lack either.
    assert_eq!(root.subject().to_string(), "O=sigmint, CN=sigmint development timestamping root");
    let usage = leaf.extended_key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.time_stamping && !usage.value.code_signing && usage.value.other.is_empty());
    let usage = leaf.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.flags == 1, "digitalSignature alone");
    assert!(leaf.basic_constraints().unwrap().is_none());
}

#[tokio::test]
async fn what_is_not_fit_is_named() {
    let (key, certificates) = new(now()).await.unwrap();
    assert!(TimestampingChain::read(&pem_of(&key, &certificates), now()).is_ok());
    assert_eq!(unfit(b""), Unfit::Key);
    assert_eq!(unfit(&pem_of(&key, &[])), Unfit::Count);
    assert_eq!(unfit(&pem_of(&key, &certificates[..1])), Unfit::Count);
    assert_eq!(unfit(&pem_of(&generate(ALGORITHM).unwrap(), &certificates)), Unfit::OtherKey);

    let (_, of_another) = new(now()).await.unwrap();
    assert_eq!(unfit(&pem_of(&key, &[certificates[0].clone(), of_another[1].clone()])), Unfit::Signature(1));
    assert_eq!(unfit(&pem_of(&key, &[certificates[0].clone(), certificates[0].clone()])), Unfit::Authority);
    let mut forged = certificates.clone();
    *forged[1].last_mut().unwrap() ^= 1;
    assert_eq!(unfit(&pem_of(&key, &forged)), Unfit::Signature(2));
    forged[1].push(0);
    assert!(matches!(unfit(&pem_of(&key, &forged)), Unfit::Malformed(2) | Unfit::Count));

    for late in [now() - Duration::from_secs(1), now() + 11 * YEAR] {
        let error = TimestampingChain::read(&pem_of(&key, &certificates), late).unwrap_err();
        assert_eq!(error, Unfit::Expired(1));
    }
    // The development CA's own key and chain: the shape is right, the purpose is not.
    let (authority, ca_key) = root_and_intermediate_with_key(ALGORITHM, now()).await.unwrap();
    let content = format!("{}{}", ca_key.as_str(), authority.chain().to_pem());
    assert_eq!(unfit(content.as_bytes()), Unfit::Purpose);
}
