//! Tests of the whole template language: against Go's own results, of each refusal's words, and of the bounds.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug)]
struct Row {
    template: String,
    data: BTreeMap<String, String>,
    output: Option<String>,
}

/// What Go's text/template makes of the table in `tests/go-templates/generate.go`.
fn rows_from_go() -> Vec<Row> {
    let rows: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/go-templates/results.json")).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let row = |row: &serde_json::Value| {
        let data =
            row["data"].as_object().expect("data").iter().map(|(key, value)| (key.clone(), text(value))).collect();
        assert_ne!(row.get("output").is_some(), row.get("error").is_some(), "output or error: {row}");
        Row { template: text(&row["template"]), data, output: row.get("output").map(text) }
    };
    rows.as_array().expect("rows").iter().map(row).collect()
}

/// Templates that Go renders and that are refused here on purpose, by reason.
const DIFFERENCES: &[(&str, &[&str])] = &[
    (
        "nothing stands beside what `index` does not find: a hole in a text would not be seen",
        &["{{ index . \"missing\" }}x", "x{{ index . \"missing\" | urlquery }}"],
    ),
    (
        "the key of `index` is a literal: no claim chooses which claim is read, and the keys are known beforehand",
        &["{{ index . .same }}", "{{ index . (or \"a\" \"b\") }}"],
    ),
    (
        "what can never work is refused when the configuration is read, also where Go would not come to it",
        &[
            "{{eq .a .same true}}",
            "{{if .empty}}{{eq .a true}}{{end}}z",
            "{{if .empty}}{{eq .a}}{{end}}z",
            "{{if .empty}}{{not}}{{end}}z",
            "{{or .a .a.b}}",
            "{{or .a (.b .a)}}",
        ],
    ),
    (
        "the data as a whole is not a text",
        &[
            "{{ . }}",
            "{{$}}x",
            "{{$ -}} z",
            "{{(.)}}x",
            "{{(.).a}}",
            "{{ index . }}x",
            "{{if .}}x{{end}}",
            "{{if not .}}x{{end}}y",
            "{{or .}}x",
            "{{and . \"x\"}}",
        ],
    ),
    ("names and extensions are UTF-8", &["{{ \"\\xff\" }}"]),
    (
        "named templates are not supported",
        &["{{ define \"t\" }}x{{ end }}{{ template \"t\" }}", "{{ block \"t\" . }}x{{ end }}"],
    ),
    ("loops are over lists of a claim", &["{{ range . }}x{{ end }}"]),
    ("functions that are not supported, or bare as an argument", &["{{ js .a }}", "{{ eq .a print }}"]),
    ("a format is a literal and has as many verbs as values", &["{{ printf \"%s\" }}", "{{ printf .a }}"]),
    ("numbers are whole and decimal", &["{{ 1.5 }}", "{{ .5 }}", "{{ 0x1F }}", "{{'a'}}", "{{ 007 }}", "{{ 1_000 }}"]),
];

/// What is taken here beyond Go over texts: `range` over what `index` does not find, as over an empty list.
const BEYOND_GO: &[&str] = &["{{ range index . \"missing\" }}x{{ else }}n{{ end }}"];

fn rendered(template: &str, data: &BTreeMap<String, String>) -> Result<String, String> {
    let lookup = |key: &str| data.get(key).map_or(Lookup::Missing, |text| Lookup::Text(Cow::Borrowed(text)));
    let template = Template::parse(template).map_err(|error| error.to_string())?;
    template.render(&lookup).map_err(|error| error.to_string())
}

fn render_with(template: &str, lookup: &dyn Fn(&str) -> Lookup<'static>) -> Result<String, RenderError> {
    Template::parse(template).expect(template).render(lookup)
}

/// Every key holds its own name.
fn echo(key: &str) -> Lookup<'static> {
    Lookup::Text(Cow::Owned(key.to_owned()))
}

