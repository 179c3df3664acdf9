// What Go's text/template makes of a table of templates: the expected results of sigmint's own template language.
//
// Run it from the repository's root and keep what it prints (Go 1.26; the standard library only):
//
//	go run tests/go-templates/generate.go > tests/go-templates/results.json
//
// Each row is rendered the way a certificate authority renders ci-provider metadata: the option missingkey=error, over a
// map of text to text. A row holds the template, its data, and either the output or the stage that failed.
package main

import (
	"bytes"
	"encoding/json"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"text/template"
)

type data = map[string]string

type row struct {
	Template string  `json:"template"`
	Data     data    `json:"data"`
	Output   *string `json:"output,omitempty"`
	Error    string  `json:"error,omitempty"`
}

func render(source string, values data) row {
	out := row{Template: source, Data: values}
	parsed, err := template.New("").Option("missingkey=error").Parse(source)
	if err != nil {
		out.Error = "parse"
		return out
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, values); err != nil {
		out.Error = "exec"
		return out
	}
	output := text.String()
	out.Output = &output
	return out
}

// The data of the plain rows: a full text, an empty text, words that look like booleans, an odd key, characters beyond ASCII.
var plain = data{
	"a": "alpha", "b": "beta", "same": "alpha", "empty": "", "yes": "true", "no": "false", "_x1": "under",
	"odd.key/with-dash": "odd", "with \"quotes\"": "quoted", "größe": "groß & <b>", "名": "名前", "braces": "{{ .a }}",
	"spaces": "  padded\t", "line": "one\ntwo", "": "no name", "é": "e-acute",
}

var github = data{
	"url": "https://github.com", "environment": "", "event_name": "push", "repository": "octo-org/octo-repo",
	"repository_owner": "octo-org", "job_workflow_ref": "octo-org/shared/.github/workflows/build.yml@refs/tags/v2",
	"workflow_ref": "octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main", "run_id": "1536140711",
	"run_attempt": "1",
}

var gitlabBranch = data{
	"url": "https://gitlab.com", "project_path": "my-group/my-project", "namespace_path": "my-group", "job_id": "302",
	"ref": "main", "ref_type": "branch", "ci_config_ref_uri": "gitlab.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main",
}

var gitlabTag = data{"ref": "v1.0", "ref_type": "tag"}

var codefresh = data{
	"platform_url": "https://g.codefresh.io", "account_name": "acme", "account_id": "628a", "pipeline_name": "oidc-test/get-token",
	"pipeline_id": "65e5", "workflow_id": "64f4",
}

var buildkite = data{
	"url": "https://buildkite.com", "organization_slug": "acme", "pipeline_slug": "app", "build_number": "17", "job_id": "0184990a",
}

var circleci = data{
	"api_url": "https://circleci.com/api/v2", "platform_url": "https://app.circleci.com/",
	"oidc.circleci.com/pipeline-id": "11-22", "oidc.circleci.com/project-id": "0d2",
	"oidc.circleci.com/pipeline-definition-id": "def-9", "oidc.circleci.com/workflow-id": "wf-3",
	"oidc.circleci.com/job-id": "job-4", "oidc.circleci.com/ssh-rerun": "false",
	"oidc.circleci.com/vcs-ref": "refs/heads/main", "oidc.circleci.com/vcs-origin": "github.com/acme/app",
}

var circleciRerun = data{"oidc.circleci.com/ssh-rerun": "true"}

