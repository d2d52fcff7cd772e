package definition

import (
	"bytes"
	"time"

	"prana/engine/flow"
	"prana/engine/plan"
)

// TestFile is a file of cases beside the workflow that they test.
type TestFile struct {
	Workflow string   // the file of the workflow under test, from the directory of this one
	With     []string // files of others that it starts
	// Variables stand in place of the workflow's own of the same names.
	Variables map[string]any
	Secrets   map[string]string // what $secrets reads
	Env       map[string]string // what $env reads
	TestWorld                   // of every case; a case's own entries win
	Cases     []TestCase
}

// TestWorld is everything outside of the workflow.
type TestWorld struct {
	Now time.Time // when the case begins; zero = a time that is the same in every run
	// Stubs are what nodes do instead of what they do, by key, or "workflow.key": one entry for each attempt, of which the last stands.
	Stubs map[string][]Stub
	// HTTP is what addresses answer, by "METHOD host/path": one entry for each request, of which the last stands.
	HTTP map[string][]HTTPAnswer
}

// Stub is what one attempt of a node comes to.
type Stub struct {
	Port   string // by which it leaves; empty = the first of its type
	Output any
	Error  *flow.Problem // it fails instead
}

// HTTPAnswer is what one request is answered.
type HTTPAnswer struct {
	Status  int // default 200
	Headers map[string]string
	Body    any    // a string as it stands, anything else as JSON; nil = none
	Error   string // there is no answer, because of this
}

// TestCase is one execution, and what must come of it.
type TestCase struct {
	Name  string
	Path  string // where it stands in the file
	Input any
	TestWorld
	Steps []TestStep
	Want  *Want // at the end, once all that time brings has come; nil = nothing
}

// TestStep is one thing that is done, or wanted, while the execution is under way: exactly one of the pointers is set, or Advance.
type TestStep struct {
	Path    string
	Publish *TestEvent
	Resume  *TestResume
	Cancel  *string // the reason
	Advance time.Duration
	Want    *Want
	Refused string // the code with which it must be refused
}

// TestEvent is an event that is published.
type TestEvent struct {
	Type string
	Data any
}

// TestResume ends the wait of a node; without a node, the only one there is.
type TestResume struct {
	Node  string
	Data  any
	Error *flow.Problem // instead of data
}

// Want is what must hold. What is nil, or empty, is not looked at.
type Want struct {
	Path    string
	Status  flow.Status
	Error   string    // code
	Refused string    // code with which the start is refused; then nothing else is wanted
	Ran     *[]string // names of runs, in any order
	Order   *[]string // the same in the order in which they ended
	Waits   *[]string // keys of nodes
	Output  *any
	Reply   *any // what the caller who came by HTTP is answered: its status, or an object of status and body
	Nodes   map[string]NodeWant
}

// NodeWant is what must hold of a node.
type NodeWant struct {
	Runs     *int
	Attempts *int // of all runs
	Port     string
	Error    string // code, of the last run or of its last attempt
	Output   *any   // of the last run
	// Params are those that it was given last; those that are not named are not looked at.
	Params map[string]any
}

// AnyValue stands for what is another each time, in outputs and parameters that are wanted.
const AnyValue = "…"

// ReadTests reads a file of cases, as [Read] reads a workflow. The file is nil when the source cannot be read at all.
func ReadTests(file string, src []byte) (*TestFile, *Source, []plan.Diagnostic) {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	s := newSource(file, src)
	root, found := parse(src, needsOfTests)
	if root == nil {
		return nil, s, s.Placed(found)
	}
	c := &checker{}
	c.check(root)
	s.root, s.document = root, root.document
	r := &testReader{reader{found: c.found}}
	if !r.expect(root, mappingKind) {
		return nil, s, s.Placed(r.found)
	}
	f := r.file(root)
	return f, s, s.Placed(r.found)
}
