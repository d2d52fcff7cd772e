package flow

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Status is where an execution stands. It is stored by name.
type Status string

// The statuses. Terminal ones absorb everything except an explicit retry.
const (
	Pending     Status = "pending"   // created, to begin at a later time
	Running     Status = "running"   // at least one step is due or being run
	Suspended   Status = "suspended" // every live step waits
	Paused      Status = "paused"    // somebody keeps it from going on; Front.Pause says since when
	Cancelling  Status = "cancelling"
	Completed   Status = "completed" // terminal
	Failed      Status = "failed"    // terminal
	Cancelled   Status = "cancelled" // terminal
	TimedOut    Status = "timed_out" // terminal
	Quarantined Status = "quarantined"
)

// Statuses lists all statuses in the order of a life.
func Statuses() []Status {
	return []Status{Pending, Running, Suspended, Paused, Cancelling, Completed, Failed, Cancelled, TimedOut, Quarantined}
}

// Terminal tells whether nothing more happens by itself.
func (s Status) Terminal() bool {
	return s == Completed || s == Failed || s == Cancelled || s == TimedOut
}

// Over tells whether nothing moves the execution any more but a person: it is terminal, or in quarantine.
func (s Status) Over() bool { return s.Terminal() || s == Quarantined }

// StepStatus is where one activation of a node stands.
type StepStatus string

// The statuses of a step.
const (
	StepPending     StepStatus = "pending"   // a task for it exists or is due
	StepSuspended   StepStatus = "suspended" // it waits; Wait says for what
	StepOpen        StepStatus = "open"      // it waits for its own parts; Front.Fans says for how many
	StepCompleted   StepStatus = "completed"
	StepFailed      StepStatus = "failed"
	StepCancelled   StepStatus = "cancelled"
	StepQuarantined StepStatus = "quarantined"
)

// Live tells whether the step can still move.
func (s StepStatus) Live() bool { return s == StepPending || s == StepSuspended || s == StepOpen }

// Execution is what one run of a workflow remembers between two tasks, or the
// part of it that was loaded. Times are those of the store's clock.
type Execution struct {
	ID  string
	Rev string // operation id of the last commit; compared by equality only
	Head
	Front

	Input   json.RawMessage
	Steps   map[StepID]*Step
	Fans    map[StepID]*Fan            // of steps whose parts live: those around the loaded steps
	Nodes   map[int]NodeState          // by index of the node
	Values  map[Ref]json.RawMessage    // outputs and resume data that were loaded, references followed
	Claims  map[StepID]string          // who renews a running step; absent = nobody
	State   map[string]json.RawMessage // shared state ($execution.state)
	Result  json.RawMessage            // the execution's output, once completed
	Error   *Problem                   // why it failed, was cancelled or timed out
	Reply   json.RawMessage            // what a caller who waits is answered; empty = nothing yet
	EndedAt time.Time                  // zero until terminal
	Now     time.Time                  // the store's clock when this was loaded
	Whole   bool                       // everything was loaded, not just what was asked for
	Carried bool                       // it was not loaded, but kept from the commit before: what runs of a node share may be missing
}

// Lacks tells whether what runs of a node share may be missing.
func (x *Execution) Lacks(context Ref) bool {
	_, known := x.Values[context]
	return x.Carried && !known
}

// InOrder lists the steps as they came to be; of those made together, by node and run.
func (x *Execution) InOrder() []*Step {
	return slices.SortedFunc(maps.Values(x.Steps), func(a, b *Step) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), a.ID.Compare(b.ID))
	})
}

// Deadline is when the time of the whole execution is up; zero = never.
func (x *Execution) Deadline() time.Time {
	if x.Timeout <= 0 {
		return time.Time{}
	}
	return x.CreatedAt.Add(x.Timeout + x.Stood)
}

