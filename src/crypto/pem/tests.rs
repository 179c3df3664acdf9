use super::{Block, PemError, certificates, parse};
use crate::text;

fn data(block: &Block) -> Result<&[u8], PemError> {
    block.data().map(|data| data.as_slice())
}

fn labels(blocks: &[Block]) -> Vec<&str> {
    blocks.iter().map(|block| block.label.as_str()).collect()
}

#[test]
fn blocks_are_read_with_headers_any_line_end_and_text_between() {
    let text = "bag attributes\r\n-----BEGIN A-----\r\nProc-Type: 4,ENCRYPTED\r\n\r\nAQ\r\nID\r\n-----END A-----\r\n\
                    note\n-----BEGIN B-----\nBA==\n-----END B-----";
    for text in [text.to_owned(), text.replace("\r\n", "\n"), text.replace("\r\n", "\n").replace('\n', "\r")] {
        let blocks = parse(text.as_bytes());
        assert_eq!(labels(&blocks), ["A", "B"], "{text:?}");
        assert_eq!(blocks[0].header("Proc-Type"), Some("4,ENCRYPTED"));
        assert_eq!((data(&blocks[0]), data(&blocks[1])), (Ok(&[1, 2, 3][..]), Ok(&[4][..])));
    }
}

#[test]
fn comments_in_any_encoding_and_byte_order_marks_are_passed_over() {
    let block = "-----BEGIN A-----\nAQID\n-----END A-----\n";
    let latin1 = [b"Aussteller: M\xfcnchen\n", block.as_bytes()].concat();
    let marks = format!("\u{feff}{block}\u{feff}{block}");
    let utf16 = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{feff}# \u{20ac}\r\n"
            .chars()
            .chain(block.chars())
            .flat_map(|c| unit(u16::try_from(u32::from(c)).unwrap()))
            .collect()
    };
    for (text, count) in [
        (latin1, 1),
        (marks.into_bytes(), 2),
        (utf16(u16::to_le_bytes), 1),
        (utf16(u16::to_be_bytes), 1),
        ([block.as_bytes(), b"\x1a\0\xff"].concat(), 1),
        (format!("  {}", block.replace('\n', "\n  ")).into_bytes(), 1),
    ] {
        let blocks = parse(&text);
        assert_eq!(blocks.len(), count, "{text:?}");
        assert!(blocks.iter().all(|block| data(block) == Ok(&[1, 2, 3])), "{text:?}");
    }
}

#[test]
fn files_joined_without_a_line_end_are_two_blocks() {
    let block = "-----BEGIN A-----\nAQID\n-----END A-----";
    assert_eq!(labels(&parse(block.repeat(3).as_bytes())), ["A", "A", "A"]);
}

#[test]
fn a_file_that_became_one_line_is_read() {
    let der: Vec<u8> = (0..100).collect();
    let text = text::pem("A", &der);
    let line = text.replace('\n', " ");
    let headers = "-----BEGIN B-----\nX: y\n\nAQID-----END B-----";
    let blocks = parse(format!("{line}\n{line}{headers}").as_bytes());
    assert_eq!(labels(&blocks), ["A", "A", "B"]);
    assert_eq!((data(&blocks[1]), data(&blocks[2])), (Ok(der.as_slice()), Ok(&[1, 2, 3][..])));
}

#[test]
fn prose_that_quotes_a_begin_line_is_no_block() {
    let text = "paste it from\n-----BEGIN A----- to -----END A-----\nhere:\n-----BEGIN A-----\nAQID\n-----END A-----";
    assert_eq!(parse(text.as_bytes()).len(), 1);
}

#[test]
fn missing_padding_is_read_as_other_tools_do() {
    let text = "-----BEGIN A-----\nAQ I\n-----END A-----\n-----BEGIN A-----\nAQ=\n-----END A-----";
    let blocks = parse(text.as_bytes());
    assert_eq!(data(&blocks[0]), Ok(&[1, 2][..]));
}

#[test]
fn a_block_cut_short_or_closed_by_another_label_is_refused_by_line_and_the_next_is_read() {
    let sound = "-----BEGIN B-----\nBA==\n-----END B-----\n";
    for cut in ["-----BEGIN A-----\nAQID\n", "-----BEGIN A-----\nAQID\n-----END B-----\n"] {
        let blocks = parse(format!("x\n{cut}{sound}").as_bytes());
        assert_eq!(data(&blocks[0]), Err(PemError::Unterminated { line: 2 }));
        assert_eq!(data(&blocks[1]), Ok(&[4][..]));
    }
    let blocks = parse(b"-----BEGIN A-----\nA!==\n-----END A-----");
    assert_eq!(data(&blocks[0]), Err(PemError::Base64 { line: 1 }));
}

#[test]
fn a_text_without_blocks_is_an_empty_list() {
    assert!(parse(b"nothing here").is_empty() && parse(b"").is_empty() && parse(b"\xff\xfe\x2d").is_empty());
}

#[test]
fn what_is_written_is_read_back() {
    let der: Vec<u8> = (0..=255).collect();
    let text = text::pem("CERTIFICATE", &der);
    assert!(text.ends_with("-----END CERTIFICATE-----\n") && text.lines().all(|line| line.len() <= 64));
    assert_eq!(data(&parse(text.as_bytes())[0]), Ok(der.as_slice()));
}

#[test]
fn certificates_are_found_under_each_of_their_labels_and_among_others() {
    let key = rcgen::KeyPair::generate().unwrap();
    let der = rcgen::CertificateParams::default().self_signed(&key).unwrap().der().to_vec();
    let trusted = [der.as_slice(), &[0x30, 0]].concat();
    let file = [
        text::pem("PRIVATE KEY", &[1]),
        text::pem("X509 CERTIFICATE", &der),
        text::pem("TRUSTED CERTIFICATE", &trusted),
        text::pem("CERTIFICATE", &der),
    ];
    let found = certificates(file.concat().as_bytes()).unwrap();
    assert_eq!(
        (found.ders.as_slice(), found.others.as_slice()),
        (&[der.clone(), der.clone(), der.clone()][..], &["PRIVATE KEY".to_owned()][..])
    );
    assert!(certificates(b"").unwrap().ders.is_empty());
}

#[test]
fn what_holds_no_certificate_says_how_to_convert_it() {
    let refused = |text: &[u8]| certificates(text).unwrap_err().to_string();
    assert!(refused(text::pem("PKCS7", &[1]).as_bytes()).contains("openssl pkcs7 -print_certs"));
    assert!(refused(&[0x30, 0x82, 1, 1]).contains("-inform DER"));
    assert!(refused(b"hello").ends_with("no PEM block"));
    assert!(refused(b"-----BEGIN CERTIFICATE-----\nAQID\n").contains("line 1"));
}
