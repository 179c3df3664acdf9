//! One issuer's keys, parsed, and what they say about a signature.
//!
//! Knows neither where keys come from nor how long they live.

use std::collections::HashSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::document;
use super::jwk::{self, LeftOut, Skipped};
use super::material::VerificationKey;
use crate::identity::token::{CompactJws, TokenAlgorithm};

/// How many keys of a set are examined in full when it comes. The others are when a token first needs them: a large set of dear keys
/// would cost its reader more than its writer.
const EXAMINED: usize = 100;
/// How many keys are tried for one token: of those that have its key id if it names one, and that fit its algorithm.
const MAX_TRIED: usize = 8;
/// How many keys that were left out are remembered by their id, and how long such an id may be, in bytes.
const MAX_REMEMBERED: (usize, usize) = (16, 200);

/// How much memory a set's keys may take, in bytes. What is beyond is left out.
#[derive(Clone, Copy, Debug)]
pub struct KeyBudget(usize);

impl KeyBudget {
    /// For an issuer that the operator named: more than three thousand keys.
    pub const NAMED: Self = Self(4 << 20);
    /// For an issuer that matched a pattern, of which a thousand are held: about two hundred keys.
    pub const MATCHED: Self = Self(256 << 10);
}

#[derive(Debug)]
pub struct KeySet {
    offered: Offered,
    keys: Vec<VerificationKey>,
    left_out: Vec<Skipped>,
}

/// Which algorithms an issuer signs with.
#[derive(Debug)]
enum Offered {
    /// The ones that its discovery document lists.
    Listed(HashSet<TokenAlgorithm>),
    /// Nobody says: those that its keys are fit for.
    ByKey,
}

/// What a key set says about a token's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureCheck {
    /// One of the issuer's keys made it.
    Good,
    Bad,
    /// The issuer has no key of the id that the token names.
    UnknownKeyId,
    /// The issuer has the key that the token names, and it is not used.
    KeyLeftOut(LeftOut),
    /// The issuer does not list the token's algorithm.
    AlgorithmNotOffered,
}

/// The keys of a JWK set, read one by one: a list of a million numbers is a million values otherwise.
struct Reader {
    budget: usize,
    examined: usize,
    keys: Vec<VerificationKey>,
    left_out: Vec<Skipped>,
}

impl Reader {
    const fn new(budget: usize) -> Self {
        Self { budget, examined: 0, keys: Vec::new(), left_out: Vec::new() }
    }

    fn take(&mut self, text: &str) {
        let key = match jwk::read(text) {
            Ok(read) => VerificationKey::new(read),
            Err(skipped) => return self.leave_out(skipped.id, skipped.reason),
        };
        let Some(budget) = self.budget.checked_sub(key.bytes()) else {
            return self.leave_out(key.id, LeftOut::Beyond);
        };
        if self.examined < EXAMINED {
            self.examined += 1;
            if let Err(reason) = key.usable() {
                return self.leave_out(key.id, reason);
            }
        }
        self.budget = budget;
        self.keys.push(key);
    }

    fn leave_out(&mut self, id: Option<String>, reason: LeftOut) {
        let (number, length) = MAX_REMEMBERED;
        if self.left_out.len() < number {
            self.left_out.push(Skipped { id: id.filter(|id| id.len() <= length), reason });
        }
    }
}

/// The set's object. Of two lists the last one counts.
impl<'de> Visitor<'de> for Reader {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JWK set")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Self, A::Error> {
        let budget = self.budget;
        while let Some(name) = members.next_key::<String>()? {
            if name.eq_ignore_ascii_case("keys") {
                self = Self::new(budget);
                members.next_value_seed(List(&mut self))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(self)
    }
}

/// The member `keys`: a list, or null.
struct List<'r>(&'r mut Reader);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of keys")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(key) = list.next_element::<&RawValue>()? {
            self.0.take(key.get());
        }
        Ok(())
    }
}

impl KeySet {
    /// Reads a JWK set (RFC 7517 section 5). Keys that cannot verify a token are left out: they do not spoil the others. `listed` are the
    /// algorithms of the discovery document, if there is one.
    pub fn parse(text: &[u8], listed: Option<&[String]>, budget: KeyBudget) -> Result<Self, serde_json::Error> {
        let Reader { keys, left_out, .. } = document::read(text, Reader::new(budget.0))?;
        let says_ed25519 = keys.iter().any(VerificationKey::says_ed25519);
        Ok(Self { offered: listed.map_or(Offered::ByKey, |listed| offered(listed, says_ed25519)), keys, left_out })
    }

    /// How many keys can verify tokens.
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no token can be verified.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The first keys that are left out: their ids, if they have one, and why.
    pub fn left_out(&self) -> impl Iterator<Item = (Option<&str>, LeftOut)> {
        self.left_out.iter().map(|skipped| (skipped.id.as_deref(), skipped.reason))
    }