#[test]
fn agrees_with_go() {
    let rows = rows_from_go();
    assert!(rows.len() > 300, "the table is cut short: {}", rows.len());
    let different: Vec<&str> = DIFFERENCES.iter().flat_map(|(_, templates)| templates.iter().copied()).collect();
    for Row { template, data, output } in &rows {
        if !different.contains(&template.as_str()) && !BEYOND_GO.contains(&template.as_str()) {
            let ours = rendered(template, data);
            assert_eq!(ours.as_ref().ok(), output.as_ref(), "{template:?} over {data:?}: {ours:?}");
        }
    }
}

#[test]
fn differs_from_go_only_by_refusing() {
    let rows = rows_from_go();
    for (reason, templates) in DIFFERENCES {
        for template in *templates {
            let row = rows.iter().find(|row| row.template == *template);
            let row = row.unwrap_or_else(|| panic!("{template:?} is not in the table"));
            assert!(row.output.is_some(), "{template:?} is no difference: Go fails too");
            assert!(rendered(template, &row.data).is_err(), "{template:?} must be refused: {reason}");
        }
    }
}

#[test]
fn refusals_name_the_construct_and_its_place() {
    for (template, column, named) in [
        ("x {{ .a | js }}", 11, "`js`"),
        ("{{ .a | .b }}", 9, "behind a pipe"),
        ("{{ range .a }}", 1, "`{{ range }}`"),
        ("{{ template .a }}", 4, "`{{ template }}`"),
        ("{{ $x }}", 4, "`$x`"),
        ("{{ printf .a }}", 4, "`printf`"),
        ("{{ printf \"%d\" .a }}", 4, "`printf`"),
        ("{{ printf \"%s\" }}", 4, "more verbs"),
        ("{{ printf \"%s\" .a .b }}", 4, "more values"),
        ("{{ printf \"%999999999d\" 1 }}", 4, "at most 1000"),
        ("{{ printf \"%*d\" 1 1 }}", 4, "`printf`"),
        ("{{ with .a }}{{ .b }}{{ end }}", 17, "`$.b`"),
        ("é{{ 7.5 }}", 6, "whole numbers"),
        ("{{ name }}", 4, "`{{ .name }}`"),
        ("{{ .odd-key }}", 8, "index . \"any key\""),
        ("{{ .a.b }}", 6, "field"),
        ("ab{{ end }}", 3, "no `{{ if }}`"),
        ("{{ if .a }}{{ else }}{{ else }}{{ end }}", 22, "already"),
        ("a{{ if .a }}", 2, "no `{{ end }}`"),
        ("{{ eq .a true }}", 10, "boolean"),
        ("{{ eq .a }}", 4, "`eq` takes two values or more"),
        ("{{ eq .a (not) }}", 11, "`not` takes one value"),
        ("{{ not eq }}", 8, "parentheses"),
        ("{{ . }}", 4, "all keys together"),
        ("{{ .a", 6, "not closed by `}}`"),
        ("{{ (.a }}", 8, "not closed by `)`"),
        ("{{ \"\\q\" }}", 5, "escape"),
    ] {
        let error = Template::parse(template).expect_err(template);
        assert_eq!(error.column, column, "{template:?}: {error}");
        assert!(error.message.contains(named), "{template:?}: {error}");
        assert!(error.to_string().starts_with(&format!("column {column}: ")), "{error}");
        assert!(error.message.contains("supported are {{ .key }}"), "{error}");
    }
}

#[test]
fn tells_its_source_and_its_keys() {
    let source =
        "{{ if eq .kind \"x\" }}{{ index . \"odd/key\" }}{{ else }}{{ $.kind }}{{ or .last (.kind) }}{{ end }}";
    let template = Template::parse(source).expect("a template");
    assert_eq!(template.source(), source);
    assert_eq!(template.keys(), ["kind", "odd/key", "last"]);
    assert!(Template::parse("plain {{ \"a\" }}").expect("a template").keys().is_empty());
}

