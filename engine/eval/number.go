package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"time"

	"prana/engine/flow"
)

// Numbers are what flow.Number gives: an int, a float64, or a json.Number for
// what neither of them holds. A value that is only passed on keeps its last
// digit, and comparisons are exact. Sums, differences, products and remainders
// of integers are exact as well, up to flow.MaxNumber digits; beyond that they
// are an error, and never wrap. As soon as a fraction or an exponent takes part,
// and always in division, powers and roots, the machine computes with float64,
// that is with some 16 digits.

var errInfinite = errors.New("the result is not a finite number")

// integer gives a whole number of any length. A float64 is none: what was
// computed with it is only as exact as it is.
func integer(v any) (*big.Int, bool) {
	switch v := v.(type) {
	case int:
		return big.NewInt(int64(v)), true
	case json.Number:
		if len(v) <= flow.MaxNumber && flow.IsInteger(v.String()) {
			return new(big.Int).SetString(v.String(), 10)
		}
	}
	return nil, false
}

// integerValue is n as the data has it.
func integerValue(n *big.Int) (any, error) {
	if n.IsInt64() {
		return int(n.Int64()), nil
	}
	v, err := flow.Number(n.String())
	if err != nil {
		return nil, fmt.Errorf("the integer has more than %d digits", flow.MaxNumber)
	}
	return v, nil
}

// arithmetic is one operator on numbers.
type arithmetic struct {
	name    string
	small   func(a, b int) (n int, fits bool)
	exact   func(z, a, b *big.Int) *big.Int
	inexact func(a, b float64) float64
}

var (
	sum = arithmetic{
		"+", func(a, b int) (int, bool) { n := a + b; return n, (n > a) == (b > 0) },
		(*big.Int).Add, func(a, b float64) float64 { return a + b },
	}
	difference = arithmetic{
		"-", func(a, b int) (int, bool) { n := a - b; return n, (n < a) == (b > 0) },
		(*big.Int).Sub, func(a, b float64) float64 { return a - b },
	}
	product = arithmetic{
		"*", func(a, b int) (int, bool) { return a * b, max(a, -a, b, -b) < 1<<31 && min(a, b) > math.MinInt },
		(*big.Int).Mul, func(a, b float64) float64 { return a * b },
	}
)

// of computes with two numbers; ok is false when one is not a number.
func (op arithmetic) of(a, b any) (v any, ok bool, err error) {
	x, left := a.(int)
	y, right := b.(int)
	if left && right {
		if n, fits := op.small(x, y); fits {
			return n, true, nil
		}
	}
	m, left := integer(a)
	n, right := integer(b)
	if left && right {
		v, err := integerValue(op.exact(new(big.Int), m, n))
		return v, true, err
	}
	f, left := toFloat(a)
	g, right := toFloat(b)
	return op.inexact(f, g), left && right, nil
}

// wants says what an operator needs, and what it got.
func wants(op string, a, b any) error {
	return fmt.Errorf("%s needs numbers, not %s and %s", op, kindOf(a), kindOf(b))
}

// subtract takes numbers, times and durations.
func subtract(_ *run, args []any) (any, error) {
	a, b := args[0], args[1]
	if v, ok, err := difference.of(a, b); ok {
		return v, err
	}
	switch x := a.(type) {
	case time.Time:
		switch y := b.(type) {
		case time.Time:
			return x.Sub(y), nil
		case time.Duration:
			return x.Add(-y), nil
		}
	case time.Duration:
		if y, ok := b.(time.Duration); ok {
			return x - y, nil
		}
	}
	return nil, wants("-", a, b)
}

// multiply takes numbers, and a duration with a number.
func multiply(_ *run, args []any) (any, error) {
	a, b := args[0], args[1]
	if v, ok, err := product.of(a, b); ok {
		return v, err
	}
	if _, ok := b.(time.Duration); ok {
		a, b = b, a
	}
	d, ok := a.(time.Duration)
	f, also := toFloat(b)
	if !ok || !also {
		return nil, wants("*", args[0], args[1])
	}
	long := float64(d) * f
	if !(math.Abs(long) < 1<<63) {
		return nil, errors.New("the duration is too long")
	}
	return time.Duration(long), nil
}

func negate(_ *run, args []any) (any, error) {
	if d, ok := args[0].(time.Duration); ok {
		return -d, nil
	}
	if n, ok := args[0].(json.Number); ok {
		return negated(n)
	}
	v, ok, err := difference.of(0, args[0])
	if !ok {
		return nil, wrong("-", "a number", args[0])
	}
	return v, err
}

// negated is exact for any number, because it only turns the sign.
func negated(n json.Number) (any, error) {
	if n[0] == '-' {
		return flow.Number(n.String()[1:])
	}
	return flow.Number("-" + n.String())
}

func raise(_ *run, args []any) (any, error) {
	x, ok := toFloat(args[0])
	y, also := toFloat(args[1])
	if !ok || !also {
		return nil, wants("**", args[0], args[1])
	}
	return math.Pow(x, y), nil
}

// modulo has the sign of the dividend.
func modulo(a, b any) (any, error) {
	if x, ok := integer(wholeValue(a)); ok {
		if y, ok := integer(wholeValue(b)); ok {
			if y.Sign() == 0 {
				return nil, errors.New("division by zero")
			}
			return integerValue(x.Rem(x, y))
		}
	}
	return nil, fmt.Errorf("%% needs whole numbers, not %s and %s", kindOf(a), kindOf(b))
}

// wholeValue takes 4.0 for 4.
func wholeValue(v any) any {
	if n, ok := toInt(v); ok {
		return n
	}
	return v
}

// comparison makes one of the operators that order two values.
func comparison(op string, holds func(order int) bool) func(*run, []any) (any, error) {
	return func(r *run, a []any) (any, error) {
		order, ok := compare(a[0], a[1])
		if !ok {
			return nil, fmt.Errorf("%s cannot compare %s with %s", op, kindOf(a[0]), kindOf(a[1]))
		}
		if s, ok := a[0].(string); ok {
			return holds(order), r.scan(len(s), 1)
		}
		return holds(order), nil
	}
}