    /// Checks a token's signature: with the key it names, else with any. A signature costs its sender nothing, so that no more than
    /// [`MAX_TRIED`] keys are tried, be there many without a name or many with the same.
    pub fn check(&self, token: &CompactJws) -> SignatureCheck {
        let algorithm = token.algorithm();
        if let Offered::Listed(listed) = &self.offered
            && !listed.contains(&algorithm)
        {
            return SignatureCheck::AlgorithmNotOffered;
        }
        let is_named = |key: &&VerificationKey| token.key_id().is_none() || token.key_id() == key.id.as_deref();
        let mut check = SignatureCheck::Bad;
        for key in self.keys.iter().filter(is_named).filter(|key| key.fits(algorithm)).take(MAX_TRIED) {
            match key.verifies(token) {
                Ok(true) => return SignatureCheck::Good,
                Ok(false) => {}
                Err(reason) => check = SignatureCheck::KeyLeftOut(reason),
            }
        }
        match token.key_id() {
            Some(id) if check == SignatureCheck::Bad && !self.keys.iter().any(|key| is_named(&key)) => {
                let left_out = self.left_out().find(|(other, _)| *other == Some(id));
                left_out.map_or(SignatureCheck::UnknownKeyId, |(_, reason)| SignatureCheck::KeyLeftOut(reason))
            }
            _ => check,
        }
    }
}

