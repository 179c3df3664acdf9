use super::super::Template;

fn found(template: &str) -> Vec<String> {
    Template::parse(template).unwrap().ambiguities(&|key| key == "url")
}

#[test]
fn names_with_one_claim_or_known_ones_leave_nothing_open() {
    for template in [
        "{{ .url }}/{{ .project }}",
        "https://ci.example/{{ .project }}",
        "{{ .iss }}/{{ .project }}",
        r#"{{ printf "%s/%s/%s" .url .organization_slug .pipeline_slug }}"#,
        r#"{{ print .url "/" .organization_slug "/" .pipeline_slug }}"#,
        r#"{{ .url }}{{ "/" }}{{ .organization_slug }}{{ `/` }}{{ .pipeline_slug }}"#,
        "{{.url}}/{{.organization_slug}}/{{ .pipeline_slug }}",
        r#"{{ .api_url }}/projects/{{ (index . "oidc.circleci.com/project-id") }}"#,
    ] {
        assert_eq!(found(template), Vec::<String>::new(), "{template}");
    }
}

#[test]
fn separators_that_a_claim_may_contain_and_lossy_functions_are_found() {
    for (template, expected) in [
        (
            "https://ci.example/{{ .group }}/{{ .project }}",
            "\"group\" may contain the \"/\" that separates it from \"project\"",
        ),
        ("https://ci.example/{{ .group }}{{ .project }}", "nothing separates \"group\" from \"project\""),
        (
            "{{ .url }}/{{ if eq .event \"push\" }}p{{ else }}o{{ end }}",
            "`if` gives the same text for different claims",
        ),
        ("{{ .url }}/{{ or .a .b }}", "`and` or `or` gives the same text for different claims"),
        ("{{ .url }}/{{ not .a }}", "`not` gives the same text for different claims"),
        ("{{ .url }}/{{ with .a }}{{ . }}{{ end }}", "`with` gives the same text for different claims"),
        ("{{ .url }}/{{ range .a }}{{ . }}{{ end }}", "`range` gives the same text for different claims"),
        ("{{ .url }}/{{ len .a }}", "`len` gives the same text for different claims"),
        ("{{ .url }}/{{ slice .a 1 }}", "`slice` gives the same text for different claims"),
        ("{{ .url }}/{{ urlquery .a }}", "`urlquery` gives the same text for different claims"),
        ("{{ .url }}/{{ .a | html }}", "`html` gives the same text for different claims"),
        ("{{ .url }}/{{ printf \"%.3s\" .a }}", "`printf` with more than %s gives the same text for different claims"),
        ("{{ .url }}/{{ printf \"%5s\" .a }}", "`printf` with more than %s gives the same text for different claims"),
        ("{{ .url }}/{{ print .a (len .b) }}", "`print` gives the same text for different claims"),
        ("{{ $x := slice .a 1 }}{{ .url }}/{{ $x }}", "a variable gives the same text for different claims"),
        ("{{ .url }}/{{ lt .a .b }}", "a comparison gives the same text for different claims"),
        ("{{ .url }}/{{ printf \"%s/%s\" .a .b }}", "\"a\" may contain the \"/\" that separates it from \"b\""),
        ("{{ .url }}/{{ print .a .b }}", "nothing separates \"a\" from \"b\""),
        // A literal separates however it is written.
        ("{{ .url }}/{{ print .a \"/\" .b }}", "\"a\" may contain the \"/\" that separates it from \"b\""),
        ("{{ .url }}/{{ printf \"%s%s%s\" .a \"/\" .b }}", "\"a\" may contain the \"/\" that separates it from \"b\""),
        ("{{ .url }}/{{ .a }}{{ `/` }}{{ .b }}", "\"a\" may contain the \"/\" that separates it from \"b\""),
        ("{{ .url }}/{{ .a }}{{ 1 }}{{ .b }}", "\"a\" may contain the \"1\" that separates it from \"b\""),
        ("{{ .url }}/{{ .a }}{{ true }}{{ .b }}", "\"a\" may contain the \"true\" that separates it from \"b\""),
        ("{{ .url }}/{{ .a }}{{ \"\" }}{{ .b }}", "nothing separates \"a\" from \"b\""),
        ("{{ .url }}/{{ eq .a .b }}", "a comparison gives the same text for different claims"),
    ] {
        assert_eq!(found(template), [expected], "{template}");
    }
}
