package definition

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"prana/engine/flow"
	"prana/engine/plan"
)

// Notation is how a definition is written down.
type Notation string

// The notations.
const (
	YAML Notation = "yaml"
	JSON Notation = "json"
)

// NotationOf tells how a source is written.
func NotationOf(src []byte) Notation {
	if json.Valid(bytes.TrimPrefix(src, []byte("\ufeff"))) {
		return JSON
	}
	return YAML
}

// maxPasses bounds the search for a text that is its own canonical form. A
// comment that lands elsewhere may need a second pass to settle.
const maxPasses = 5

// Rewrite gives a source in the canonical form: fields of the definition in a
// fixed order, older forms replaced, connections as "a.port -> b.port". Between
// YAML and YAML it keeps comments, blank lines, the order of the author's own
// names, and collections that stand on one line. Reading the result gives the same
// version, and rewriting it changes nothing. A source that cannot be read is
// left alone, and the diagnostics say why.
func Rewrite(file string, src []byte, to Notation) ([]byte, []plan.Diagnostic, error) {
	if !bytes.HasSuffix(src, []byte("\n")) { // without it, the YAML parser mixes up the last comments
		src = append(bytes.Clone(src), '\n')
	}
	before, s, found := Read(file, src)
	if before == nil || plan.HasErrors(found) {
		return nil, found, nil
	}
	out, err := settle(before, s, src, to)
	if err != nil {
		out, err = settle(before, s, gathered(src), to)
	}
	if err != nil {
		return nil, found, fmt.Errorf("rewriting %s: %w", file, err)
	}
	return out, found, nil
}

// settle rewrites until nothing changes.
func settle(before *flow.Workflow, s *Source, src []byte, to Notation) ([]byte, error) {
	out := src
	for range maxPasses {
		last := out
		var err error
		if out, err = rewriteOnce(last, to); err != nil {
			return nil, err
		}
		if bytes.Equal(out, last) {
			break
		}
	}
	return out, faithful(before, s, out)
}

func rewriteOnce(src []byte, to Notation) ([]byte, error) {
	_, s, found := Read("", src)
	if s.root == nil {
		return nil, fmt.Errorf("the result cannot be read: %v", found)
	}
	s.root.canonical(workflowOrder)
	if to == JSON {
		return s.root.json()
	}
	return s.yaml()
}

// faithful guards the promises of Rewrite: a text is refused before it says
// something else, or less, than its author did.
func faithful(before *flow.Workflow, s *Source, out []byte) error {
	after, t, found := Read("", out)
	if after == nil || plan.HasErrors(found) {
		return fmt.Errorf("the result cannot be read: %v", found)
	}
	was, err1 := before.Version()
	is, err2 := after.Version()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if is != was {
		return fmt.Errorf("the result would be another version, %s instead of %s", is, was)
	}
	if t.document == nil { // JSON has no comments
		return nil
	}
	return s.keptComments(string(out))
}

// canonical orders the fields of the definition's own shape and shortens
// connections. Names that authors chose stay in their order.
func (t *tree) canonical(order []string) {
	if slices.Equal(order, connectionOrder) {
		t.arrow()
	}
	if order != nil {
		slices.SortStableFunc(t.fields, func(a, b field) int {
			return cmp.Compare(slices.Index(order, a.name), slices.Index(order, b.name))
		})
	}
	for _, f := range t.fields {
		f.value.canonical(orders(f.name, order))
	}
	for _, e := range t.items {
		e.canonical(order)
	}
}

// arrow writes a connection as text, where a text can say it.
func (t *tree) arrow() {
	if t.kind != mappingKind {
		return
	}
	said := func(name string) string { s, _ := t.get(name).text(); return s }
	for _, name := range []string{"from_port", "to_port"} {
		if port := said(name); port == flow.PortMain || port == "" {
			t.remove(name)
		}
	}
	c := flow.Connection{From: said("from"), FromPort: said("from_port"), To: said("to"), ToPort: said("to_port")}
	if text, ok := connection(c).(string); ok {
		t.kind, t.scalar, t.fields = scalarKind, text, nil
	}
}

// json writes the tree with its fields in their order.
func (t *tree) json() ([]byte, error) {
	var compact, out bytes.Buffer
	if err := t.appendJSON(&compact); err != nil {
		return nil, err
	}
	if err := json.Indent(&out, compact.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func (t *tree) appendJSON(b *bytes.Buffer) error {
	switch t.kind {
	case mappingKind:
		return t.appendObject(b)
	case listKind:
		return t.appendArray(b)
	}
	raw, err := flow.Encode(t.scalar)
	b.Write(raw)
	return err
}

func (t *tree) appendObject(b *bytes.Buffer) error {
	b.WriteByte('{')
	for i, f := range t.fields {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := flow.Encode(f.name)
		if err != nil {
			return err
		}
		b.Write(name)
		b.WriteByte(':')
		if err := f.value.appendJSON(b); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func (t *tree) appendArray(b *bytes.Buffer) error {
	b.WriteByte('[')
	for i, e := range t.items {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := e.appendJSON(b); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}
