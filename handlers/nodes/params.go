package nodes

import (
	"fmt"
	"strings"
	"time"

	"prana/engine/flow"
)

// codeParams is the code of parameters whose evaluated values a node cannot
// use. The engine has the same for those that do not fit their fields.
const codeParams = "invalid_params"

// values are the parameters of a call. The engine has cast and checked them as
// their fields say, and filled in defaults: what is missing here was not given.
type values map[string]any

// text renders a value the way templates do: objects and lists as JSON.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	raw, err := flow.Encode(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// invalid is the problem of a parameter that fits its field and is wrong all
// the same; trying again cannot help.
func invalid(path, format string, args ...any) *flow.Problem {
	p := flow.Problemf(codeParams, "parameter %s "+format, append([]any{path}, args...)...)
	p.Permanent = true
	p.Details = map[string]any{"path": "params." + path}
	return p
}

func (v values) text(name string) string {
	s, _ := v[name].(string)
	return s
}

func (v values) whole(name string) int64 {
	n, _ := v[name].(int)
	return int64(n)
}

// number gives a number of either kind, and whether there is one.
func (v values) number(name string) (float64, bool) {
	switch n := v[name].(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func (v values) flag(name string) bool {
	b, _ := v[name].(bool)
	return b
}

func (v values) object(name string) map[string]any {
	m, _ := v[name].(map[string]any)
	return m
}

func (v values) list(name string) []any {
	l, _ := v[name].([]any)
	return l
}

// group gives an object whose members are described by Items.
func (v values) group(name string) values {
	return v.object(name)
}

func (v values) millis(name string) time.Duration {
	return time.Duration(v.whole(name)) * time.Millisecond
}

// isConstant tells whether a raw parameter is plain text, known before anything runs.
func isConstant(v any) (string, bool) {
	s, ok := v.(string)
	return s, ok && s != "" && !strings.Contains(s, "{{") && !strings.HasPrefix(s, "$")
}
