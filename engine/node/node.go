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
	// Body is the port by which items leave (Fan.Emit), each into a body of its own; what comes back to port main is the
	// item's result. Empty = the node does not iterate.
	Body string
	// Waits tells that the node suspends for something that may never come.
	Waits bool
	// Listens tells from the raw parameters whether one node may wait for something from outside; nil = Waits.
	Listens func(params map[string]any) bool
	// Emits are those of its Outputs by which it emits while it waits (Outcome.Emit), and never leaves.
	Emits []string
	// Brings is a JSON Schema, from the raw parameters of one node, of the data with which somebody may end its waits by hand. What a
	// parameter says of it is the property of the same name. nil = any data will do.
	Brings func(params map[string]any) map[string]any
	// Unsafe says from the raw parameters of one node what may happen twice when it is tried again after an error, such as
	// "a POST", and what makes that safe: a definition that retries it is warned. Empty, and nil = nothing.
	Unsafe func(params map[string]any) (what, remedy string)
	// Timeout bounds one attempt when the settings say nothing; 0 = DefaultTimeout.
	Timeout  time.Duration
	Examples []Example
	Run      Func
}

// Hears tells whether a node of the type with these raw parameters may wait for something from outside.
func (t Type) Hears(params map[string]any) bool {
	if t.Listens == nil {
		return t.Waits
	}
	return t.Listens(params)
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
	Number    Kind = "number" // an int or a float64; of a number that neither holds, the nearest float64 (Any keeps it)
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
	// Literal fields are read while nothing runs: a template in them is an error of the definition.
	Literal bool `json:"literal,omitempty"`
	// Secret fields hold credentials: one that is written out in a definition is warned of.
	Secret bool `json:"secret,omitempty"`
	// Check says what is wrong with a value that fits all of the above, in words that follow the name of the field, such as
	// "must begin with a slash"; nil = no check. Members of an object that is written out come as they are written at first, and evaluated later.
	Check func(v any) error `json:"-"`
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
	Part   *Part   // set when this is a part of a step that asked for parts; nil = the step itself
	// Eval evaluates a lazy field; extra roots are given without the dollar ("response").
	Eval   func(field string, extra map[string]any) (any, error)
	Logger *slog.Logger
}

// Resume is how a wait of this step ended.
type Resume struct {
	By    string    // flow.ByEvent, flow.ByTimer, flow.ByTimeout, flow.ByManual, flow.ByChild …
	Actor string    // who did it, as they called themselves; empty = unknown, or nobody
	At    time.Time // when it ended; zero when time ended it
	Data  any
	Error *flow.Problem   // the wait ended with an error
	Wait  json.RawMessage // the Data of the wait: the node's own memory
	Since time.Time       // when the wait began
	// Children are the executions that the step started so far, in order.
	Children []string
}

// Part is one item of a Fan, to be run by the node itself.
type Part struct {
	Index int // from 0
	Item  any
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
	// Reply answers the caller who waits for the execution, be there one or not: a flow.HTTPReply for one who came by HTTP.
	// The first of an execution stands; later ones change nothing and are no error. nil = none.
	Reply any
	// Context is merged into what the runs of the node share ($nodes.KEY.context); a nil value removes a key.
	Context map[string]any
	// Fan asks for a part for each of several items; port and output above are ignored then.
	Fan *Fan
	// Suspend asks to wait; everything above is ignored then.
	Suspend *Suspend
	// Emit sends something on while the step waits: each leaves by its port, and what is connected there runs, but the step lives
	// on. At most MaxEmit at a time, and flow.MaxEmissions of one step. It counts only beside Suspend.
	Emit []Emission
	// Start asks for child executions, created in the same commit.
	Start []Child
}

// MaxEmit bounds what one turn of a step emits.
const MaxEmit = 16

// Emission is something that a step sends on while it waits.
type Emission struct {
	Port   string // one of the type's Emits
	Output any
}

// Suspend asks the engine to wait.
type Suspend struct {
	Type string // flow.Delay, flow.ExternalEvent … or a name of one's own
	// Data describes the wait, and comes back in Resume.Wait.
	Data any
	// Timer: the time below is what is waited for; otherwise it is a timeout.
	Timer bool
	In    time.Duration // from the commit; of a wait that goes on, from its beginning
	Until time.Time     // an absolute date given by people; wins over In
	// Event is what it listens for; its Match is the name of a lazy field, or the path of one inside a list that the definition
	// writes out, such as "for[2].match".
	Event *flow.Subscription
	// GoesOn: it is the wait that time just interrupted. It keeps the time of its beginning, and the ids that were given
	// out for it stay good. It means nothing where something else than time ended the wait, and a child that
	// was waited for is cancelled all the same.
	GoesOn bool
}

// Fan asks for a part for each item. The step goes on once enough of them are over; the others are withdrawn then.
type Fan struct {
	Items []any
	// Width is how many parts live at a time; 0 = all.
	Width int
	// Need is how many parts are waited for; 0 = all.
	Need int
	// Emit is the port by which each item leaves, into whatever follows it; what comes back to port main is its result.
	// Empty: the node itself runs each part (Call.Part), and what that leaves is its result.
	Emit string
	// Port is the port by which the list of results leaves. Empty: the node is run again with it (Resume.By is flow.ByParts).
	Port string
	// Discard drops the results: what leaves instead of their list is {"count": number of parts}.
	Discard bool
	// Lenient makes the failure of a part its result, {"error": …}. Otherwise the step fails with it.
	Lenient bool
}

// Child asks for an execution of another workflow.
type Child struct {
	Workflow string
	Version  string // empty = the newest
	Input    any
	Mode     string        // sync, async, fire_and_forget
	Close    string        // request_cancel, terminate, abandon; empty = abandon with fire_and_forget, request_cancel with the others
	Queue    string        // from which its steps are run; empty = the partition's own. Its own children do not inherit it.
	In       time.Duration // when it begins, from now
}

// Modes of children.
const (
	Sync          = "sync"
	Async         = "async"
	FireAndForget = "fire_and_forget"
)

// What becomes of a child that lives when its parent ends, or does not wait for it any more.
const (
	RequestCancel = "request_cancel" // it is cancelled: what it did is undone
	Terminate     = "terminate"      // it ends at once, and nothing is undone
	Abandon       = "abandon"        // nothing
)