// Rows with data of their own: the metadata that is in use for real providers.
func real() []row {
	gitlabRef := `refs/{{if eq .ref_type "branch"}}heads/{{ else }}tags/{{end}}{{ .ref }}`
	circleciEnvironment := `{{if eq (index . "oidc.circleci.com/ssh-rerun") "true"}}ssh-rerun{{ else }}""{{end}}`
	out := []row{render(gitlabRef, gitlabTag), render(gitlabRef, data{"ref": "main"}), render(circleciEnvironment, circleciRerun)}
	for _, provider := range []struct {
		values    data
		templates []string
	}{
		{github, []string{
			"{{ .url }}/{{ .job_workflow_ref }}", "{{ .url }}/{{ .repository }}", "{{ .url }}/{{ .repository_owner }}",
			"{{ .url }}/{{ .workflow_ref }}", "{{ .url }}/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}",
			"{{ .environment }}", "{{ .url }}/{{ .repository_visibility }}",
		}},
		{gitlabBranch, []string{
			"https://{{ .ci_config_ref_uri }}", "{{ .url }}/{{ .project_path }}", gitlabRef, "{{ .url }}/{{ .namespace_path }}",
			"{{ .url }}/{{ .project_path }}/-/jobs/{{ .job_id }}",
		}},
		{codefresh, []string{
			"{{.platform_url}}/build/{{ .workflow_id }}", "{{.platform_url}}/api/pipelines/{{ .pipeline_id }}",
			"{{.platform_url}}/{{.account_name}}/{{.pipeline_name}}:{{.account_id}}/{{.pipeline_id}}",
		}},
		{buildkite, []string{
			"{{.url}}/{{.organization_slug}}/{{.pipeline_slug}}/builds/{{.build_number}}#{{.job_id}}",
			"{{.url}}/{{.organization_slug}}/{{.pipeline_slug}}",
		}},
		{circleci, []string{
			`{{.api_url}}/pipeline/{{(index . "oidc.circleci.com/pipeline-id")}}/config`,
			`{{.platform_url}}/workflow/{{(index . "oidc.circleci.com/workflow-id")}}/job/{{(index . "oidc.circleci.com/job-id")}}`,
			circleciEnvironment, `{{index . "oidc.circleci.com/vcs-ref"}}`, `{{index . "oidc.circleci.com/vcs-origin"}}`,
			`{{.api_url}}/projects/{{(index . "oidc.circleci.com/project-id")}}/pipeline-definitions/{{(index . "oidc.circleci.com/pipeline-definition-id")}}`,
		}},
	} {
		for _, source := range provider.templates {
			out = append(out, render(source, mentioned(source, provider.values)))
		}
	}
	return out
}

