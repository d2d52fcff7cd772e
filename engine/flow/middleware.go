package flow

import (
	"context"
	"encoding/json"
	"time"
)

// Notice is what a middleware is told: something happened to an execution.
// Execution and Seq together name it, for whoever must count it once.
type Notice struct {
	Name      string    `json:"name"` // such as "node_completed"; see the constants of Record
	Execution string    `json:"execution_id"`
	Workflow  string    `json:"workflow"`
	Version   string    `json:"version"`
	Node      string    `json:"node,omitempty"` // key; empty for events of the whole execution
	NodeType  string    `json:"node_type,omitempty"`
	Run       int       `json:"run_index"`
	Attempt   int       `json:"attempt"` // 0-based
	Seq       int64     `json:"seq"`     // 0 for node_starting, which is told before anything is stored
	Time      time.Time `json:"time"`

	SuspendType    string          `json:"suspend_type,omitempty"`    // of suspensions and resumptions
	SuspensionData json.RawMessage `json:"suspension_data,omitempty"` // of suspensions
	Slept          time.Duration   `json:"slept,omitempty"`           // of resumptions: how long it was suspended
	Took           time.Duration   `json:"took,omitempty"`            // of attempts: how long it ran
	ResumedBy      string          `json:"resumed_by,omitempty"`
	Actor          string          `json:"resumed_actor,omitempty"` // who that was, as they called themselves
	Port           string          `json:"port,omitempty"`
	Reason         string          `json:"reason,omitempty"` // of cancellations; "retry" when an execution is resumed by one
	Error          *Problem        `json:"error,omitempty"`
	ParentID       string          `json:"parent_execution_id,omitempty"`
}

// Next hands a notice to the rest of the chain.
type Next func(ctx context.Context, n Notice)

// Middleware is told everything that happens, after it is stored. It may change
// what the next one sees, or stop the chain by not calling next; it can never
// change or harm the execution. What it panics with is logged and the rest of
// the chain runs.
type Middleware func(ctx context.Context, n Notice, next Next)
