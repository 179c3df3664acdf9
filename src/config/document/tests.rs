use std::fmt::Write as _;

use super::node::Value;
use super::*;

/// Where each scalar's key and value are, and its path: `1:1 1:4 a.b`.
fn places(document: &Document) -> Vec<String> {
    fn walk(field: &Field<'_>, found: &mut Vec<String>) {
        let at = |place: &Place| place.mark.map_or_else(String::new, |mark| format!("{}:{}", mark.line, mark.column));
        match &field.node.value {
            Value::Map(_) => field.written_entries().for_each(|(_, below)| walk(&below, found)),
            Value::List(_) => field.items().iter().for_each(|item| walk(item, found)),
            Value::Text(_) | Value::Absent => {
                found.push(format!("{} {} {}", at(&field.place.key()), at(&field.place), field.place.path.join(".")));
            }
        }
    }
    let mut found = Vec::new();
    walk(&document.root(), &mut found);
    found
}

fn yaml(text: &str) -> Result<Document, ConfigError> {
    Document::yaml("x", text)
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = yaml(text).expect_err(expected).on_one_line();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn keys_values_aliases_and_merged_entries_have_places() {
    let text =
        "define:\n  - &name widgets\n  - &base {size: 1}\na:\n  *name :\n    kind: *name\n    <<: [*base, {b: 2}]\n";
    let expected = [
        "2:11 2:11 define",
        "3:12 3:18 define.size",
        "6:5 6:11 a.widgets.kind",
        // What an alias repeats is where it was written.
        "3:12 3:18 a.widgets.<<.size",
        "7:18 7:21 a.widgets.<<.b",
    ];
    assert_eq!(places(&yaml(text).unwrap()), expected);
    assert_eq!(places(&yaml(&format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap()), expected);
    assert_eq!(
        places(&yaml("{\"\u{e9}\"\n: [\"\\ud83d\\ude00\", null]}").unwrap()),
        ["2:4 2:4 \u{e9}", "2:20 2:20 \u{e9}"]
    );
    assert_eq!(places(&yaml("").unwrap()), ["1:1 1:1 "]);
}

#[test]
fn a_colon_right_behind_an_alias_ends_the_key() {
    let text = "define: [&a x, &b-c y]\nk:\n  *a: {*b-c: 1, *a : 2}\n  *b-c:\n    note: '*a: z'\n";
    let document = yaml(text).unwrap();
    let expected = ["3:8 3:14 k.x.y", "3:17 3:22 k.x.x", "5:5 5:11 k.y.note"];
    assert_eq!(places(&document)[2..], expected);
    refused(&format!("{text}  *nobody: 1\n"), "x:6:3: ");
    refused(&text.replace("1,", "]"), "x:3:");
}

#[test]
fn the_latest_anchor_of_a_name_counts() {
    let document = yaml("- &a x\n- &b y\n- &a z\n- *a\n").unwrap();
    assert_eq!(document.root().items().last().map(Field::text), Some("z"));
}

#[test]
fn scalars_are_as_they_are_spelled_and_nothing_is_absent() {
    let document = yaml("[0815, 1.10, yes, 0x1F, '', 'null', !!str null, ~, null, NULL, ]").unwrap();
    let texts: Vec<_> = document.root().items().iter().map(Field::string).collect();
    let spelled = ["0815", "1.10", "yes", "0x1F", "", "null", "null"].map(Some);
    assert_eq!(texts, [&spelled[..], &[None, None, None]].concat());
    assert_eq!(places(&yaml("~: a\nnull: b\n").unwrap()), ["1:1 1:4 ~", "2:1 2:7 null"]);
}

#[test]
fn depth_and_entries_are_counted_with_aliases_followed() {
    assert!(yaml(&format!("{}{}", "[".repeat(64), "]".repeat(64))).is_ok());
    refused(&"[".repeat(100_000), "x:1:65: more than 64");
    refused(&format!("{}{}", "[".repeat(65), "]".repeat(65)), "x:1:65: more than 64");
    refused(&format!("a: {}", "{a: ".repeat(64)), "x:1:");
    refused("a: &a\n  b: *a\n", "x:2:6: an alias stands inside");
    let mut chain = String::from("- &a0 [x]\n");
    for n in 1..70 {
        writeln!(chain, "- &a{n} [*a{}]", n - 1).unwrap();
    }
    refused(&chain, "x:64:9: more than 64");
    let mut bomb = String::from("- &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..9 {
        writeln!(bomb, "- &a{n} [{}]", vec![format!("*a{}", n - 1); 10].join(", ")).unwrap();
    }
    refused(&bomb, "x:6:");
    assert!(yaml(&bomb).unwrap_err().message.contains("more than 1000000 entries"));
}

#[test]
fn broken_texts_have_a_place() {
    refused("a: b\nc: \u{e9}\0d", "x:2:5: control character U+0000");
    refused("? [a]\n: b\n", "x:1:3: a list or a mapping, expected a string as the key");
    refused("a: *b\n", "x:1:4: unknown anchor");
    refused("a: b\n\tc: d\n", "x:1:4: while scanning a plain scalar, found a tab");
    refused("a: 1\n---\nb: 2\n", "x:2:1: more than one document");
    assert!(yaml("a: 1\n---\n# nothing\n---\n").is_ok());
    let latin = utf8("x", b"a\n \xc3\xa9\xe9").unwrap_err();
    assert_eq!(latin.to_string(), "x:2:3: not UTF-8\n  hint: save the file as UTF-8");
}

#[test]
fn toml_and_variables_have_the_same_places() {
    let toml = "ca = 'fileca'\nport = 0x10\n\u{e9} = {b = [1.5, true]}\n[ct-log]\n  tls-ca-cert = 'x'\n"
        .replace('\u{e9}', "'\u{e9}'");
    let document = Document::toml("x", &toml).unwrap();
    let expected =
        ["1:1 1:6 ca", "5:3 5:17 ct-log.tls-ca-cert", "2:1 2:8 port", "3:13 3:13 \u{e9}.b", "3:18 3:18 \u{e9}.b"];
    assert_eq!(places(&document), expected);
    assert!(document.root().written_entries().any(|(_, field)| field.text() == "16"));
    let broken = Document::toml("x", "a = 1\nb = \n").unwrap_err();
    assert_eq!(broken.place.mark, Some(Mark::new(2, 5)), "{broken}");
    let document = Document::variables("x", "# c\n  export A = 'b' \nC=d # e\n").unwrap();
    assert_eq!(places(&document), ["2:10 2:14 A", "3:1 3:3 C"]);
    assert!(Document::variables("x", "A=b\n c").unwrap_err().to_string().starts_with("x:2:2: expected NAME=value"));
}

#[test]
fn a_record_knows_its_keys() {
    const KNOWN: &[Setting] =
        &[Setting::new("name", "Name", Shape::Text), Setting::new("parts", "Parts", Shape::Texts)];
    let read = |text: &str| {
        let document = yaml(text).unwrap();
        let record = Record::read(&document.root(), KNOWN, Foreign::Refused);
        record
            .map(|record| (record.text("name").to_owned(), record.spelled("parts")))
            .map_err(|error| error.to_string())
    };
    assert_eq!(read("NAME: a\nparts: [b]\n"), Ok(("a".to_owned(), "parts")));
    assert_eq!(read("{\"Name\": 5, \"parts\": \"b\"}"), Ok(("5".to_owned(), "Parts")));
    for (text, error) in [
        ("nam: a\n", "x:1:1: nam: unknown key\n  hint: did you mean \"name\"?"),
        ("colour: a\n", "x:1:1: colour: unknown key\n  hint: known are name, parts"),
        ("name: a\nName: b\n", "x:2:1: Name: duplicate key\n  hint: remove one"),
        ("name: [a]\n", "x:1:7: name: found a list, expected a string\n  hint: "),
        ("parts: [a, {b: c}]\n", "x:1:12: parts: found a mapping, expected a string\n  hint: "),
        ("- name: a\n", "x:1:1: found a list, expected a mapping\n  hint: "),
    ] {
        let refusal = read(text).unwrap_err();
        assert!(refusal.starts_with(error), "{refusal}");
    }
}
