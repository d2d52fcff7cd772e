package flow

import (
	"context"
	"encoding/json"
	"time"
)

// Notice is what a middleware is told: something happened to an execution.
// Execution and Seq together name it, for whoever must count it once.
type Notice struct {
	Name      string // such as "node_completed"; see the constants of Record
	Execution string
	Workflow  string
	Version   string
	Node      string // key; empty for events of the whole execution
	NodeType  string
	Run       int
	Attempt   int   // 0-based
	Seq       int64 // 0 for node_starting, which is told before anything is stored
	Time      time.Time

	SuspendType    string          // of suspensions and resumptions
	SuspensionData json.RawMessage // of suspensions
	Slept          time.Duration   // of resumptions: how long it was suspended
	Took           time.Duration   // of attempts: how long it ran
	ResumedBy      string
	Port           string
	Reason         string // of cancellations
	Error          *Problem
	ParentID       string
}

// Next hands a notice to the rest of the chain.
type Next func(ctx context.Context, n Notice)

// Middleware is told everything that happens, after it is stored. It may change
// what the next one sees, or stop the chain by not calling next; it can never
// change or harm the execution. What it panics with is logged and the rest of
// the chain runs.
type Middleware func(ctx context.Context, n Notice, next Next)
