package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"time"
)

// Decode reads one JSON value the way expressions see it: objects are
// map[string]any, arrays []any, and numbers what [Number] makes of them, which
// keeps them to their last digit. A lone surrogate in a string, such as \ud800,
// becomes U+FFFD, because Go's strings cannot hold it. Empty input is nil.
// Anything after the value is an error, and so is a number beyond the limits.
func Decode(raw []byte) (any, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the JSON value")
	}
	return Plain(v)
}

// Plain turns each json.Number inside a decoded tree into what [Number] gives, in place.
func Plain(v any) (_ any, err error) {
	switch t := v.(type) {
	case json.Number:
		return Number(t.String())
	case map[string]any:
		for k, e := range t {
			if t[k], err = Plain(e); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, e := range t {
			if t[i], err = Plain(e); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// Encode gives the compact JSON of v. Characters of HTML are left as they are.
func Encode(v any) (json.RawMessage, error) {
	if raw, ok := v.(json.RawMessage); ok {
		return raw, nil
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

// AppendText appends a text as JSON.
func AppendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			raw, _ := Encode(s) // a string always is JSON
			return append(b, raw...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// Millis turns a duration into whole milliseconds, rounded up: a timer may be late, never early.
func Millis(d time.Duration) int64 {
	return int64(math.Ceil(float64(d) / float64(time.Millisecond)))
}

// List makes a JSON list of n values; a value that is missing is null.
func List(n int, value func(i int) json.RawMessage) json.RawMessage {
	out := []byte{'['}
	for i := range n {
		if i > 0 {
			out = append(out, ',')
		}
		if v := value(i); len(v) > 0 {
			out = append(out, v...)
		} else {
			out = append(out, "null"...)
		}
	}
	return append(out, ']')
}
