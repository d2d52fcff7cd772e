package eval

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// evaluator is a node of a compiled parameter tree.
type evaluator interface {
	eval(r *run) (any, error)
}

// constant is a subtree without expressions, shared by all results.
type constant struct {
	value   any
	differs bool // from what is written: "$$input" gives "$input"
}

func (c constant) eval(r *run) (any, error) {
	if r == nil || r.turns == 0 {
		return c.value, nil
	}
	return r.result(c.value) // each turn that shares it writes it once more
}

// list and object hold at least one expression somewhere below.
type list []evaluator

func (l list) eval(r *run) (any, error) {
	if err := r.made(0); err != nil {
		return nil, err
	}
	out := make([]any, len(l))
	for i, item := range l {
		v, err := item.eval(r)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// field keeps an object's order of evaluation stable, so that of two errors
// always the same one is reported.
type field struct {
	key   string
	value evaluator
}

type object []field

func (o object) eval(r *run) (any, error) {
	out := make(map[string]any, len(o))
	for _, f := range o {
		if err := r.made(len(f.key)); err != nil {
			return nil, err
		}
		v, err := f.value.eval(r)
		if err != nil {
			return nil, err
		}
		out[f.key] = v
	}
	return out, nil
}

// text is a template with something around its blocks.
type text struct {
	path, source string
	parts        []evaluator
}

func (t *text) eval(r *run) (any, error) {
	var b strings.Builder
	for _, p := range t.parts {
		v, err := p.eval(r)
		if err != nil {
			return nil, t.failed(p, err)
		}
		s, err := r.render(v)
		if err == nil && b.Len()+len(s) > maxTemplate+maxString {
			err = errLongString
		}
		if err != nil {
			return nil, t.failed(p, err)
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func (t *text) failed(p evaluator, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if x, ok := p.(*expression); ok {
		return x.errorAt(0, err.Error())
	}
	return &Error{Path: t.path, Source: t.source, Line: 1, Column: 1, Message: err.Error()}
}

// value compiles any part of a parameter tree. What is not JSON-like is a
// constant as it stands.
func (c *compiler) value(path string, v any) evaluator {
	switch v := v.(type) {
	case string:
		return c.text(path, v)
	case []any:
		return c.list(path, v)
	case map[string]any:
		return c.object(path, v)
	}
	return constant{value: v}
}

func (c *compiler) list(path string, items []any) evaluator {
	out := make(list, len(items))
	for i, item := range items {
		out[i] = c.value(at(path, i), item)
	}
	constants, differs := settled(out)
	if !constants {
		return out
	}
	if !differs {
		return constant{value: items}
	}
	v, _ := out.eval(nil)
	return constant{v, true}
}

func (c *compiler) object(path string, m map[string]any) evaluator {
	if d := c.directive(path, m); d != nil {
		return d
	}
	out := make(object, 0, len(m))
	values := make([]evaluator, 0, len(m))
	for _, key := range sortedKeys(m) {
		f := field{key, c.value(join(path, key), m[key])}
		out, values = append(out, f), append(values, f.value)
	}
	constants, differs := settled(values)
	if !constants {
		return out
	}
	if !differs {
		return constant{value: m}
	}
	v, _ := out.eval(nil)
	return constant{v, true}
}

// settled reports whether all values are constants, and whether one of them
// differs from what is written.
func settled(values []evaluator) (constants, differs bool) {
	for _, v := range values {
		c, ok := v.(constant)
		if !ok {
			return false, false
		}
		differs = differs || c.differs
	}
	return true, differs
}

// at makes the path of an element.
func at(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// join makes the path of a key; keys that would read like a path are quoted.
func join(path, key string) string {
	if key == "" || strings.ContainsAny(key, ".[]\" \t\n") {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
