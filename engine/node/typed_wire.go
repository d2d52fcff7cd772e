package node

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"prana/engine/flow"
)

// wire is how values of a type are read and written: as encoding/json does it, but with durations that people can read.
type wire struct {
	t     reflect.Type
	timed bool // it has durations
}

func newWire(t reflect.Type) wire { return wire{t, hasDurations(t, map[reflect.Type]bool{})} }

// decode reads v, which is what JSON decodes to and is not changed, into what out points to.
func (w wire) decode(v, out any) error {
	dec, err := w.decoder(v)
	if err != nil {
		return err
	}
	return dec.Decode(out)
}

// check tells what keeps v from being a value of the type; a name that no struct has is something.
func (w wire) check(v any) error {
	dec, err := w.decoder(v)
	if err != nil {
		return err
	}
	dec.DisallowUnknownFields()
	return dec.Decode(reflect.New(w.t).Interface())
}

func (w wire) decoder(v any) (*json.Decoder, error) {
	raw, err := flow.Encode(v)
	if err == nil && w.timed {
		raw, err = w.swap(raw, nanoseconds)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return dec, err
}

// encode gives what expressions are to see of v.
func (w wire) encode(v any) (any, error) {
	if !w.timed {
		return v, nil
	}
	raw, err := flow.Encode(v)
	if err != nil {
		return nil, err
	}
	return w.swap(raw, spelledOut)
}

// swap puts other values in the places of durations.
func (w wire) swap(raw json.RawMessage, other func(any) (any, error)) (json.RawMessage, error) {
	v, err := flow.Decode(raw)
	if err != nil {
		return nil, err
	}
	if v, err = swapped(w.t, v, other); err != nil {
		return nil, err
	}
	return flow.Encode(v)
}

func swapped(t reflect.Type, v any, other func(any) (any, error)) (_ any, err error) {
	t = pointed(t)
	if t == durationType && v != nil {
		return other(v)
	}
	if writesItself(t) {
		return v, nil
	}
	switch v := v.(type) {
	case []any:
		for i := range v {
			if v[i], err = swapped(elementOf(t), v[i], other); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		return v, swapMembers(t, v, other)
	}
	return v, nil
}

func swapMembers(t reflect.Type, m map[string]any, other func(any) (any, error)) (err error) {
	if t.Kind() != reflect.Struct {
		for name := range m {
			if m[name], err = swapped(elementOf(t), m[name], other); err != nil {
				return err
			}
		}
		return nil
	}
	for _, f := range membersOf(t) {
		if v, ok := m[f.json]; ok {
			if m[f.json], err = swapped(f.Type, v, other); err != nil {
				return err
			}
		}
	}
	return nil
}

// elementOf is the type of the elements of a list or map; of what has none, one without durations.
func elementOf(t reflect.Type) reflect.Type {
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		return t.Elem()
	}
	return rawType
}

func hasDurations(t reflect.Type, seen map[reflect.Type]bool) bool {
	t = pointed(t)
	if t == durationType {
		return true
	}
	if seen[t] || writesItself(t) {
		return false
	}
	seen[t] = true
	if t.Kind() != reflect.Struct {
		return hasDurations(elementOf(t), seen)
	}
	for _, m := range membersOf(t) {
		if hasDurations(m.Type, seen) {
			return true
		}
	}
	return false
}

// writesItself tells whether the type decides what its JSON is.
func writesItself(t reflect.Type) bool {
	for _, d := range []direction{reading, writing} {
		if d.itself(t, d.asJSON) || d.itself(t, d.asText) {
			return true
		}
	}
	return false
}

var errDuration = errors.New("must be a duration with its unit, such as 30s or 1h30m")

func nanoseconds(v any) (any, error) {
	text, _ := v.(string)
	d, err := time.ParseDuration(text)
	if err != nil {
		return nil, errDuration
	}
	return int(d), nil
}

func spelledOut(v any) (any, error) {
	n, ok := v.(int)
	if !ok {
		return nil, fmt.Errorf("%v is no duration", v)
	}
	return time.Duration(n).String(), nil
}

// told says what a decoder objects to, in words that may follow the name of the value.
func told(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		text := fmt.Sprintf("has %s where %s belongs", articled(e.Value), inWords(e.Type))
		if e.Field != "" {
			text += " (" + e.Field + ")"
		}
		return text
	}
	if _, ok := errors.AsType[*time.ParseError](err); ok {
		return "must be a date with its time and zone, such as 2026-01-31T09:00:00Z"
	}
	if errors.Is(err, errDuration) {
		return err.Error()
	}
	return "cannot be used: " + flow.Cut(strings.TrimPrefix(err.Error(), "json: "), 256)
}

func articled(kind string) string {
	if kind == "array" || kind == "object" {
		return "an " + kind
	}
	return "a " + kind
}

var words = map[reflect.Kind]string{
	reflect.Bool: "true or false", reflect.String: "a string", reflect.Float32: "a number", reflect.Float64: "a number",
	reflect.Slice: "a list", reflect.Array: "a list", reflect.Map: "an object", reflect.Struct: "an object",
}

func inWords(t reflect.Type) string { return cmp.Or(words[t.Kind()], "an integer") }
