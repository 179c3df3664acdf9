//! A timestamp of another implementation, each limit, and properties.

use proptest::prelude::*;

use super::*;

const KNOWN: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/transparency/certificate.sct")).as_slice();

fn answer(version: &str, id: &[u8], extensions: &str, signature: &[u8]) -> Vec<u8> {
    let (id, signature) = (STANDARD.encode(id), STANDARD.encode(signature));
    format!(
        r#"{{"sct_version":{version},"id":"{id}","timestamp":7,"extensions":{extensions},"signature":"{signature}","more":{{}}}}"#
    )
    .into_bytes()
}

fn signed(length: usize) -> Vec<u8> {
    let prefix = u16::try_from(length).unwrap().to_be_bytes();
    [&[4, 3][..], &prefix, &vec![9; length]].concat()
}

#[test]
fn a_foreign_timestamp_reads_and_writes_as_it_was() {
    let sct = Sct::from_tls(KNOWN).unwrap();
    assert_eq!(sct.log_id().to_string(), "WJ+AhIL0HrqwzCxWaY4PBmXtKgMcUljRPNFvutcWVis=");
    assert_eq!((sct.timestamp(), sct.extensions()), (1_600_000_000_000, &[][..]));
    assert_eq!((sct.signature().hash(), sct.signature().algorithm(), sct.signature().bytes().len()), (4, 3, 72));
    assert_eq!(sct.to_tls(), KNOWN);
    let json = sct.add_chain_response_json();
    assert_eq!(
        String::from_utf8(json.clone()).unwrap(),
        r#"{"sct_version":0,"id":"WJ+AhIL0HrqwzCxWaY4PBmXtKgMcUljRPNFvutcWVis=","timestamp":1600000000000,"extensions":"","signature":"BAMASDBGAiEAyDu3qb1y0OzvHINWn5mKjwMybuH+mIcxWouEJNDaJ/QCIQDzcKar+LqtkPCpZTqfyWfAJ2Wy+vxqv0ktFSGX3wOGxA=="}"#
    );
    assert_eq!(Sct::from_add_chain_response(&json).unwrap(), sct);
}

