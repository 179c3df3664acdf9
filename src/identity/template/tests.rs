//! Tests of the whole template language: against Go's own results, of each refusal's words, and of the bounds.

use std::collections::BTreeMap;

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
    let text = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
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
        "nothing stands beside what `index` does not find: a hole in a string would not be seen",
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
        "the data as a whole is not a string",
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

/// What is taken here beyond Go over strings: `range` over what `index` does not find, as over an empty list.
const BEYOND_GO: &[&str] = &["{{ range index . \"missing\" }}x{{ else }}n{{ end }}"];

pub(super) fn rendered(template: &str, data: &BTreeMap<String, String>) -> Result<String, String> {
    let lookup = |key: &str| data.get(key).map_or(Lookup::Missing, |text| Lookup::Text(Cow::Borrowed(text)));
    let template = Template::parse(template).map_err(|error| error.to_string())?;
    template.render(&lookup).map_err(|error| error.to_string())
}

pub(super) fn render_with(template: &str, lookup: &dyn Fn(&str) -> Lookup<'static>) -> Result<String, RenderError> {
    Template::parse(template).expect(template).render(lookup)
}

/// Every key holds its own name.
pub(super) fn echo(key: &str) -> Lookup<'static> {
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
            assert!(row.output.is_some(), "{template:?} is not a difference: Go fails too");
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
    assert_eq!(list.to_string(), "the key \"list\" holds a list where a string is needed");
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
