use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::*;

const ORIGIN: &str = "log.example/2026";
const ROOT: [u8; 32] = [7; 32];

struct Log {
    pair: EcdsaKeyPair,
    key: LogKey,
}

impl Log {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let key = LogKey::from_spki_der(pair.public_key().as_der().unwrap().as_ref()).unwrap();
        Self { pair, key }
    }

    /// A signature line for a tree of `size` entries.
    fn line(&self, name: &str, size: u64, timestamp: u64) -> String {
        let signed = [&[0, 1][..], &timestamp.to_be_bytes(), &size.to_be_bytes(), &ROOT].concat();
        let signature = self.pair.sign(&SystemRandom::new(), &signed).unwrap();
        let signature = signature.as_ref();
        let length = u8::try_from(signature.len()).unwrap();
        let bytes = [&key_id(name, &self.key)[..], &timestamp.to_be_bytes(), &[4, 3, 0, length], signature].concat();
        format!("\u{2014} {name} {}\n", STANDARD.encode(bytes))
    }
}

fn text(size: u64) -> String {
    format!("{ORIGIN}\n{size}\n{}\n", STANDARD.encode(ROOT))
}

#[test]
fn a_checkpoint_is_a_tree_head_and_signatures_of_others_are_passed_over() {
    let (log, other) = (Log::new(), Log::new());
    let head = TreeHead { size: 5, root: ROOT, timestamp: 1000 };
    let own = log.line(ORIGIN, 5, 1000);
    let witness = format!("\u{2014} witness.example {}\n", STANDARD.encode([1; 76]));
    let others = other.line(ORIGIN, 5, 2000);
    for signatures in [own.clone(), format!("{witness}{own}"), format!("{others}{own}"), format!("{own}{witness}")] {
        assert_eq!(read(format!("{}\n{signatures}", text(5)).as_bytes(), Some(&log.key)).unwrap(), head);
    }
    let extended = format!("{}an extension line\n\n{own}", text(5));
    assert_eq!(read(extended.as_bytes(), Some(&log.key)).unwrap(), head);
    assert_eq!(read(format!("{}\n{own}", text(5)).as_bytes(), None).unwrap(), head);
}

#[test]
fn what_another_key_signed_or_what_was_changed_is_refused() {
    let (log, other) = (Log::new(), Log::new());
    let own = log.line(ORIGIN, 5, 1000);
    let judge = |note: String| read(note.as_bytes(), Some(&log.key));
    // The size that was signed is another.
    assert!(matches!(judge(format!("{}\n{own}", text(6))), Err(ReadError::HeadSignature)));
    // Another log's signature under this one's key id.
    let stranger = Log { pair: other.pair, key: log.key.clone() };
    let forged = stranger.line(ORIGIN, 5, 1000);
    assert!(matches!(judge(format!("{}\n{forged}", text(5))), Err(ReadError::HeadSignature)));
    for unsigned in [
        format!("{}\n{}", text(5), Log::new().line(ORIGIN, 5, 1000)),
        format!("{}\n{}", text(5), log.line("other.example", 5, 1000)),
        format!("{}\n", text(5)),
        text(5),
        format!("{ORIGIN}\nfive\n{}\n\n{own}", STANDARD.encode(ROOT)),
        format!("{ORIGIN}\n5\n{}\n\n{own}", STANDARD.encode([7; 31])),
        format!("\n5\n{}\n\n{own}", STANDARD.encode(ROOT)),
        String::new(),
    ] {
        assert!(matches!(judge(unsigned.clone()), Err(ReadError::BadAnswer { .. })), "{unsigned}");
    }
}