// Head is what an execution is born with; it never changes.
type Head struct {
	Workflow  string
	Version   string
	CreatedAt time.Time
	StartID   string            // the caller's id or idempotency key; empty = none
	Parent    *Parent           // nil = not a child
	Depth     int               // number of ancestors
	Line      []string          // workflow and digest of the input of each ancestor but the first, and of itself; empty = not a child
	Trace     map[string]string // carrier of the span that started it
	Tags      map[string]string
	Timeout   time.Duration // of the whole execution, from CreatedAt; 0 = none
	Place     string        // concurrency key of which it holds a place from its first step to its end; empty = none
	Queue     string        // from which its steps are run, unless their node says otherwise; empty = the partition's own
	From      string        // key of the node that it began with; empty = the trigger
	Only      bool          // nothing follows that node
	RerunOf   string        // the execution that it runs again; empty = none
}

// Parent names the step that waits for, or merely started, this execution.
type Parent struct {
	Execution string
	Step      StepID
	Turn      int    // the suspension it resolves
	Mode      string // sync, async, fire_and_forget
	Index     int    // place in a batch
	// Close is what becomes of it when its parent ends or does not wait for it any more: request_cancel, terminate, abandon.
	// Empty = abandon with fire_and_forget, request_cancel with the others.
	Close string
}

// Front is the control state: small, bounded by the width of the graph and
// rewritten by every commit.
type Front struct {
	Status      Status
	Region                    // what lives outside of every fan
	InParts     Live          // live steps in all parts of fans
	Ready       []StepID      // sequential mode: activated, not yet dispatched; the last is next
	Ends        map[int]int   // nodes a path ended at -> run
	Seq         int64         // number of the last record
	Transitions int           // completed steps so far
	Generation  int           // raised by each retry of the whole execution
	Retries     []string      // names of its last retries, so that each counts once
	Stood       time.Duration // how long it was failed before its retries, which is no part of its Timeout
	Undo        *StepID       // the last completed step that is to be undone if the execution ends before its time; nil = none
	Inbox       []Letter      // what came before its wait, oldest first; bounded
	Ending      *Ending       // while it is cancelling: what it will be
	Pause       *Pause        // while it is paused
	Closes      bool          // it started children that nobody waits for and that are to be closed when it ends
}

// Letter is a resume that came before its wait.
type Letter struct {
	Node  int    // by index; -1 = whichever waits first
	ID    string // by which it counts once; empty = the letter itself
	Actor string // who brought it; empty = it was not said
	Ref   Ref    // of what was brought
	Error *Problem
}

// Ending is how an execution ends that is ended before its time, once everything is undone.
type Ending struct {
	Status Status
	Reason string
	Error  *Problem
}

// Pause keeps an execution from going on. A step that would be dispatched meanwhile is held: it has no token.
type Pause struct {
	Since   time.Time
	By      string // as they called themselves; empty = unknown
	Reason  string
	Planned bool // it had not begun: it was pending
}

// Planned tells whether the execution has not begun, be it that it is paused before it does.
func (x *Execution) Planned() bool {
	return x.Status == Pending || x.Pause != nil && x.Pause.Planned
}

// Region is where branches meet one another: a whole execution, or one part of a fan in it.
type Region struct {
	Live  map[int]Live  // nodes with live steps, by index
	Joins map[int]*Open // nodes with a round of arrivals not yet complete
}

// Live counts the live steps of a node. Steps that wait for a child which still
// runs count as pending; those whose parts live, as open.
type Live struct{ Pending, Suspended, Open int }

// Fan is a step that has a part of its own for each of several items, and goes on when enough of them are over.
// Items and results are values of their own (ItemRef, ResultRef), so that a fan is small however many there are.
type Fan struct {
	Part  *StepID // the part of another fan that the step itself belongs to; nil = none
	Items int
	Next  int // index of the item whose part begins next
	Alive int // parts that live
	Came  int // of these, parts for which came what they waited for
	Over  int // parts that are over
	Need  int // parts that are waited for; the others are withdrawn then
	Width int // parts that live at a time
	// Emit is the port by which each item leaves, into whatever follows; empty = the node itself runs each part.
	Emit string
	// Port is the port by which the results leave; empty = the node is run once more with them.
	Port    string
	Lenient bool // a failed part is a result like any other
	Discard bool // results are not kept
	Bytes   int  // of the results so far
	// Parts are those that live and were loaded: the ones around the loaded steps.
	Parts map[StepID]*Part
}

