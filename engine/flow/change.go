package flow

import (
	"encoding/json"
	"time"
)

// Change is one move of one execution: all of it is stored, or nothing.
// Durations in it begin at the commit, by the store's clock.
type Change struct {
	Execution string
	Op        string // this operation: becomes the execution's Rev
	Prev      string // the Rev that was seen; empty = the execution must not exist yet

	Head     *Head           // set when it is created
	Workflow string          // whose execution it is; of one that is created, Head says it
	Input    json.RawMessage // set when it is created
	Front    Front
	Was      Status // the status before; empty when it is created

	Steps  []*Step                    // written whole
	Fans   map[StepID]*Fan            // written without their parts; nil removes one
	Parts  map[StepID]*Part           // written; nil removes one
	Nodes  map[int]NodeState          // written
	Values map[Ref]Value              // written; once each but for the contexts of nodes
	State  map[string]json.RawMessage // shared state to set; a nil value removes the key
	Opened []SuspensionID             // waits of Steps that are new: to be listed and indexed
	Closed []Closed                   // waits that end: every trace of them goes
	// Dispatch are tasks to enqueue now; steps beyond the bound of one commit are stored as due now instead. Those with a
	// Queue lie in another slot: the commit gives them their lines only, and its writer enqueues them afterwards.
	Dispatch []Dispatch
	// Handover asks for the last of Dispatch, which must be for now and without a Queue; nil = it goes to its queue like the others.
	Handover *Handover
	// Pull asks for tasks that wait in the partition's own queue; nil = for none.
	Pull *Pull
	// Ends are tasks that are over with this change. They are of its own partition and queue.
	Ends   []End
	Outbox []Outgoing
	Result *Value
	Error  *Problem
	// Cleared is the error by which lists found the execution, if that goes with this change or gives way to Error; nil = none.
	Cleared *Problem
	Reply   json.RawMessage // what a caller who waits is answered; the first of an execution stands, later ones change nothing
	Ended   bool            // it became terminal: everything that could wake it goes
	Posted  bool            // a letter came; the front holds it
	Revived bool            // it was terminal or in quarantine and lives again: its end, its error and its retention are withdrawn
	// Deadline is when the time of the whole execution is up, if that changed; zero = it did not, or it has none.
	Deadline time.Time
	// Takes are events that it consumes, at most one with each name. An execution takes an event once: by the waits that
	// stood when the first of them took it. One that began later makes the commit fail as taken.
	Takes   []Taken
	Records []Record
	// At is when it was stored, by the store's clock, set by Commit; zero when that is not known, since the commit was repeated.
	At time.Time
}

// WorkflowID names the workflow whose execution is changed.
func (c *Change) WorkflowID() string {
	if c.Head != nil {
		return c.Head.Workflow
	}
	return c.Workflow
}

// Value is a stored value: raw JSON, the same as another stored value, or the list of the results of a step's parts.
type Value struct {
	Raw     json.RawMessage
	Same    Ref
	Results *Results
}

// Results are those of the first Count parts of a step, in the order of its items. A part without one counts as null.
type Results struct {
	Of    StepID
	Count int
	Bytes int // together; not stored
}

// Taken says that a wait of the execution consumed an event.
type Taken struct {
	Event string // its name: where it came from, and its id
	// Began is the number of the last record when the wait began; Now that of the last record when it took the event.
	Began, Now int64
}

// Closed names a wait that ends and what must go with it.
type Closed struct {
	ID    SuspensionID
	Type  string
	Event *Subscription
	Alarm *Dispatch // the alarm task to withdraw, in the partition's own queue; nil = none
}

// What a dispatch asks for.
const (
	KindStep   = "step"
	KindResume = "resume"
)

