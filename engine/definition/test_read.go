package definition

import (
	"slices"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/engine/plan"
)

// testReader makes a file of cases of a tree.
type testReader struct{ reader }

func (r *testReader) file(root *tree) *TestFile {
	f := &TestFile{}
	names := r.world(&f.TestWorld)
	names["workflow"] = r.text(&f.Workflow)
	names["with"] = func(t *tree) { f.With = list(&r.reader, t, r.item) }
	names["variables"] = r.free(&f.Variables)
	names["secrets"] = r.texts(&f.Secrets)
	names["env"] = r.texts(&f.Env)
	names["cases"] = func(t *tree) { f.Cases = list(&r.reader, t, r.testCase) }
	r.object(root, plan.CodeUnknownField, names)
	if root.get("workflow").blank() {
		r.bad(root.place, plan.CodeBadValue, "write workflow: and the file of the workflow under test, such as order.yaml", "it names no workflow")
	}
	r.unique(f.Cases)
	if root.get("cases").blank() {
		r.bad(root.place, plan.CodeBadValue, "write cases: and a list", "there are no cases")
	}
	return f
}

// unique keeps names apart, by which cases are picked and reported.
func (r *testReader) unique(all []TestCase) {
	seen := map[string]bool{}
	for _, c := range all {
		if seen[c.Name] && c.Name != "" {
			r.below(c.Path, func() { r.bad(place{}, plan.CodeDuplicateField, "", "another case is called %q", c.Name) })
		}
		seen[c.Name] = true
	}
}

// world is what a file and a case may both say of what is outside.
func (r *testReader) world(w *TestWorld) known {
	return known{
		"now":   r.moment(&w.Now),
		"stubs": func(t *tree) { w.Stubs = mapping(r, t, several(r, r.stub)) },
		"http":  func(t *tree) { w.HTTP = mapping(r, t, several(r, r.answer)) },
	}
}

func (r *testReader) testCase(t *tree) TestCase {
	c := TestCase{Path: r.path}
	names := r.world(&c.TestWorld)
	names["name"] = r.text(&c.Name)
	names["input"] = func(t *tree) { c.Input = t.value() }
	names["steps"] = func(t *tree) { c.Steps = list(&r.reader, t, r.step) }
	names["want"] = func(t *tree) { c.Want = r.want(t) }
	r.object(t, plan.CodeUnknownField, names)
	if t.kind != mappingKind {
		return c
	}
	if c.Name == "" {
		r.bad(t.place, plan.CodeBadValue, "write name: and what it shows", "the case has no name")
	}
	if c.Want == nil && !slices.ContainsFunc(c.Steps, func(s TestStep) bool { return s.Want != nil || s.Refused != "" }) {
		r.bad(t.place, plan.CodeBadValue, "write want: and what must come of it", "the case wants nothing, so it cannot fail")
	}
	return c
}

func (r *testReader) step(t *tree) TestStep {
	s := TestStep{Path: r.path}
	r.object(t, plan.CodeUnknownField, known{
		"publish": func(t *tree) { s.Publish = r.event(t) },
		"resume":  func(t *tree) { s.Resume = r.resume(t) },
		"cancel":  func(t *tree) { s.Cancel = new(string); r.text(s.Cancel)(t) },
		"advance": r.duration(&s.Advance),
		"want":    func(t *tree) { s.Want = r.want(t) },
		"refused": r.text(&s.Refused),
	})
	if t.kind != mappingKind {
		return s
	}
	verbs := slices.DeleteFunc(fieldNames(t), func(name string) bool { return name == "refused" })
	if len(verbs) != 1 {
		r.bad(t.place, plan.CodeBadValue, "one of advance, cancel, publish, resume, want; refused may stand beside it", "a step does one thing, not %d", len(verbs))
	}
	if s.Refused != "" && (s.Want != nil || s.Advance != 0) {
		r.bad(t.place, plan.CodeBadValue, "", "only cancel, publish and resume can be refused")
	}
	if s.Want != nil && s.Want.Refused != "" {
		r.bad(t.place, plan.CodeBadValue, "write it in the want of the case, which is about the start", "a step cannot want that the start is refused")
	}
	return s
}

func fieldNames(t *tree) []string {
	names := make([]string, len(t.fields))
	for i, f := range t.fields {
		names[i] = f.name
	}
	return names
}

func (r *testReader) event(t *tree) *TestEvent {
	e := &TestEvent{}
	r.object(t, plan.CodeUnknownField, known{"type": r.text(&e.Type), "data": func(t *tree) { e.Data = t.value() }})
	return e
}

func (r *testReader) resume(t *tree) *TestResume {
	s := &TestResume{}
	r.object(t, plan.CodeUnknownField, known{
		"node": r.text(&s.Node), "data": func(t *tree) { s.Data = t.value() }, "error": func(t *tree) { s.Error = r.problem(t) },
	})
	return s
}

func (r *testReader) stub(t *tree) Stub {
	s := Stub{}
	r.object(t, plan.CodeUnknownField, known{
		"port": r.text(&s.Port), "output": func(t *tree) { s.Output = t.value() }, "error": func(t *tree) { s.Error = r.problem(t) },
	})
	if s.Error != nil && (s.Port != "" || s.Output != nil) {
		r.bad(t.place, plan.CodeBadValue, "", "a stub fails, or leaves with an output; not both")
	}
	return s
}

