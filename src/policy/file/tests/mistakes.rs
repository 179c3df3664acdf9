//! Mistakes that are refused: what is wrong, where, and what to do.

use super::*;

/// A file, the place of its mistake, a part of the message and one of the hint.
type Case = (&'static str, (usize, usize), &'static str, &'static str);

/// The form of the file.
const FILES: &[Case] = &[
    ("", (1, 1), "the file is empty", "write rules:"),
    ("# nothing\n---\n", (1, 1), "the file is empty", "write rules:"),
    ("- id: a\n", (1, 1), "the file is a list", "begin with rules:"),
    ("rules:\n", (1, 1), "the file has no rules", "- id:"),
    ("rules: []\n", (1, 1), "the file has no rules", "- id:"),
    ("default: deny\n", (1, 1), "the file has no rules", "write rules:"),
    ("rules: {id: a}\n", (1, 8), "rules is a mapping, not a list", "- id:"),
    ("rules:\n  - just words\n", (2, 5), "a rule is a single value", "- id: name"),
    ("rule:\n  - id: a\n    allow: claims.sub == 'x'\n", (1, 1), "unknown key \"rule\"", "did you mean \"rules\"?"),
    (
        "default: alow\nrules: [{id: a, allow: \"claims.sub == 'x'\"}]\n",
        (1, 10),
        "default is \"alow\"",
        "did you mean \"allow\"?",
    ),
    (
        "default: [deny]\nrules: [{id: a, allow: \"claims.sub == 'x'\"}]\n",
        (1, 10),
        "default is a list",
        "deny or allow",
    ),
    (
        "mode: dry-run\nrules: [{id: a, allow: \"claims.sub == 'x'\"}]\n",
        (1, 7),
        "mode is \"dry-run\"",
        "enforce, shadow",
    ),
    (
        "mode: shadwo\nrules: [{id: a, allow: \"claims.sub == 'x'\"}]\n",
        (1, 7),
        "mode is \"shadwo\"",
        "did you mean \"shadow\"?",
    ),
    (
        "extra-claims: [team]\nrules: [{id: a, allow: \"claims.sub == 'x'\"}]\n",
        (1, 15),
        "extra-claims is a list",
        "{team: string}",
    ),
    (
        "extra-claims: {team: text}\nrules: [{id: a, allow: \"claims.sub == 'x'\"}]\n",
        (1, 22),
        "the type of the claim is \"text\"",
        "string, int, bool",
    ),
    ("rules: [{id: a, allow: \"claims.sub == 'x'\"}]\nrules: []\n", (2, 1), "the key \"rules\" is a duplicate", ""),
    ("rules:\n\t- id: a\n", (2, 2), "not valid YAML", "behind |"),
    ("rules:\n  - &one {id: a, allow: \"claims.sub == 'x'\"}\n", (2, 5), "anchors are not used", "write the value out"),
    ("rules:\n  - id: a\n    allow: *one\n", (3, 12), "not valid YAML", ""),
    (
        "rules: [{id: a, allow: \"claims.sub == 'x'\"}]\n---\nrules: []\n",
        (2, 1),
        "a second document begins",
        "a file of its own",
    ),
];

/// The keys of a rule. Each is what follows `rules:`, and begins in line 2.
const RULES: &[Case] = &[
    ("  - allow: claims.sub == 'x'\n", (2, 5), "the rule has no id", "a short name"),
    ("  - id: one two\n    allow: claims.sub == 'x'\n", (2, 9), "the id is not a name", "letters, digits"),
    ("  - id: [a]\n    allow: claims.sub == 'x'\n", (2, 9), "id is a list, not a string", ""),
    ("  - id:\n    allow: claims.sub == 'x'\n", (2, 7), "id is empty", ""),
    (
        "  - id: a\n    allow: claims.sub == 'x'\n  - id: a\n    allow: claims.sub == 'y'\n",
        (4, 9),
        "the id \"a\" is a duplicate",
        "p.yaml:2",
    ),
    ("  - id: a\n", (2, 5), "the rule has no condition", "allow, deny, max-lifetime"),
    (
        "  - id: a\n    allow: claims.sub == 'x'\n    deny: claims.sub == 'y'\n",
        (4, 11),
        "the rule has allow and deny",
        "two rules",
    ),
    ("  - id: a\n    alow: claims.sub == 'x'\n", (3, 5), "unknown key \"alow\"", "did you mean \"allow\"?"),
    ("  - id: a\n    when: claims.sub == 'x'\n", (3, 5), "unknown key \"when\"", "known are id, description"),
    (
        "  - id: a\n    issuer: https://a.example\n    allow: claims.sub == 'x'\n",
        (3, 5),
        "unknown key \"issuer\"",
        "did you mean \"issuers\"?",
    ),
    ("  - id: a\n    issuers: []\n    allow: claims.sub == 'x'\n", (3, 14), "issuers is empty", "leave out issuers"),
    (
        "  - id: a\n    issuers: token.actions.githubusercontent.com\n    allow: claims.sub == 'x'\n",
        (3, 14),
        "is not a URL",
        "https://",
    ),
    (
        "  - id: a\n    issuers: ['https://**.example.com']\n    allow: claims.sub == 'x'\n",
        (3, 15),
        "two * side by side",
        "never for a dot",
    ),
    (
        "  - id: a\n    issuers: ['^https://.+\\.example\\.com$']\n    allow: claims.sub == 'x'\n",
        (3, 15),
        "is not a URL",
        "https://",
    ),
    (
        "  - id: a\n    issuers: ['https://(a|b).example.com']\n    allow: claims.sub == 'x'\n",
        (3, 15),
        "is not a URL",
        "",
    ),
    (
        "  - id: a\n    issuers: ['https://a.example/(x|y)$']\n    allow: claims.sub == 'x'\n",
        (3, 15),
        "regular expression",
        "* stands for",
    ),
    ("  - id: a\n    issuers: ['https://']\n    allow: claims.sub == 'x'\n", (3, 15), "is not a URL", "iss"),
    (
        "  - id: a\n    issuers: {github: true}\n    allow: claims.sub == 'x'\n",
        (3, 14),
        "issuers is a mapping",
        "issuers: [..]",
    ),
    (
        "  - id: a\n    identities: [github]\n    allow: claims.sub == 'x'\n",
        (3, 18),
        "unknown identity kind \"github\"",
        "github-workflow",
    ),
    (
        "  - id: a\n    identities: [gitlab-pipelin]\n    allow: claims.sub == 'x'\n",
        (3, 18),
        "unknown identity kind",
        "did you mean \"gitlab-pipeline\"?",
    ),
    (
        "  - id: a\n    identities: []\n    allow: claims.sub == 'x'\n",
        (3, 17),
        "identities is empty",
        "leave out identities",
    ),
    ("  - id: a\n    mode: off\n    allow: claims.sub == 'x'\n", (3, 11), "mode is \"off\"", "enforce, shadow"),
    (
        "  - id: a\n    allow: claims.sub == 'x'\n    message: Hello.\n",
        (4, 14),
        "message belongs to deny rules",
        "nobody reads it",
    ),
    (
        "  - id: a\n    deny: claims.sub == 'x'\n    message: \"a\\nb\"\n",
        (4, 14),
        "a character that is not printed",
        "one line",
    ),
    (
        "  - id: a\n    deny: claims.sub == 'x'\n    message: \"a\\u202eb\"\n",
        (4, 14),
        "a character that is not printed",
        "one line",
    ),
    ("  - id: a\n    deny: claims.sub == 'x'\n    message: ''\n", (4, 14), "message is empty", ""),
    ("  - id: a\n    max-lifetime: 5m\n", (3, 19), "max-lifetime is 5m", "between 10m and 20m"),
    ("  - id: a\n    max-lifetime: 1h\n", (3, 19), "max-lifetime is 1h", "between 10m and 20m"),
    ("  - id: a\n    max-lifetime: 15 minutes\n", (3, 22), "syntax error", ""),
    ("  - id: a\n    max-lifetime: 900\n", (3, 19), "the condition is an int, not a duration", "duration(\"15m\")"),
    (
        "  - id: a\n    max-lifetime: claims.sub == 'x'\n",
        (3, 30),
        "the condition is true or false, not a duration",
        "duration(\"15m\")",
    ),
    ("  - id: a\n    max-lifetime: duration(\"15 min\")\n", (3, 28), "\"15 min\" is not a duration", "10m, 1h30m"),
    ("  - id: a\n    allow: [claims.sub]\n", (3, 12), "allow is a list, not a CEL expression", "behind |"),
    ("  - id: a\n    allow:\n", (3, 10), "the condition is empty", "claims.ref"),
    ("  - id: a\n    allow: !has(claims.sub)\n", (3, 12), "a tag in YAML", "behind |"),
    ("  - id: a\n    allow: \"x\" == claims.sub\n", (3, 16), "not valid YAML", "behind |"),
    ("  - id: a\n    allow: claims.sub == \"x: y\"\n", (3, 28), "not valid YAML", "behind |"),
];

/// Conditions: what follows `allow: ` in line 5, after rules about tokens of GitHub.
const CONDITIONS: &[(&str, usize, &str, &str)] = &[
    ("claims.repositry == 'x'", 1, "unknown claim \"repositry\"", "did you mean \"repository\"?"),
    ("claims.repository_owner_ID == '1'", 1, "unknown claim", "did you mean \"repository_owner_id\"?"),
    ("claims['event-name'] == 'push'", 1, "unknown claim \"event-name\"", "did you mean \"event_name\"?"),
    ("claims.project_path == 'g/p'", 1, "unknown claim \"project_path\"", "tokens of gitlab-pipeline have it"),
    ("has(claims.enviroment)", 5, "unknown claim \"enviroment\"", "did you mean \"environment\"?"),
    ("claims.zzzzzz == 'x'", 1, "unknown claim \"zzzzzz\"", "extra-claims: {zzzzzz: string}"),
    ("repository_id == '1'", 1, "unknown variable \"repository_id\"", "did you mean claims.repository_id?"),
    ("claim.ref == 'x'", 1, "unknown variable \"claim\"", "did you mean \"claims\"?"),
    ("claims.repository_id", 1, "the condition is a string, not true or false", "compare it"),
    ("size(claims.ref)", 1, "the condition is an int", "compare it with something"),
    ("claims.repository_id == 12", 22, "a string is compared with an int", "write \"12\", in quotes"),
    ("claims.ref_protected == true", 22, "a string is compared with true or false", "write \"true\", in quotes"),
    ("claims.ref_protected", 1, "the condition is a string", "== \"true\""),
    ("claims.ref_protected && true", 1, "it is a string, not true or false", "== \"true\""),
    ("claims.exp > '5'", 12, "an int is compared with a string", "without quotes"),
    ("claims.exp < now", 12, "an int is compared with a timestamp", "timestamp(..)"),
    ("now < '2027-01-01T00:00:00Z'", 5, "a timestamp is compared with a string", "timestamp(\"2027-01-01T00:00:00Z\")"),
    ("now - timestamp(claims.iat) < 300", 29, "a duration is compared with an int", "duration(\"10m\")"),
    ("now < timestamp('2027-01-01')", 17, "is not a timestamp", "2026-11-28T00:00:00Z"),
    ("claims.repository_id in ['1', 2]", 31, "a list with a string has an int in it", "of one type"),
    ("claims.repository_id in [1, 2]", 22, "a string is looked for in a list", ""),
    ("claims.repository_id in '1,2'", 25, "it is a string, not a list", ".contains(..), or a list"),
    ("claims.ref.startswith('x')", 12, "unknown function \"startswith\"", "did you mean \"startsWith\"?"),
    ("claims.ref.hasPrefix('x')", 12, "unknown function \"hasPrefix\"", "known are all, contains"),
    ("claims.ref.split('/')[0] == 'x'", 12, "\"split\" is not part of the policy language", "known are"),
    ("startsWith(claims.ref, 'x')", 1, "startsWith is written behind a value", "value.startsWith(..)"),
    ("claims.ref.has('x')", 12, "has is not written behind a value", "has(value)"),
    ("claims.ref.startsWith('a', 'b')", 12, "does not take 2 arguments", "text.startsWith"),
    ("has(claims)", 5, "has takes a claim or a member", "has(claims.x)"),
    ("has(key.kind)", 5, "always there", "leave out has()"),
    ("claims.ref.matches('(a')", 20, "the pattern is not valid", "RE2"),
    ("claims.ref.matches('(?!refs)')", 20, "the pattern is not valid: look-around", "two conditions"),
    ("claims.ref.matches('(x{1000}){1000}')", 20, "the pattern is too large", "smaller repetitions"),
    ("claims.ref.matches(claims.ref)", 20, "a pattern must stand in the condition", "compiled when"),
    ("claims.ref == null", 15, "null is not part", "has(claims.x)"),
    ("size(claims.ref) > 1.5", 20, "numbers are whole", "leave out the fraction"),
    ("size(claims.ref) > 1u", 20, "numbers have no suffix", "leave out the u"),
    ("claims.ref == b'x'", 15, "bytes are not part", "leave out the b"),
    ("claims[claims.ref] == 'x'", 8, "the name of a claim must stand in the condition", "claims[\"name\"]"),
    ("claims == {}", 1, "claims stands for all claims", "claims.sub"),
    ("claims.exists(x, x == 'ref')", 1, "claims stands for all claims", "claims.sub"),
    ("principal.name == 'x'", 11, "principal has no \"name\"", "known are kind, san"),
    ("principal == 'x'", 1, "principal is not a value", "principal.san"),
    ("principal.kind == 'github'", 19, "none of the words", "github-workflow"),
    ("key.kind == 'ecdsa-p255'", 13, "none of the words", "did you mean \"ecdsa-p256\"?"),
    ("key.kind in ['rsa']", 14, "none of the words", "rsa-2048"),
    ("key.size > 2048", 5, "key has no \"size\"", "bits"),
    ("key.bits > '2048'", 10, "an int is compared with a string", "write 2048"),
    ("claims.ref == 'a' and claims.sha == 'b'", 19, "syntax error", "CEL writes && for and"),
    ("claims.ref == 'a' or claims.sha == 'b'", 19, "syntax error", "CEL writes || for or"),
    ("not claims.ref == 'a'", 5, "syntax error", "CEL writes ! for not"),
    ("claims.ref = 'a'", 12, "syntax error", "CEL compares with =="),
    ("claims.ref == 'a' & true", 19, "syntax error", "&& and ||"),
    ("claims.ref == \u{201c}a\u{201d}", 15, "syntax error", "plain quotes"),
    ("claims.ref == 'a' && (claims.sha == 'b'", 40, "syntax error", ""),
    ("claims.ref == 'a' ? true", 1, "the condition is incomplete", ""),
    ("claims.ref + 1 == 'a1'", 12, "the operator takes no string with an int", "strings are joined"),
    ("-claims.ref == 'a'", 2, "a string cannot be negated", ""),
    ("claims.ref.exists(x, x == 'a')", 1, "a string has no elements", ""),
    ("['a'].exists(x.y, x == 'a')", 14, "the first argument is a name", "list.exists(x, ..)"),
    ("['a'].exists(claims, claims == 'a')", 14, "has a meaning already", "another name"),
    ("(claims.ref == 'a' ? 'x' : 1) == 'x'", 28, "one side of the ?: is a string", ""),
    ("claims.ref.name == 'x'", 12, "a string has no member \"name\"", ""),
    ("[true, false] < [true]", 1, "a list has no order", ""),
    ("true < false", 1, "true or false has no order", ""),
    ("now.getHours('Europe/Berlin') > 8", 5, "takes no time zone", "UTC"),
    ("claims.ref.getHours() > 8", 1, "it is a string, not a timestamp", ""),
    ("type(claims.ref) == string", 1, "\"type\" is not part", "known are"),
    ("dyn(claims.ref) == 1", 1, "\"dyn\" is not part", "known are"),
    ("google.Type{a: 1} == 1", 12, "messages are not part", ""),
];

/// What is not as it should be; nothing if all is well.
fn refused(text: &str, (line, column): (usize, usize), message: &str, hint: &str) -> Option<String> {
    let Err(error) = parse_text(text) else { return Some(format!("accepted: {text}")) };
    let is_it =
        |finding: &&Finding| (finding.line, finding.column) == (line, column) && finding.message.contains(message);
    let has_hint = |found: &Finding| found.hint.as_ref().is_some_and(|found| found.contains(hint));
    let is_well = error.findings().iter().find(is_it).is_some_and(|found| hint.is_empty() || has_hint(found));
    (!is_well).then(|| format!("{text}\nexpected {line}:{column}: {message} ({hint})\nfound {error}"))
}

#[test]
fn every_seeded_mistake_is_refused_with_its_place_and_a_hint() {
    let mut failed = Vec::new();
    for (text, place, message, hint) in FILES {
        failed.extend(refused(text, *place, message, hint));
    }
    for (text, place, message, hint) in RULES {
        failed.extend(refused(&format!("rules:\n{text}"), *place, message, hint));
    }
    for (condition, column, message, hint) in CONDITIONS {
        let head = "rules:\n  - id: a\n    identities: [github-workflow]\n    allow: |\n      ";
        failed.extend(refused(&format!("{head}{condition}\n"), (5, column + 6), message, hint));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n====\n"));
    assert!(FILES.len() + RULES.len() + CONDITIONS.len() >= 60);
}

#[test]
fn places_are_exact_in_every_form_that_yaml_has() {
    for (text, place) in [
        ("allow: claims.nope == 'x'", (3, 12)),
        ("allow: true && claims.nope == 'x'", (3, 20)),
        ("allow: \"true && claims.nope == 'x'\"", (3, 21)),
        ("allow: 'true && claims.sub == ''a'' && claims.nope == ''x'''", (3, 44)),
        ("allow: \"claims.sub == \\\"a\\\" && claims.nope == 'x'\"", (3, 36)),
        ("allow: |\n      true &&\n      claims.nope == 'x'", (5, 7)),
        ("allow: |-\n      true &&\n        claims.nope == 'x'", (5, 9)),
        ("allow: >\n      true &&\n      claims.nope == 'x'", (5, 7)),
        ("allow: true &&\n      claims.nope == 'x'", (4, 7)),
        ("allow:\n      claims.nope == 'x'", (4, 7)),
        ("allow: | # a comment\n      '\u{e4}' != '' && claims.nope == 'x'", (4, 20)),
    ] {
        let refused = refused(&format!("rules:\n  - id: a\n    {text}\n"), place, "unknown claim \"nope\"", "");
        assert_eq!(refused, None);
    }
}
