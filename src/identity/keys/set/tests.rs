use super::*;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

#[test]
fn rs256_is_meant_when_nothing_known_is_listed() {
    let listed = |names: &[&str]| offered(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), false);
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
