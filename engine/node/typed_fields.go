package node

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
	numberType   = reflect.TypeFor[json.Number]()
	rawType      = reflect.TypeFor[json.RawMessage]()
)

// direction says whether values are read into a type, or written from it.
type direction struct {
	asJSON, asText reflect.Type // the interfaces of types that do it themselves
	reads          bool
}

var (
	reading = direction{reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](), true}
	writing = direction{reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler](), false}
)

// paramsOf describes the parameters that a type takes.
func paramsOf(t reflect.Type) ([]Field, error) {
	switch {
	case t.Kind() == reflect.Struct:
		return reading.members(t, []reflect.Type{t})
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		f, err := reading.field(t.Elem(), nil)
		f.Name = "*"
		return []Field{f}, err
	}
	return nil, fmt.Errorf("parameters have names: %s must be a struct", t)
}

// members describes those of a struct, the last of those above: a type inside itself is not described again.
func (d direction) members(t reflect.Type, above []reflect.Type) ([]Field, error) {
	fields := []Field{}
	for _, m := range membersOf(t) {
		f, err := d.field(m.Type, above)
		if err == nil {
			f, err = d.tagged(f, m)
		}
		if err == nil && d.reads && m.unreachable(t) {
			err = errors.New("JSON cannot set what is in an embedded pointer to an unexported struct; embed the struct itself")
		}
		if err != nil {
			return nil, fmt.Errorf("field %s of %s: %w", m.Name, t, err)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// field describes a value of a type, which has no name yet.
func (d direction) field(t reflect.Type, above []reflect.Type) (Field, error) {
	t = pointed(t)
	switch {
	case t == durationType || t == timeType:
		return d.checked(Field{Kind: String}, t), nil
	case t == rawType:
		return Field{Kind: Any}, nil
	case t == numberType || d.itself(t, d.asJSON):
		return d.checked(Field{Kind: Any}, t), nil
	case d.itself(t, d.asText) || isBytes(t):
		return d.checked(Field{Kind: String}, t), nil
	}
	kind, composed := composites[t.Kind()]
	switch {
	case composed && slices.Contains(above, t):
		return d.checked(Field{Kind: kind}, t), nil
	case composed:
		return d.composite(t, kind, append(slices.Clone(above), t))
	case t.Kind() != reflect.Interface:
		return simple(t)
	case d.reads && t.NumMethod() > 0:
		return Field{}, fmt.Errorf("nothing can be read into %s", t)
	}
	return Field{Kind: Any}, nil
}

var composites = map[reflect.Kind]Kind{reflect.Struct: Object, reflect.Map: Object, reflect.Slice: Array, reflect.Array: Array}

// composite has fields for the members of structs, alone or in a list; other objects and lists are checked as a whole.
func (d direction) composite(t reflect.Type, kind Kind, above []reflect.Type) (Field, error) {
	if t.Kind() == reflect.Struct {
		items, err := d.members(t, above)
		return Field{Kind: kind, Items: items}, err
	}
	if t.Kind() == reflect.Map && !isName(t.Key()) {
		return Field{}, fmt.Errorf("%s has keys that are no texts", t)
	}
	element, err := d.field(t.Elem(), above)
	if kind == Array && element.Kind == Object && element.Items != nil {
		return Field{Kind: kind, Items: element.Items}, err
	}
	return d.checked(Field{Kind: kind}, t), err
}

// isName tells whether values of the type can be names in JSON.
func isName(t reflect.Type) bool {
	_, err := simple(t)
	return err == nil && t.Kind() != reflect.Bool && t.Kind() != reflect.Float32 && t.Kind() != reflect.Float64 ||
		reading.itself(t, reading.asText) && writing.itself(t, writing.asText)
}

// simple describes numbers, texts and booleans.
func simple(t reflect.Type) (Field, error) {
	switch t.Kind() {
	case reflect.String:
		return Field{Kind: String}, nil
	case reflect.Bool:
		return Field{Kind: Bool}, nil
	case reflect.Float32, reflect.Float64:
		return Field{Kind: Number}, nil
	case reflect.Int, reflect.Int64:
		return Field{Kind: Int}, nil
	case reflect.Int8, reflect.Int16, reflect.Int32:
		most := float64(int64(1)<<(t.Bits()-1) - 1)
		return Field{Kind: Int, Min: new(-most - 1), Max: &most}, nil
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return Field{Kind: Int, Min: new(0.0), Max: new(float64(uint64(1)<<t.Bits() - 1))}, nil
	case reflect.Uint, reflect.Uint64:
		return Field{Kind: Int, Min: new(0.0)}, nil
	}
	return Field{}, fmt.Errorf("%s has no JSON", t)
}

// checked has constants decoded when a definition is checked: for types of which the kind does not say all.
func (d direction) checked(f Field, t reflect.Type) Field {
	if !d.reads {
		return f
	}
	w := newWire(t)
	f.Check = func(v any) error {
		if err := w.check(v); err != nil {
			return errors.New(told(err))
		}
		return nil
	}
	return f
}

// itself tells whether values of the type, or pointers to them, have the interface.
func (d direction) itself(t, as reflect.Type) bool {
	return t.Implements(as) || reflect.PointerTo(t).Implements(as)
}

func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

func pointed(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func indexOf(fields []Field, name string) int {
	return slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
}
