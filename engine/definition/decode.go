package definition

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"prana/engine/flow"
	"prana/engine/plan"
)

// reader makes a workflow of a canonical tree. What it cannot read it tells
// and leaves out, so that the rest is still checked.
type reader struct {
	found []plan.Diagnostic
	path  string // of the value being read
}

func (r *reader) bad(at place, code, hint, format string, args ...any) {
	r.found = plan.Append(r.found, plan.Diagnostic{
		Severity: plan.SeverityError, Code: code, Hint: hint, Path: r.path,
		Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...),
	})
}

func (r *reader) warn(at place, code, hint, format string, args ...any) {
	r.found = plan.Append(r.found, plan.Diagnostic{
		Severity: plan.SeverityWarning, Code: code, Hint: hint, Path: r.path,
		Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...),
	})
}

// below reads a value that belongs to path.
func (r *reader) below(path string, read func()) {
	outer := r.path
	r.path = path
	read()
	r.path = outer
}

// known is what an object may contain, and how each is read.
type known map[string]func(*tree)

// object reads a mapping whose names are known; null is an empty one.
func (r *reader) object(t *tree, code string, names known) {
	if t.isNull() {
		return
	}
	if !r.expect(t, mappingKind) {
		return
	}
	for _, f := range t.fields {
		r.below(plan.Join(r.path, f.name), func() {
			read, ok := names[f.name]
			if !ok {
				r.bad(f.place, code, fieldHint(f.name, names), "there is no %s %q", noun(code), f.name)
				return
			}
			read(f.value)
		})
	}
}

func noun(code string) string {
	if code == plan.CodeUnknownSetting {
		return "setting"
	}
	return "field"
}

func fieldHint(name string, names known) string {
	var all []string
	for n := range names {
		all = append(all, n)
	}
	if hint := plan.DidYouMean(name, all); hint != "" {
		return hint
	}
	slices.Sort(all)
	return "fields: " + strings.Join(all, ", ")
}

func (r *reader) expect(t *tree, k kind) bool {
	if t.kind == k {
		return true
	}
	hint := ""
	if k == listKind && t.kind == mappingKind {
		hint = "begin each item with a dash and a space"
	}
	r.bad(t.place, plan.CodeWrongType, hint, "%s belongs here, not %s", k, t.what())
	return false
}

func (r *reader) workflow(root *tree) *flow.Workflow {
	w := &flow.Workflow{}
	r.object(root, plan.CodeUnknownField, known{
		"id":                 r.text(&w.ID),
		"name":               r.text(&w.Name),
		"description":        r.text(&w.Description),
		"variables":          r.free(&w.Variables),
		"mode":               func(t *tree) { r.text((*string)(&w.Mode))(t) },
		"timeout_ms":         r.integer(&w.TimeoutMS, plan.CodeWrongType),
		"concurrency_key":    r.text(&w.ConcurrencyKey),
		"concurrency_limit":  r.limit(&w.ConcurrencyLimit, plan.CodeWrongType),
		"output":             func(t *tree) { w.Output = t.value() },
		"input_schema":       func(t *tree) { w.InputSchema = r.raw(t) },
		"on_retry_exhausted": func(t *tree) { w.OnRetryExhausted = r.alert(t) },
		"nodes":              func(t *tree) { w.Nodes = list(r, t, r.node) },
		"connections":        func(t *tree) { w.Connections = list(r, t, r.connection) },
	})
	return w
}

// list reads each element; a null list is empty.
func list[T any](r *reader, t *tree, read func(*tree) T) []T {
	if t.isNull() || !r.expect(t, listKind) {
		return nil
	}
	out := make([]T, len(t.items))
	for i, e := range t.items {
		r.below(plan.At(r.path, i), func() { out[i] = read(e) })
	}
	return out
}

func (r *reader) text(into *string) func(*tree) {
	return func(t *tree) {
		s, ok := t.text()
		if !ok && t.scalar != nil || t.kind != scalarKind {
			r.bad(t.place, plan.CodeWrongType, quoteHint(t), "a string belongs here, not %s", t.what())
		}
		*into = s
	}
}

// key is the text that names a node: what is a number is taken all the same, so that one thing is told of it, not three.
func (r *reader) key(into *string) func(*tree) {
	return func(t *tree) {
		switch t.scalar.(type) {
		case nil, string, bool:
			r.text(into)(t)
		default:
			*into = fmt.Sprint(t.scalar)
			r.bad(t.place, plan.CodeWrongType, "a key begins with a letter or _", "a string belongs here, not %s", t.what())
		}
	}
}

func quoteHint(t *tree) string {
	if t.kind == scalarKind {
		return "put it in quotes"
	}
	return ""
}

func (r *reader) integer(into *int64, code string) func(*tree) {
	return func(t *tree) {
		n, ok := t.scalar.(int)
		if !ok {
			r.bad(t.place, code, "", "an integer belongs here, not %s", t.what())
		}
		*into = int64(n)
	}
}

// boolean accepts the strings that Prana casts.
func (r *reader) boolean(into *bool) func(*tree) {
	return func(t *tree) {
		switch t.scalar {
		case true, "true", "1":
			*into = true
		case false, "false", "0":
			*into = false
		default:
			r.bad(t.place, plan.CodeBadSetting, "", "true or false belongs here, not %s", t.what())
		}
	}
}

