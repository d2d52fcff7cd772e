package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
)

// galleryEntry is a directory of testdata/gallery: workflows that a user would copy, and a file cases.yaml that says what
// is done to them. GALLERY.md explains its words.
type galleryEntry struct {
	Workflows []string          `json:"workflows"`
	Secrets   map[string]string `json:"secrets"`
	Cases     []galleryCase     `json:"cases"`

	dir string
}

type galleryCase struct {
	Says   string                   `json:"case"`
	World  map[string][]worldAnswer `json:"world"` // "METHOD host/path" -> what it answers, in order; the last stands
	AtOnce int                      `json:"at_once"`
	Real   struct {
		Variables map[string]json.RawMessage `json:"variables"`
	} `json:"real"`
	Steps []galleryStep `json:"steps"`
}

type worldAnswer struct {
	Status int             `json:"status"` // default 200
	Body   json.RawMessage `json:"body"`
}

// galleryStep is one thing that is done, or wanted; each has one of these members.
type galleryStep struct {
	Start    json.RawMessage `json:"start"`
	Webhook  *galleryWebhook `json:"webhook"`
	Publish  *galleryEvent   `json:"publish"`
	Resume   *galleryResume  `json:"resume"`
	Follow   *galleryFollow  `json:"follow"`
	Cancel   string          `json:"cancel"`
	Advance  string          `json:"advance"`
	Schedule string          `json:"advance_schedule"`
	Want     *galleryWant    `json:"want"`

	Refused string `json:"refused"` // code, of a start
}

type galleryWebhook struct {
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
	Answer  worldAnswer       `json:"answer"`
}

type galleryEvent struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

type galleryResume struct {
	Node string          `json:"node"`
	Data json.RawMessage `json:"data"`
}

type galleryFollow struct {
	LinkIn  string          `json:"link_in"` // "METHOD host/path": the resume URL is in the body of its first call
	Data    json.RawMessage `json:"data"`
	Refused string          `json:"refused"`
}

// galleryWant is what must hold. What is not said is not looked at.
type galleryWant struct {
	Began    *galleryBegan   `json:"began"` // executions of the first workflow, in this case
	Status   flow.Status     `json:"status"`
	Error    string          `json:"error"` // code
	Path     []string        `json:"path"`  // in the order in which they ended; see enginetest.Env.Path
	Ran      []string        `json:"ran"`   // the same in any order
	Waits    *[]string       `json:"waits"`
	Output   json.RawMessage `json:"output"`
	Children []galleryChild  `json:"children"` // in any order
	Calls    *[]galleryCall  `json:"calls"`    // all that the world received
}

type galleryBegan struct{ Clock, Real int }

type galleryChild struct {
	Workflow string          `json:"workflow"`
	Status   flow.Status     `json:"status"`
	Output   json.RawMessage `json:"output"`
}

// galleryCall is what is wanted of the calls of one address.
type galleryCall struct {
	To      string            `json:"to"`
	Times   any               `json:"times"`   // default 1; "any" for one or more
	Keys    int               `json:"keys"`    // idempotency keys, unless it reads; default 1
	Key     string            `json:"key"`     // the only one
	Headers map[string]string `json:"headers"` // that each call carries
	Body    json.RawMessage   `json:"body"`    // of each call
	Bodies  []json.RawMessage `json:"bodies"`  // of all calls, in any order
}

// galleryEntries reads all of testdata/gallery.
func galleryEntries(t *testing.T) []galleryEntry {
	t.Helper()
	files, err := filepath.Glob("testdata/gallery/*/cases.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no gallery: %v", err)
	}
	all := make([]galleryEntry, len(files))
	for i, f := range files {
		if all[i], err = readGallery(f); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
	}
	return all
}

func readGallery(file string) (galleryEntry, error) {
	e := galleryEntry{dir: filepath.Dir(file)}
	src, err := os.ReadFile(file)
	if err != nil {
		return e, err
	}
	if _, _, found := definition.Read(file, src); slices.ContainsFunc(found, func(d plan.Diagnostic) bool { return d.Code == plan.CodeBadSyntax }) {
		return e, fmt.Errorf("%v", found)
	}
	text, err := flow.Encode(definition.Value(src))
	if err != nil {
		return e, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return e, err
	}
	return e, e.check()
}

