use super::*;
use clap::Parser as _;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: CreateCaArgs,
}

#[test]
fn every_command_line_that_fulcio_takes_is_taken() {
    let hsm = |words: &[&str]| {
        Line::try_parse_from([&["createca", "--hsm-caroot-id=1"], words].concat()).map(|line| line.args.hsm)
    };
    for (word, expected) in [("aws", Hsm::Aws), ("AWS", Hsm::Aws), ("softhsm", Hsm::Softhsm), ("yubihsm", Hsm::Softhsm)]
    {
        assert_eq!(hsm(&["--hsm", word, "-o", "root.pem", "word", "another"]).unwrap(), expected, "{word}");
    }
}

#[test]
fn the_name_has_fulcios_parts_in_its_order() {
    let words = ["createca", "--hsm-caroot-id=1", "--org=Example, Inc.", "--country=DE", "--postal-code=10115"];
    let args =
        Line::try_parse_from([&words[..], &["--street-address=Street 1", "--province=BE"]].concat()).unwrap().args;
    let name = ca_profile::subject(&subject(&args)).unwrap();
    assert_eq!(name.to_string(), "POSTALCODE=10115,STREET=Street 1,ST=BE,O=Example\\, Inc.,C=DE");
    assert!(Line::try_parse_from(["createca"]).is_err(), "the id must be set");
}
