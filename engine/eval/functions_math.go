package eval

import (
	"encoding/json"
	"errors"
	"math"
	"time"

	"prana/engine/flow"
)

var mathFunctions = map[string]function{
	"abs":    {1, 1, absolute},
	"ceil":   rounding("ceil", math.Ceil),
	"floor":  rounding("floor", math.Floor),
	"round":  {1, 2, round},
	"max":    {1, math.MaxInt, func(r *run, a []any) (any, error) { return r.extreme("max", a, 1) }},
	"min":    {1, math.MaxInt, func(r *run, a []any) (any, error) { return r.extreme("min", a, -1) }},
	"power":  {2, 2, power},
	"sqrt":   {1, 1, squareRoot},
	"mod":    {2, 2, func(_ *run, a []any) (any, error) { return modulo(a[0], a[1]) }},
	"clamp":  {3, 3, clamp},
	fnNumber: {1, 1, func(_ *run, a []any) (any, error) { return toNumber("a literal", a[0]) }},
	"int":    {1, 1, toInteger},
	"float":  {1, 1, toDecimal},
}

// otherFunctions are for any value, and for time.
var otherFunctions = map[string]function{
	"default":  {2, 2, orDefault},
	"type":     {1, 1, typeName},
	"now":      {0, 0, func(r *run, _ []any) (any, error) { return r.env["now"], nil }},
	"date":     {1, 2, date},
	"duration": {1, 1, duration},
}

func floatArg(name string, args []any, i int) (float64, error) {
	f, ok := toFloat(args[i])
	if !ok {
		return 0, wrong(name, "a number", args[i])
	}
	return f, nil
}

func absolute(_ *run, a []any) (any, error) {
	if order, ok := flow.CompareNumbers(a[0], 0); ok && order < 0 {
		return negate(nil, a)
	} else if ok {
		return a[0], nil
	}
	f, err := floatArg("abs", a, 0)
	return math.Abs(f), err
}

// whole gives an integer where it fits, so that counts stay integers.
func whole(f float64) any {
	if math.Abs(f) < 1<<62 {
		return int(f)
	}
	return f
}

func rounding(name string, do func(float64) float64) function {
	return function{1, 1, func(_ *run, a []any) (any, error) {
		if _, ok := integer(a[0]); ok {
			return a[0], nil
		}
		f, err := floatArg(name, a, 0)
		return whole(do(f)), err
	}}
}

func round(_ *run, a []any) (any, error) {
	f, err := floatArg("round", a, 0)
	if err != nil {
		return nil, err
	}
	if _, ok := integer(a[0]); ok {
		return a[0], nil
	}
	if len(a) == 1 {
		return whole(math.Round(f)), nil
	}
	digits, err := intArg("round", a, 1)
	if err != nil {
		return nil, err
	}
	if digits < 0 || digits > 15 {
		return nil, errors.New("round takes 0 to 15 digits")
	}
	scale := math.Pow10(digits)
	if math.Abs(f) > math.MaxFloat64/scale {
		return f, nil
	}
	return math.Round(f*scale) / scale, nil
}

// extreme is min and max, over its arguments or over one list.
func (r *run) extreme(name string, a []any, sign int) (any, error) {
	items := a
	if len(a) == 1 {
		list, ok := toList(a[0])
		if !ok {
			return nil, wrong(name, "a list or several values", a[0])
		}
		items = list
	}
	if err := r.step(len(items)); err != nil {
		return nil, err
	}
	var best any
	for i, item := range items {
		if i == 0 {
			best = item
			continue
		}
		order, ok := compare(item, best)
		if !ok {
			return nil, wrong(name, "values that compare with "+kindOf(best), item)
		}
		if order*sign > 0 {
			best = item
		}
	}
	return best, nil
}

func power(_ *run, a []any) (any, error) {
	x, err := floatArg("power", a, 0)
	if err != nil {
		return nil, err
	}
	y, err := floatArg("power", a, 1)
	return math.Pow(x, y), err
}

func squareRoot(_ *run, a []any) (any, error) {
	x, err := floatArg("sqrt", a, 0)
	if err == nil && x < 0 {
		err = errors.New("sqrt needs a number that is not negative")
	}
	return math.Sqrt(x), err
}

func clamp(r *run, a []any) (any, error) {
	for i := range a {
		if _, err := floatArg("clamp", a, i); err != nil {
			return nil, err
		}
	}
	low, err := r.extreme("clamp", []any{a[0], a[1]}, 1)
	if err != nil {
		return nil, err
	}
	return r.extreme("clamp", []any{low, a[2]}, -1)
}

func toInteger(_ *run, a []any) (any, error) {
	v, err := toNumber("int", a[0])
	if err != nil {
		return nil, err
	}
	if _, ok := integer(v); ok {
		return v, nil
	}
	f, _ := toFloat(v)
	if math.Abs(f) >= 1<<63 {
		return nil, errors.New("int: the number is too large")
	}
	return int(f), nil
}

func toDecimal(_ *run, a []any) (any, error) {
	v, err := toNumber("float", a[0])
	f, _ := toFloat(v)
	return f, err
}

func orDefault(_ *run, a []any) (any, error) {
	if a[0] == nil || a[0] == "" {
		return a[1], nil
	}
	return a[0], nil
}

func typeName(_ *run, a []any) (any, error) {
	switch v := a[0].(type) {
	case nil:
		return "nil", nil
	case bool:
		return "bool", nil
	case int, int64:
		return "int", nil
	case json.Number:
		if flow.IsInteger(v.String()) {
			return "int", nil
		}
		return "float", nil
	case float64:
		return "float", nil
	case string:
		return "string", nil
	case []any:
		return "list", nil
	case map[string]any:
		return "object", nil
	}
	return "other", nil
}

// date reads a time: RFC 3339, a date, or the layout given. Without a zone it is UTC.
func date(_ *run, a []any) (any, error) {
	if t, ok := a[0].(time.Time); ok {
		return t, nil
	}
	s, err := stringArg("date", a, 0)
	if err != nil {
		return nil, err
	}
	layouts := []string{time.RFC3339Nano, time.DateTime, time.DateOnly}
	if len(a) == 2 {
		layout, err := stringArg("date", a, 1)
		if err != nil {
			return nil, err
		}
		layouts = []string{layout}
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return nil, errors.New("date: the string is not a date")
}

func duration(_ *run, a []any) (any, error) {
	s, err := stringArg("duration", a, 0)
	if err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return nil, errors.New(`duration: the string is not a duration such as "1h30m"`)
	}
	return d, nil
}
