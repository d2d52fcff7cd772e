package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine/definition"
	"prana/engine/flow"
)

// conformanceCase is one case: a workflow, what is done with it, and what must come of it. In its text
// SELF stands for a name that no other case has, WORLD for the address of the world, and LOCAL_SOON for
// the time in an hour, as UTC clocks show it.
type conformanceCase struct {
	ID   string `json:"id"`   // such as "B-01"
	Says string `json:"says"` // what it proves, in a few words
	// Prana, Ours and Decided stand in DIVERGENCES.md: set together when ours differs on purpose.
	Prana   string `json:"prana"`
	Ours    string `json:"ours"`
	Decided string `json:"decided"`
	// Modes it runs in; none = both.
	Modes []flow.Mode `json:"modes"`
	// Alone gives it a system of its own, whose worker processes it may kill.
	Alone bool `json:"alone"`
	// Coded cases are written in Go; see coded.
	Coded bool `json:"coded"`

	Workflow map[string]any            `json:"workflow"` // without id and mode
	Others   map[string]map[string]any `json:"others"`   // name -> workflow, with the id SELF_name
	conformanceTry
	Tries []conformanceTry `json:"tries"` // instead of the one above

	source json.RawMessage
}

// conformanceTry is one thing that is done with the workflow of a case.
type conformanceTry struct {
	Why    string                    `json:"why"`
	Params map[string]map[string]any `json:"params"` // node -> its parameters here
	// Connections are those of this try, instead of the workflow's.
	Connections []any           `json:"connections"`
	Input       json.RawMessage `json:"input"`
	// Do is what happens; nothing said = start with Input, and wait until it ends.
	Do   []action `json:"do"`
	Want want     `json:"want"` // in the end, of the execution "it"
}

// action is one thing done; each has one of the members, and Of where it concerns an execution (default "it").
type action struct {
	Of      string                    `json:"of"`
	Start   json.RawMessage           `json:"start"`    // begins an execution with this input, and names it Of
	Flow    string                    `json:"workflow"` // with start: the id of another workflow than the case's
	Await   string                    `json:"await"`    // a status, or "ended"
	At      string                    `json:"at"`       // with await: the node that must be suspended
	Child   string                    `json:"child"`    // waits until this node has a child, and names that As
	As      string                    `json:"as"`
	Resume  *resumption               `json:"resume"`
	Publish *publication              `json:"publish"`
	Change  map[string]map[string]any `json:"change"`  // publishes the workflow with these parameters
	Restart bool                      `json:"restart"` // kills all processes of the case, and starts them again
	Want    *want                     `json:"want"`    // now
}

type resumption struct {
	Node    string          `json:"node"`
	Data    json.RawMessage `json:"data"`
	Refused string          `json:"refused"` // code
}

type publication struct {
	Type    string          `json:"type"`
	Data    json.RawMessage `json:"data"`
	Matched int             `json:"matched"`
}

// want is what must hold. What is not said is not looked at.
type want struct {
	Refused   *refusal            `json:"refused"` // the definition is not accepted, and nothing runs
	Warned    *refusal            `json:"warned"`  // the definition is accepted, with this warning
	Graph     *graphWant          `json:"graph"`   // how the definition is understood
	Status    flow.Status         `json:"status"`
	Order     []string            `json:"order"` // of all runs, in mode sequential
	Total     int                 `json:"total"` // runs of all nodes
	Ran       map[string]int      `json:"ran"`   // node -> runs
	Nodes     map[string]nodeWant `json:"nodes"` // of the latest run; "key/0" is run 0
	Each      map[string][]any    `json:"each"`  // node -> outputs of all runs, in order
	Output    json.RawMessage     `json:"output"`
	Error     *problemWant        `json:"error"`     // of the execution
	Suspended *[]suspensionWant   `json:"suspended"` // all of them
	Retries   []map[string]any    `json:"retries"`   // what each wait for a retry said
	Open      []string            `json:"open"`      // nodes that began and have not ended
	Children  *int                `json:"children"`
	Input     json.RawMessage     `json:"input"`
	Calls     map[string][]string `json:"calls"`   // path of the world -> methods
	TookMS    int64               `json:"took_ms"` // at least
}

