package plan

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"prana/engine/flow"
	"prana/engine/node"
)

// anyName is the name of a field that stands for every other name.
const anyName = "*"

// fault is one thing wrong with a value.
type fault struct {
	path, code, message, hint string
	onKey                     bool
	line, column              int // inside the string at path; 0 = unknown
}

// shape casts a value to its field's kind, fills in defaults and checks it.
func shape(spec node.Field, v any, path string) (any, []fault) {
	if v == nil {
		return absent(spec, path)
	}
	out, expected := cast(spec.Kind, v)
	if expected != "" {
		message := fmt.Sprintf("%s must be %s, not %s", spec.Name, expected, kindOf(v))
		return nil, []fault{{path: path, code: CodeWrongKind, message: message, hint: rewritten(spec, v)}}
	}
	out, faults := checkValue(spec, out, path)
	if spec.Items == nil || len(faults) > 0 {
		return out, faults
	}
	return shapeItems(spec, out, path)
}

// rewritten says how to write a value of another kind as one of the field's.
func rewritten(spec node.Field, v any) string {
	text, ok := v.(string)
	switch {
	case spec.Kind == node.Array && ok:
		return "write a list: [one, two]"
	case spec.Kind == node.Int && ok && strings.HasSuffix(spec.Name, "_ms"):
		if ms := milliseconds(text); ms > 0 {
			return fmt.Sprintf("write %d, in milliseconds", ms)
		}
	}
	return ""
}

// milliseconds reads what people write for a time, such as 90s, 1h30m or 3d; 0 when it is none.
func milliseconds(text string) int64 {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0
		}
		return int64(n) * (24 * time.Hour).Milliseconds()
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0
	}
	return d.Milliseconds()
}

func absent(spec node.Field, path string) (any, []fault) {
	if spec.Required && spec.Default == nil {
		message := fmt.Sprintf("%s is required", spec.Name)
		return nil, []fault{{path: path, code: CodeMissingParam, message: message, hint: spec.Summary}}
	}
	return spec.Default, nil
}

func shapeItems(spec node.Field, v any, path string) (any, []fault) {
	switch t := v.(type) {
	case map[string]any:
		return shapeMembers(spec.Items, t, path)
	case []any:
		return shapeElements(spec, t, path)
	}
	return v, nil
}

func shapeElements(spec node.Field, list []any, path string) (any, []fault) {
	element := node.Field{Name: "each of " + spec.Name, Kind: node.Object, Items: spec.Items, Required: true}
	out := make([]any, len(list))
	var faults []fault
	for i, e := range list {
		v, wrong := shape(element, e, At(path, i))
		out[i], faults = v, append(faults, wrong...)
	}
	return out, faults
}

// shapeMembers gives the members that the fields know; others are left out.
func shapeMembers(fields []node.Field, m map[string]any, path string) (map[string]any, []fault) {
	out := make(map[string]any, len(fields))
	var faults []fault
	for _, spec := range fields {
		if spec.Name == anyName {
			copyOthers(out, m, fields)
			continue
		}
		given, present := m[spec.Name]
		if present && (spec.Kind == node.Expression || spec.Lazy) { // whatever it gave is its value, or it is to be evaluated later
			out[spec.Name] = given
			continue
		}
		v, wrong := shape(spec, given, Join(path, spec.Name))
		faults = append(faults, wrong...)
		if v != nil || present && spec.Kind == node.Any {
			out[spec.Name] = v
		}
	}
	return out, faults
}

func copyOthers(out, m map[string]any, fields []node.Field) {
	for name, v := range m {
		if _, known := findField(fields, name); !known {
			out[name] = v
		}
	}
}

func findField(fields []node.Field, name string) (node.Field, bool) {
	i := slices.IndexFunc(fields, func(f node.Field) bool { return f.Name == name })
	if i < 0 || name == anyName {
		return node.Field{}, false
	}
	return fields[i], true
}

