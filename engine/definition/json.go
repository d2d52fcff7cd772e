package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"prana/engine/plan"
)

// readJSON parses a source that is valid JSON. YAML would do for nearly all of
// it; not for surrogate pairs and long names.
func readJSON(src []byte) (*tree, []plan.Diagnostic) {
	r := &jsonReader{src: src, at: place{1, 1}, dec: json.NewDecoder(bytes.NewReader(src))}
	r.dec.UseNumber()
	t, err := r.tree(0)
	if err != nil && !errors.Is(err, errDeep) {
		r.report(r.at, plan.CodeBadSyntax, "", err.Error())
	}
	if len(r.found) > 0 {
		return nil, r.found
	}
	return t, nil
}

// jsonReader follows the tokens and keeps the place of the last one.
type jsonReader struct {
	checker
	src  []byte
	dec  *json.Decoder
	seen int   // bytes of src that at accounts for
	at   place // of byte seen
}

// next gives a token and where it begins.
func (r *jsonReader) next() (json.Token, place, error) {
	r.skip()
	at := r.at
	token, err := r.dec.Token()
	r.advance(int(r.dec.InputOffset()))
	return token, at, err
}

// skip moves to the next token, past what separates it from the last.
func (r *jsonReader) skip() {
	i := int(r.dec.InputOffset())
	for i < len(r.src) && bytes.IndexByte([]byte(" \t\r\n,:"), r.src[i]) >= 0 {
		i++
	}
	r.advance(i)
}

func (r *jsonReader) advance(to int) {
	for r.seen < to && r.seen < len(r.src) {
		c, size := utf8.DecodeRune(r.src[r.seen:])
		r.seen += size
		r.at.column++
		if c == '\n' {
			r.at = place{r.at.line + 1, 1}
		}
	}
}

var errDeep = errors.New("nested too deeply")

func (r *jsonReader) tree(depth int) (*tree, error) {
	token, at, err := r.next()
	if err != nil {
		return nil, err
	}
	if depth > plan.MaxDepth {
		r.report(at, plan.CodeTooDeep, "", fmt.Sprintf("nested deeper than %d levels", plan.MaxDepth))
		return nil, errDeep
	}
	t := &tree{place: at, kind: scalarKind, style: plain}
	switch v := token.(type) {
	case json.Delim:
		return t, r.inside(t, v, depth)
	case json.Number:
		t.scalar = number(v.String())
	case string:
		t.scalar, t.style = v, double
	default:
		t.scalar = v
	}
	return t, nil
}

func (r *jsonReader) inside(t *tree, open json.Delim, depth int) error {
	t.kind = listKind
	if open == '{' {
		t.kind = mappingKind
	}
	for r.dec.More() {
		f := field{}
		if open == '{' {
			name, at, err := r.next()
			if err != nil {
				return err
			}
			f.name, _ = name.(string)
			f.place = at
		}
		v, err := r.tree(depth + 1)
		if err != nil {
			return err
		}
		if f.value = v; open == '{' {
			t.fields = append(t.fields, f)
		} else {
			t.items = append(t.items, v)
		}
	}
	_, _, err := r.next() // the closing bracket
	return err
}

// jsonSyntax says what is wrong with a source that wants to be JSON, unless it
// is something that YAML knows better.
func jsonSyntax(src []byte, found []plan.Diagnostic) []plan.Diagnostic {
	var v any
	syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(src, &v))
	if !ok || len(found) != 1 || found[0].Code != plan.CodeBadSyntax {
		return found
	}
	r := &jsonReader{src: src, at: place{1, 1}}
	r.advance(max(int(syntax.Offset)-1, 0))
	r.report(r.at, plan.CodeBadSyntax, "", syntax.Error())
	return r.found
}
