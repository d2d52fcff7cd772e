package flow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The limits of a JSON number: a few bytes of text must not stand for a number
// that fills the memory once somebody computes with it.
const (
	MaxNumber   = 128 // characters
	MaxExponent = 999 // of ten, either way
)

// Number gives the value of a JSON number as expressions see it: an int where
// it fits, a float64 where it has a fraction or an exponent and a float64 holds
// it to its last digit, and else a json.Number, which is the text as it came.
// Written again, all three are a number of the same value: 98.50 may come out
// as 98.5, 1e2 as 100, and 12345678901234567890 as itself.
func Number(text string) (any, error) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, nil
	}
	d, err := parseDecimal(text)
	if err != nil {
		return nil, err
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && !IsInteger(text) && decimalOfFloat(f) == d {
		return f, nil
	}
	if n, err := strconv.Atoi(d.text()); err == nil { // 9007199254740993.0
		return n, nil
	}
	if !json.Valid([]byte(text)) { // .5 and the like, which other notations know
		text = d.text()
	}
	return json.Number(text), nil
}

// IsInteger tells whether a number is written without fraction and exponent.
func IsInteger(text string) bool {
	return strings.Trim(strings.TrimPrefix(text, "-"), "0123456789") == ""
}

// CompareNumbers orders two numbers by value, exactly: a float64 counts as the
// shortest decimal that identifies it, which is also how it is written. ok is
// false when one of them is not a number.
func CompareNumbers(a, b any) (order int, ok bool) {
	if order, ok := compareFast(a, b); ok {
		return order, true
	}
	x, ok := decimalOf(a)
	y, also := decimalOf(b)
	if ok && also {
		return x.compare(y), true
	}
	f, ok := Float(a)
	g, also := Float(b)
	return cmp.Compare(f, g), ok && also // infinity, and what is no number
}

// exact is where float64 begins to leave out integers.
const exact = 1 << 53

func compareFast(a, b any) (order int, ok bool) {
	switch x := a.(type) {
	case int:
		switch y := b.(type) {
		case int:
			return cmp.Compare(x, y), true
		case float64:
			return cmp.Compare(float64(x), y), -exact < x && x < exact
		}
	case float64:
		switch y := b.(type) {
		case int:
			return cmp.Compare(x, float64(y)), -exact < y && y < exact
		case float64:
			return cmp.Compare(x, y), true
		}
	}
	return 0, false
}

// Float gives the float64 nearest to a number, which is infinite for what lies
// beyond its range. ok is false when v is not a number.
func Float(v any) (f float64, ok bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case json.Number:
		if _, err := parseDecimal(v.String()); err != nil {
			return 0, false
		}
		f, _ := v.Float64()
		return f, true
	}
	return 0, false
}

// NumberText is one text for equal numbers: of 1, 1.0 and 10e-1 it is "1". ok is
// false when v is not a finite number.
func NumberText(v any) (text string, ok bool) {
	if n, ok := v.(int); ok {
		return strconv.Itoa(n), true
	}
	d, ok := decimalOf(v)
	return d.text(), ok
}

// decimal is digits × 10^exponent. The digits neither begin nor end with a
// zero, so equal numbers are equal decimals; zero has no digits and no sign.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

func decimalOf(v any) (d decimal, ok bool) {
	switch v := v.(type) {
	case int:
		d, _ = parseDecimal(strconv.Itoa(v))
		return d, true
	case int64:
		d, _ = parseDecimal(strconv.FormatInt(v, 10))
		return d, true
	case float64:
		return decimalOfFloat(v), !math.IsNaN(v) && !math.IsInf(v, 0)
	case json.Number:
		d, err := parseDecimal(v.String())
		return d, err == nil
	}
	return d, false
}

func decimalOfFloat(f float64) decimal {
	d, _ := parseDecimal(strconv.FormatFloat(f, 'e', -1, 64))
	return d
}

// parseDecimal reads a number within the limits.
func parseDecimal(text string) (d decimal, err error) {
	if len(text) > MaxNumber {
		return d, fmt.Errorf("a number has %d characters; the limit is %d, write it as a string", len(text), MaxNumber)
	}
	text, negative := strings.CutPrefix(text, "-")
	mantissa, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa = text[:i]
		if exponent, err = strconv.Atoi(text[i+1:]); err != nil || max(exponent, -exponent) > MaxExponent {
			return d, fmt.Errorf("a number has an exponent beyond %d; write it as a string", MaxExponent)
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return d, fmt.Errorf("%q is not a number", text)
	}
	kept := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(kept) - len(fraction)
	if kept = strings.TrimLeft(kept, "0"); kept == "" {
		return decimal{}, nil
	}
	return decimal{negative, kept, exponent}, nil
}

// maxWritten is how long an integer is written out: as long as any int.
const maxWritten = 19

func (d decimal) text() string {
	sign := ""
	if d.negative {
		sign = "-"
	}
	switch {
	case d.digits == "":
		return "0"
	case d.exponent >= 0 && len(d.digits)+d.exponent <= maxWritten:
		return sign + d.digits + strings.Repeat("0", d.exponent)
	}
	return sign + d.digits + "e" + strconv.Itoa(d.exponent)
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}

func (d decimal) compare(o decimal) int {
	if d.sign() != o.sign() || d.sign() == 0 {
		return cmp.Compare(d.sign(), o.sign())
	}
	// Both begin with a digit that is not zero, so the longer whole part wins.
	order := cmp.Or(
		cmp.Compare(len(d.digits)+d.exponent, len(o.digits)+o.exponent),
		strings.Compare(d.digits, o.digits))
	return order * d.sign()
}