// Dispatch is a hint to a worker: run this step, if it still carries this token.
type Dispatch struct {
	Kind      string
	Execution string
	Step      StepID
	Token     string
	Workflow  string        // id and version, so that the plan is known before the snapshot is read
	Queue     string        // name of the queue; empty = the partition's own
	First     bool          // goes on with something under way: ahead of new starts
	In        time.Duration // 0 = now; otherwise an alarm
	Trace     map[string]string
}

// Handover gives a task to the worker of whoever commits it, past its queue: that worker has room for it, since the task that the
// commit ends makes room. Commit fills it in.
type Handover struct {
	Taken bool // it stands in its queue as one that is being worked on, and whoever commits must see to it; otherwise it waits there
	Task  Task // what was taken
}

// Pull takes tasks from the head of their queue, for workers that the ends of the same change make free. Each is stored as being worked on, and
// whoever commits must see to it.
type Pull struct {
	Most  int
	Tasks []Task // set by Commit; fewer, or none, is always right
}

// End is a task that is over with a change. Commit acknowledges it in the same write if the store can do so.
type End struct {
	Dispatch     Dispatch
	Acknowledged string // the key of the task, once it needs no other acknowledgement; set by Commit
}

// Task is a dispatch in the words of the queue: the bytes and keys that a
// commit writes unread.
type Task struct {
	ID      string
	Key     string // hash of the task
	Message []byte
	QueueKeys
}

// QueueKeys are what there is of a queue, and its rules for who works on a task of it.
type QueueKeys struct {
	Queue     string
	Pending   string        // list
	Scheduled string        // sorted set of alarms
	Retry     string        // sorted set of the tasks that come again
	Active    string        // list of the tasks that are being worked on
	Lease     string        // sorted set of these, by the unix second in which each is taken away from who has it
	LeaseFor  time.Duration // how long that is from the beginning
	Paused    string        // exists while nobody may take a task
}

// Kinds of outgoing things.
const (
	SendAlert      = "alert"      // tell somebody that retries are used up
	SendCancel     = "cancel"     // close a child, named by To, that nobody waits for any more; Data is why
	SendClose      = "close"      // close children that nobody waited for, now that their parent ended; Data names them
	SendMiddleware = "middleware" // call a durable middleware
	SendRelease    = "release"    // give up a place of a concurrency key, named by To; Data is the holder
	SendTaking     = "taking"     // tell a kept event, whose type is To, that a wait took it; Data names both
)

// Outgoing is something still to be told to somebody else; it stands in the
// snapshot until they have it.
type Outgoing struct {
	ID   string // unique within the execution; also the key by which the receiver counts it once
	Kind string
	To   string // execution, URL, event type …, as the kind says
	Data json.RawMessage
}

// Record is something that happened, for middleware and history. Seq numbers
// the records of an execution without gaps.
type Record struct {
	Seq  int64
	Name string // such as "node_completed"
	Step *Step  // nil for records of the whole execution
	Node string // key
	Type string // of the node
	Wait *Wait  // of suspensions and resumptions
	// Slept is how long the wait took that this record ends; 0 otherwise.
	Slept  time.Duration
	Reason string
}

// Names of records, as middleware sees them.
const (
	ExecutionStarted   = "execution_started"
	ExecutionResumed   = "execution_resumed"
	ExecutionSuspended = "execution_suspended"
	ExecutionCompleted = "execution_completed"
	ExecutionFailed    = "execution_failed"
	ExecutionPaused    = "execution_paused"
	ExecutionUnpaused  = "execution_unpaused"
	WorkflowCancelled  = "workflow_cancelled"
	NodeStarting       = "node_starting"
	NodeCompleted      = "node_completed"
	NodeFailed         = "node_failed"
	NodeSuspended      = "node_suspended"
	NodeResumed        = "node_resumed"
	NodeRetryScheduled = "node_retry_scheduled"
	NodeRetrySucceeded = "node_retry_succeeded"
	NodeRetryExhausted = "node_retry_exhausted"
	NodeTimedOut       = "node_timed_out"
)
