package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"prana/engine/flow"
)

// operatorFunctions are what rewrite makes of paths, operators and loops. The
// arities are the rewriter's business, so they are not checked.
var operatorFunctions = map[string]function{
	"@path":    {call: func(r *run, a []any) (any, error) { return r.path(a[0].(*rootPath)) }},
	"@get":     {call: func(_ *run, a []any) (any, error) { return get(a[0], a[1]), nil }},
	"@slice":   {call: func(r *run, a []any) (any, error) { return r.slice(a[0], a[1], a[2]) }},
	"@eq":      {call: func(r *run, a []any) (any, error) { return r.equal(a[0], a[1]) }},
	"@ne":      {call: func(r *run, a []any) (any, error) { eq, err := r.equal(a[0], a[1]); return !eq, err }},
	"@add":     {call: func(r *run, a []any) (any, error) { return r.add(a[0], a[1]) }},
	"@div":     {call: func(_ *run, a []any) (any, error) { return divide(a[0], a[1]) }},
	"@sub":     {call: subtract},
	"@mul":     {call: multiply},
	"@neg":     {call: negate},
	"@pow":     {call: raise},
	"@lt":      {call: comparison("<", func(order int) bool { return order < 0 })},
	"@le":      {call: comparison("<=", func(order int) bool { return order <= 0 })},
	"@gt":      {call: comparison(">", func(order int) bool { return order > 0 })},
	"@ge":      {call: comparison(">=", func(order int) bool { return order >= 0 })},
	"@mod":     {call: func(_ *run, a []any) (any, error) { return modulo(a[0], a[1]) }},
	"@in":      {call: func(r *run, a []any) (any, error) { return r.in(a[0], a[1]) }},
	"@range":   {call: func(r *run, a []any) (any, error) { return r.sequence(a[0], a[1]) }},
	"@not":     {call: func(_ *run, a []any) (any, error) { return !truth(a[0]), nil }},
	"@bang":    {call: func(_ *run, a []any) (any, error) { return !some(a[0]), nil }},
	"@truth":   {call: func(_ *run, a []any) (any, error) { return truth(a[0]), nil }},
	"@some":    {call: func(_ *run, a []any) (any, error) { return some(a[0]), nil }},
	"@test":    {call: func(_ *run, a []any) (any, error) { return test(a[0]) }},
	"@turn":    {call: func(_ *run, a []any) (any, error) { return a[0], nil }},
	"@key":     {call: func(r *run, a []any) (any, error) { return r.render(a[0]) }},
	"@matches": {call: matches},
	"@starts":  {call: affix("startsWith", strings.HasPrefix)},
	"@ends":    {call: affix("endsWith", strings.HasSuffix)},
	"@method":  {call: method},
	"@list":    {call: loopList},
}

// truth is Prana's for and, or, not: nil, false, zero and everything empty are false.
func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int:
		return v != 0
	case float64:
		return v != 0
	case json.Number:
		text, _ := flow.NumberText(v)
		return text != "0"
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// some is the truth of && and || and !: only nil and false are false.
func some(v any) bool { return v != nil && v != false }

// test is the truth of predicates and of "?": a missing value is false, and
// what is not a boolean is a mistake.
func test(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	}
	return nil, errors.New("a condition must give a boolean, not " + kindOf(v))
}

// loopList is the list of a loop. Its turns are counted by their bodies.
func loopList(_ *run, a []any) (any, error) {
	items, ok := toList(a[0])
	if !ok {
		return nil, wrong(a[1].(string), "a list", a[0])
	}
	return items, nil
}

// equal compares deeply, numbers by value: 1 equals 1.0.
func (r *run) equal(a, b any) (bool, error) {
	if order, ok := flow.CompareNumbers(a, b); ok {
		return order == 0, nil
	}
	switch x := a.(type) {
	case nil:
		return b == nil, nil
	case bool, int, int64, float64, json.Number:
		return b == a, nil
	case string:
		return b == a, r.scan(len(x), 1)
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.Equal(y), nil
	case time.Duration:
		return b == a, nil
	}
	return r.equalParts(a, b)
}

