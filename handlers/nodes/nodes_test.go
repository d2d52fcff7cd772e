package nodes

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"prana/engine/node"
)

func TestBuiltinListsEveryTypeOnce(t *testing.T) {
	t.Parallel()
	want := []string{
		"code.expr",
		"core.for_each",
		"core.log",
		"data.merge",
		"data.set_data",
		"http.request",
		"http.webhook_respond",
		"http.webhook_trigger",
		"logic.if_condition",
		"logic.switch",
		"manual.trigger",
		"poll.poll_until",
		"schedule.cron_trigger",
		"time.delay", "wait.approval",
		"wait.wait",
		"wait.wait_for",
		"wait.wait_for_event",
		"workflow.execute_workflow",
		"workflow.set_state",
	}
	if got := node.NewRegistry(Builtin(Options{})...).Names(); !slices.Equal(got, want) {
		t.Errorf("the types are %q", got)
	}
}

func TestTypesDescribeThemselves(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for _, typ := range Builtin(Options{}) {
		if typ.Summary == "" || len(typ.Examples) == 0 {
			t.Errorf("%s has no summary or no example", typ.Name)
		}
		assertDescribed(t, typ)
		seen := map[string]bool{}
		for _, f := range typ.Fields {
			if f.Name != anyName && !name.MatchString(f.Name) || seen[f.Name] || f.Summary == "" || f.Kind == "" {
				t.Errorf("%s: field %q is a duplicate or not described", typ.Name, f.Name)
			}
			seen[f.Name] = true
			if _, err := readField(f.Name, f, f.Default); f.Default != nil && err != nil {
				t.Errorf("%s: the default breaks its own rule: %v", typ.Name, err)
			}
		}
	}
}

// assertDescribed wants words for whatever the reference shows.
func assertDescribed(t *testing.T, typ node.Type) {
	t.Helper()
	if len(typ.Output) == 0 {
		t.Errorf("%s does not say what it leaves with", typ.Name)
	}
	for _, o := range typ.Output {
		for _, f := range o.Fields {
			if f.Summary == "" {
				t.Errorf("%s: member %s of the output is not described", typ.Name, f.Name)
			}
		}
	}
	for _, f := range typ.Fields {
		for _, item := range f.Items {
			if item.Summary == "" {
				t.Errorf("%s: %s.%s is not described", typ.Name, f.Name, item.Name)
			}
		}
	}
}

func TestExamplesFitTheFields(t *testing.T) {
	t.Parallel()
	for _, typ := range Builtin(Options{}) {
		for _, e := range typ.Examples {
			for _, wrong := range misfits("", typ.Fields, e.Params) {
				t.Errorf("%s, example %q: %s", typ.Name, e.Title, wrong)
			}
		}
	}
}

// misfits checks raw parameters: names, required ones, and every constant.
func misfits(path string, fields []node.Field, params map[string]any) (wrong []string) {
	for name := range params {
		if !slices.ContainsFunc(fields, func(f node.Field) bool { return f.Name == name || f.Name == anyName }) {
			wrong = append(wrong, "there is no field "+path+name)
		}
	}
	for _, f := range fields {
		v, given := params[f.Name]
		if f.Required && !given {
			wrong = append(wrong, path+f.Name+" is missing")
		}
		if given {
			wrong = append(wrong, misfit(path+f.Name, f, v)...)
		}
	}
	return wrong
}

func misfit(path string, f node.Field, v any) (wrong []string) {
	if s, ok := v.(string); ok && (f.Kind == node.Condition || strings.Contains(s, "{{") || strings.HasPrefix(s, "$")) {
		return nil
	}
	if f.Items == nil {
		if _, err := readField(path, f, v); err != nil {
			wrong = append(wrong, err.Error())
		}
		return wrong
	}
	members, ok := v.([]any)
	if !ok {
		members = []any{v}
	}
	for i, m := range members {
		inner, ok := m.(map[string]any)
		if !ok {
			return append(wrong, fmt.Sprintf("%s[%d] is no object", path, i))
		}
		wrong = append(wrong, misfits(path+".", f.Items, inner)...)
	}
	return wrong
}

func TestSampleIsBounded(t *testing.T) {
	t.Parallel()
	same(t, "a small value", sample(obj{"a": 1}), obj{"a": 1})
	long := strings.Repeat("x", 3*sampleSize)
	for _, v := range []any{long, obj{"a": long}} {
		if s, _ := sample(v).(string); s == "" || len(s) > sampleSize+4 {
			t.Errorf("the sample has %d bytes", len(s))
		}
	}
}