// Part is a live part of a fan: a step, and what follows from it until it is over.
type Part struct {
	Owner StepID // the step that it is a part of
	Index int
	Region
	Came bool        // what it waited for came
	Back []Arrival   // what came back to the node that emits
	Last map[int]int // run of each node that completed last in it; kept only where parts live side by side
}

// PartOf says which part of a fan a step is.
type PartOf struct {
	Owner StepID
	Index int // from 0
}

// Open is a round of arrivals at a join.
type Open struct {
	Arrived []Arrival
	Fired   bool // any / N: it has run; the rest of the round is dropped
}

// Arrival is one branch that reached a join.
type Arrival struct {
	Edge int // index of the connection in the plan
	Port string
	Ref  Ref
	// Aside: it follows from what a step emitted that lives on, not from one that ended.
	Aside bool
}

// NodeState is what is known of a node across its runs.
type NodeState struct {
	Runs   int // activations so far
	Last   int // run that completed last; -1 = none
	Rounds int // activations over a connection that leads back: how often its loop went round
}

// Ref names a stored value: "i" the input of the execution, "o3.000" the output
// of step 3.000, "d3.000" what resumed it, "g3.000" what somebody gave to it instead of what arrived, "l3.000:7" the item and "r3.000:7" the result of
// its part 7, "m3.000:7" what it emitted as the eighth, "k3" the context of node 3, "bTOKEN" what came before its wait. The empty Ref is null.
type Ref string

// InputRef is the input of the execution.
const InputRef Ref = "i"

// OutputRef names the output of a step.
func OutputRef(id StepID) Ref { return Ref("o" + id.String()) }

// ResumeRef names the data that resumed a step.
func ResumeRef(id StepID) Ref { return Ref("d" + id.String()) }

// ItemRef names an item of a step that has parts.
func ItemRef(id StepID, index int) Ref { return Ref("l" + id.String() + ":" + strconv.Itoa(index)) }

// GivenRef names what somebody gave to a step instead of what arrived at it.
func GivenRef(id StepID) Ref { return Ref("g" + id.String()) }

// ResultRef names what a part of a step came to.
func ResultRef(id StepID, index int) Ref { return Ref("r" + id.String() + ":" + strconv.Itoa(index)) }

// LetterRef names what came before its wait.
func LetterRef(token string) Ref { return Ref("b" + token) }

// EmissionRef names what a step emitted while it waited; the first is 0.
func EmissionRef(id StepID, index int) Ref { return Ref("m" + id.String() + ":" + strconv.Itoa(index)) }

// MaxEmissions bounds what one step emits in all.
const MaxEmissions = 1000

// ContextRef names the context that the runs of a node share.
func ContextRef(node int) Ref { return Ref("k" + strconv.Itoa(node)) }

// Step is one activation of a node: its present, and its history.
type Step struct {
	ID     StepID
	Part   *StepID // the part of a fan that it belongs to: itself, or what it follows from; nil = none
	Of     *PartOf // set on the step that is a part itself
	Status StepStatus
	Token  string // of the dispatch that may run it now; empty while it is held, since its execution is paused
	Op     string // operation that wrote it last: how a repeated commit is recognised
	At     time.Time

	Attempt  int // 0-based; grows with retries only
	Turn     int // suspensions so far
	Deaths   int // workers that died running it; counted by the sweeper only
	Inputs   []Arrival
	Port     string // by which it left; empty while live or failed
	Error    *Problem
	Wait     *Wait       // while suspended
	Resumed  *Resumption // how the last wait ended
	Attempts []Attempt   // failed attempts, oldest first, bounded
	Children []string    // executions it started, in order
	Emitted  int         // values that it emitted while it waited
	Below    *StepID     // the step that is undone after this one
	Was      StepStatus  // pending or open: what a retry makes of it that the failure of the execution ended; empty = nothing
	Kept     bool        // it was not run here, but in the execution that this one runs again
	Trace    map[string]string
	// Place is the concurrency key of which a live step holds a place, or waits for one. It is noted with the first
	// commit after the place was asked for; empty = none.
	Place string

	CreatedAt time.Time
	StartedAt time.Time // of the last attempt; zero while it never ran
	EndedAt   time.Time // zero while live

	// Ran is how long the attempt of this change took; the store turns it into StartedAt. Not stored.
	Ran time.Duration
	// Span is the span of the attempt of this change. Not stored.
	Span map[string]string
}

