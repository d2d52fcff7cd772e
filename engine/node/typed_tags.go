package node

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"prana/engine/flow"
)

// member is one of a struct as JSON has it.
type member struct {
	reflect.StructField
	json    string // its name there
	options []string
}

// membersOf lists the members of a struct that JSON has, those of embedded structs among them. Of two with the same name
// the outer one counts.
func membersOf(t reflect.Type) []member {
	var all []member
	for _, f := range reflect.VisibleFields(t) {
		m := newMember(f)
		if !f.IsExported() || m.options == nil || f.Anonymous && embeds(m) || !promoted(t, f) {
			continue
		}
		i := slices.IndexFunc(all, func(o member) bool { return o.json == m.json })
		switch {
		case i < 0:
			all = append(all, m)
		case len(f.Index) < len(all[i].Index):
			all[i] = m
		}
	}
	return all
}

// newMember reads the json tag; options are nil for what is never in JSON.
func newMember(f reflect.StructField) member {
	tag := f.Tag.Get("json")
	if tag == "-" {
		return member{StructField: f}
	}
	parts := strings.Split(tag, ",")
	return member{StructField: f, json: cmp.Or(parts[0], f.Name), options: parts[1:]}
}

// embeds tells whether the members of an embedded struct stand for it.
func embeds(m member) bool {
	return pointed(m.Type).Kind() == reflect.Struct && m.json == m.Name
}

// promoted tells whether a member of an embedded struct is one of the struct around it.
func promoted(t reflect.Type, f reflect.StructField) bool {
	for i := 1; i < len(f.Index); i++ {
		if m := newMember(t.FieldByIndex(f.Index[:i])); m.options == nil || !embeds(m) {
			return false
		}
	}
	return true
}

// unreachable tells whether a member of a struct is in one that decoders would have to make, and may not.
func (m member) unreachable(t reflect.Type) bool {
	for i := 1; i < len(m.Index); i++ {
		if f := t.FieldByIndex(m.Index[:i]); !f.IsExported() && f.Type.Kind() == reflect.Pointer {
			return true
		}
	}
	return false
}

func (m member) is(option string) bool { return slices.Contains(m.options, option) }

// written says how texts of a type look, which their kind does not.
var written = map[reflect.Type]string{durationType: "Written like 1h30m.", timeType: "Written like 2026-01-31T09:00:00Z."}

// tagged adds what the tags of a member say.
func (d direction) tagged(f Field, m member) (Field, error) {
	if m.is("string") {
		return f, errors.New(`the option "string" of its json tag is not supported`)
	}
	f.Name, f.Summary, f.Secret = m.json, strings.TrimSpace(m.Tag.Get("doc")+" "+written[pointed(m.Type)]), m.Tag.Get("secret") == "true"
	for _, tag := range []func(*Field, member) error{enumerated, bounded} {
		if err := tag(&f, m); err != nil {
			return f, err
		}
	}
	if !d.reads {
		return f, nil
	}
	if f.Secret && f.Check != nil {
		f.Check = silent(f.Check)
	}
	f.Required = m.Type.Kind() != reflect.Pointer && !m.is("omitempty") && !m.is("omitzero")
	return f, defaulted(&f, m)
}

// silent does not repeat what it checks.
func silent(check func(any) error) func(any) error {
	return func(v any) error {
		if check(v) != nil {
			return errors.New("cannot be used")
		}
		return nil
	}
}

func enumerated(f *Field, m member) error {
	text, ok := m.Tag.Lookup("enum")
	if !ok {
		return nil
	}
	if f.Kind != String {
		return errors.New("the tag enum is for texts")
	}
	for option := range strings.SplitSeq(text, ",") {
		f.Enum = append(f.Enum, strings.TrimSpace(option))
	}
	return nil
}

func bounded(f *Field, m member) error {
	for tag, bound := range map[string]**float64{"min": &f.Min, "max": &f.Max} {
		text, ok := m.Tag.Lookup(tag)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("the tag %s is no number: %q", tag, text)
		}
		if !slices.Contains([]Kind{Int, Number, String, Array}, f.Kind) || pointed(m.Type) == durationType {
			return fmt.Errorf("the tag %s is for numbers, texts and lists", tag)
		}
		*bound = &n
	}
	return nil
}

// defaulted reads the default, which makes a parameter optional.
func defaulted(f *Field, m member) error {
	text, ok := m.Tag.Lookup("default")
	if !ok {
		return nil
	}
	var v any = text
	if f.Kind != String {
		var err error
		if v, err = flow.Decode([]byte(text)); err != nil {
			return fmt.Errorf("the tag default is no JSON: %q", text)
		}
	}
	if err := newWire(m.Type).check(v); err != nil {
		return fmt.Errorf("the tag default %q %s", text, told(err))
	}
	if len(f.Enum) > 0 && !slices.Contains(f.Enum, text) {
		return fmt.Errorf("the tag default %q is not in its enum", text)
	}
	f.Default, f.Required = v, false
	return nil
}
