package definition_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	return compiled(t, definition.Schema(types()))
}

func compiled(t *testing.T, schema map[string]any) *jsonschema.Schema {
	t.Helper()
	raw, err := flow.Encode(schema)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := flow.Decode(raw)
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

// Whatever compiles without a complaint fits the schema.
func TestSchemaAcceptsWhatIsValid(t *testing.T) {
	t.Parallel()
	s := schema(t)
	files, _ := filepath.Glob("testdata/*/*.txt")
	done := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		src, _, _ := strings.Cut(string(raw), separator)
		_, p, _ := definition.Check("f", []byte(src), types(), plan.Options{EnvAllow: []string{"REGION"}})
		v := definition.Value([]byte(src))
		if p == nil || v == nil {
			continue
		}
		done++
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if done < 5 {
		t.Errorf("only %d goldens are valid", done)
	}
}

func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	s := schema(t)
	good := "id: a\nnodes:\n  - key: start\n    type: manual.trigger\n  - key: b\n    type: logic.if_condition\n    params: { condition: 1 == 1 }\n" +
		"  - key: c\n    type: core.log\n    params: { level: INFO, message: 5 }\n    settings: { on_error: continue, join: 2 }\nconnections:\n  - start -> b\n"
	if err := s.Validate(definition.Value([]byte(good))); err != nil {
		t.Fatal(err)
	}
	for _, edit := range [][2]string{
		{"id: a", "id: Bad Id"},
		{"id: a\n", ""},
		{"nodes:", "node:"},
		{"key: start", "kee: start"},
		{"key: start", "key: a b"},
		{"manual.trigger", "manual.triger"},
		{"type: core.log", "typ: core.log"},
		{"condition: 1", "conditio: 1"},
		{"    params: { condition: 1 == 1 }\n", ""},
		{"level: INFO", "level: loud"},
		{"level: INFO", "level: [info]"},
		{"message: 5", "mesage: 5"},
		{"message: 5", "message: {}"},
		{"on_error: continue", "on_error: stop"},
		{"on_error: continue", "onerror: continue"},
		{"join: 2", "join: 0"},
		{"join: 2", "join: some"},
		{"start -> b", "start to b"},
		{"start -> b", "{ from: start }"},
		{"start -> b", "{ from: start, too: b }"},
	} {
		if err := s.Validate(definition.Value([]byte(strings.Replace(good, edit[0], edit[1], 1)))); err == nil {
			t.Errorf("%q instead of %q is accepted", edit[1], edit[0])
		}
	}
}