// Rows over the plain data, by subject.
var sources = []string{
	// Text, keys and spacing.
	"", "text", "}}", "a }} b", "{ {", "{", "a { b } c", "{{.a}}", "{{ .a }}", "{{.a}}{{.b}}", "{{\t.a\n}}", "{{\r\n.a}}", "{{.a}}}}", "{{.a}}}",
	"{{{.a}}}", "{{{{.a}}}}", "{{ .a", "{{", "x {{ ", "{{}}", "{{ }}", "{{.a}", "{{.a} }", "{{.empty}}", "{{._x1}}", "{{.größe}}",
	"{{.名}}", "{{.e\u0301}}", "{{ .a\u00a0}}", "{{.missing}}", "{{.A}}", "{{ .a.b }}", "{{..a}}", "{{. a}}", "{{.a .b}}", "{{.a b}}",
	"{{a}}", "{{.odd-key}}", "{{.a-}}", "{{.a-b}}", "{{.a,}}", "{{.a:}}", "{{.1a}}", "{{.a1}}", "{{.braces}}", "{{.line}}|{{.spaces}}",
	"über {{ .a }} 漢字 {{ .b }} \U0001f600", "{{ .a }}\x00", "{{ .a \x00}}", "{{.a}}{{.missing}}", "{{$}}x", "{{$.a}}", "{{ $.missing }}", "{{$ .a}}",
	"{{$.a.b}}", "{{$a}}", "{{$.}}", "{{(.a).b}}", "{{(.)}}x",
	// index.
	`{{ index . "a" }}`, `{{index . "odd.key/with-dash"}}`, "{{ index . `odd.key/with-dash` }}", `{{ (index . "a") }}`, `{{(((index . "a")))}}`,
	`{{ index $ "a" }}`, `{{ index . "with \"quotes\"" }}`, `{{ index . "" }}`, `{{ index (.) ("a") }}`,
	`{{index ."a"}}`, `{{index . "a"}}{{index . "b"}}`, `{{ index . }}x`, `{{ index }}`, `{{ index .a "a" }}`, `{{ index . "a" "b" }}`, `{{ index . true }}`,
	`{{ index . a }}`, `{{ index . 'a' }}`, `{{ index "a" . }}`, `{{ index . "missing" }}`, `{{ if index . "missing" }}x{{ end }}y`,
	`{{ index . .same }}`, `{{ index . (or "a" "b") }}`, `{{(index . "a").b}}`, `{{ index(.) "a" }}`,
	// Literals.
	`{{"text"}}`, "{{`raw \\n {{ }} text`}}", "{{`two\nlines`}}", "{{`car\rriage`}}", `{{ "}}" }}`, `{{ "{{" }}`, `{{ "a\tb\nc\\d\"e" }}`,
	`{{ "\a\b\f\r\v" }}`, `{{ "\x41\101\u0041\U00000041\u00e9" }}`, `{{ "\'" }}`, `{{ "\q" }}`, `{{ "\x4" }}`, `{{ "\x+4" }}`, `{{ "\400" }}`, `{{ "\08" }}`,
	`{{ "\ud800" }}`, `{{ "\U00110000" }}`, `{{ "\xff" }}`, `{{ "open }}`, "{{ `open }}", "{{ \"new\nline\" }}", "{{ \"back\\\nslash\" }}", `{{ "end\`, `{{ "é名\U0001F600" }}`,
	`{{"a""b"}}`, `{{"a" "b"}}`, `{{"a".b}}`, `{{ "" }}`, `{{ ("a") }}`, "{{ true }}{{ false }}", "{{ True }}", "{{ nil }}", `{{'a'}}`, "{{ truex }}",
	// if, else, end.
	"{{if .a}}y{{end}}", "{{if .empty}}y{{end}}", "{{if .empty}}y{{else}}n{{end}}", "{{if .no}}y{{else}}n{{end}}", "{{ if .missing }}y{{ end }}",
	"{{if .empty}}1{{else if .a}}2{{else}}3{{end}}", "{{if .empty}}1{{else if .empty}}2{{else if .b}}3{{end}}", "{{if .empty}}1{{else if .empty}}2{{end}}.",
	"{{if .a}}1{{else if .missing}}2{{end}}", "{{if .empty}}{{.missing}}{{end}}.", "{{if .a}}{{if .empty}}1{{else}}2{{end}}{{else}}3{{end}}",
	"{{if .a}}{{if .b}}{{if .same}}deep {{.a}}{{end}}{{end}}{{end}}", "{{if .a}}1{{else}}{{if .b}}2{{end}}{{end}}", "{{if true}}t{{end}}{{if false}}f{{end}}",
	`{{if "x"}}t{{end}}{{if ""}}f{{end}}`, "{{if(.a)}}y{{end}}", "{{if.a}}y{{end}}", `{{if"a"}}y{{end}}`, "{{if (.empty)}}y{{else}}n{{end}}", "{{ifx .a}}y{{end}}",
	"{{end}}", "{{else}}", "{{else if .a}}", "x{{end}}y", "{{if .a}}", "{{if .a}}x", "{{if .a}}x{{else}}y", "{{if .a}}x{{else if .b}}y", "{{if}}x{{end}}",
	"{{if .a}}x{{end}}{{end}}", "{{if .a}}x{{else}}y{{else}}z{{end}}", "{{if .a}}x{{else}}y{{else if .b}}z{{end}}", "{{if .a}}x{{else if}}y{{end}}",
	"{{if .a}}x{{elseif .b}}y{{end}}", "{{if .a}}x{{else .b}}y{{end}}", "{{if .a}}x{{end .b}}", "{{if .a .b}}x{{end}}", "{{ end if }}", "{{if if .a}}x{{end}}",
	"{{if .a}}x{{ else\nif .b }}y{{\nend\n}}", "{{if .a}}{{end}}z", "{{if}}", "{{if .a}}x{{(end)}}", "{{if .a}}{{else}}{{end}}", "{{if .a}}x{{else(if .b)}}y{{end}}",
	"{{if .}}x{{end}}", "{{if not .}}x{{end}}y",
	// eq and ne.
	`{{eq .a "alpha"}}`, `{{eq .a .same}}`, `{{eq .a .b}}`, `{{eq .a "x" "y" "alpha"}}`, `{{eq .a "x" "y"}}`, `{{ne .a .b}}`, `{{ne .a .same}}`, `{{eq .a "Alpha"}}`,
	`{{eq .a}}`, `{{eq}}`, `{{ne .a}}`, `{{ne .a .b .same}}`, `{{eq .a .missing}}`, `{{eq .a .same .missing}}`, `{{eq true true}}{{eq true false}}`, `{{eq (eq .a .b) false}}`,
	`{{eq .yes true}}`, `{{eq true .yes}}`, `{{eq .a .same true}}`, `{{ne .a true}}`, `{{if .empty}}{{eq .a true}}{{end}}z`, "{{if .empty}}{{eq .a}}{{end}}z", "{{if .empty}}{{not}}{{end}}z", "{{or .a .a.b}}", "{{or .a (.b .a)}}", `{{eq (and .a true) "alpha"}}`, `{{eq (or .a true) "alpha"}}`,
	`{{eq (or .empty true) true "x"}}`, `{{eq (or .empty true) "x" true}}`, `{{eq (and .a .b) .b}}`, `{{if eq .yes "true"}}yes{{end}}`, `{{eq .empty ""}}`, `{{eq . .}}`, `{{eq . .a}}`,
	`{{eq eq .a}}`, `{{eq(.a) .b}}`, `{{eq .a(.b)}}`, `{{eq (.a)(.b)}}`, `{{eq .a"x"}}`, `{{(eq .a .same)}}`, `{{ ( eq .a .same ) }}`, "{{eq\n.a\n.same}}", `{{not (eq .a .same)}}`,
	// and, or, not.
	`{{and .a .b}}`, `{{and .empty .missing}}|`, `{{and .a .missing}}`, `{{or .a .missing}}`, `{{or .empty .b}}`, `{{or .empty .missing}}`, `{{and .a}}`, `{{or .empty}}|`, `{{and}}`, `{{or}}`,
	`{{or .empty ""}}|`, `{{or .empty false}}`, `{{and .a true}}`, `{{and true .a "last"}}`, `{{or .empty .empty "last"}}`, `{{not .a}}`, `{{not .empty}}`, `{{not true}}`, `{{not}}`, `{{not .a .b}}`,
	`{{not not .a}}`, `{{not (not .a)}}`, `{{if and .a (eq .b "beta") (not .empty)}}all{{end}}`, `{{if or (eq .a "x") (and .b (ne .b "x"))}}some{{end}}`, `{{and or .a}}`, `{{or .}}x`,
	`{{if or .empty .missing}}x{{end}}`, `{{and (or .empty .b) (or "" .a)}}`, `{{not .no}}`, `{{and . "x"}}`, `{{not(.a)}}`, `{{not (.a) }}`,
	// Parentheses.
	"{{(.a)}}", "{{((.a))}}", "{{ ( .a ) }}", "{{()}}", "{{( )}}", "{{(.a}}", "{{(.a -}}", "{{.a)}}", "{{(.a))}}", "{{(.a) .b}}", "{{(.a)(.b)}}", `{{("a") ("b")}}`, "{{ (.a }} )",
	"{{(.).a}}", "{{" + strings.Repeat("(", 60) + ".a" + strings.Repeat(")", 60) + "}}",
	// Trim markers.
	"x  {{- .a -}}  y", "x \t\r\n{{- .a}} y", "x {{.a -}} \n\t y", "x {{-.a}} y", "x {{.a-}} y", "x {{ .a - }} y", "x {{- }} y", "x {{-}} y", "x {{- -}} y", "x {{-  -}} y", "x {{--}} y",
	"x {{-\n.a\n-}} y", "x {{-\t.a\t-}} y", "x {{ .a  -}} y", "{{- .a -}}", "  {{- .a -}}  {{- .b -}}  ", "x\u00a0{{- .a -}}\u00a0y", "x\v{{- .a -}}\vy", "x {{- -3 -}} y", "x {{ -}} y",
	"{{if .a -}}  y  {{- else -}}  n  {{- end}} z", "a {{- if .a}} b {{end -}} c", "a {{- if .empty}} b {{else -}} c {{end}} d", `{{- "a" -}} {{- "b" -}}`, `x {{- "  a  " -}} y`, "x {{-\u00a0.a}}",
	"{{- (.a) -}} z", "{{(.a) -}} z", "{{(.a -}} z)", "{{$ -}} z", "{{$.a -}} z", "{{- end -}}", "x {{- .a }}{{- .b -}} y", "x {{ .spaces -}}  y",
	// Comments.
	"a{{/* comment */}}b", "a {{- /* comment */ -}} b", "a {{/* comment */ -}} b", "a {{- /* comment */}} b", "{{/**/}}", "{{/*/}}", "{{/* a", "{{/* a */", "{{/* a */ }}", "{{ /* a */}}",
	"{{-/* a */}}", "{{-  /* a */}}", "{{/* a */-}}", "{{/* a */  -}}", "{{/* }} {{ .missing }} */}}x", "{{/* a\nb */}}x", "{{/* a */ .a}}", "{{.a /* b */}}", "{{if .a}}{{/* x */}}y{{end}}",
	"{{/* a */}}{{/* b */}}c", "{{/* a */ */}}", "a {{- /* b */ -}} \n {{- .a }}",
	// The rest of Go's language.
	`{{ .a | printf "%s" }}`, "{{ .a | not }}", "{{ .a | }}", "{{ | .a }}", "{{ .a|html }}", "{{ $x := .a }}{{ $x }}", "{{ $x }}", "{{ $x = .a }}", "{{ range . }}x{{ end }}", "{{ with .a }}{{ . }}{{ end }}",
	"{{ if .empty }}x{{ else with .a }}{{ . }}{{ end }}", `{{ define "t" }}x{{ end }}{{ template "t" }}`, `{{ block "t" . }}x{{ end }}`, `{{ template "t" }}`, `{{ printf "%s" .a }}`, `{{ print .a }}`, "{{ println .a }}",
	"{{ len .a }}", "{{ html .größe }}", "{{ js .a }}", "{{ urlquery .größe }}", "{{ slice .a 1 2 }}", "{{ call .a }}", "{{ lt .a .b }}", "{{ ge .a .b }}", "{{ 1 }}", "{{ -1 }}", "{{ 1.5 }}", "{{ .5 }}", "{{ 0x1F }}",
	"{{ eq 1 1 }}", "{{ break }}", "{{ continue }}", "{{ unknown .a }}", "{{ a := .b }}", "{{ .a, .b }}", "{{ .a = .b }}", "{{ ! }}", "{{ .a == .b }}", "{{ .a && .b }}", "{{ % }}", "{{ é }}", "{{ .é }}", "{{ . }}", "{{ / }}",
	"{{ if $x := .a }}{{ $x }}{{ end }}", "{{ eq .a print }}", "{{ (1) }}", "{{ .a @ }}", "{{ \\ }}", "{{ [ ] }}",
	// Pipes, variables, with, range and the functions that format, cut, order and count.
	`{{ .a | printf "%s-%s" .b }}`, `{{ .missing | or .a }}`, `{{ or .a .missing }}`, `{{ .empty | or .b }}`, `{{ "a" | index . }}`, `{{ .a | eq .same | not }}`, "{{ .a | .b }}", "{{ .a | true }}",
	"{{ .a | | .b }}", "{{ (.a | len) }}", "{{ (.a | printf \"%s\") | urlquery }}", "{{ .a|len|print }}", "{{ if .a | eq .same }}y{{ end }}", "{{ .a | len | }}", "{{ .a | (len) }}",
	"{{ $x := .a }}{{ if true }}{{ $x = .b }}{{ end }}{{ $x }}", "{{ $x := .a }}{{ if true }}{{ $x := .b }}{{ $x }}{{ end }}{{ $x }}", "{{ if true }}{{ $x := .a }}{{ end }}{{ $x }}",
	"{{ with $x := .a }}{{ $x }}{{ . }}{{ else }}{{ $x }}{{ end }}", "{{ with .empty }}x{{ else }}n{{ end }}", "{{ with .empty }}x{{ else with .b }}{{ . }}{{ end }}", "{{ with .missing }}x{{ end }}",
	"{{ with .a }}{{ $.b }}{{ end }}", "{{ with .a }}{{ .b }}{{ end }}", "{{ with .a }}{{ with $.b }}{{ . }}{{ end }}{{ . }}{{ end }}", "{{ with index . \"missing\" }}x{{ end }}", "{{ with .a }}x",
	"{{ $x := 1 }}{{ $y := $x }}{{ $y }}", "{{$x:=.a}}{{$x}}", "{{ $x := .a | len }}{{ $x }}", "{{ $x := eq .a .b }}{{ not $x }}", "{{ $x := .a }}{{ eq $x .same }}", "{{ $x := .a }}{{ eq $x true }}", "{{ $x.b }}",
	"{{ range .a }}x{{ end }}", "{{ range .a }}", "{{ range $i, $e := .a }}x{{ end }}", "{{ range index . \"missing\" }}x{{ else }}n{{ end }}", "{{ with }}x{{ end }}", "{{ range }}x{{ end }}",
	`{{ printf "%s/%s" .a .b }}`, `{{ printf "%v|%5s|%-7s|%.2s|%5.1s|" .a .b .a .größe .größe }}`, `{{ printf "%d%%" 5 }}`, `{{ printf "%5d|%-5d|" 7 -7 }}`, `{{ printf "%t" true }}`, `{{ printf "%v %v" true 3 }}`,
	`{{ printf "%x" .größe }}`, `{{ printf "" }}|`, `{{ printf "text" }}`, `{{ printf "%4t|" false }}`, `{{ printf "%s" }}`, `{{ printf .a }}`, `{{ printf "%-5v|%5v|" 3 true }}`, `{{ printf "%s" (print .a 1 2 true false .b) }}`,
	"{{ printf }}", "{{ printf 5 }}", "{{ print 1 2 }}", "{{ print .a .b }}", "{{ print .a 1 .b 2 3 }}", "{{ print }}|", "{{ println .a 1 }}", "{{ println }}", "{{ print true false }}", "{{ print (not .a) .b }}",
	"{{ len .größe }}", "{{ len .empty }}", "{{ len }}", "{{ len .a .b }}", "{{ len true }}", "{{ len 3 }}", "{{ eq (len .a) 5 }}", "{{ gt (len .a) 4 }}", `{{ if gt (len .a) 7 }}x{{ else }}{{ slice .a 1 }}{{ end }}`,
	"{{ slice .a }}", "{{ slice .a 1 }}", "{{ slice .a 0 5 }}", "{{ slice .a 0 6 }}", "{{ slice .a 3 2 }}", "{{ slice .a -1 }}", "{{ slice .a 1 2 3 }}", "{{ slice .a .b }}", "{{ slice }}", "{{ slice .a 5 }}|", "{{ slice .größe 0 3 }}", "{{ slice .a 0 (len .b) }}", "{{ slice 5 0 }}",
	"{{ le .a .same }}", "{{ lt .b .a }}", "{{ gt .a .b }}", "{{ lt 1 2 }}", "{{ ge 2 2 }}", "{{ lt .a 1 }}", "{{ lt true false }}", "{{ lt .a }}", "{{ lt .a .b .a }}", "{{ lt .A .b }}", "{{ eq 1 .a }}", "{{ eq 1 2 1 }}", "{{ ne 1 2 }}", "{{ and 0 1 }}", "{{ or 0 3 }}", "{{ not 0 }}", "{{ if 0 }}y{{ else }}n{{ end }}",
	"{{ urlquery .spaces }}", `{{ urlquery "a/b?c=d&e" }}`, `{{ urlquery .a 1 2 }}`, "{{ urlquery }}|", `{{ html "<a href='x'>\"&</a>" }}`, "{{ html 1 2 }}", "{{ +3 }}", "{{ 007 }}", "{{ 08 }}", "{{ 1_000 }}", "{{ 3a }}", "{{ 1.a }}", "{{ 99999999999999999999 }}", "{{ - 3 }}", "{{ 3-}}", "{{-3}}",
	`{{ index . "missing" }}x`, `x{{ index . "missing" | urlquery }}`, `{{ or (index . "missing") "default" }}`, `{{ eq (index . "missing") "" }}`, `{{ len (index . "missing") }}`,
}

// The part of some data that a template can mean, so that a row shows what matters to it.
func mentioned(source string, values data) data {
	out := data{}
	for key, value := range values {
		if quoted := strconv.Quote(key); strings.Contains(source, quoted) || key != "" && strings.Contains(source, key) {
			out[key] = value
		}
	}
	return out
}

// Random templates of fragments that fit each other mostly; `go run generate.go random COUNT SEED`.
func random(source *rand.Rand) string {
	var value func(depth int) string
	pick := func(words ...string) string { return words[source.Intn(len(words))] }
	value = func(depth int) string {
		if depth <= 0 || source.Intn(3) == 0 {
			return pick(".a", ".b", ".same", ".empty", ".yes", `"alpha"`, `"x y"`, "1", "0", "5", "true", "false", "$.b", "$x", `(index . "a")`, `(index . "missing")`, ".missing", "(len .a)")
		}
		v := func() string { return value(depth - 1) }
		switch source.Intn(14) {
		case 0:
			return "(eq " + v() + " " + v() + ")"
		case 1:
			return "(and " + v() + " " + v() + ")"
		case 2:
			return "(or " + v() + " " + v() + ")"
		case 3:
			return "(not " + v() + ")"
		case 4:
			return "(len " + v() + ")"
		case 5:
			return "(slice " + v() + " " + pick("0", "1", "2") + " " + pick("3", "5", "(len .b)") + ")"
		case 6:
			return "(print " + v() + " " + v() + ")"
		case 7:
			return `(printf "` + pick("%s", "%v", "%d", "%t", "%5s|", "%-6v|", "%.2s", "%x") + pick("", "/%v", "%%") + `" ` + v() + pick("", " "+v()) + ")"
		case 8:
			return "(urlquery " + v() + ")"
		case 9:
			return "(" + pick("lt", "le", "gt", "ge", "ne") + " " + v() + " " + v() + ")"
		case 10:
			return "(" + v() + " | " + pick("len", "print", "urlquery", "html", `printf "%s"`, "not", "eq .a", "or .b", "and .a") + ")"
		case 11:
			return "(html " + v() + ")"
		default:
			return "(println " + v() + ")"
		}
	}
	var block func(depth int) string
	block = func(depth int) string {
		out := ""
		for range 1 + source.Intn(3) {
			switch n := source.Intn(8); {
			case n == 0 && depth > 0:
				out += "{{ if " + value(2) + " }}" + block(depth-1) + "{{ else if " + value(1) + " }}y{{ else }}" + block(depth-1) + "{{ end }}"
			case n == 1 && depth > 0:
				out += "{{ with " + value(2) + " }}{{ . }}{{ $.a }}{{ $x }}{{ else }}" + block(depth-1) + "{{ end }}"
			case n == 2:
				out += "{{ $x = " + value(2) + " }}"
			case n == 3:
				out += "{{ with $y := " + value(1) + " }}{{ print $y . }}{{ end }}"
			case n == 4:
				out += pick("text", " - ", "{{- 3 -}}")
			default:
				out += "{{ " + value(3) + pick(" }}", " | print }}", " -}}")
			}
		}
		return out
	}
	return "{{ $x := " + value(1) + " }}" + block(2)
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "random" {
		count, _ := strconv.Atoi(os.Args[2])
		seed, _ := strconv.ParseInt(os.Args[3], 10, 64)
		source := rand.New(rand.NewSource(seed))
		values := data{"a": "alpha", "b": "beta", "same": "alpha", "empty": "", "yes": "true"}
		write := json.NewEncoder(os.Stdout)
		write.SetEscapeHTML(false)
		for range count {
			if err := write.Encode(render(random(source), values)); err != nil {
				panic(err)
			}
		}
		return
	}
	rows := real()
	rows = append(rows, render(`{{index . "gr\u00f6\xc3\x9fe"}}`, data{"größe": "groß"}))
	for _, source := range sources {
		rows = append(rows, render(source, mentioned(source, plain)))
	}
	// One row a line, so that a change is one line of a diff.
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	separator := "[\n"
	for _, row := range rows {
		out.WriteString(separator)
		if err := encoder.Encode(row); err != nil {
			panic(err)
		}
		out.Truncate(out.Len() - 1) // the line's end
		separator = ",\n"
	}
	out.WriteString("\n]\n")
	if _, err := os.Stdout.Write(out.Bytes()); err != nil {
		panic(err)
	}
}
