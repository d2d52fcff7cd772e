package definition

import (
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"prana/engine/flow"
	"prana/engine/plan"
)

// tree is a value of the source with its place. Files of both notations become
// trees; whatever older form they have, the tree is rewritten into the
// canonical one before it is read.
type tree struct {
	place
	kind   kind
	scalar any // of a scalar: nil, bool, int, float64, json.Number, string
	style  style
	fields []field // of a mapping, in order
	items  []*tree // of a list
	// origin is the node of YAML that this was read from; nil in JSON, and for what a conversion made.
	origin *yaml.Node
	// ported is set when scalar is not what is written.
	ported *ported
	// document is the whole that the root of a source in YAML was read from.
	document *yaml.Node
}

// place is 1-based; columns count characters.
type place struct{ line, column int }

type kind string

const (
	scalarKind  kind = "a value"
	mappingKind kind = "a mapping"
	listKind    kind = "a list"
)

// style is how a string is written, for positions inside it.
type style int

const (
	plain style = iota
	single
	double
	literal // |
	folded  // >
)

type field struct {
	name   string
	place  // of the name
	value  *tree
	origin *yaml.Node // of the name, as in tree
}

// get gives the value of a name, nil when it is missing.
func (t *tree) get(name string) *tree {
	for _, f := range t.fields {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// text gives the string of a scalar.
func (t *tree) text() (string, bool) {
	if t == nil || t.kind != scalarKind {
		return "", false
	}
	s, ok := t.scalar.(string)
	return s, ok
}

func (t *tree) isNull() bool { return t.kind == scalarKind && t.scalar == nil }

// unsaid tells whether nothing is said, be it in so many words: it is missing, null, or an empty string.
func (t *tree) unsaid() bool {
	return t == nil || t.kind == scalarKind && (t.scalar == nil || t.scalar == "")
}

// blank is unsaid, or an empty list.
func (t *tree) blank() bool { return t.unsaid() || t.kind == listKind && len(t.items) == 0 }

// what names the kind of value for messages.
func (t *tree) what() string {
	if t.kind != scalarKind {
		return string(t.kind)
	}
	switch t.scalar.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	}
	return "a number"
}

// value gives the tree as plain JSON-like data.
func (t *tree) value() any {
	switch t.kind {
	case mappingKind:
		m := make(map[string]any, len(t.fields))
		for _, f := range t.fields {
			m[f.name] = f.value.value()
		}
		return m
	case listKind:
		l := make([]any, len(t.items))
		for i, e := range t.items {
			l[i] = e.value()
		}
		return l
	}
	return t.scalar
}

// newText makes a string that the source does not spell out.
func newText(s string, at place) *tree {
	return &tree{place: at, kind: scalarKind, scalar: s}
}

// from lets a converted value stand for the one that it replaces, whose
// comments it then carries.
func (t *tree) from(old *tree) *tree {
	t.origin = old.origin
	return t
}

// The core schema of YAML 1.2: these plain scalars are not strings.
var (
	decimal = regexp.MustCompile(`^[-+]?[0-9]+$`)
	octal   = regexp.MustCompile(`^0o[0-7]+$`)
	hexal   = regexp.MustCompile(`^0x[0-9a-fA-F]+$`)
	float   = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
)

// resolve reads a plain scalar. Dates, yes, no, on and off are strings.
func resolve(s string) any {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return math.Inf(1)
	case "-.inf", "-.Inf", "-.INF":
		return math.Inf(-1)
	case ".nan", ".NaN", ".NAN":
		return math.NaN()
	}
	return resolveNumber(s)
}

func resolveNumber(s string) any {
	var n int64
	var err error
	switch {
	case decimal.MatchString(s):
		n, err = strconv.ParseInt(strings.TrimPrefix(s, "+"), 10, 64)
	case octal.MatchString(s):
		n, err = strconv.ParseInt(s[2:], 8, 64)
	case hexal.MatchString(s):
		n, err = strconv.ParseInt(s[2:], 16, 64)
	case float.MatchString(s):
		return number(jsonNumber(s))
	default:
		return s
	}
	if err != nil {
		return number(jsonNumber(s))
	}
	return int(n)
}

// number reads the text of a number; what is beyond the limits stays a
// json.Number, which is then told.
func number(text string) any {
	if v, err := flow.Number(text); err == nil {
		return v
	}
	return json.Number(text)
}

// jsonNumber writes a number of YAML, such as +01, .5 or 1., as JSON does.
func jsonNumber(s string) string {
	s, negative := strings.CutPrefix(strings.TrimPrefix(s, "+"), "-")
	s = strings.TrimLeft(s, "0")
	if s == "" || s[0] < '0' || s[0] > '9' {
		s = "0" + s
	}
	s = strings.NewReplacer(".e", "e", ".E", "E").Replace(strings.TrimSuffix(s, "."))
	if negative {
		return "-" + s
	}
	return s
}

// checker looks through a tree for what no definition may contain.
type checker struct{ found []plan.Diagnostic }

func (c *checker) report(at place, code, hint, message string) {
	c.found = plan.Append(c.found, plan.Diagnostic{
		Severity: plan.SeverityError, Code: code, Message: message, Hint: hint, Line: at.line, Column: at.column,
	})
}

// check tells duplicate names, and numbers that are not JSON: they become null,
// so that the rest can still be looked at.
func (c *checker) check(t *tree) {
	seen := make(map[string]place, len(t.fields))
	for _, f := range t.fields {
		if first, twice := seen[f.name]; twice {
			c.report(f.place, plan.CodeDuplicateField, "", "the name "+strconv.Quote(f.name)+" stands in line "+strconv.Itoa(first.line)+" already")
		}
		seen[f.name] = f.place
		c.check(f.value)
	}
	for _, e := range t.items {
		c.check(e)
	}
	if err := writable(t.scalar); err != nil {
		c.report(t.place, plan.CodeNotJSON, "put it in quotes if it is text", err.Error())
		t.scalar = nil
	}
}

// writable tells why a scalar is no number of JSON.
func writable(v any) error {
	switch v := v.(type) {
	case json.Number:
		_, err := flow.Number(v.String())
		return err
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return errors.New("this number cannot be written as JSON")
		}
	}
	return nil
}
