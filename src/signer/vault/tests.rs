use super::*;

#[test]
fn a_signature_says_which_version_made_it() {
    assert_eq!(read_signature("vault:v3:AQI=", 3).unwrap(), [1, 2]);
    for text in [
        "vault:v2:AQI=",
        "vault:v33:AQI=",
        "vault:3:AQI=",
        "vault:v:AQI=",
        "vault:v3",
        "AQI=",
        "",
        "vault:v3:A",
        "vault:v3:AQI",
    ] {
        assert!(matches!(read_signature(text, 3), Err(RemoteError::Unusable(_))), "{text}");
    }
}

#[test]
fn every_algorithm_has_the_path_of_its_hash() {
    let names = SignatureAlgorithm::ALL.map(hash_name);
    assert_eq!(names, [Some("sha2-256"), Some("sha2-384"), Some("sha2-512"), Some("sha2-256"), None]);
}
