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
	free  bool // it has members of any type
}

func newWire(t reflect.Type) wire {
	return wire{t, holds(t, isDuration, map[reflect.Type]bool{}), holds(t, isFree, map[reflect.Type]bool{})}
}

func isDuration(t reflect.Type) bool { return t == durationType }

func isFree(t reflect.Type) bool { return t.Kind() == reflect.Interface }

// decode reads v, which is what JSON decodes to and is not changed, into what out points to.
func (w wire) decode(v, out any) error {
	dec, err := w.decoder(v)
	if err != nil {
		return err
	}
	if err := dec.Decode(out); err != nil || !w.free {
		return err
	}
	return settle(reflect.ValueOf(out).Elem())
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

// holds tells whether a type, or one in it, is one of those.
func holds(t reflect.Type, one func(reflect.Type) bool, seen map[reflect.Type]bool) bool {
	t = pointed(t)
	if one(t) {
		return true
	}
	if seen[t] || writesItself(t) {
		return false
	}
	seen[t] = true
	if t.Kind() != reflect.Struct {
		return holds(elementOf(t), one, seen)
	}
	for _, m := range membersOf(t) {
		if holds(m.Type, one, seen) {
			return true
		}
	}
	return false
}

// settle makes the numbers in members of any type what expressions know, see [flow.Number].
func settle(v reflect.Value) (err error) {
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return settle(v.Elem())
	case v.Kind() == reflect.Interface && !v.IsNil():
		plain, err := flow.Plain(v.Interface())
		v.Set(reflect.ValueOf(plain))
		return err
	case writesItself(v.Type()):
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() || v.Type().Field(i).Anonymous {
				err = errors.Join(err, settle(v.Field(i)))
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			err = errors.Join(err, settle(v.Index(i)))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(key))
			err = errors.Join(err, settle(e))
			v.SetMapIndex(key, e)
		}
	}
	return err
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
