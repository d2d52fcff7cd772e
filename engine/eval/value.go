package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"prana/engine/flow"
)

// kindOf names the kind of a value for messages, with its article.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case bool:
		return "a boolean"
	case int, int64:
		return "an integer"
	case json.Number:
		if flow.IsInteger(v.String()) {
			return "an integer"
		}
		return "a number"
	case float64:
		return "a number"
	case string:
		return "a string"
	case time.Time:
		return "a time"
	case time.Duration:
		return "a duration"
	default:
		return kindOfMore(v)
	}
}

func kindOfMore(v any) string {
	switch reflect.ValueOf(v).Kind() {
	case reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return "a value of another kind"
}

// toInt accepts integers and numbers without a fraction.
func toInt(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case int64:
		return int(v), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<62 {
			return int(v), true
		}
	}
	return 0, false
}

// toFloat gives the float64 nearest to a number.
func toFloat(v any) (float64, bool) { return flow.Float(v) }

// toList gives the elements of a list, and nil for nil.
func toList(v any) ([]any, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case []any:
		return v, true
	case string, map[string]any:
		return nil, false
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Slice {
		return nil, false
	}
	out := make([]any, rv.Len())
	for i := range out {
		out[i] = rv.Index(i).Interface()
	}
	return out, true
}

// toObject gives the fields of an object, and nil for nil.
func toObject(v any) (map[string]any, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case map[string]any:
		return v, true
	case string, []any:
		return nil, false
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Map {
		return nil, false
	}
	out := make(map[string]any, rv.Len())
	for it := rv.MapRange(); it.Next(); {
		out[keyText(it.Key().Interface())] = it.Value().Interface()
	}
	return out, true
}

// keyText is the text of an object's key.
func keyText(v any) string {
	if v == nil {
		return ""
	}
	if s, ok := scalarText(v); ok {
		return s
	}
	return kindOf(v)
}

// get reads one step of a path; what is not there is nil.
func get(v, key any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		if key, ok := key.(string); ok {
			return v[key]
		}
		return nil
	case []any:
		return index(v, key)
	case map[string]string:
		if key, ok := key.(string); ok {
			if s, ok := v[key]; ok {
				return s
			}
		}
		return nil
	case bool, string, int, float64, json.Number, time.Time, time.Duration:
		return nil
	}
	if items, ok := toList(v); ok {
		return index(items, key)
	}
	fields, _ := toObject(v)
	name, _ := key.(string)
	return fields[name]
}

// index reads an element; negative numbers count from the end.
func index(items []any, key any) any {
	i, ok := toInt(key)
	if i < 0 {
		i += len(items)
	}
	if !ok || i < 0 || i >= len(items) {
		return nil
	}
	return items[i]
}

// path reads a path known at compile time.
func (r *run) path(p *rootPath) (any, error) {
	v := r.root(p.root)
	for _, key := range p.keys {
		if v == nil {
			return nil, nil
		}
		v = get(v, key)
	}
	return v, nil
}

// result makes a value JSON-like and checks its size. What already is JSON-like
// is returned as it is, not copied.
func (r *run) result(v any) (any, error) { return r.clean(v, 0) }

func (r *run) clean(v any, depth int) (any, error) {
	switch v := v.(type) {
	case nil, bool, int:
		return v, r.count(8, depth)
	case string:
		return v, r.count(len(v), depth)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errInfinite
		}
		return v, r.count(8, depth)
	case []any:
		return r.cleanList(v, depth)
	case map[string]any:
		return r.cleanObject(v, depth)
	}
	return r.cleanOther(v, depth)
}

func (r *run) cleanList(v []any, depth int) (any, error) {
	if err := r.count(0, depth); err != nil {
		return nil, err
	}
	var out []any
	for i, item := range v {
		c, err := r.clean(item, depth+1)
		if err != nil {
			return nil, err
		}
		if out == nil && !same(c, item) {
			out = append(make([]any, 0, len(v)), v[:i]...)
		}
		if out != nil {
			out = append(out, c)
		}
	}
	if out != nil {
		return out, nil
	}
	return v, nil
}