// check keeps a file from proving nothing.
func (e galleryEntry) check() error {
	if len(e.Workflows) == 0 || len(e.Cases) < 2 {
		return fmt.Errorf("it needs a workflow, and two cases at least: the happy one and one that hurts")
	}
	for _, c := range e.Cases {
		last := len(c.Steps) - 1
		if c.Says == "" || last < 0 || c.Steps[last].Want == nil && c.Steps[last].refusal() == "" {
			return fmt.Errorf("case %q must say what it shows, and end with what is wanted", c.Says)
		}
	}
	return nil
}

func (s galleryStep) refusal() string {
	if s.Follow != nil {
		return s.Follow.Refused
	}
	return s.Refused
}

// passes tells whether the step lets time pass.
func (s galleryStep) passes() bool { return s.Advance != "" || s.Schedule != "" }

func (e galleryEntry) name() string { return filepath.Base(e.dir) }

// source reads one of its workflows.
func (e galleryEntry) source(workflow string) (file string, src []byte, err error) {
	file = filepath.Join(e.dir, workflow+".yaml")
	src, err = os.ReadFile(file)
	return file, src, err
}

// alike compares JSON; the text … stands for anything but nothing.
func alike(got, want json.RawMessage) bool {
	g, err := flow.Decode(got)
	w, werr := flow.Decode(want)
	return err == nil && werr == nil && fits(g, w)
}

func fits(got, want any) bool {
	switch w := want.(type) {
	case string:
		return w == "…" && got != nil && got != "" || reflect.DeepEqual(got, want)
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k, v := range w {
			if x, there := g[k]; !there || !fits(x, v) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		return ok && slices.EqualFunc(g, w, fits)
	}
	return reflect.DeepEqual(got, want)
}

// differs says how the calls of an execution are not those that are wanted.
func differs(calls []worldCall, want []galleryCall) error {
	rest := calls
	for _, w := range want {
		var mine []worldCall
		mine, rest = split(rest, w.To)
		if err := w.differs(mine); err != nil {
			return err
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("nobody wanted the call %s %s", rest[0].to, rest[0].body)
	}
	return nil
}

func split(calls []worldCall, to string) (mine, rest []worldCall) {
	for _, c := range calls {
		if c.to == to {
			mine = append(mine, c)
		} else {
			rest = append(rest, c)
		}
	}
	return mine, rest
}

func (w galleryCall) differs(calls []worldCall) error {
	if n, fixed := w.times(); fixed && len(calls) != n || len(calls) == 0 {
		return fmt.Errorf("%d calls of %s; want %v", len(calls), w.To, w.Times)
	}
	keys := map[string]bool{}
	for _, c := range calls {
		keys[c.header.Get("Idempotency-Key")] = true
		if w.Body != nil && !alike(c.body, w.Body) || w.Key != "" && c.header.Get("Idempotency-Key") != w.Key {
			return fmt.Errorf("%s got key %q and %s", w.To, c.header.Get("Idempotency-Key"), c.body)
		}
		for name, value := range w.Headers {
			if c.header.Get(name) != value {
				return fmt.Errorf("%s got %s: %q", w.To, name, c.header.Get(name))
			}
		}
	}
	if _, fixed := w.times(); fixed && !strings.HasPrefix(w.To, "GET ") && (len(keys) != max(1, w.Keys) || keys[""]) {
		return fmt.Errorf("%s was called with the keys %v; want %d", w.To, keys, max(1, w.Keys))
	}
	return w.bodiesDiffer(calls)
}

func (w galleryCall) times() (n int, fixed bool) {
	switch n := w.Times.(type) {
	case nil:
		return 1, true
	case float64:
		return int(n), true
	}
	return 0, false
}

func (w galleryCall) bodiesDiffer(calls []worldCall) error {
	left := slices.Clone(calls)
	for _, body := range w.Bodies {
		i := slices.IndexFunc(left, func(c worldCall) bool { return alike(c.body, body) })
		if i < 0 {
			return fmt.Errorf("%s never got %s", w.To, body)
		}
		left = slices.Delete(left, i, i+1)
	}
	if w.Bodies != nil && len(left) > 0 {
		return fmt.Errorf("%s got %s besides", w.To, left[0].body)
	}
	return nil
}
