package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"prana/engine/flow"
)

// Bounds of every JSON document that is read.
const (
	MaxDepth   = 64
	MaxMembers = 100_000 // of one object or array: as many as a core.for_each takes
)

// Check reads JSON from outside for what encoding/json lets pass: members that
// come twice (readers disagree on which one counts), deep nesting, huge objects, and
// bytes that are not UTF-8, which would be stored as they came and break those who read them.
func Check(raw []byte) error {
	if !utf8.Valid(raw) {
		p := flow.Problemf("invalid_json", "the JSON is not UTF-8")
		p.Details = position(raw, firstInvalid(raw))
		return p
	}
	c := &checker{raw: raw, dec: json.NewDecoder(bytes.NewReader(raw))}
	c.dec.UseNumber()
	if err := c.value(); err != nil {
		return err
	}
	if _, err := c.dec.Token(); !errors.Is(err, io.EOF) {
		return c.fail("there is something after the JSON value")
	}
	return nil
}

// firstInvalid is where the first byte stands that is not UTF-8.
func firstInvalid(raw []byte) int {
	at := 0
	for at < len(raw) {
		r, size := utf8.DecodeRune(raw[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}

// Decode checks raw, refuses members that the struct behind target does not
// have, in exactly that spelling, and fills it.
func Decode(raw []byte, target any) error {
	if err := Check(raw); err != nil {
		return err
	}
	if err := knownMembers(raw, reflect.TypeOf(target).Elem(), ""); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, target); err != nil {
		return mistyped(raw, err)
	}
	return nil
}

// mistyped words the errors of encoding/json for somebody who has never heard of Go.
func mistyped(raw []byte, err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		p := flow.Problemf("invalid_json", "%s cannot be a JSON %s", cmp.Or(wrong.Field, "the body"), wrong.Value)
		p.Details = position(raw, int(wrong.Offset))
		p.Details["pointer"] = "/" + strings.ReplaceAll(wrong.Field, ".", "/")
		return p
	}
	return flow.Problemf("invalid_json", "%s", err.Error())
}

// knownMembers compares the members of an object, and of the structs in it,
// with the fields of t.
func knownMembers(raw []byte, t reflect.Type, at string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Time]() {
		return aTime(raw, at)
	}
	var members map[string]json.RawMessage
	if t.Kind() != reflect.Struct || json.Unmarshal(raw, &members) != nil {
		return nil // not an object: filling the struct says so
	}
	fields := fieldsOf(t)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		field, ok := fields[name]
		if !ok {
			return unknown(name, at, fields)
		}
		if err := knownMembers(members[name], field, at+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

// aTime judges a time here, since encoding/json does not say which member is none.
func aTime(raw []byte, at string) error {
	var t time.Time
	if json.Unmarshal(raw, &t) == nil {
		return nil
	}
	p := flow.Problemf("invalid_json", "%s: %s is not a time such as %q", at, flow.Cut(string(raw), 60), "2026-01-31T12:00:00Z")
	p.Details = map[string]any{"pointer": at}
	return p
}

func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = f.Type
		}
	}
	return fields
}

func unknown(name, at string, fields map[string]reflect.Type) error {
	names := make([]string, 0, len(fields))
	for f := range fields {
		names = append(names, f)
	}
	p := flow.Problemf("invalid_json", "there is no member %q%s", flow.Cut(name, 60), DidYouMean(name, names))
	p.Details = map[string]any{"pointer": at + "/" + escape(name)}
	return p
}

// checker walks a document token by token.
type checker struct {
	raw  []byte
	dec  *json.Decoder
	path []string
}

func (c *checker) value() error {
	tok, err := c.dec.Token()
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return c.fail("the JSON ends too early")
	case err != nil:
		return c.fail("the JSON cannot be read: " + err.Error())
	case tok == json.Delim('{') || tok == json.Delim('['):
		return c.members(tok == json.Delim('{'))
	}
	return nil
}

// members walks what is inside an object or an array, and over its end.
func (c *checker) members(object bool) error {
	if len(c.path) == MaxDepth {
		return c.fail("the JSON is nested too deep; at most 64 levels are read")
	}
	seen := map[string]bool{}
	c.path = append(c.path, "")
	for n := 0; c.dec.More(); n++ {
		if n == MaxMembers {
			return c.fail(fmt.Sprintf("an object or array has more than %d members", MaxMembers))
		}
		if object {
			if err := c.name(seen); err != nil {
				return err
			}
		}
		if err := c.value(); err != nil {
			return err
		}
	}
	c.path = c.path[:len(c.path)-1]
	if _, err := c.dec.Token(); err != nil {
		return c.fail("the JSON ends too early or is broken")
	}
	return nil
}

func (c *checker) name(seen map[string]bool) error {
	tok, err := c.dec.Token()
	name, ok := tok.(string)
	if err != nil || !ok {
		return c.fail("the JSON cannot be read: a member needs a name")
	}
	c.path[len(c.path)-1] = escape(name)
	if seen[name] {
		return c.fail("a member comes twice")
	}
	seen[name] = true
	return nil
}

func (c *checker) fail(message string) error {
	p := flow.Problemf("invalid_json", "%s", message)
	p.Details = position(c.raw, int(c.dec.InputOffset()))
	if len(c.path) > 0 && len(c.path) <= 8 {
		p.Details["pointer"] = strings.TrimSuffix("/"+strings.Join(c.path, "/"), "/")
	}
	return p
}

func position(raw []byte, offset int) map[string]any {
	before := raw[:min(max(0, offset), len(raw))]
	return map[string]any{
		"line":   bytes.Count(before, []byte("\n")) + 1,
		"column": len(before) - bytes.LastIndexByte(before, '\n'),
	}
}

// escape makes a name a part of a JSON pointer.
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(flow.Cut(name, 60))
}