#[test]
fn render_errors_name_the_key_and_no_value() {
    let lookup = |key: &str| match key {
        "list" => Lookup::NotText("a list"),
        "text" => Lookup::Text(Cow::Borrowed("confidential")),
        _ => Lookup::Missing,
    };
    let list = RenderError::NotText { key: "list".to_owned(), found: "a list" };
    assert_eq!(list.to_string(), "the key \"list\" holds a list where a text is needed");
    for template in [
        "{{ .text }}{{ .list }}",
        "{{ len .list }}",
        "{{ range .list }}{{ end }}",
        "{{ index . \"list\" }}",
        "{{ if .list }}{{ end }}",
        "{{ not .list }}",
    ] {
        assert_eq!(render_with(template, &lookup), Err(list.clone()), "{template}");
    }
    for template in [
        "{{ .text }}{{ .gone }}",
        "{{ .text }}{{ index . \"gone\" }}",
        "{{ .text }}{{ printf \"%3s\" (index . \"gone\") }}",
        "{{ if .gone }}{{ end }}",
        "{{ eq .text .gone }}",
    ] {
        let error = render_with(template, &lookup).expect_err(template);
        assert_eq!(error, RenderError::MissingKey("gone".to_owned()));
        assert!(error.to_string().contains("gone") && !error.to_string().contains("confidential"), "{error}");
    }
    let mixed = render_with("{{ eq (and .text true) .text }}", &lookup);
    assert_eq!(mixed, Err(RenderError::MixedComparison));
    assert_eq!(render_with("{{ or .text .list }}", &lookup).as_deref(), Ok("confidential"));
}

#[test]
fn what_index_does_not_find_is_empty_alone_and_refused_beside_text_and_in_names() {
    let lookup = |key: &str| if key == "a" { echo(key) } else { Lookup::Missing };
    for template in
        ["{{ index . \"gone\" }}", "{{ with index . \"gone\" }}x{{ end }}", "{{ $x := index . \"gone\" }}{{ $x }}"]
    {
        assert_eq!(render_with(template, &lookup).as_deref(), Ok(""), "{template}");
    }
    for template in
        ["{{ index . \"gone\" }}", "{{ .a }}{{ index . \"gone\" }}", "{{ printf \"%s%5s\" .a (index . \"gone\") }}"]
    {
        let pieces = Template::parse(template).unwrap();
        assert_eq!(pieces.pieces(&lookup), Err(RenderError::MissingKey("gone".to_owned())), "{template}");
    }
    assert_eq!(render_with("{{ or (index . \"gone\") \"default\" }}", &lookup).as_deref(), Ok("default"));
}

#[test]
fn lists_are_counted_and_gone_through_within_a_bound() {
    let list =
        |length: usize| move |_: &str| Lookup::List((0..length).map(|item| Cow::Owned(item.to_string())).collect());
    let three = "{{ range .list }}{{ . }},{{ else }}none{{ end }}{{ len .list }}";
    assert_eq!(render_with(three, &list(3)).as_deref(), Ok("0,1,2,3"));
    assert_eq!(render_with(three, &list(0)).as_deref(), Ok("none0"));
    let numbered = "{{ range $i, $e := .list }}{{ if $i }}/{{ end }}{{ $i }}={{ $e }}{{ end }}";
    assert_eq!(render_with(numbered, &list(2)).as_deref(), Ok("0=0/1=1"));
    let nested = "{{ range $.list }}{{ range $.list }}{{ range $.list }}{{ end }}{{ end }}{{ end }}";
    assert!(matches!(render_with(nested, &list(1000)), Err(RenderError::TooMuchWork { .. })));
    assert_eq!(render_with("{{ range .a }}{{ end }}", &echo), Err(RenderError::NotAList { key: "a".to_owned() }));
    assert_eq!(render_with("{{ .a }}", &list(1)), Err(RenderError::NotText { key: "a".to_owned(), found: "a list" }));
}

#[test]
fn what_functions_make_is_limited_also_where_it_is_not_written() {
    let doubling = format!("{{{{ $x := .a }}}}{}", "{{ $x = printf \"%s%s\" $x $x }}".repeat(200));
    assert_eq!(render_with(&doubling, &echo), Err(RenderError::TooLong { limit: OUTPUT_LIMIT }));
    let empty = |_: &str| Lookup::Text(Cow::Borrowed(""));
    assert_eq!(render_with(&doubling, &empty).as_deref(), Ok(""));
    let padded = format!("{{{{ $x := .a }}}}{}", "{{ $x = print $x (printf \"%1000s\" .a) }}".repeat(20));
    assert_eq!(render_with(&padded, &echo), Err(RenderError::TooLong { limit: OUTPUT_LIMIT }));
}

