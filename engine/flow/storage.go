package flow

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// What a Store answers besides flow's own errors.
var (
	// ErrStale: the execution moved since it was loaded. Nothing was changed; load, decide and commit again.
	ErrStale = errors.New("the execution moved since it was loaded")
	// ErrExists: an execution of that id exists already. Nothing was changed.
	ErrExists = errors.New("the execution exists already")
	// ErrTaken: the node took that event before. Nothing was changed.
	ErrTaken = errors.New("the event was taken before")
)

// Want says which part of an execution to load. Its head, front and revision
// are always loaded.
type Want struct {
	// Steps are loaded with their claims, and with the parts and fans around them.
	Steps []StepID
	// Inputs loads also what arrived at Steps and what resumed them.
	Inputs bool
	Nodes  []int // their NodeState
	// Outputs loads the last completed step's output of these nodes; Records that step itself, and the node's context.
	Outputs, Records []int
	Values           []Ref
	Input, State     bool
	Reply            bool
	All              bool // everything; the rest of Want is ignored
}

// Times that every Store puts into its due index.
const (
	// FreshDue is when a step that was just dispatched is looked at again.
	FreshDue = 10 * time.Second
	// LookDue is when a new wait for an event or for a place is looked at again, unless it was settled before.
	LookDue = 5 * time.Second
	// OutboxDue is when an entry of the outbox is delivered by somebody else than its writer.
	OutboxDue = 3 * time.Second
	// MaxDispatch is how many tasks one commit enqueues; the engine never asks for more.
	MaxDispatch = 100
)

// KeptEvent is an event that waits for its wait.
type KeptEvent struct {
	Event
	Open bool // it is still being published
}

// Taker is a wait to which an event may be offered, and the group with which it shares places (Subscription.Group).
type Taker struct {
	Wait  SuspensionID
	Group string
}

// Offer is a step of giving an event to waits: what became of some, and which are next.
type Offer struct {
	// Publisher: it is the one who publishes, and is left alone for another while; otherwise a wait found the event itself.
	Publisher  bool
	Took, Gone []SuspensionID // of those to whom it was offered before: who took it, and who never will
	To         []Taker
}

// Offered answers an Offer.
type Offered struct {
	Over bool           // nobody may take the event any more
	To   []SuspensionID // those who may take it now; the others of the offer have no place
	Held []SuspensionID // when some have no place: to whom it is offered as well, at most 100 of them
}

// MaxNamed bounds how many executions the answer to an event names.
const MaxNamed = 10_000

// DueEntry is a line of the due index.
type DueEntry struct {
	Execution string
	Kind      DueKind
	Step      StepID // of DueStep
	// Token is what the step was seen to carry: an entry of a step that moved on is not settled. Empty = not looked at.
	Token string
	// At is when it was due, as it was taken; ms. It tells who took it first: afterwards it is due at another time.
	At time.Time
}

// Found is the execution that an entry of the due index is about, as it was read for it: with the steps that are due, and
// who claims them. Entries of the same execution share it.
type Found struct {
	Execution *Execution // nil = there is none
	Err       error      // it cannot be read
}

// DueKind says what is due.
type DueKind string

// The kinds of due entries.
const (
	DueStep     DueKind = "step"
	DueDeadline DueKind = "deadline" // of the whole execution
	DueOutbox   DueKind = "outbox"
)

// TaskState is where an asynq task stands.
type TaskState string

// The states of a task.
const (
	TaskMissing   TaskState = "missing"
	TaskPending   TaskState = "pending"
	TaskScheduled TaskState = "scheduled"
	TaskActive    TaskState = "active"
	TaskRetry     TaskState = "retry"
	TaskDone      TaskState = "done" // archived or completed: nobody will run it
)

// And unites two wants.
func (w Want) And(o Want) Want {
	w.Steps = append(w.Steps, o.Steps...)
	w.Nodes = append(w.Nodes, o.Nodes...)
	w.Outputs = append(w.Outputs, o.Outputs...)
	w.Records = append(w.Records, o.Records...)
	w.Values = append(w.Values, o.Values...)
	w.Inputs, w.Input = w.Inputs || o.Inputs, w.Input || o.Input
	w.State, w.All = w.State || o.State, w.All || o.All
	w.Reply = w.Reply || o.Reply
	return w
}

// Once is w with everything that was asked for several times asked for once.
func (w Want) Once() Want {
	w.Nodes, w.Outputs, w.Records = once(w.Nodes, cmp.Compare), once(w.Outputs, cmp.Compare), once(w.Records, cmp.Compare)
	w.Steps, w.Values = once(w.Steps, StepID.Compare), once(w.Values, cmp.Compare)
	return w
}

func once[T comparable](all []T, compare func(a, b T) int) []T {
	return slices.Compact(slices.SortedFunc(slices.Values(all), compare))
}
