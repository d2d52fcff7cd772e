package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"prana/engine/definition"
	"prana/engine/flow"
)

// printedSchema is what an editor gets.
func printedSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	r := prana(t, "", "schema")
	r.wants(t, 0, `"$schema": "https://json-schema.org/draft/2020-12/schema"`, "")
	doc, err := flow.Decode([]byte(r.stdout))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("prana:///schema", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("prana:///schema")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// words are the first names of fields and types that a typo can hit in every definition.
var words = regexp.MustCompile(`(?m)^(\s*(?:- )?)(id|nodes|key|type|params|settings|connections|duration_ms|event_type|url|condition|mapping_map): `)

func TestSchemaJudgesTheDefinitionsHere(t *testing.T) {
	t.Parallel()
	s := printedSchema(t)
	for _, file := range definitions(t) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(definition.Value(src)); err != nil {
			t.Errorf("%s is refused: %v", file, err)
		}
		for _, at := range words.FindAllSubmatchIndex(src, -1) {
			typo := string(src[:at[5]]) + "x" + string(src[at[5]:])
			if inVariables(src, at[4]) {
				continue
			}
			if s.Validate(definition.Value([]byte(typo))) == nil {
				t.Errorf("%s: %sx is accepted", file, src[at[4]:at[5]])
			}
		}
	}
}

// inVariables tells whether a name is the author's own: inside params that are free, such as a mapping.
func inVariables(src []byte, at int) bool {
	line := strings.LastIndex(string(src[:at]), "\n") + 1
	indent := at - line
	return indent > 6
}

func TestSchemaAcceptsPranasForm(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("../../../engine/definition/testdata/prana.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := printedSchema(t).Validate(definition.Value(src)); err != nil {
		t.Error(err)
	}
}

func TestSchemaKnowsTheTypes(t *testing.T) {
	t.Parallel()
	s := printedSchema(t)
	node := func(text string) any {
		return definition.Value([]byte("id: a\nnodes:\n  - key: start\n    type: manual.trigger\n  - key: n\n    " + text + "\n"))
	}
	for _, good := range []string{
		"type: wait.wait\n    params: { mode: interval, duration: 5, unit: DAYS }",
		"type: wait.wait\n    params: { mode: webhook, timeout_hours: $input.hours }",
		"type: workflow.set_state\n    params: { anything: null, other: [1] }",
		"type: code.expr\n    params: { expression: 1 + 1 }",
		"type: time.delay\n    params: { duration_ms: \"{{ $input.ms }}\" }",
		"type: logic.switch\n    params: { cases: [ { condition: $input.a, port: a } ] }",
	} {
		if err := s.Validate(node(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"type: wait.wait\n    params: { mode: event }",
		"type: wait.wait\n    params: { duration: 5 }",
		"type: wait.wait\n    params: { mode: webhook, timeout_hours: 9000 }",
		"type: wait.wait",
		"type: code.expr\n    params: { expresion: 1 + 1 }",
		"type: code.expr\n    params: { expression: [1] }",
		"type: time.delay\n    params: { duration_ms: soon }",
		"type: time.delay\n    params: { duration_ms: 1.5 }",
		"type: logic.switch\n    params: { cases: [ { condition: $input.a, prot: a } ] }",
		"type: logic.if\n    params: { condition: true }",
	} {
		if s.Validate(node(bad)) == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}