// cast gives the value as the kind wants it, or what was expected instead.
func cast(kind node.Kind, v any) (out any, expected string) {
	switch kind {
	case node.String:
		return castString(v)
	case node.Int:
		return castInt(v)
	case node.Number:
		return castNumber(v)
	case node.Bool, node.Condition:
		return castBool(v)
	case node.Expression:
		return castExpression(v)
	case node.Object:
		if _, ok := v.(map[string]any); !ok {
			return nil, "an object"
		}
	case node.Array:
		if _, ok := v.([]any); !ok {
			return nil, "a list"
		}
	}
	return v, ""
}

func castString(v any) (any, string) {
	switch t := v.(type) {
	case string:
		return t, ""
	case bool, int:
		return fmt.Sprint(t), ""
	case float64:
		return strconv.FormatFloat(t, 'f', -1, 64), ""
	case json.Number:
		return t.String(), ""
	case time.Time:
		return t.Format(time.RFC3339Nano), ""
	}
	return nil, "a string"
}

// castNumber gives an int or a float64, because nodes compute with it: digits
// that a float64 cannot hold are lost here.
func castNumber(v any) (any, string) {
	v = numberOf(v)
	if n, ok := v.(int); ok {
		return n, ""
	}
	if f, ok := flow.Float(v); ok && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return f, ""
	}
	return nil, "a number"
}

// numberOf reads a number that is written as text.
func numberOf(v any) any {
	if s, ok := v.(string); ok {
		v, _ = flow.Number(strings.TrimPrefix(strings.TrimSpace(s), "+"))
	}
	return v
}

// maxExact is the largest float64 below which every integer is exact.
const maxExact = 1 << 53

func castInt(v any) (any, string) {
	switch t := numberOf(v).(type) {
	case int:
		return t, ""
	case float64:
		if t == math.Trunc(t) && math.Abs(t) <= maxExact {
			return int(t), ""
		}
	}
	return nil, "an integer"
}

func castBool(v any) (any, string) {
	switch v {
	case true, "true", "1", 1:
		return true, ""
	case false, "false", "0", 0:
		return false, ""
	}
	return nil, "true or false"
}

// castExpression sees only what is written without being a string: a number
// stands for itself, but templates inside a list would never be evaluated.
func castExpression(v any) (any, string) {
	switch v.(type) {
	case map[string]any, []any:
		return nil, "an expression"
	}
	return v, ""
}

func checkValue(spec node.Field, v any, path string) (any, []fault) {
	if s, ok := v.(string); ok && len(spec.Enum) > 0 {
		i := slices.IndexFunc(spec.Enum, func(e string) bool { return strings.EqualFold(e, s) })
		if i < 0 {
			message := fmt.Sprintf("%s is %q, which it does not accept", spec.Name, s)
			return nil, []fault{{path: path, code: CodeNotInEnum, message: message, hint: suggest(s, "it accepts", spec.Enum)}}
		}
		v = spec.Enum[i]
	}
	faults := checkRange(spec, v, path)
	if len(faults) > 0 {
		return v, faults
	}
	return v, checkMore(spec, v, path)
}

func checkMore(spec node.Field, v any, path string) []fault {
	if spec.Check == nil {
		return nil
	}
	if err := spec.Check(v); err != nil {
		return []fault{{path: path, code: CodeBadParam, message: spec.Name + " " + err.Error(), hint: spec.Summary}}
	}
	return nil
}

func checkRange(spec node.Field, v any, path string) []fault {
	size, what, ok := measure(v)
	if !ok {
		return nil
	}
	number := func(f *float64) string { return strconv.FormatFloat(*f, 'f', -1, 64) }
	switch {
	case spec.Min != nil && size < *spec.Min:
		what += " must be at least " + number(spec.Min)
	case spec.Max != nil && size > *spec.Max:
		what += " must be at most " + number(spec.Max)
	default:
		return nil
	}
	return []fault{{path: path, code: CodeOutOfRange, message: spec.Name + what}}
}

// measure gives what Min and Max are compared with.
func measure(v any) (size float64, what string, ok bool) {
	switch t := v.(type) {
	case int:
		return float64(t), "", true
	case float64, json.Number:
		f, ok := flow.Float(t)
		return f, "", ok
	case string:
		return float64(utf8.RuneCountInString(t)), ": its length", true
	case []any:
		return float64(len(t)), ": its number of elements", true
	}
	return 0, "", false
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int:
		return "an integer"
	case float64, json.Number:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("%T", v)
}
