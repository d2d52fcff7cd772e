package eval

import (
	"fmt"
	"strings"
	"unicode"

	"prana/engine/flow"
)

// textFunctions work on strings; nil counts as "".
var textFunctions = map[string]function{
	"upper_case": onText("upper_case", strings.ToUpper),
	"lower_case": onText("lower_case", strings.ToLower),
	"upper":      onText("upper", strings.ToUpper),
	"lower":      onText("lower", strings.ToLower),
	"capitalize": onText("capitalize", capitalize),
	"strip":      onText("strip", strings.TrimSpace),
	"trim":       onText("trim", strings.TrimSpace),
	"truncate":   {2, 3, truncate},
	"split":      {2, 2, split2},
	"replace":    {3, 3, replace},
	"trimPrefix": cutting("trimPrefix", strings.TrimPrefix),
	"trimSuffix": cutting("trimSuffix", strings.TrimSuffix),
	"hasPrefix":  {2, 2, affix("hasPrefix", strings.HasPrefix)},
	"hasSuffix":  {2, 2, affix("hasSuffix", strings.HasSuffix)},
	"join":       {1, 2, joinText},
	"string":     {1, 1, func(r *run, a []any) (any, error) { return r.render(a[0]) }},
	"json":       {1, 1, func(r *run, a []any) (any, error) { return r.json(a[0]) }},
	"toJSON":     {1, 1, func(r *run, a []any) (any, error) { return r.json(a[0]) }},
	"dump":       {1, 1, func(r *run, a []any) (any, error) { return r.json(a[0]) }},
	"from_json":  {1, 1, parseJSON},
	"fromJSON":   {1, 1, parseJSON},
}

// textOf takes nil as "", as templates do.
func textOf(name string, args []any, i int) (string, error) {
	if args[i] == nil {
		return "", nil
	}
	return stringArg(name, args, i)
}

// checkBuilt answers for a text just made from one already bounded.
func (r *run) checkBuilt(s string) (any, error) {
	if err := r.build(len(s)); err != nil {
		return nil, err
	}
	return s, nil
}

func onText(name string, do func(string) string) function {
	return function{1, 1, func(r *run, a []any) (any, error) {
		s, err := textOf(name, a, 0)
		if err != nil {
			return nil, err
		}
		if err := r.build(len(s)); err != nil {
			return nil, err
		}
		return r.checkBuilt(do(s))
	}}
}

func cutting(name string, do func(s, part string) string) function {
	return function{2, 2, func(r *run, a []any) (any, error) {
		s, err := textOf(name, a, 0)
		if err != nil {
			return nil, err
		}
		part, err := textOf(name, a, 1)
		if err != nil {
			return nil, err
		}
		return do(s, part), r.scan(len(part), 1)
	}}
}

func capitalize(s string) string {
	runes := []rune(strings.ToLower(s))
	if len(runes) > 0 {
		runes[0] = unicode.ToUpper(runes[0])
	}
	return string(runes)
}

// truncate shortens to at most n characters, the suffix included.
func truncate(r *run, a []any) (any, error) {
	s, err := textOf("truncate", a, 0)
	if err != nil {
		return nil, err
	}
	n, err := intArg("truncate", a, 1)
	if err != nil {
		return nil, err
	}
	suffix := "..."
	if len(a) == 3 {
		if suffix, err = textOf("truncate", a, 2); err != nil {
			return nil, err
		}
	}
	if err := r.scan(len(s)+len(suffix), weightRunes); err != nil {
		return nil, err
	}
	runes, tail := []rune(s), []rune(suffix)
	n = max(n, 0)
	if len(runes) <= n {
		return s, nil
	}
	tail = tail[:min(len(tail), n)]
	return r.checkBuilt(string(runes[:n-len(tail)]) + string(tail))
}

func split2(r *run, a []any) (any, error) {
	s, err := textOf("split", a, 0)
	if err != nil {
		return nil, err
	}
	sep, err := stringArg("split", a, 1)
	if err != nil {
		return nil, err
	}
	if err := r.step(strings.Count(s, sep)); err != nil {
		return nil, err
	}
	if err := r.scan(len(s), 1); err != nil {
		return nil, err
	}
	out, _ := toList(strings.Split(s, sep))
	return out, nil
}

func replace(r *run, a []any) (any, error) {
	var s [3]string
	for i := range s {
		var err error
		if s[i], err = textOf("replace", a, i); err != nil {
			return nil, err
		}
	}
	found := strings.Count(s[0], s[1])
	if err := r.step(found / 4); err != nil {
		return nil, err
	}
	grown := found * max(0, len(s[2])-len(s[1]))
	if err := r.build(len(s[0]) + grown); err != nil {
		return nil, err
	}
	return strings.ReplaceAll(s[0], s[1], s[2]), nil
}

func joinText(r *run, a []any) (any, error) {
	items, ok := toList(a[0])
	if !ok {
		return nil, wrong("join", "a list", a[0])
	}
	sep := ", "
	if len(a) == 2 {
		var err error
		if sep, err = stringArg("join", a, 1); err != nil {
			return nil, err
		}
	}
	var b strings.Builder
	for i, item := range items {
		s, err := r.render(item)
		if err != nil {
			return nil, err
		}
		if b.Len()+len(s)+len(sep) > maxString {
			return nil, errLongString
		}
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(s)
	}
	return r.checkBuilt(b.String())
}

func parseJSON(r *run, a []any) (any, error) {
	s, err := stringArg("from_json", a, 0)
	if err != nil {
		return nil, err
	}
	return r.fromJSON(s)
}

// toNumber reads a number from a text without ever quoting the text.
func toNumber(name string, v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		if _, ok := toFloat(v); ok {
			return v, nil
		}
		return nil, wrong(name, "a number or its text", v)
	}
	n, err := flow.Number(strings.TrimPrefix(strings.TrimSpace(s), "+"))
	if err != nil {
		return nil, fmt.Errorf("%s: the string is not a number", name)
	}
	return n, nil
}
