package flow

import (
	"encoding/json"
	"time"
)

// ExecutionFilter narrows a list of executions. Zero values do not narrow.
type ExecutionFilter struct {
	ID       string // one execution; nothing else narrows then
	Prefix   string // what the id begins with
	Status   Status // one status
	Workflow string
	Tags     map[string]string // all of them, at most MaxTags
	Parent   string            // those that it started
	Error    string            // each of its words stands in the error, see [Problem.Words]; at most MaxErrorText bytes
	// Since and Until bound the time that the list is in the order of: when an execution was created or, with a Status or an
	// Error, since when it has it (of a terminal one, its end). At or after Since, before Until.
	Since, Until time.Time
	Limit        int    // 1..1000; 0 = 100
	Cursor       string // from the page before
}

// Page is a part of a list, newest first unless said otherwise.
type Page[T any] struct {
	Items []T `json:"items"`
	// Cursor asks for the next page; empty = this is the last.
	Cursor string `json:"cursor,omitempty"`
}

// Summary is an execution in a list.
type Summary struct {
	ID        string            `json:"execution_id"`
	Workflow  string            `json:"workflow"`
	Version   string            `json:"version"`
	Status    Status            `json:"status"`
	CreatedAt time.Time         `json:"created_at"`
	EndedAt   *time.Time        `json:"ended_at,omitempty"`
	ParentID  string            `json:"parent_execution_id,omitempty"`
	RerunOf   string            `json:"rerun_of,omitempty"` // the execution that it runs again
	Tags      map[string]string `json:"tags,omitempty"`
	Error     *Problem          `json:"error,omitempty"`
}

// View is everything about one execution, for people.
type View struct {
	Summary
	StartID     string            `json:"id,omitempty"`
	From        string            `json:"from,omitempty"` // key of the node that it began with; empty = the trigger
	Only        bool              `json:"only,omitempty"` // nothing follows that node
	Depth       int               `json:"depth,omitempty"`
	Deadline    *time.Time        `json:"deadline,omitempty"`
	Pause       *PauseView        `json:"pause,omitempty"` // while it is paused
	Transitions int               `json:"transitions"`
	Generation  int               `json:"generation,omitempty"`
	Input       json.RawMessage   `json:"input"`
	Output      json.RawMessage   `json:"output"`
	Reply       json.RawMessage   `json:"reply,omitempty"` // what the caller who waits is answered, usually an HTTPReply
	State       map[string]any    `json:"state,omitempty"`
	Nodes       []NodeRun         `json:"nodes"` // in order of activation
	Suspensions []Suspension      `json:"suspensions"`
	Inbox       []LetterView      `json:"inbox,omitempty"` // resumes that came before their wait, oldest first
	Children    []Relation        `json:"children"`
	Trace       map[string]string `json:"trace,omitempty"` // W3C carrier of the span that started it
}

// PauseView says who keeps an execution from going on.
type PauseView struct {
	Since  time.Time `json:"since"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// NodeRun is one run of one node.
type NodeRun struct {
	Node      string                     `json:"node"`
	Type      string                     `json:"type"`
	RunIndex  int                        `json:"run_index"`
	Queue     string                     `json:"queue,omitempty"`      // from which workers take it; empty = default
	Item      *int                       `json:"item_index,omitempty"` // of the loop that it is part of, or of the batch; the innermost
	Status    StepStatus                 `json:"status"`
	Attempt   int                        `json:"attempt"` // 0-based
	Port      string                     `json:"port,omitempty"`
	Input     map[string]json.RawMessage `json:"input,omitempty"` // port -> value
	Output    json.RawMessage            `json:"output,omitempty"`
	Error     *Problem                   `json:"error,omitempty"`
	CreatedAt time.Time                  `json:"created_at"`
	StartedAt *time.Time                 `json:"started_at,omitempty"`
	EndedAt   *time.Time                 `json:"ended_at,omitempty"`
	Attempts  []AttemptView              `json:"attempts,omitempty"` // failed ones, oldest first
	Context   json.RawMessage            `json:"context,omitempty"`  // what the runs of the node share; shown with the last
	ResumedBy string                     `json:"resumed_by,omitempty"`
	Actor     string                     `json:"resumed_actor,omitempty"` // who that was, as they called themselves
	ResumedAt *time.Time                 `json:"resumed_at,omitempty"`
	Children  []string                   `json:"children,omitempty"`
	Deaths    int                        `json:"worker_deaths,omitempty"`
	Kept      bool                       `json:"kept,omitempty"` // it was not run here, but in the execution that this one runs again
}

// AttemptView is a failed attempt.
type AttemptView struct {
	Number    int        `json:"attempt"`
	StartedAt *time.Time `json:"started_at,omitempty"`
	EndedAt   time.Time  `json:"ended_at"`
	Error     *Problem   `json:"error"`
}

// LetterView is a resume that came before its wait.
type LetterView struct {
	Node  string          `json:"node,omitempty"` // empty = whichever waits first
	ID    string          `json:"id,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
	Error *Problem        `json:"error,omitempty"`
}