#[test]
fn extensions_are_kept_byte_for_byte() {
    let extensions = [0, 0, 5, 0, 0, 0, 1, 44];
    let json = answer("0", &[1; 32], r#""AAAFAAAAASw=""#, &signed(8));
    let sct = Sct::from_add_chain_response(&json).unwrap();
    assert_eq!(sct.extensions(), extensions);
    let prefixed = [&[0, 8][..], &extensions].concat();
    assert_eq!(sct.to_tls().get(41..51).unwrap(), prefixed);
    assert!(sct.signed_data(&LogEntry::X509(b"x")).unwrap().ends_with(&prefixed));
    assert!(String::from_utf8(sct.add_chain_response_json()).unwrap().contains(r#""extensions":"AAAFAAAAASw=""#));
}

#[test]
fn every_fault_of_an_answer_is_refused() {
    let read = |json: &[u8]| Sct::from_add_chain_response(json).map(|_| ());
    let (id, good) = ([1; 32], signed(8));
    assert_eq!(read(&answer("0", &id, r#""""#, &good)), Ok(()));
    assert_eq!(read(br#"{"sct_version":0}"#), Err(SctError::Json));
    assert_eq!(read(b"<html>"), Err(SctError::Json));
    assert_eq!(read(&answer("-1", &id, r#""""#, &good)), Err(SctError::Json));
    assert_eq!(read(&answer(r#""0""#, &id, r#""""#, &good)), Err(SctError::Json));
    assert_eq!(read(&[answer("0", &id, r#""""#, &good), b"x".to_vec()].concat()), Err(SctError::Json));
    assert_eq!(read(&answer("1", &id, r#""""#, &good)), Err(SctError::Version(1)));
    assert_eq!(read(&answer("256", &id, r#""""#, &good)), Err(SctError::Version(256)));
    assert_eq!(read(&answer("0", &[1; 31], r#""""#, &good)), Err(SctError::LogId));
    assert_eq!(read(&answer("0", &[1; 33], r#""""#, &good)), Err(SctError::LogId));
    assert_eq!(read(&answer("0", &id, r#""-_8=""#, &good)), Err(SctError::Extensions));
    let long = |length: usize| format!("{:?}", STANDARD.encode(vec![0; length]));
    assert_eq!(read(&answer("0", &id, &long(MAX_EXTENSIONS), &good)), Ok(()));
    assert_eq!(read(&answer("0", &id, &long(MAX_EXTENSIONS + 1), &good)), Err(SctError::Extensions));
    assert_eq!(read(&answer("0", &id, r#""""#, &signed(MAX_SIGNATURE))), Ok(()));
    for bad in [signed(0), signed(MAX_SIGNATURE + 1), good[..11].to_vec(), [&good[..], &[0]].concat(), vec![4, 3]] {
        assert_eq!(read(&answer("0", &id, r#""""#, &bad)), Err(SctError::Signature));
    }
}

#[test]
fn absent_and_null_extensions_are_empty_and_an_absent_version_is_the_first() {
    let whole = String::from_utf8(answer("0", &[1; 32], r#""""#, &signed(8))).unwrap();
    let expected = Sct::from_add_chain_response(whole.as_bytes()).unwrap();
    for (from, to) in [
        (r#""extensions":"","#, ""),
        (r#""extensions":"""#, r#""extensions":null"#),
        (r#""sct_version":0,"#, ""),
        (r#""sct_version":0"#, r#""sct_version":null"#),
    ] {
        assert!(whole.contains(from));
        assert_eq!(Sct::from_add_chain_response(whole.replace(from, to).as_bytes()).unwrap(), expected, "{to}");
    }
}

#[test]
fn signed_data_is_laid_out_as_the_rfc_says() {
    let sct = Sct::from_tls(KNOWN).unwrap();
    let time = 1_600_000_000_000_u64.to_be_bytes();
    let certificate = [&[0, 0][..], &time, &[0, 0], &[0, 0, 3], b"abc", &[0, 0]].concat();
    assert_eq!(sct.signed_data(&LogEntry::X509(b"abc")).unwrap(), certificate);
    let entry = LogEntry::Precertificate { issuer_key_hash: [7; 32], tbs: b"abc" };
    let precertificate = [&[0, 0][..], &time, &[0, 1], &[7; 32], &[0, 0, 3], b"abc", &[0, 0]].concat();
    assert_eq!(sct.signed_data(&entry).unwrap(), precertificate);
    assert_eq!(sct.signed_data(&LogEntry::X509(&vec![0; 1 << 24])), Err(SctError::TooLong));
    assert!(sct.signed_data(&LogEntry::X509(&vec![0; (1 << 24) - 1])).is_ok());
}

#[test]
fn a_list_is_as_long_as_it_says() {
    let sct = Sct::from_tls(KNOWN).unwrap();
    let list = serialize_list(&[sct.clone(), sct.clone()]).unwrap();
    assert_eq!(list.get(..4).unwrap(), [0, 242, 0, 119]);
    assert_eq!(list.len(), 244);
    assert_eq!(parse_list(&list).unwrap(), [sct.clone(), sct.clone()]);
    assert_eq!(parse_list(&list[..243]), Err(SctError::Tls));
    assert_eq!(parse_list(&[&list[..], &[0]].concat()), Err(SctError::Tls));
    assert_eq!(parse_list(&[0, 0]), Err(SctError::EmptyList));
    assert_eq!(serialize_list(&[]), Err(SctError::EmptyList));
    assert_eq!(serialize_list(&vec![sct; 542]), Err(SctError::TooLong));
    let mut other_version = list;
    other_version[4] = 1;
    assert_eq!(parse_list(&other_version), Err(SctError::Version(1)));
}

prop_compose! {
    fn any_sct()(
        id: [u8; 32], timestamp: u64, hash: u8, algorithm: u8,
        extensions in prop::collection::vec(any::<u8>(), 0..300), bytes in prop::collection::vec(any::<u8>(), 1..300),
    ) -> Sct {
        Sct {
            log_id: LogId(id),
            timestamp,
            extensions: Opaque16::new(&extensions).unwrap(),
            signature: DigitallySigned { hash, algorithm, bytes: Opaque16::new(&bytes).unwrap() },
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(scts in prop::collection::vec(any_sct(), 1..5)) {
        prop_assert_eq!(&parse_list(&serialize_list(&scts).unwrap()).unwrap(), &scts);
        for sct in &scts {
            prop_assert_eq!(&Sct::from_tls(&sct.to_tls()).unwrap(), sct);
            prop_assert_eq!(&Sct::from_add_chain_response(&sct.add_chain_response_json()).unwrap(), sct);
        }
    }

    #[test]
    fn what_is_read_writes_back_or_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(scts) = parse_list(&bytes) {
            prop_assert_eq!(serialize_list(&scts).unwrap(), bytes.clone());
        }
        if let Ok(sct) = Sct::from_tls(&bytes) {
            prop_assert_eq!(sct.to_tls(), bytes.clone());
        }
        let _ = Sct::from_add_chain_response(&bytes);
    }

    #[test]
    fn a_damaged_list_never_reads_as_the_same(sct in any_sct(), at: prop::sample::Index, bit in 0_u8..8) {
        let list = serialize_list(std::slice::from_ref(&sct)).unwrap();
        let mut damaged = list.clone();
        damaged[at.index(list.len())] ^= 1_u8 << bit;
        prop_assert_ne!(parse_list(&damaged), Ok(vec![sct]));
    }
}
