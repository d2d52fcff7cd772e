// Package definition reads and writes workflows as people keep them: YAML 1.2
// or JSON, in the canonical form or in one of the older ones, with a place in
// the source for everything that is wrong.
package definition

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

// Read makes a workflow of a source. It tells what cannot be read; whether the
// workflow makes sense is told by [Check]. The workflow is nil when the source
// is not YAML or JSON at all, or breaks a bound. file is only a name for
// messages.
func Read(file string, src []byte) (*flow.Workflow, *Source, []plan.Diagnostic) {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	s := newSource(file, src)
	root, found := parse(src, needsOfWorkflows)
	if root == nil {
		return nil, s, s.Placed(found)
	}
	c := &checker{}
	c.check(root)
	r := &reader{found: c.found}
	if !r.expect(root, mappingKind) {
		return nil, s, s.Placed(r.found)
	}
	r.convert(root)
	s.root, s.document = root, root.document
	w := r.workflow(root)
	return w, s, s.Placed(r.found)
}

// Value gives what a source says as plain JSON-like data, in the form that it is
// written in; nil when it cannot be read.
func Value(src []byte) any {
	root, _ := parse(bytes.TrimPrefix(src, []byte("\ufeff")), "")
	if root == nil {
		return nil
	}
	return root.value()
}

// Check reads a source and compiles what it says. The plan is nil when one of
// the diagnostics is an error; all are told, in the order of the source.
func Check(file string, src []byte, reg *node.Registry, opts plan.Options) (*flow.Workflow, *plan.Plan, []plan.Diagnostic) {
	w, s, found := Read(file, src)
	if w == nil {
		return nil, nil, found
	}
	p, more := plan.Compile(w, reg, opts)
	if plan.HasErrors(found) {
		p = nil
		more = consequences(found, more)
	}
	return w, p, s.Placed(append(found, more...))
}

// consequences leaves out what is wrong only because something at the same
// place could not be read.
func consequences(causes, ds []plan.Diagnostic) []plan.Diagnostic {
	var out []plan.Diagnostic
	for _, d := range ds {
		caused := false
		for _, c := range causes {
			caused = caused || c.Path != "" && c.Severity == plan.SeverityError && within(d.Path, c.Path)
		}
		if !caused {
			out = append(out, d)
		}
	}
	return out
}

func within(path, parent string) bool {
	rest, ok := strings.CutPrefix(path, parent)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Placed fills in positions and excerpts from the paths of diagnostics, and sorts them.
func (s *Source) Placed(ds []plan.Diagnostic) []plan.Diagnostic {
	for i := range ds {
		s.place(&ds[i])
	}
	plan.Sort(ds)
	return ds
}

// jsonLike is how a source begins that wants to be JSON.
var jsonLike = regexp.MustCompile(`^\s*\{\s*"`)

// What a file must have at least, told of one that is empty.
const (
	needsOfWorkflows = "id: and nodes:"
	needsOfTests     = "workflow: and cases:"
)

// parse takes the notation from the content. needs is what the file must have.
func parse(src []byte, needs string) (*tree, []plan.Diagnostic) {
	c := &checker{}
	switch {
	case len(src) > plan.MaxBytes:
		c.report(place{1, 1}, plan.CodeTooLarge, "", fmt.Sprintf("%d bytes; the limit is %d", len(src), plan.MaxBytes))
		return nil, c.found
	case !utf8.Valid(src):
		c.report(place{1, 1}, plan.CodeBadSyntax, "save it as UTF-8", "the file is not UTF-8 text")
		return nil, c.found
	case json.Valid(src):
		return readJSON(src)
	}
	t, found := readYAML(src, needs)
	if t == nil && jsonLike.Match(src) {
		return nil, jsonSyntax(src, found)
	}
	return t, found
}
