// Package node is the contract between the engine and what a node does: a Type
// describes itself as data and runs one step at a time. Nodes touch the world;
// they never see the engine, Redis or asynq.
package node

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"prana/engine/flow"
)

// Func runs one step: the first time, and again each time a wait that it asked
// for ended (Call.Resume is set then). It must stop when ctx is done. An error
// that is, or wraps, a *flow.Problem keeps its code; any other has code "error".
type Func func(ctx context.Context, c *Call) (Outcome, error)

// Type is a kind of node, such as "http.request".
type Type struct {
	Name    string // "<integration>.<action>"
	Summary string // one sentence
	Trigger bool   // begins an execution; nothing leads into it
	Fields  []Field
	Inputs  []string // nil = main; "*" = any name
	Outputs []string // nil = main; "*" = any name. "error" needs no declaring
	// OutputsFor gives the ports of one node from its raw parameters; nil = Outputs.
	OutputsFor func(params map[string]any) []string
	// Output describes what the node leaves with; nil = it may be anything. OutputFor gives it for one node from its
	// raw parameters; nil = Output.
	Output    []Output
	OutputFor func(params map[string]any) []Output
	// Body is the output port by which the node leaves once for each item of a list; what comes back to its port main
	// is the item's result. Empty = it does not iterate.
	Body string
	// Waits tells that the node suspends for something that may never come.
	Waits bool
	// Timeout bounds one attempt when the settings say nothing; 0 = DefaultTimeout.
	Timeout  time.Duration
	Examples []Example
	Run      Func
}

// DefaultTimeout bounds one attempt of a node.
const DefaultTimeout = 5 * time.Minute

// Kind is the type of a parameter.
type Kind string

// The kinds of parameters.
const (
	Any       Kind = "any"
	String    Kind = "string"
	Int       Kind = "int"
	Number    Kind = "number"
	Bool      Kind = "bool"
	Object    Kind = "object"
	Array     Kind = "array"
	Condition Kind = "condition" // an expression with or without braces; gives a boolean
	// Expression is written like a Condition and gives any value, null included: Required asks that it is written.
	Expression Kind = "expression"
)

// Field describes one parameter, or one member of an output.
type Field struct {
	Name     string   `json:"name"`
	Kind     Kind     `json:"kind"`
	Summary  string   `json:"summary"`
	Required bool     `json:"required"`
	Default  any      `json:"default,omitempty"`
	Enum     []string `json:"enum,omitempty"`
	Min      *float64 `json:"min,omitempty"`
	Max      *float64 `json:"max,omitempty"`
	// Lazy fields are not evaluated before Run: the node does it with Call.Eval, as often as it likes.
	Lazy bool `json:"lazy,omitempty"`
	// Roots are extra roots that the field's expressions may name, such as "$response".
	Roots []string `json:"roots,omitempty"`
	// Items are the fields of an array's elements or an object's members; nil = free.
	Items []Field `json:"items,omitempty"`
	// Raw fields are taken as they stand: templates inside are not evaluated.
	Raw bool `json:"raw,omitempty"`
}

// Output describes what a node leaves with by one port.
type Output struct {
	Port    string `json:"port,omitempty"` // empty = every port that no other entry names
	Summary string `json:"summary,omitempty"`
	// Pass: it is the node's input, as it came.
	Pass bool `json:"pass,omitempty"`
	// Fields are all members that the object has; nil = it may be any value.
	Fields []Field `json:"fields"`
}

// Example is one node at work: the documentation shows it, and the tests run it
// and compare what it comes to.
type Example struct {
	Title  string         `json:"title"`
	Params map[string]any `json:"params,omitempty"`
	Vars   map[string]any `json:"variables,omitempty"` // of the workflow
	// Input arrives on port main; of a trigger it is the input of the start. Inputs is port -> value instead.
	Input  any            `json:"input,omitempty"`
	Inputs map[string]any `json:"inputs,omitempty"`
	// Then is what happens while the node waits: "advance DURATION", "publish TYPE DATA", "resume NODE DATA" (NODE "-" = the only one).
	Then []string `json:"then,omitempty"`
	// Port is the one that it leaves by; empty = main. Output is what it leaves with; the text "…" in it stands for
	// whatever is another each time.
	Port   string `json:"port,omitempty"`
	Output any    `json:"output"`
}

// Call is one attempt of one step.
type Call struct {
	Execution string
	Workflow  string
	Node      string // key
	Run       int    // which run of the node, from 0
	Attempt   int    // from 0
	// Key is the same on every attempt and redelivery of this step: hand it to whatever the node changes in the world.
	Key    string
	Params map[string]any // evaluated, with defaults; fields that are lazy are missing
	Input  any            // what arrived on port main
	Inputs map[string]any // port -> value
	// Now is the store's clock when the step was loaded.
	Now    time.Time
	Resume *Resume // nil on the first turn
	// Eval evaluates a lazy field; extra roots are given without the dollar ("response").
	Eval   func(field string, extra map[string]any) (any, error)
	Logger *slog.Logger
}

// Resume is how a wait of this step ended.
type Resume struct {
	By    string // flow.ByEvent, flow.ByTimer, flow.ByTimeout, flow.ByManual, flow.ByChild …
	Data  any
	Error *flow.Problem   // the wait ended with an error
	Wait  json.RawMessage // the Data of the wait: the node's own memory
	Since time.Time       // when the wait began
}

// Outcome is what a step came to, unless it failed.
type Outcome struct {
	Port   string // by which it leaves; empty = the type's first port
	Output any
	// PassInput leaves with the input as it came; PassResume with the data that resumed it. Output is ignored then.
	PassInput, PassResume bool
	// Timeout tells that it leaves because time ran out: a port that leads nowhere is then an error.
	Timeout bool
	// State is merged into the shared state of the execution; a nil value removes a key.
	State map[string]any
	// Suspend asks to wait; everything above is ignored then.
	Suspend *Suspend
	// Start asks for child executions, created in the same commit.
	Start []Child
}

// Suspend asks the engine to wait.
type Suspend struct {
	Type string // flow.Delay, flow.ExternalEvent … or a name of one's own
	// Data describes the wait, and comes back in Resume.Wait.
	Data any
	// Timer: the time below is what is waited for; otherwise it is a timeout.
	Timer bool
	In    time.Duration // from the commit
	Until time.Time     // an absolute date given by people; wins over In
	Event *flow.Subscription
}

// Child asks for an execution of another workflow.
type Child struct {
	Workflow string
	Version  string // empty = the newest
	Input    any
	Mode     string // sync, async, fire_and_forget
	Queue    string
}

// Modes of children.
const (
	Sync          = "sync"
	Async         = "async"
	FireAndForget = "fire_and_forget"
)