// SuspensionFilter narrows a list of suspensions. Zero values do not narrow.
type SuspensionFilter struct {
	Type      string // suspend type
	EventType string
	Workflow  string
	Execution string
	// ExpiresBefore and ExpiresAfter keep those that time ends before the one, and at or after the other: what it never
	// ends is neither.
	ExpiresBefore, ExpiresAfter time.Time
	Limit                       int // 1..1000; 0 = 100
	Cursor                      string
}

// Asks tells whether a wait is one of those, by all but its execution and workflow.
func (f SuspensionFilter) Asks(w *Wait) bool {
	return (f.Type == "" || f.Type == w.Type) &&
		(f.EventType == "" || w.Event != nil && w.Event.Type == f.EventType) &&
		(f.ExpiresBefore.IsZero() && f.ExpiresAfter.IsZero() || !w.Due.IsZero() && within(w.Due, f.ExpiresAfter, f.ExpiresBefore))
}

// Asks tells whether a delay that ends then is one of those.
func (f DelayFilter) Asks(end time.Time) bool { return within(end, f.From, f.Until) }

// within tells whether a time is at or after one and before another; zero ones bound nothing.
func within(t, from, until time.Time) bool {
	return !t.Before(from) && (until.IsZero() || t.Before(until))
}

// Suspension is one wait, in the words of the guide.
type Suspension struct {
	ID          string          `json:"id"`
	ExecutionID string          `json:"execution_id"`
	Workflow    string          `json:"workflow,omitempty"`
	Node        string          `json:"node"`
	RunIndex    int             `json:"run_index"`
	Type        string          `json:"suspend_type"`
	EventType   string          `json:"event_type,omitempty"`         // of what it listens for
	ChildID     string          `json:"child_execution_id,omitempty"` // the child that it waits for, which says what it does
	Data        json.RawMessage `json:"suspension_data"`
	SuspendedAt time.Time       `json:"suspended_at"`
	// TimeoutAt is when it gives up; ResumeAt when it goes on by itself (delay, poll, retry).
	TimeoutAt *time.Time `json:"timeout_at,omitempty"`
	ResumeAt  *time.Time `json:"resume_at,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
}

// Relation links a parent and a child.
type Relation struct {
	ParentID  string    `json:"parent_execution_id"`
	ChildID   string    `json:"child_execution_id"`
	Type      string    `json:"relationship_type"` // "sub_workflow"
	Node      string    `json:"node,omitempty"`    // of the parent
	Mode      string    `json:"mode,omitempty"`    // sync, async, fire_and_forget
	Workflow  string    `json:"workflow,omitempty"`
	Status    Status    `json:"status,omitempty"`   // of the child, as is its workflow
	Children  int       `json:"children,omitempty"` // how many the child has itself
	CreatedAt time.Time `json:"created_at"`
}

// Family is the tree that an execution stands in.
type Family struct {
	// Root is the highest execution that is told of; nil when it is purged, and only the first link names it.
	Root *Summary `json:"root,omitempty"`
	// Items are the links down to the execution, then those below it, each child before its own children and older
	// children before younger.
	Items []FamilyLink `json:"items"`
	// Truncated says that there are more than are told, be it because of the bound or of the depth that was asked for.
	Truncated bool `json:"truncated"`
}

// FamilyLink is a relation, seen from an execution.
type FamilyLink struct {
	Relation
	// Distance is 1 for its children, 2 for theirs; -1 for the link to its parent, -2 for that to the parent of that.
	Distance int `json:"distance"`
}

// RelationFilter narrows a list of relations by either end.
type RelationFilter struct {
	Parent, Child string
	Limit         int
	Cursor        string
}

// DelayFilter narrows a list of delays. Zero values do not narrow.
type DelayFilter struct {
	Workflow  string
	Execution string
	// From and Until bound the time at which a delay ends: at or after the one, before the other.
	From, Until time.Time
	Limit       int // 1..1000; 0 = 100
	Cursor      string
}

// DelayStatus says what became of a delay.
type DelayStatus string

// The statuses of a delay.
const (
	DelayPending   DelayStatus = "pending"
	DelayCompleted DelayStatus = "completed"
	DelayCancelled DelayStatus = "cancelled"
)

// DelayView is one delay, in the words of the guide.
type DelayView struct {
	ExecutionID string      `json:"execution_id"`
	Workflow    string      `json:"workflow,omitempty"`
	Node        string      `json:"node"`
	RunIndex    int         `json:"run_index"`
	ResumeAt    time.Time   `json:"resume_at"`
	SuspendedAt time.Time   `json:"suspended_at"`
	Status      DelayStatus `json:"status"`
	CreatedAt   time.Time   `json:"created_at"`
}

// WorkflowInfo is a published definition in a list.
type WorkflowInfo struct {
	ID        string    `json:"id"`
	Name      string    `json:"name,omitempty"`
	Version   string    `json:"version"`
	Versions  int       `json:"versions"`
	CreatedAt time.Time `json:"created_at"`
}

// SuspensionOf tells about one wait in the words of the guide. A retry's resume_at
// can also be read as the guide's resumed_at.
func SuspensionOf(w *Workflow, x *Execution, s *Step) Suspension {
	v := Suspension{
		ID:          SuspensionID{Execution: x.ID, Step: s.ID, Turn: s.Turn}.String(),
		ExecutionID: x.ID, Workflow: x.Workflow, Node: w.NodeKey(s.ID.Node), RunIndex: s.ID.Run,
		Type: s.Wait.Type, ChildID: s.Wait.Child, Data: s.Wait.Data, SuspendedAt: s.Wait.Since, CreatedAt: s.Wait.Since,
	}
	if s.Wait.Event != nil {
		v.EventType = s.Wait.Event.Type
	}
	v.ResumeAt, v.TimeoutAt = s.Wait.Ends()
	if s.Wait.Type == Retry {
		v.Data = withResumeAt(s.Wait.Data, s.Wait.Due)
	}
	return v
}

// Ends tells when the step goes on by itself, and when it gives up; nil = never. An approval that is to remind first notes in its
// data when it gives up.
func (w *Wait) Ends() (resume, timeout *time.Time) {
	if !w.Timer {
		return nil, TimePointer(w.Due)
	}
	var noted struct {
		At time.Time `json:"timeout_at"`
	}
	if w.Type == Approval && json.Unmarshal(w.Data, &noted) == nil {
		timeout = TimePointer(noted.At)
	}
	return TimePointer(w.Due), timeout
}

func withResumeAt(data json.RawMessage, at time.Time) json.RawMessage {
	v, err := Decode(data)
	m, ok := v.(map[string]any)
	if err != nil || !ok {
		return data
	}
	m["resume_at"], m["resumed_at"] = Stamp(at), Stamp(at)
	raw, err := Encode(m)
	if err != nil {
		return data
	}
	return raw
}

// TimePointer gives nil for the zero time.
func TimePointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Stamp gives a time as the API writes it: RFC 3339 with milliseconds, in UTC.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
