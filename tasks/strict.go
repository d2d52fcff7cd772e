package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"prana/engine/flow"
)

// fields reads exactly one JSON object and refuses names that are not known, or
// that stand there twice. encoding/json alone would take "ID" for "id" and
// silently prefer the last of two.
func fields(raw []byte, known ...string) (map[string]json.RawMessage, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("the payload is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("the payload is not a JSON object")
	}
	out := make(map[string]json.RawMessage, len(known))
	for dec.More() {
		if err := field(dec, out, known); err != nil {
			return nil, err
		}
	}
	return out, end(dec)
}

func field(dec *json.Decoder, out map[string]json.RawMessage, known []string) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	name, _ := t.(string)
	if !slices.Contains(known, name) {
		return fmt.Errorf("the field %q is not known here; known are %q", flow.Cut(name, 64), known)
	}
	if _, twice := out[name]; twice {
		return fmt.Errorf("the field %q stands there twice", name)
	}
	var value json.RawMessage
	if err := dec.Decode(&value); err != nil {
		return fmt.Errorf("reading field %q: %w", name, err)
	}
	out[name] = value
	return nil
}

func end(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the JSON object")
	}
	return nil
}