#[test]
fn pipes_are_limited() {
    let piped = |count: usize| format!("{{{{ .a{} }}}}", " | urlquery".repeat(count));
    assert_eq!(render_with(&piped(64), &echo).as_deref(), Ok("a"));
    for count in [65, 100_000] {
        assert!(Template::parse(&piped(count)).unwrap_err().message.contains("more than 64 pipes"));
    }
    let nested = format!("{{{{ {}.a{} }}}}", "(".repeat(DEPTH_LIMIT), " | print)".repeat(DEPTH_LIMIT));
    assert_eq!(render_with(&nested, &echo).as_deref(), Ok("a"));
}

#[test]
fn pieces_name_the_keys_whose_values_made_them() {
    let pieces = |template: &str| {
        let template = Template::parse(template).unwrap();
        let pieces = template.pieces(&echo).unwrap();
        pieces.into_iter().map(|(keys, text)| (keys.join("+"), text.into_owned())).collect::<Vec<_>>()
    };
    let expected = |all: &[(&str, &str)]| {
        all.iter().map(|(keys, text)| ((*keys).to_owned(), (*text).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(pieces("{{ printf \"h/%s/%v\" .a .b }}"), expected(&[("", "h/"), ("a", "a"), ("", "/"), ("b", "b")]));
    assert_eq!(pieces("{{ printf \"%3s%s\" .a .b }}"), expected(&[("a+b", "  ab")]));
    assert_eq!(pieces("{{ $x := .a | urlquery }}{{ slice $x 0 1 }}"), expected(&[("a", "a")]));
    assert_eq!(pieces("{{ with .a }}{{ print . $.b 1 2 }}{{ end }}"), expected(&[("a+b", "ab1 2")]));
}

#[test]
#[ignore = "takes a file of random rows, made by `go run generate.go random 100000 1 > rows` and named by GO_ROWS"]
fn agrees_with_go_on_random_templates() {
    let rows = std::fs::read_to_string(std::env::var("GO_ROWS").unwrap()).unwrap();
    let (mut same, mut refused) = (0_u32, 0_u32);
    for line in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let data: BTreeMap<String, String> = serde_json::from_value(row["data"].clone()).unwrap();
        match rendered(row["template"].as_str().unwrap(), &data) {
            Ok(text) => {
                assert_eq!(Some(text.as_str()), row["output"].as_str(), "{line}");
                same += 1;
            }
            Err(_) if row["output"].is_string() => refused += 1,
            Err(_) => same += 1,
        }
    }
    println!("{same} as in Go, {refused} refused only here");
}

#[test]
fn the_text_is_limited() {
    let fitting = "x".repeat(OUTPUT_LIMIT);
    let lookup = |_: &str| Lookup::Text(Cow::Owned("y".repeat(OUTPUT_LIMIT)));
    let too_long = Err(RenderError::TooLong { limit: OUTPUT_LIMIT });
    assert_eq!(render_with(&fitting, &echo), Ok(fitting.clone()));
    assert_eq!(render_with(&format!("{fitting}x"), &echo), too_long);
    assert_eq!(render_with("{{ .a }}", &lookup).map(|text| text.len()), Ok(OUTPUT_LIMIT));
    assert_eq!(render_with("{{ .a }}x", &lookup), too_long);
    assert_eq!(render_with("x{{ true }}{{ .a }}", &lookup), too_long);
}

#[test]
fn the_depth_is_limited() {
    let parentheses = |depth| format!("{{{{ {}.a{} }}}}", "(".repeat(depth), ")".repeat(depth));
    let conditions = |depth| format!("{}x{}", "{{ if .a }}".repeat(depth), "{{ end }}".repeat(depth));
    for nested in [&parentheses as &dyn Fn(usize) -> String, &conditions] {
        render_with(&nested(DEPTH_LIMIT), &echo).expect("at the limit");
        for depth in [DEPTH_LIMIT + 1, 100_000] {
            assert!(
                Template::parse(&nested(depth)).expect_err("past the limit").message.contains("nested deeper than")
            );
        }
    }
    let both = format!("{}{}{}", "{{ if .a }}".repeat(40), parentheses(30), "{{ end }}".repeat(40));
    assert!(Template::parse(&both).is_err(), "the two kinds of nesting count together");
    // What is closed counts no more, and a chain of `else if` is not a nesting.
    let row = conditions(1).repeat(500) + &parentheses(1).repeat(500);
    render_with(&row, &echo).expect("side by side");
    let chain = format!("{{{{ if not .a }}}}{}x{{{{ end }}}}", "{{ else if not .a }}".repeat(50_000));
    assert_eq!(render_with(&chain, &echo).as_deref(), Ok(""));
}

/// Pieces that templates are made of, in any order.
fn template_like() -> impl Strategy<Value = String> {
    let pieces = [
        "{{",
        "}}",
        "{{-",
        "-}}",
        "{{ ",
        " }}",
        "{{- ",
        " -}}",
        " ",
        "\n",
        "/*",
        "*/",
        "if",
        "else",
        "else if",
        "end",
        ".",
        ".a",
        ".é",
        "$",
        "$.a",
        "(",
        ")",
        "index",
        "index . \"a\"",
        "eq",
        "ne",
        "and",
        "or",
        "not",
        "true",
        "\"",
        "\"b\"",
        "`",
        "\\",
        "\\x4",
        "\\u00",
        "|",
        "-",
        "1",
        "x",
        "é",
        "{{ if .a }}",
        "{{ else }}",
        "{{ end }}",
        "{{ .a }}",
        "range",
        "with",
        "range .a",
        ":=",
        "$x",
        "$x := .a",
        ",",
        "=",
        "len",
        "slice",
        "print",
        "printf \"%s\"",
        "urlquery",
        "lt",
        "{{ with .a }}",
        "{{ $x := .a }}",
        "\u{0}",
        "😀",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn never_panics_on_any_text(source in any::<String>()) {
        let _ = Template::parse(&source);
    }

    #[test]
    fn never_panics_on_template_like_text(source in template_like()) {
        match Template::parse(&source) {
            Ok(template) => {
                let text = template.render(&echo);
                prop_assert!(!matches!(text, Err(RenderError::MissingKey(_) | RenderError::TooLong { .. } | RenderError::TooMuchWork { .. })), "{:?}", text);
            }
            Err(error) => {
                prop_assert!((1..=source.len() + 1).contains(&error.column));
                prop_assert!(source.is_char_boundary(error.column - 1));
            }
        }
    }

    #[test]
    fn text_without_actions_renders_to_itself(source in any::<String>()) {
        prop_assume!(!source.contains("{{"));
        prop_assert_eq!(render_with(&source, &|_| Lookup::Missing), Ok(source));
    }

    #[test]
    fn literals_render_to_what_they_stand_for(text in "[^`\r]*") {
        prop_assert_eq!(render_with(&format!("{{{{ `{text}` }}}}"), &echo), Ok(text));
    }

    #[test]
    fn asks_only_for_its_keys(source in template_like()) {
        if let Ok(template) = Template::parse(&source) {
            let keys = template.keys();
            let lookup = |key: &str| {
                assert!(keys.contains(&key), "{key}");
                echo(key)
            };
            let _ = template.render(&lookup);
        }
    }

    #[test]
    fn never_passes_the_limit(lengths in prop::collection::vec(0..OUTPUT_LIMIT, 1..6), value in 0..OUTPUT_LIMIT) {
        let source = lengths.iter().map(|length| "x".repeat(*length) + "{{ .a }}").collect::<String>();
        let expected = lengths.iter().sum::<usize>() + lengths.len() * value;
        match render_with(&source, &|_| Lookup::Text(Cow::Owned("y".repeat(value)))) {
            Ok(text) => {
                prop_assert_eq!(text.len(), expected);
                prop_assert!(expected <= OUTPUT_LIMIT);
            }
            Err(error) => {
                prop_assert_eq!(error, RenderError::TooLong { limit: OUTPUT_LIMIT });
                prop_assert!(expected > OUTPUT_LIMIT);
            }
        }
    }
}