/// The listed algorithms that are known here; RS256 when none is (OpenID Connect Discovery 1.0 section 3). Who lists Ed25519 signs with
/// EdDSA, the older name, as well; who lists EdDSA signs with Ed25519 if a key of the set says so.
fn offered(listed: &[String], says_ed25519: bool) -> Offered {
    let mut known: HashSet<TokenAlgorithm> = listed.iter().filter_map(|name| TokenAlgorithm::from_name(name)).collect();
    if known.contains(&TokenAlgorithm::Ed25519) {
        known.insert(TokenAlgorithm::EdDSA);
    } else if says_ed25519 && known.contains(&TokenAlgorithm::EdDSA) {
        known.insert(TokenAlgorithm::Ed25519);
    }
    Offered::Listed(if known.is_empty() { HashSet::from([TokenAlgorithm::RS256]) } else { known })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    #[test]
    fn rs256_is_meant_when_nothing_known_is_listed() {
        let listed =
            |names: &[&str]| match offered(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), false) {
                Offered::Listed(known) => known,
                Offered::ByKey => panic!("not listed"),
            };
        let only_rs256 = HashSet::from([TokenAlgorithm::RS256]);
        assert_eq!(listed(&[]), only_rs256);
        assert_eq!(listed(&["none", "HS256"]), only_rs256);
        assert_eq!(listed(&["ES512", "none"]), HashSet::from([TokenAlgorithm::ES512]));
    }

    /// A key and its JWK.
    fn key(id: Option<&str>) -> (EcdsaKeyPair, Value) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref().to_vec();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        (pair, json!({"kty": "EC", "crv": "P-256", "kid": id, "x": x, "y": y}))
    }

    fn token(pair: &EcdsaKeyPair, id: Option<&str>) -> CompactJws {
        let header = json!({"alg": "ES256", "kid": id}).to_string();
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("{}"));
        let signature = pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        CompactJws::parse(&format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))).unwrap()
    }

    fn set(keys: &[Value]) -> KeySet {
        KeySet::parse(json!({"keys": keys}).to_string().as_bytes(), None, KeyBudget::NAMED).unwrap()
    }

    #[test]
    fn a_token_is_tried_with_eight_keys_that_fit_and_no_more() {
        let ed25519 = || json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([9; 32])});
        for id in [None, Some("same")] {
            let ours = key(id);
            for (ahead, expected) in [(7, SignatureCheck::Good), (8, SignatureCheck::Bad)] {
                let mut keys: Vec<Value> = (0..20).map(|_| ed25519()).collect();
                keys.extend((0..30).map(|_| key(Some("other")).1).filter(|_| id.is_some()));
                keys.extend((0..ahead).map(|_| key(id).1));
                keys.push(ours.1.clone());
                assert_eq!(set(&keys).check(&token(&ours.0, id)), expected, "{ahead} keys of {id:?} ahead");
            }
        }
    }

    #[test]
    fn a_set_is_read_to_its_end_within_a_budget_of_bytes() {
        let (ours, spare) = (key(Some("ours")), key(None).1);
        let mut keys: Vec<Value> = (0..500).map(|number| with(&spare, "kid", &json!(format!("k{number}")))).collect();
        keys.extend([json!([0, [{"kty": 1}]]), json!(0), ours.1.clone()]);
        let text = json!({"keys": keys}).to_string();
        let read = |text: &str, budget| KeySet::parse(text.as_bytes(), None, budget).unwrap();
        let token = token(&ours.0, Some("ours"));
        assert_eq!(read(&text, KeyBudget::NAMED).check(&token), SignatureCheck::Good, "the 501st");
        let bounded = read(&text, KeyBudget::MATCHED);
        assert!((200..256).contains(&bounded.len()), "{}", bounded.len());
        assert_eq!(bounded.check(&token), SignatureCheck::UnknownKeyId);
        assert!(bounded.left_out().all(|(_, reason)| reason == LeftOut::Beyond));
        assert_eq!(bounded.left_out().count(), 16);
        let many = format!(r#"{{"keys":[{}{}]}}"#, "0,".repeat(200_000), ours.1);
        assert_eq!(read(&many, KeyBudget::MATCHED).check(&token), SignatureCheck::Good);
        assert!(KeySet::parse(br#"{"keys": {"kty": "EC"}}"#, None, KeyBudget::NAMED).is_err());
    }

    #[test]
    fn a_large_set_of_weak_keys_is_not_examined_when_it_comes_and_verifies_nothing() {
        // Divisible by three, which the modulus's length does not show.
        let weak = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xAB; 512]), "e": "AQAB"});
        let keys: Vec<Value> = (0..1000).map(|number| with(&weak, "kid", &json!(format!("k{number}")))).collect();
        let set = set(&keys);
        assert_eq!(set.keys.len(), 900, "the first hundred are examined");
        let header = json!({"alg": "RS256", "kid": "k999"}).to_string();
        let forged = format!("{}.e30.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode([1; 512]));
        let check = set.check(&CompactJws::parse(&forged).unwrap());
        assert!(matches!(check, SignatureCheck::KeyLeftOut(LeftOut::WeakModulus(_))), "{check:?}");
    }

    fn with(jwk: &Value, name: &str, value: &Value) -> Value {
        let mut jwk = jwk.clone();
        jwk[name] = value.clone();
        jwk
    }

    #[test]
    fn a_token_is_told_whether_its_key_is_unknown_left_out_or_another() {
        let (ours, other) = (key(Some("ours")), key(Some("other")));
        let encryption = with(&key(Some("enc")).1, "use", &json!("enc"));
        let set = set(&[ours.1.clone(), encryption, json!(null)]);
        for (pair, id, expected) in [
            (&ours.0, Some("ours"), SignatureCheck::Good),
            (&ours.0, None, SignatureCheck::Good),
            (&other.0, Some("ours"), SignatureCheck::Bad),
            (&other.0, None, SignatureCheck::Bad),
            (&ours.0, Some("other"), SignatureCheck::UnknownKeyId),
            (&other.0, Some("enc"), SignatureCheck::KeyLeftOut(LeftOut::Use)),
        ] {
            assert_eq!(set.check(&token(pair, id)), expected, "{id:?}");
        }
    }

    #[test]
    fn a_coordinate_without_its_leading_zero_verifies_all_the_same() {
        let short = std::iter::repeat_with(|| key(Some("a")))
            .find(|(_, jwk)| URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap()[0] == 0);
        let (pair, jwk) = short.unwrap();
        let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
        for x in [x[1..].to_vec(), x.clone(), [vec![0], x].concat()] {
            let jwk = with(&jwk, "x", &json!(URL_SAFE_NO_PAD.encode(x)));
            assert_eq!(set(&[jwk]).check(&token(&pair, Some("a"))), SignatureCheck::Good);
        }
    }

    #[test]
    fn odd_sets_are_read_as_go_reads_them() {
        let ours = key(Some("a")).1.to_string();
        let count = |text: &str| KeySet::parse(text.as_bytes(), None, KeyBudget::NAMED).map(|set| set.len()).ok();
        for (text, expected) in [
            (format!("\u{feff}{{\"keys\": [{ours}]}}\r\n"), Some(1)),
            (format!(r#"{{"keys": [], "keys": [{ours}]}}"#), Some(1)),
            (format!(r#"{{"keys": [{ours}], "keys": []}}"#), Some(0)),
            (format!(r#"{{"keys": [{ours}], "keys": null}}"#), Some(0)),
            (format!(r#"{{"Keys": [{ours}], "x": "\ud83d", "y": [[], {{}}]}}"#), Some(1)),
            (r#"{"keys": null}"#.to_owned(), Some(0)),
            ("{}".to_owned(), Some(0)),
            ("[]".to_owned(), None),
            ("null".to_owned(), None),
            (format!(r#"{{"keys": [{ours}]}}x"#), None),
        ] {
            assert_eq!(count(&text), expected, "{text}");
        }
        let latin1 = [br#"{"note": "caf"#.as_slice(), b"\xe9", br#"", "keys": ["#, ours.as_bytes(), b"]}"].concat();
        assert_eq!(KeySet::parse(&latin1, None, KeyBudget::NAMED).unwrap().len(), 1);
    }
}
