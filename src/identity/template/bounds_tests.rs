//! What a template can cost: text, depth, lists, pipes; and that random ones agree with Go or are refused.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::*;
use super::*;

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