type refusal struct {
	Code string   `json:"code"`
	Says []string `json:"says"`
}

type graphWant struct {
	To   map[string][]string `json:"to"`   // "node.port" -> where it leads
	From map[string][]string `json:"from"` // node -> what leads to it
}

type nodeWant struct {
	Status   flow.StepStatus `json:"status"`
	Port     string          `json:"port"`
	Out      json.RawMessage `json:"out"`
	Has      map[string]any  `json:"has"` // members that the output has, among others
	Error    *problemWant    `json:"error"`
	Attempts int             `json:"attempts"`
	Run      *int            `json:"run"`
}

type problemWant struct {
	Code string         `json:"code"`
	Node string         `json:"node"`
	Says []string       `json:"says"`
	Has  map[string]any `json:"has"` // details, among others
}

type suspensionWant struct {
	Node      string         `json:"node"`
	Type      string         `json:"type"`
	Has       map[string]any `json:"has"`
	TimeoutMS int64          `json:"timeout_ms"`
}

// conformanceCases reads all files of testdata/conformance.
func conformanceCases(t *testing.T) []conformanceCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "conformance", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases found: %v", err)
	}
	var all []conformanceCase
	for _, f := range files {
		all = append(all, casesOf(t, f)...)
	}
	return all
}

func casesOf(t *testing.T, file string) []conformanceCase {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	list, ok := definition.Value(src).([]any)
	if !ok {
		t.Fatalf("%s is not a list of cases in YAML", file)
	}
	all := make([]conformanceCase, len(list))
	for i, one := range list {
		source, err := flow.Encode(one)
		if err != nil {
			t.Fatal(err)
		}
		if all[i], err = readCase(source); err != nil {
			t.Fatalf("%s, case %d: %v", file, i, err)
		}
	}
	return all
}

func readCase(source []byte) (conformanceCase, error) {
	c := conformanceCase{source: source}
	dec := json.NewDecoder(bytes.NewReader(source))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return c, fmt.Errorf("%s: %w", c.ID, err)
	}
	if c.ID == "" || c.Says == "" || (c.Prana == "") != (c.Ours == "") || (c.Prana == "") != (c.Decided == "") {
		return c, fmt.Errorf("%s needs says, and either all or none of prana, ours, decided", c.ID)
	}
	if len(c.Modes) == 0 {
		c.Modes = []flow.Mode{flow.Parallel, flow.Sequential}
	}
	if len(c.Tries) == 0 {
		c.Tries = []conformanceTry{c.conformanceTry}
	} else if !reflect.DeepEqual(c.conformanceTry, conformanceTry{}) {
		return c, fmt.Errorf("%s has tries, and says beside them what is done", c.ID)
	}
	for i, y := range c.Tries {
		if !c.Coded && reflect.DeepEqual(y.Want, want{}) {
			return c, fmt.Errorf("%s, try %d: nothing is wanted of it", c.ID, i)
		}
	}
	return c, nil
}

// named is the case with its own names for try i in a mode.
func (c conformanceCase) named(t *testing.T, mode flow.Mode, i int) (own string, _ conformanceCase) {
	t.Helper()
	own = fmt.Sprintf("%s-%s-%d", strings.ToLower(c.ID), mode, i)
	soon := time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05")
	source := strings.NewReplacer("SELF", own, "LOCAL_SOON", soon).Replace(string(c.source))
	c, err := readCase([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return own, c
}

// workflow is the definition as a try wants it.
func (c conformanceCase) workflow(y conformanceTry) map[string]any {
	w := maps.Clone(c.Workflow)
	if y.Connections != nil {
		w["connections"] = y.Connections
	}
	nodes, _ := w["nodes"].([]any)
	nodes = slices.Clone(nodes)
	for i, n := range nodes {
		n := maps.Clone(n.(map[string]any))
		if p, ok := y.Params[n["key"].(string)]; ok {
			n["params"] = p
		}
		nodes[i] = n
	}
	w["nodes"] = nodes
	return w
}
