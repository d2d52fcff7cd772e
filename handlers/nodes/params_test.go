package nodes

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"prana/engine/flow"
	"prana/engine/node"
)

// read does what the engine does with evaluated parameters before a node sees
// them: cast, fill in defaults, check.
func read(fields []node.Field, params map[string]any) (map[string]any, error) {
	return readUnder("", fields, params)
}

// anyName is the name of a field that stands for every other name.
const anyName = "*"

func readUnder(path string, fields []node.Field, params map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(fields))
	for _, f := range fields {
		if f.Lazy {
			continue
		}
		if f.Name == anyName {
			maps.Copy(out, params)
			continue
		}
		v, err := readField(path+f.Name, f, params[f.Name])
		if err != nil {
			return nil, err
		}
		if _, given := params[f.Name]; v != nil || given && f.Kind == node.Any {
			out[f.Name] = v
		}
	}
	return out, nil
}

func readField(path string, f node.Field, v any) (any, error) {
	if v == nil {
		v = f.Default
	}
	if v == nil {
		if f.Required {
			return nil, invalid(path, "is required, and is missing or null")
		}
		return nil, nil
	}
	v, ok := convert(f.Kind, v)
	if !ok {
		return nil, invalid(path, "must be of kind %s", f.Kind)
	}
	v, err := oneOf(path, f, v)
	if err != nil {
		return nil, err
	}
	if err := withinBounds(path, f, v); err != nil {
		return nil, err
	}
	if f.Check != nil {
		if wrong := f.Check(v); wrong != nil {
			return nil, invalid(path, "%s", wrong)
		}
	}
	return readItems(path, f, v)
}

// convert turns a value into the Go type of its kind. It is as lenient as the
// templates: numbers may come as text, text from anything.
func convert(kind node.Kind, v any) (any, bool) {
	switch kind {
	case node.String:
		return text(v), !isNested(v)
	case node.Int:
		n, ok := number(v)
		return int(n), ok && n == math.Trunc(n) && math.Abs(n) < 1<<53
	case node.Number:
		return number(v)
	case node.Bool, node.Condition:
		return boolean(v)
	case node.Object:
		m, ok := v.(map[string]any)
		return m, ok
	case node.Array:
		l, ok := v.([]any)
		return l, ok
	}
	return v, true
}

func isNested(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

func number(v any) (float64, bool) {
	switch t := v.(type) {
	case int:
		return float64(t), true
	case int64:
		return float64(t), true
	case float64:
		return t, true
	case string:
		n, err := strconv.ParseFloat(strings.TrimSpace(t), 64)
		return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
	}
	return 0, false
}

func boolean(v any) (b, ok bool) {
	switch v {
	case true, "true":
		return true, true
	case false, "false":
		return false, true
	}
	return false, false
}

// oneOf gives the spelling that the enum has; case does not matter.
func oneOf(path string, f node.Field, v any) (any, error) {
	s, ok := v.(string)
	if !ok || len(f.Enum) == 0 {
		return v, nil
	}
	i := slices.IndexFunc(f.Enum, func(e string) bool { return strings.EqualFold(e, s) })
	if i < 0 {
		return nil, invalid(path, "is %q; it must be one of %s", flow.Cut(s, 40), strings.Join(f.Enum, ", "))
	}
	return f.Enum[i], nil
}

func withinBounds(path string, f node.Field, v any) error {
	if f.Kind != node.Int && f.Kind != node.Number {
		return nil
	}
	n, _ := number(v)
	if f.Min != nil && n < *f.Min {
		return invalid(path, "is %v; the least is %.0f", v, *f.Min)
	}
	if f.Max != nil && n > *f.Max {
		return invalid(path, "is %v; the most is %.0f", v, *f.Max)
	}
	return nil
}

// readItems checks the members of an object, or those of each element of an array.
func readItems(path string, f node.Field, v any) (any, error) {
	if f.Items == nil {
		return v, nil
	}
	if m, ok := v.(map[string]any); ok {
		return readUnder(path+".", f.Items, m)
	}
	list, _ := v.([]any)
	out := make([]any, len(list))
	for i, e := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		m, ok := e.(map[string]any)
		if !ok {
			return nil, invalid(at, "must be of kind object")
		}
		item, err := readUnder(at+".", f.Items, m)
		if err != nil {
			return nil, err
		}
		out[i] = item
	}
	return out, nil
}
