package cases

import (
	"fmt"
	"reflect"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
)

// maxDifferences bounds how many of them are told of one value.
const maxDifferences = 20

// differences lists where two values differ, at most maxDifferences of them: "path: expected X, actual Y". [definition.AnyValue]
// stands for anything but nothing.
func differences(want, got any) []string {
	d := &differ{}
	d.compare("", want, got)
	if extra := len(d.found) - maxDifferences; extra > 0 {
		d.found = append(d.found[:maxDifferences], fmt.Sprintf("and %d more", extra))
	}
	return d.found
}

type differ struct{ found []string }

func (d *differ) compare(path string, want, got any) {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			d.objects(path, w, g)
			return
		}
	case []any:
		if g, ok := got.([]any); ok {
			d.lists(path, w, g)
			return
		}
	case string:
		if w == definition.AnyValue && got != nil && got != "" {
			return
		}
	}
	if !reflect.DeepEqual(want, got) {
		d.note(path, brief(want), brief(got))
	}
}

func (d *differ) note(path, want, got string) {
	if path != "" {
		path += ": "
	}
	d.found = append(d.found, fmt.Sprintf("%sexpected %s, actual %s", path, want, got))
}

func (d *differ) objects(path string, want, got map[string]any) {
	for _, name := range sortedKeys(want) {
		if v, there := got[name]; there {
			d.compare(plan.Join(path, name), want[name], v)
		} else {
			d.note(plan.Join(path, name), brief(want[name]), "nothing")
		}
	}
	for _, name := range sortedKeys(got) {
		if _, there := want[name]; !there {
			d.note(plan.Join(path, name), "nothing", brief(got[name]))
		}
	}
}

func (d *differ) lists(path string, want, got []any) {
	for i := range max(len(want), len(got)) {
		switch at := plan.At(path, i); {
		case i >= len(got):
			d.note(at, brief(want[i]), "nothing")
		case i >= len(want):
			d.note(at, "nothing", brief(got[i]))
		default:
			d.compare(at, want[i], got[i])
		}
	}
}

// briefly is as long as a value is shown.
const briefly = 300

func brief(v any) string {
	raw, err := flow.Encode(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return flow.Cut(string(raw), briefly)
}