func (r *run) equalParts(a, b any) (bool, error) {
	if b == nil {
		return false, nil
	}
	if x, ok := toList(a); ok {
		y, ok := toList(b)
		if !ok || len(x) != len(y) {
			return false, nil
		}
		return r.equalLists(x, y)
	}
	x, ok := toObject(a)
	y, also := toObject(b)
	if !ok || !also || len(x) != len(y) {
		return false, nil
	}
	for key, v := range x {
		w, ok := y[key]
		if !ok {
			return false, nil
		}
		if same, err := r.equalStep(v, w); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func (r *run) equalLists(x, y []any) (bool, error) {
	for i := range x {
		if same, err := r.equalStep(x[i], y[i]); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func (r *run) equalStep(a, b any) (bool, error) {
	if err := r.step(1); err != nil {
		return false, err
	}
	return r.equal(a, b)
}

// add adds numbers, times and durations, and joins text when either side is
// text; nil is then "".
func (r *run) add(a, b any) (any, error) {
	if v, ok, err := sum.of(a, b); ok {
		return v, err
	}
	switch x := a.(type) {
	case time.Time:
		if y, ok := b.(time.Duration); ok {
			return x.Add(y), nil
		}
	case time.Duration:
		switch y := b.(type) {
		case time.Duration:
			return x + y, nil
		case time.Time:
			return y.Add(x), nil
		}
	}
	return r.concat(a, b)
}

func (r *run) concat(a, b any) (any, error) {
	_, left := a.(string)
	_, right := b.(string)
	if !left && !right {
		return nil, fmt.Errorf("cannot add %s and %s", kindOf(a), kindOf(b))
	}
	x, err := r.render(a)
	if err != nil {
		return nil, err
	}
	y, err := r.render(b)
	if err != nil {
		return nil, err
	}
	if err := r.build(len(x) + len(y)); err != nil {
		return nil, err
	}
	return x + y, nil
}

func divide(a, b any) (any, error) {
	x, ok := toFloat(a)
	y, also := toFloat(b)
	if !ok || !also {
		return nil, fmt.Errorf("cannot divide %s by %s", kindOf(a), kindOf(b))
	}
	if y == 0 {
		return nil, errors.New("division by zero")
	}
	return x / y, nil
}

// in looks into lists, the keys of objects, and text.
func (r *run) in(v, where any) (any, error) {
	if s, ok := where.(string); ok {
		return r.containsText(s, v)
	}
	if items, ok := toList(where); ok {
		for _, item := range items {
			if found, err := r.equalStep(item, v); err != nil || found {
				return found, err
			}
		}
		return false, nil
	}
	fields, ok := toObject(where)
	if !ok {
		return nil, wrong("in", "a list, an object or a string", where)
	}
	key, ok := v.(string)
	_, found := fields[key]
	return ok && found, nil
}

func (r *run) containsText(s string, part any) (any, error) {
	if part == nil {
		return false, nil
	}
	p, ok := part.(string)
	if !ok {
		return nil, wrong("contains", "a string", part)
	}
	return strings.Contains(s, p), r.scan(len(s), 1)
}

// sequence is a..b, both ends included.
func (r *run) sequence(a, b any) (any, error) {
	from, ok := toInt(a)
	to, also := toInt(b)
	if !ok || !also {
		return nil, fmt.Errorf(".. needs whole numbers, not %s and %s", kindOf(a), kindOf(b))
	}
	if to < from {
		return []any{}, nil
	}
	// As unsigned numbers the difference cannot overflow.
	if uint64(to)-uint64(from) >= maxVMMemory {
		return nil, errSteps
	}
	out := make([]any, to-from+1)
	for i := range out {
		out[i] = from + i
	}
	return out, r.step(len(out) / numbersPerStep)
}

// slice is x[from:to] on lists and on the characters of text; nil ends mean
// the ends.
func (r *run) slice(v, from, to any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if s, ok := v.(string); ok {
		if err := r.scan(len(s), weightRunes); err != nil {
			return nil, err
		}
		runes := []rune(s)
		a, b, err := bounds(len(runes), from, to)
		if err != nil {
			return nil, err
		}
		return string(runes[a:b]), r.build(b - a)
	}
	items, ok := toList(v)
	if !ok {
		return nil, wrong("[:]", "a list or a string", v)
	}
	a, b, err := bounds(len(items), from, to)
	if err != nil {
		return nil, err
	}
	return items[a:b:b], nil
}

func bounds(n int, from, to any) (a, b int, err error) {
	a, b = 0, n
	for _, end := range []struct {
		v    any
		into *int
	}{{from, &a}, {to, &b}} {
		if end.v == nil {
			continue
		}
		i, ok := toInt(end.v)
		if !ok {
			return 0, 0, wrong("[:]", "whole numbers", end.v)
		}
		if i < 0 {
			i += n
		}
		*end.into = min(max(i, 0), n)
	}
	return min(a, b), b, nil
}

func affix(name string, has func(s, part string) bool) func(*run, []any) (any, error) {
	return func(r *run, a []any) (any, error) {
		if a[0] == nil || a[1] == nil {
			return false, nil
		}
		s, err := stringArg(name, a, 0)
		if err != nil {
			return nil, err
		}
		part, err := stringArg(name, a, 1)
		if err != nil {
			return nil, err
		}
		return has(s, part), r.scan(len(part), 1)
	}
}

// timeMethods may be called on times and durations: they read, or give a new one.
var timeMethods = map[string]bool{
	"Add": true, "AddDate": true, "After": true, "Before": true, "Day": true, "Equal": true, "Format": true,
	"Hour": true, "Hours": true, "Milliseconds": true, "Minute": true, "Minutes": true, "Month": true,
	"Round": true, "Second": true, "Seconds": true, "String": true, "Sub": true, "Truncate": true, "UTC": true,
	"Unix": true, "UnixMilli": true, "Weekday": true, "Year": true, "YearDay": true,
}

func method(r *run, a []any) (any, error) {
	name := a[1].(string)
	switch a[0].(type) {
	case time.Time, time.Duration:
	default:
		return nil, wrong(name, "a time or a duration", a[0])
	}
	m := reflect.ValueOf(a[0]).MethodByName(name)
	if !m.IsValid() {
		return nil, fmt.Errorf("%s has no %s", kindOf(a[0]), name)
	}
	args := a[2:]
	if m.Type().NumIn() != len(args) {
		return nil, fmt.Errorf("%s takes %d arguments, not %d", name, m.Type().NumIn(), len(args))
	}
	in := make([]reflect.Value, len(args))
	for i, arg := range args {
		in[i] = reflect.ValueOf(arg)
		if arg == nil || in[i].Type() != m.Type().In(i) {
			return nil, fmt.Errorf("%s needs %s, not %s", name, m.Type().In(i), kindOf(arg))
		}
	}
	if name == "Format" && len(args[0].(string)) > maxPattern {
		return nil, errors.New("the layout of Format is too long")
	}
	out := m.Call(in)[0]
	if out.Kind() == reflect.Int || out.Kind() == reflect.Int64 {
		if _, isDuration := reflect.TypeAssert[time.Duration](out); !isDuration {
			return int(out.Int()), nil
		}
	}
	if s, ok := reflect.TypeAssert[string](out); ok {
		return r.checkBuilt(s)
	}
	return out.Interface(), r.step(1)
}