// Aside tells whether the step follows only from what others emitted that lived on: it is no branch of its own, its path ends
// without a result, and a sequential execution runs it at once.
func (s *Step) Aside() bool {
	return len(s.Inputs) > 0 && !slices.ContainsFunc(s.Inputs, func(a Arrival) bool { return !a.Aside })
}

// WaitsAs tells whether the step waits, and a suspension of that turn names its wait: the present one, or one of which
// only time ended the turn.
func (s *Step) WaitsAs(turn int) bool {
	return s.Status == StepSuspended && s.Wait != nil && named(turn, s.Wait.First, s.Turn)
}

// Ended tells whether what was resumed last is what a suspension of that turn names.
func (r *Resumption) Ended(turn int) bool { return named(turn, r.First, r.Turn) }

func named(turn, first, last int) bool {
	return turn == last || first > 0 && turn >= first && turn < last
}

// Attempt is a failed attempt of a step.
type Attempt struct {
	Number    int // 0-based
	StartedAt time.Time
	EndedAt   time.Time
	Error     *Problem
}

// Who ended a wait.
const (
	ByEvent   = "event"
	ByTimer   = "timer"   // the time came that the step itself asked for
	ByTimeout = "timeout" // it waited for something else, which did not come
	ByManual  = "manual"  // resume through the API, CLI or a task
	ByURL     = "url"     // resume by the URL that was made for the wait
	ByChild   = "child"
	ByCancel  = "cancel"
	ByParts   = "parts"       // enough of its own parts are over
	ByPlace   = "concurrency" // a place of its concurrency key became free
	ByError   = "suspension_error"
)

// Resumption says who ended a wait. What they brought is the value ResumeRef.
type Resumption struct {
	By    string
	At    time.Time
	Actor string // who did it, as they called themselves; empty = unknown, or nobody
	Turn  int    // the wait it ended
	First int    // the turn in which that wait began; 0 = in Turn
	Op    string // the operation that ended it
	Event string
	Error *Problem // the wait ended with an error, given to the node
	// Wait and Since are the Data and Since of the wait: what the node noted when it went to sleep.
	Wait  json.RawMessage
	Since time.Time
}

// Suspend types. Nodes of users have CustomWait or a name of their own.
const (
	ExternalEvent = "external_event"
	SubWorkflow   = "sub_workflow"
	Polling       = "polling"
	Delay         = "delay"
	Retry         = "retry"
	Webhook       = "webhook"
	TimedWait     = "wait"
	Concurrency   = "concurrency" // the engine's own: the step begins once it has a place of its key
	Approval      = "approval"    // a person decides
	CustomWait    = "custom"
)

// Wait is what a suspended step waits for. It is always resolved exactly once.
type Wait struct {
	Type string
	// Data describes the wait to people and programs (suspension_data), and is the node's own memory across turns.
	Data json.RawMessage
	// Timer: the time is what the step waits for (delay, poll, retry), and has an alarm task. Otherwise the time is a timeout.
	Timer bool
	// In is the time from the commit until it is due; Until is used instead when it is not zero. Both zero: no end.
	In    time.Duration
	Until time.Time
	// Due is In or Until as a time of the store's clock; set by the store.
	Due   time.Time
	Since time.Time // set by the store
	Event *Subscription
	// Began is the number of the execution's last record when the wait began: it orders waits and events without a clock.
	Began int64
	// First is the turn in which it began, if time interrupted it since; 0 = the present one.
	First int
	// Child is the execution it waits for; empty = none.
	Child string
	// Held: the child runs on, so the execution does not count as suspended.
	Held bool
}

// Looks tells whether what it waits for may have come before it stood: somebody looks at once, and again at LookDue.
func (w *Wait) Looks() bool { return w.Event != nil || w.Type == Concurrency }

// HasDue tells whether time alone ends the wait.
func (w *Wait) HasDue() bool { return w.In > 0 || !w.Until.IsZero() || !w.Due.IsZero() || w.Timer }