// problem reads an error; a string alone is its code.
func (r *testReader) problem(t *tree) *flow.Problem {
	p := &flow.Problem{Message: "the test says so"}
	if _, ok := t.text(); ok {
		r.text(&p.Code)(t)
		return p
	}
	r.object(t, plan.CodeUnknownField, known{
		"code": r.text(&p.Code), "message": r.text(&p.Message), "details": r.free(&p.Details), "permanent": r.boolean(&p.Permanent),
	})
	if p.Code == "" && t.kind == mappingKind {
		r.bad(t.place, plan.CodeBadValue, "write code:, such as http_status", "the error has no code")
	}
	return p
}

func (r *testReader) answer(t *tree) HTTPAnswer {
	a := HTTPAnswer{Status: 200}
	r.object(t, plan.CodeUnknownField, known{
		"status": r.number(&a.Status), "headers": r.texts(&a.Headers), "body": func(t *tree) { a.Body = t.value() }, "error": r.text(&a.Error),
	})
	if a.Status < 100 || a.Status > 599 {
		r.bad(t.place, plan.CodeBadValue, "100 to 599", "%d is no status of HTTP", a.Status)
	}
	return a
}

func (r *testReader) want(t *tree) *Want {
	w := &Want{Path: r.path}
	r.object(t, plan.CodeUnknownField, known{
		"status":  r.status(&w.Status),
		"error":   r.text(&w.Error),
		"refused": r.text(&w.Refused),
		"path":    r.names(&w.Order),
		"ran":     r.names(&w.Ran),
		"waits":   r.names(&w.Waits),
		"output":  r.value(&w.Output),
		"reply":   r.value(&w.Reply),
		"nodes":   func(t *tree) { w.Nodes = mapping(r, t, r.nodeWant) },
	})
	if t.kind != mappingKind || len(t.fields) == 0 {
		r.bad(t.place, plan.CodeBadValue, "write status: completed, for one", "nothing is wanted")
	}
	return w
}

func (r *testReader) nodeWant(t *tree) NodeWant {
	w := NodeWant{}
	r.object(t, plan.CodeUnknownField, known{
		"runs":     r.count(&w.Runs),
		"attempts": r.count(&w.Attempts),
		"port":     r.text(&w.Port),
		"error":    r.text(&w.Error),
		"output":   r.value(&w.Output),
		"params":   r.free(&w.Params),
	})
	return w
}

// mapping reads each value of a mapping whose names are free; a null one is empty.
func mapping[T any](r *testReader, t *tree, read func(*tree) T) map[string]T {
	if t.isNull() || !r.expect(t, mappingKind) {
		return nil
	}
	all := make(map[string]T, len(t.fields))
	for _, f := range t.fields {
		r.below(plan.Join(r.path, f.name), func() { all[f.name] = read(f.value) })
	}
	return all
}

// several reads a list; one element may stand for a list of it.
func several[T any](r *testReader, read func(*tree) T) func(*tree) []T {
	return func(t *tree) []T {
		if t.kind == listKind {
			if len(t.items) == 0 {
				r.bad(t.place, plan.CodeBadValue, "", "the list is empty")
			}
			return list(&r.reader, t, read)
		}
		return []T{read(t)}
	}
}

func (r *testReader) texts(into *map[string]string) func(*tree) {
	return func(t *tree) { *into = mapping(r, t, r.item) }
}

func (r *testReader) names(into **[]string) func(*tree) {
	return func(t *tree) {
		all := list(&r.reader, t, r.item)
		*into = &all
	}
}

func (r *testReader) value(into **any) func(*tree) {
	return func(t *tree) {
		v := t.value()
		*into = &v
	}
}

func (r *testReader) number(into *int) func(*tree) {
	return func(t *tree) {
		var n int64
		r.integer(&n, plan.CodeWrongType)(t)
		*into = int(n)
	}
}

func (r *testReader) count(into **int) func(*tree) {
	return func(t *tree) {
		*into = new(int)
		r.number(*into)(t)
	}
}

func (r *testReader) status(into *flow.Status) func(*tree) {
	return func(t *tree) {
		r.text((*string)(into))(t)
		if *into == "" || slices.Contains(flow.Statuses(), *into) {
			return
		}
		all := make([]string, len(flow.Statuses()))
		for i, s := range flow.Statuses() {
			all[i] = string(s)
		}
		hint := plan.DidYouMean(string(*into), all)
		if hint == "" {
			hint = "statuses: " + strings.Join(all, ", ")
		}
		r.bad(t.place, plan.CodeBadValue, hint, "%q is no status", *into)
	}
}

func (r *testReader) duration(into *time.Duration) func(*tree) {
	return func(t *tree) {
		var text string
		r.text(&text)(t)
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			r.bad(t.place, plan.CodeBadValue, "such as 24h or 1500ms", "%q is no time that can pass", text)
		}
		*into = d
	}
}

func (r *testReader) moment(into *time.Time) func(*tree) {
	return func(t *tree) {
		var text string
		r.text(&text)(t)
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			r.bad(t.place, plan.CodeBadValue, "such as 2026-03-02T07:00:00Z", "%q is no time", text)
		}
		*into = at.UTC()
	}
}
