//! Tests of the whole template language: against Go's own results, of each refusal's words, and of the bounds.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug)]
struct Row {
    template: String,
    data: BTreeMap<String, String>,
    /// None where Go fails.
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
        "`index` refuses a missing key like every other way to ask: no certificate is made of what is not there",
        &["{{ index . \"missing\" }}", "{{ if index . \"missing\" }}x{{ end }}y"],
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
    ("pipes are not supported", &["{{ .a | printf \"%s\" }}", "{{ .a | not }}", "{{ .a | }}", "{{ .a|html }}"]),
    ("variables are not supported", &["{{ $x := .a }}{{ $x }}", "{{ if $x := .a }}{{ $x }}{{ end }}"]),
    (
        "loops, `with` and named templates are not supported",
        &[
            "{{ range . }}x{{ end }}",
            "{{ with .a }}{{ . }}{{ end }}",
            "{{ define \"t\" }}x{{ end }}{{ template \"t\" }}",
            "{{ block \"t\" . }}x{{ end }}",
        ],
    ),
    (
        "functions that format or order are not supported",
        &[
            "{{ printf \"%s\" .a }}",
            "{{ print .a }}",
            "{{ println .a }}",
            "{{ eq .a print }}",
            "{{ len .a }}",
            "{{ html .größe }}",
            "{{ js .a }}",
            "{{ urlquery .größe }}",
            "{{ slice .a 1 2 }}",
            "{{ lt .a .b }}",
            "{{ ge .a .b }}",
        ],
    ),
    (
        "numbers are not supported, as every value is a text",
        &[
            "{{ 1 }}",
            "{{ -1 }}",
            "{{ 1.5 }}",
            "{{ .5 }}",
            "{{ 0x1F }}",
            "{{ eq 1 1 }}",
            "{{ (1) }}",
            "{{'a'}}",
            "x {{- -3 -}} y",
        ],
    ),
];

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
        if !different.contains(&template.as_str()) {
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
        ("x {{ .a | html }}", 9, "pipe `|`"),
        ("{{ range .a }}", 4, "`{{ range }}`"),
        ("{{ $x := .a }}", 4, "`$x`"),
        ("{{ printf .a }}", 4, "`printf`"),
        ("é{{ 7 }}", 6, "numbers"),
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
    for template in ["{{ .text }}{{ .list }}", "{{ index . \"list\" }}", "{{ if .list }}{{ end }}", "{{ not .list }}"] {
        assert_eq!(render_with(template, &lookup), Err(list.clone()), "{template}");
    }
    for template in
        ["{{ .text }}{{ .gone }}", "{{ index . \"gone\" }}", "{{ if .gone }}{{ end }}", "{{ eq .text .gone }}"]
    {
        let error = render_with(template, &lookup).expect_err(template);
        assert_eq!(error, RenderError::MissingKey("gone".to_owned()));
        assert!(error.to_string().contains("gone") && !error.to_string().contains("confidential"), "{error}");
    }
    let mixed = render_with("{{ eq (and .text true) .text }}", &lookup);
    assert_eq!(mixed, Err(RenderError::MixedComparison));
    assert_eq!(render_with("{{ or .text .list }}", &lookup).as_deref(), Ok("confidential"));
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
        ":=",
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
                prop_assert!(matches!(text, Ok(_) | Err(RenderError::MixedComparison)), "{:?}", text);
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
