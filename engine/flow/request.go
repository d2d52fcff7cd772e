package flow

import (
	"encoding/json"
	"time"
)

// StartRequest asks for a new execution.
type StartRequest struct {
	Workflow string
	Version  string          // empty = the newest
	Input    json.RawMessage // empty = null
	// ID makes the start count once per workflow, for as long as the execution is remembered; empty = always a new one.
	ID string
	// Same is what a repetition of ID must bring again, when parts of Input differ from one delivery to the next; empty = Input.
	Same json.RawMessage
	// StartAt is when the first step is due; zero or past = at once.
	StartAt time.Time
	// From is the key of the node that begins, with the input as what arrived on its port main: nothing before it has run.
	// Empty = the trigger, whose input schema applies.
	From string
	// Only runs that node and nothing that follows it; its output is that of the execution.
	Only  bool
	Tags  map[string]string
	Trace map[string]string
}

// StartResult names the execution.
type StartResult struct {
	ExecutionID string `json:"execution_id"`
	Workflow    string `json:"workflow"`
	Version     string `json:"version"`
	// Replayed: the ID was known; this is the execution it started then.
	Replayed bool `json:"-"`
}

// Trigger is how a workflow wants to be started.
type Trigger struct {
	Version string // of the workflow
	Type    string // of the node
	// Params are evaluated, with defaults; those that the definition gives are there even when they are null. They may
	// hold secrets: never to be stored or logged.
	Params map[string]any
}

// ResumeRequest ends one wait of an execution by hand. One of Suspension, Node
// or neither (the only wait) says which.
type ResumeRequest struct {
	Execution  string
	Suspension *SuspensionID
	Node       string // key
	// Type is that of the wait: others are passed over; empty = any.
	Type string
	// By is who asks, as they call themselves, at most MaxActor characters; empty = unknown.
	By string
	// Token names the wait instead of all of the above: the id of a suspension, or what a resume URL ends with.
	Token string
	Data  json.RawMessage
	Error *Problem // resume with an error instead of data
	// ID makes the resume count once; empty = the wait itself is the only guard.
	ID string
	// Early says that it is for the next wait if nothing waits now, also where others ended before.
	Early bool
}

// MaxActor bounds the name of who ends a wait, in characters.
const MaxActor = 256

// ResumeResult names the wait that was ended.
type ResumeResult struct {
	Suspension string `json:"suspension_id"` // empty when Buffered
	Node       string `json:"node"`
	// Buffered: nothing waits yet; it is kept in the inbox of the execution for the wait that begins.
	Buffered bool `json:"buffered"`
	// Repeated: the same ID had ended it before.
	Repeated bool `json:"-"`
}

// PublishResult tells what an event did.
type PublishResult struct {
	ID         string   `json:"id"`
	Matched    int      `json:"matched"`
	Executions []string `json:"executions"` // at most MaxNamed of them, in their order
	// Buffered: it is kept for a wait that registers within its time to live.
	Buffered bool `json:"buffered"`
	// Repeated: an event of this id counted before; the answer is that one's.
	Repeated bool `json:"-"`
}

// EventPreview tells what an event would do. Nothing is changed, and its id stays unused.
type EventPreview struct {
	Matched    int      `json:"matched"`
	Executions []string `json:"executions"` // at most MaxNamed
	Buffered   bool     `json:"buffered"`
	DryRun     bool     `json:"dry_run"` // always true
	// Waits are at most 100 of those that would take it, oldest first, and at most 100 of the same type that would not, the
	// nearest first.
	Waits []WaitPreview `json:"waits"`
}

// WaitPreview tells what an event would be to one wait.
type WaitPreview struct {
	SuspensionID string     `json:"suspension_id"`
	ExecutionID  string     `json:"execution_id"`
	Workflow     string     `json:"workflow"`
	Node         string     `json:"node"`
	Matches      bool       `json:"matches"`
	Reasons      []Mismatch `json:"reasons"` // why not
}

// Mismatch is a clause of a wait that an event does not satisfy: a path of its filter, its match, or that others take the event.
type Mismatch struct {
	Path  string          `json:"path,omitempty"`
	Want  json.RawMessage `json:"want,omitempty"`
	Got   json.RawMessage `json:"got,omitempty"`   // absent = the data has no such path; of a match, what it gave
	Match string          `json:"match,omitempty"` // as it is written
	Error string          `json:"error,omitempty"` // why it could not be evaluated
	Taken string          `json:"taken,omitempty"` // who takes it instead
}

// RetryRequest lets an execution live again that failed, or is in quarantine.
type RetryRequest struct {
	Execution string
	// ID makes the request count once, for as long as it is among the last ten; empty = each counts.
	ID string
}

// RetryResult is how the execution stands after a retry.
type RetryResult struct {
	ExecutionID string `json:"execution_id"`
	Status      Status `json:"status"`
	Generation  int    `json:"generation"` // how often it was retried
	// Repeated: the same ID had retried it before.
	Repeated bool `json:"-"`
}

// RerunRequest asks for a new execution that runs another one again.
type RerunRequest struct {
	Execution string
	// From is the key of the node that runs again, with all that follows it; what cannot be reached from it keeps its recorded
	// results. Empty = from the beginning.
	From string
	// Input is what arrives at From on port main, or the input of the new execution; nil = as it was.
	Input json.RawMessage
	// Version is that of the workflow; empty = the one that the execution had, LatestVersion = the newest.
	Version string
	// ID makes the request count once, as that of a start does; empty = always a new one.
	ID    string
	Trace map[string]string
}

// LatestVersion asks for the newest version where none asks for another one.
const LatestVersion = "latest"

// RerunResult names the new execution.
type RerunResult struct {
	StartResult
	RerunOf string `json:"rerun_of"`
}

// RerunPlan says what a rerun would do.
type RerunPlan struct {
	RerunOf  string `json:"rerun_of"`
	Workflow string `json:"workflow"`
	Version  string `json:"version"`
	// From is the node that runs again first: the trigger, the one asked for, or the one whose items that one works on.
	From  string      `json:"from"`
	Kept  []RerunNode `json:"kept"`
	Again []RerunNode `json:"rerun"` // what runs again, as far as it is reached
	// Input is what arrives at From, by port.
	Input    map[string]any `json:"input"`
	Warnings []string       `json:"warnings"`
}

// RerunNode is a node in a plan, with the number of its runs in the execution that is run again.
type RerunNode struct {
	Node string `json:"node"`
	Type string `json:"type"`
	Runs int    `json:"runs"`
}

// PauseRequest pauses an execution, or lets it go on.
type PauseRequest struct {
	Execution string
	By        string // who asks, as they call themselves; at most MaxActor characters
	Reason    string // cut at 1,024 bytes
}

// CancelRequest ends an execution before its time, be it by a cancellation or a termination.
type CancelRequest struct {
	Execution string
	Reason    string
	// ID makes the request count once; a repetition is answered like the first.
	ID string
}

// CancelResult tells what a cancellation or termination did.
type CancelResult struct {
	ExecutionID string `json:"execution_id"`
	// Status is how the execution stands, when Repeated.
	Status Status `json:"status,omitempty"`
	// Repeated: the same ID had ended it before.
	Repeated bool `json:"-"`
}