func (r *run) cleanObject(v map[string]any, depth int) (any, error) {
	if err := r.count(0, depth); err != nil {
		return nil, err
	}
	var changed map[string]any
	for key, item := range v {
		r.bytes += len(key)
		c, err := r.clean(item, depth+1)
		if err != nil {
			return nil, err
		}
		if !same(c, item) {
			if changed == nil {
				changed = map[string]any{}
			}
			changed[key] = c
		}
	}
	if changed == nil {
		return v, nil
	}
	for key, item := range v {
		if _, ok := changed[key]; !ok {
			changed[key] = item
		}
	}
	return changed, nil
}

// same reports whether clean left a value as it was. Lists and objects are
// compared by identity.
func same(a, b any) bool {
	switch b := b.(type) {
	case nil, bool, int, string, float64:
		return true
	case json.Number:
		return a == b
	case []any:
		a, ok := a.([]any)
		return ok && len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	case map[string]any:
		return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
	}
	return false
}

// cleanOther turns what Go code may have put into the data, and times, into
// JSON-like values.
func (r *run) cleanOther(v any, depth int) (any, error) {
	switch v := v.(type) {
	case time.Time, time.Duration:
		s, _ := scalarText(v)
		return s, r.count(len(s), depth)
	case json.Number:
		return r.cleanNumber(v, depth)
	}
	rv := reflect.ValueOf(v)
	switch {
	case rv.CanInt():
		return int(rv.Int()), r.count(8, depth)
	case rv.CanUint() && rv.Uint() <= math.MaxInt:
		return int(rv.Uint()), r.count(8, depth)
	case rv.CanFloat():
		return r.clean(rv.Float(), depth)
	case rv.Kind() == reflect.String:
		return rv.String(), r.count(rv.Len(), depth)
	case rv.Kind() == reflect.Slice:
		items, _ := toList(v)
		return r.cleanList(items, depth)
	case rv.Kind() == reflect.Map:
		fields, _ := toObject(v)
		return r.cleanObject(fields, depth)
	}
	return nil, errors.New("the result is " + kindOf(v) + ", which is not data")
}

func (r *run) cleanNumber(n json.Number, depth int) (any, error) {
	v, err := flow.Number(n.String())
	if err != nil {
		return nil, errors.New("the result holds a number beyond the limits of JSON numbers")
	}
	return v, r.count(len(n), depth)
}

// scalarText renders a value inside a text; ok is false for lists and objects.
func scalarText(v any) (s string, ok bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case json.Number:
		return v.String(), true
	case time.Time:
		return v.Format(time.RFC3339Nano), true
	case time.Duration:
		return v.String(), true
	}
	return "", false
}

// render gives the text of any value, objects and lists as JSON.
func (r *run) render(v any) (string, error) {
	if f, ok := v.(float64); ok && (math.IsInf(f, 0) || math.IsNaN(f)) {
		return "", errInfinite
	}
	s, ok := scalarText(v)
	if ok {
		return s, r.build(len(s))
	}
	return r.json(v)
}

// json encodes a value whose size is checked first, because shared parts of a
// value are written once for each time they occur.
func (r *run) json(v any) (string, error) {
	measure := &run{}
	clean, err := measure.result(v)
	if err != nil {
		return "", err
	}
	if err := r.step(measure.nodes); err != nil {
		return "", err
	}
	if measure.bytes > maxString+8*measure.nodes {
		return "", errLongString
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(clean); err != nil {
		return "", errors.New("the value cannot be written as JSON")
	}
	s := strings.TrimSuffix(b.String(), "\n")
	return s, r.build(len(s))
}

// fromJSON decodes text, keeping numbers to their last digit.
func (r *run) fromJSON(s string) (any, error) {
	if len(s) > maxString {
		return nil, errLongString
	}
	if err := r.scan(len(s), weightJSON); err != nil {
		return nil, err
	}
	v, err := flow.Decode([]byte(s))
	if err != nil || strings.TrimSpace(s) == "" {
		return nil, errors.New("from_json needs a text that is valid JSON")
	}
	return (&run{}).result(v)
}

// redact removes the values of secrets from a message. Messages are made
// without values; this is the second fence, for what comes from libraries.
func (r *run) redact(message string) string {
	secrets, _ := toObject(r.env["secrets"])
	for _, v := range secrets {
		if s, ok := v.(string); ok && utf8.RuneCountInString(s) >= 4 {
			message = strings.ReplaceAll(message, s, "***")
		}
	}
	return message
}
