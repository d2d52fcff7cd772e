package config

import (
	"fmt"
	"iter"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// namePattern is what the name of a hook or a secret looks like. Lower case, since variables cannot tell the cases apart.
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// schema has every key; * stands for a name that the user chooses.
var schema = keysOf(reflect.TypeFor[Config](), "", func(reflect.Type) bool { return true })

// secretKeys are those whose values must not be shown. A URL of Redis may hold a password.
var secretKeys = append(keysOf(reflect.TypeFor[Config](), "", isSecretType), "redis.url")

// keysOf lists the keys of values of some types.
func keysOf(t reflect.Type, prefix string, wanted func(reflect.Type) bool) []string {
	var keys []string
	for f := range fieldsOf(t) {
		key := prefix + f.Tag.Get("key")
		switch {
		case f.Type.Kind() == reflect.Map && isSecretType(f.Type.Elem()):
			keys = append(keys, key+".*")
		case f.Type.Kind() == reflect.Map:
			keys = append(keys, keysOf(f.Type.Elem(), key+".*.", wanted)...)
		case isSection(f.Type):
			keys = append(keys, keysOf(f.Type, key+".", wanted)...)
		case wanted(f.Type):
			keys = append(keys, key)
		}
	}
	return keys
}

func isSecretType(t reflect.Type) bool { return t == reflect.TypeFor[Secret]() }

// fieldsOf yields the fields that have a key.
func fieldsOf(t reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for f := range t.Fields() {
			if f.Tag.Get("key") != "" && !yield(f) {
				return
			}
		}
	}
}

func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !isSecretType(t)
}

// field is one value to fill in.
type field struct {
	key   string
	value reflect.Value
}

// leaves lists the values of a struct. Maps are left to the caller, who knows the names.
func leaves(v reflect.Value, prefix string) []field {
	var fields []field
	for f := range fieldsOf(v.Type()) {
		key, value := prefix+f.Tag.Get("key"), v.FieldByIndex(f.Index)
		switch {
		case f.Type.Kind() == reflect.Map:
		case isSection(f.Type):
			fields = append(fields, leaves(value, key+".")...)
		default:
			fields = append(fields, field{key, value})
		}
	}
	return fields
}

// isKey tells whether a value belongs there; isPrefix whether keys lie below.
func isKey(key string) bool {
	return slices.ContainsFunc(schema, func(s string) bool { return fits(s, key, false) })
}

func isPrefix(key string) bool {
	return slices.ContainsFunc(schema, func(s string) bool { return fits(s, key, true) })
}

func fits(pattern, key string, prefix bool) bool {
	want, have := strings.Split(pattern, "."), strings.Split(key, ".")
	if prefix && len(have) >= len(want) || !prefix && len(have) != len(want) {
		return false
	}
	for i, part := range have {
		if want[i] != part && want[i] != "*" {
			return false
		}
	}
	return true
}

// isSecret tells whether the value of a key must not be shown, and may come from a file of its own.
func isSecret(key string) bool {
	return slices.ContainsFunc(secretKeys, func(s string) bool { return fits(s, key, false) })
}

// set fills the field from what a flag, a variable or the file holds.
func (f field) set(raw any) error {
	if raw == nil {
		return nil
	}
	if v := reflect.ValueOf(raw); v.Type() == f.value.Type() {
		f.value.Set(v)
		return nil
	}
	value, err := convert(raw, f.value.Interface())
	if err != nil {
		return err
	}
	f.value.Set(reflect.ValueOf(value))
	return nil
}

// convert reads raw as the type of like.
func convert(raw, like any) (any, error) {
	text, isText := raw.(string)
	number, isNumber := raw.(int)
	switch like.(type) {
	case string:
		return nil, fmt.Errorf("must be a text; put it in quotes")
	case Secret:
		if isText {
			return NewSecret(text), nil
		}
		return nil, fmt.Errorf("must be a text; put it in quotes")
	case int:
		n, err := strconv.Atoi(text)
		return n, reason(err, "must be a whole number")
	case bool:
		b, err := strconv.ParseBool(text)
		return b, reason(err, "must be true or false")
	case Bytes:
		if isNumber {
			return Bytes(number), nil
		}
		b, err := ParseBytes(text)
		return b, reason(err, "must be a size such as 4096, 256KiB or 1MiB")
	case time.Duration:
		d, err := parseDuration(text)
		return d, reason(err, "must be a duration with its unit, such as 20s, 5m, 168h or 7d")
	case []string:
		return list(raw)
	case []netip.Prefix:
		return prefixes(raw)
	}
	return nil, fmt.Errorf("cannot be set from a %T", raw)
}

func reason(err error, message string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s", message)
}

func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

func list(raw any) ([]string, error) {
	var texts []string
	switch raw := raw.(type) {
	case []string:
		return raw, nil
	case string:
		for part := range strings.SplitSeq(raw, ",") {
			if part = strings.TrimSpace(part); part != "" {
				texts = append(texts, part)
			}
		}
		return texts, nil
	case []any:
		for _, item := range raw {
			text, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("must be a list of texts; put %v in quotes", item)
			}
			texts = append(texts, text)
		}
		return texts, nil
	}
	return nil, fmt.Errorf("must be a list of texts")
}

func prefixes(raw any) ([]netip.Prefix, error) {
	texts, err := list(raw)
	if err != nil {
		return nil, err
	}
	var nets []netip.Prefix
	for _, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			nets = append(nets, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a network such as 10.2.0.0/16", text)
		}
		nets = append(nets, p.Masked())
	}
	return nets, nil
}