// free reads a mapping of any content. An empty one is the same as none.
func (r *reader) free(into *map[string]any) func(*tree) {
	return func(t *tree) {
		if t.isNull() || !r.expect(t, mappingKind) || len(t.fields) == 0 {
			return
		}
		*into, _ = t.value().(map[string]any)
	}
}

func (r *reader) raw(t *tree) json.RawMessage {
	if t.isNull() {
		return nil
	}
	raw, err := flow.Encode(t.value())
	if err != nil {
		r.bad(t.place, plan.CodeNotJSON, "", "not JSON: %v", err)
	}
	return raw
}

func (r *reader) alert(t *tree) *flow.Alert {
	a := &flow.Alert{}
	r.object(t, plan.CodeUnknownField, known{"event": r.text(&a.Event), "url": r.text(&a.URL), "workflow": r.text(&a.Workflow)})
	return a
}

func (r *reader) node(t *tree) flow.Node {
	n := flow.Node{}
	r.object(t, plan.CodeUnknownField, known{
		"key":      r.key(&n.Key),
		"name":     r.text(&n.Name),
		"type":     r.text(&n.Type),
		"params":   r.free(&n.Params),
		"settings": func(t *tree) { n.Settings = r.settings(t) },
		"metadata": r.free(&n.Metadata),
	})
	return n
}

func (r *reader) settings(t *tree) flow.Settings {
	s := flow.Settings{}
	r.object(t, plan.CodeUnknownSetting, known{
		"retry_on_failed": r.boolean(&s.RetryOnFailed),
		"max_retries":     func(t *tree) { s.MaxRetries = r.retries(t) },
		"retry_delay_ms": func(t *tree) {
			s.RetryDelayMS = new(int64)
			r.integer(s.RetryDelayMS, plan.CodeBadSetting)(t)
		},
		"backoff":      r.text(&s.Backoff),
		"max_delay_ms": r.integer(&s.MaxDelayMS, plan.CodeBadSetting),
		"jitter":       r.boolean(&s.Jitter),
		"retry_on":     func(t *tree) { s.RetryOn = list(r, t, r.item) },
		"no_retry_on":  func(t *tree) { s.NoRetryOn = list(r, t, r.item) },
		"retry_after": func(t *tree) {
			s.RetryAfter = new(bool)
			r.boolean(s.RetryAfter)(t)
		},
		"timeout_ms": r.integer(&s.TimeoutMS, plan.CodeBadSetting),
		"on_error":   r.text(&s.OnError),
		"join":       func(t *tree) { s.Join = r.join(t) },
		"queue":      r.text(&s.Queue),
		"max_iterations": func(t *tree) {
			var n int64
			r.integer(&n, plan.CodeBadSetting)(t)
			s.MaxIterations = int(n)
		},
		"cancels":   func(t *tree) { s.Cancels = list(r, t, r.item) },
		"on_cancel": r.text(&s.OnCancel),

		"concurrency_key":   r.text(&s.ConcurrencyKey),
		"concurrency_limit": r.limit(&s.ConcurrencyLimit, plan.CodeBadSetting),
	})
	return s
}

// retries tells an explicit 0 apart from nothing said.
func (r *reader) retries(t *tree) int {
	var n int64
	r.integer(&n, plan.CodeBadSetting)(t)
	if t.scalar == 0 {
		r.bad(t.place, plan.CodeBadSetting, "write retry_on_failed: false", "max_retries is 0; it must be 1 to %d", plan.MaxRetries)
	}
	return int(n)
}

// limit tells an explicit 0 apart from nothing said.
func (r *reader) limit(into *int, code string) func(*tree) {
	return func(t *tree) {
		var n int64
		r.integer(&n, code)(t)
		if t.scalar == 0 {
			r.bad(t.place, code, "", "concurrency_limit is 0; it must be 1 to %d", flow.MaxConcurrency)
		}
		*into = int(n)
	}
}

func (r *reader) item(t *tree) string {
	var s string
	r.text(&s)(t)
	return s
}

func (r *reader) join(t *tree) flow.Join {
	switch v := t.scalar.(type) {
	case string:
		switch v {
		case "all":
			return flow.Join{All: true}
		case "any":
			return flow.Join{Any: true}
		}
	case int:
		if v >= 1 {
			return flow.Join{N: v}
		}
	}
	r.bad(t.place, plan.CodeBadSetting, "", "join must be all, any or a number from 1")
	return flow.Join{}
}

// connection leaves out the port main, so that both spellings are one workflow.
func (r *reader) connection(t *tree) flow.Connection {
	c := flow.Connection{}
	if t.scalar == unreadable && t.kind == mappingKind {
		return c
	}
	r.object(t, plan.CodeUnknownField, known{
		"from": r.key(&c.From), "from_port": r.port(&c.FromPort),
		"to": r.key(&c.To), "to_port": r.port(&c.ToPort),
	})
	if t.kind == mappingKind && (t.get("from").unsaid() || t.get("to").unsaid()) {
		r.bad(t.place, plan.CodeBadConnection, "write source -> target", "a connection needs from and to")
	}
	return c
}

func (r *reader) port(into *string) func(*tree) {
	return func(t *tree) {
		r.text(into)(t)
		if *into == flow.PortMain {
			*into = ""
		}
	}
}
