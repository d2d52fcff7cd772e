package wire

import (
	"encoding/json"
	"time"

	"prana/engine/flow"
)

// Start is the body of POST /v1/workflows/{id}/executions.
type Start struct {
	Input   json.RawMessage   `json:"input,omitempty"`
	ID      string            `json:"id,omitempty"` // counts once per workflow; the Idempotency-Key is the same thing
	Version string            `json:"version,omitempty"`
	StartAt *time.Time        `json:"start_at,omitempty"`
	From    string            `json:"from,omitempty"` // the node that begins, with the input as what arrived; empty = the trigger
	Only    bool              `json:"only,omitempty"` // run that node and nothing that follows
	Tags    map[string]string `json:"tags,omitempty"`
}

// Result is what became of an execution: the answer to a start that waited.
type Result struct {
	ExecutionID string          `json:"execution_id"`
	Workflow    string          `json:"workflow"`
	Version     string          `json:"version"`
	Status      flow.Status     `json:"status"`
	Output      json.RawMessage `json:"output"`
	Error       *flow.Problem   `json:"error"`
}

// ResultOf takes the result out of a view.
func ResultOf(v *flow.View) Result {
	return Result{
		ExecutionID: v.ID, Workflow: v.Workflow, Version: v.Version,
		Status: v.Status, Output: OrNull(v.Output), Error: v.Error,
	}
}

// Resume is the body of the two :resume verbs; Node belongs to executions only.
type Resume struct {
	Node  string          `json:"node,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
	Error *Failure        `json:"error,omitempty"`
	By    string          `json:"by,omitempty"` // who resumes, as they call themselves
	ID    string          `json:"id,omitempty"` // counts once
	// Early keeps it for the next wait if nothing waits now, also where other waits ended before.
	Early bool `json:"early,omitempty"`
}

// Decide is the body of POST /v1/executions/{id}:approve and :reject.
type Decide struct {
	Node    string          `json:"node,omitempty"` // may be left out when one approval waits
	Comment string          `json:"comment,omitempty"`
	By      string          `json:"by,omitempty"`   // who decides, as they call themselves
	Form    json.RawMessage `json:"form,omitempty"` // what was filled in
	ID      string          `json:"id,omitempty"`   // counts once
}

// Failure resumes a wait with an error instead of data.
type Failure struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// Resumed answers a resume.
type Resumed struct {
	ExecutionID  string `json:"execution_id"`
	SuspensionID string `json:"suspension_id"`
	Node         string `json:"node"`
	Buffered     bool   `json:"buffered"` // kept for a wait that begins later; there is no suspension yet
}

// ResumedByURL answers POST /resume/{token}.
type ResumedByURL struct {
	Status      string `json:"status"` // always "resumed"
	ExecutionID string `json:"execution_id"`
}

// Pause is the body of POST /v1/executions/{id}:pause and :unpause.
type Pause struct {
	By     string `json:"by,omitempty"` // who asks, as they call themselves
	Reason string `json:"reason,omitempty"`
}

// Cancel is the body of POST /v1/executions/{id}:cancel and :terminate.
type Cancel struct {
	Reason string `json:"reason,omitempty"`
	ID     string `json:"id,omitempty"` // counts once
}

// Retry is the body of POST /v1/executions/{id}:retry.
type Retry struct {
	ID string `json:"id,omitempty"` // counts once
}

// Rerun is the body of POST /v1/executions/{id}:rerun.
type Rerun struct {
	From    string          `json:"from,omitempty"`    // the node that runs again with all that follows it; empty = from the beginning
	Input   json.RawMessage `json:"input,omitempty"`   // what arrives there; absent = what did
	Version string          `json:"version,omitempty"` // "latest" is the newest; empty = the one that the execution had
	Plan    bool            `json:"plan,omitempty"`    // say what would be kept and what would run, and start nothing
	ID      string          `json:"id,omitempty"`      // counts once
}

// Accepted answers a request that is carried out later.
type Accepted struct {
	ExecutionID string `json:"execution_id"`
}

// Unfinished answers a caller who waited long enough: the execution goes on.
type Unfinished struct {
	ExecutionID string      `json:"execution_id"`
	Status      flow.Status `json:"status"`
}

// Event is the body of POST /v1/events.
type Event struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data,omitempty"`
	ID   string          `json:"id,omitempty"` // counts once
	// TTLMS is how long it is kept for a wait that registers later: absent = one hour, 0 = not at all.
	TTLMS *int64 `json:"ttl_ms,omitempty"`
	Keep  bool   `json:"keep,omitempty"`  // keep it even when it resolved a wait
	Limit int    `json:"limit,omitempty"` // resolve at most that many waits; 0 = all
	// DryRun asks what it would do, and changes nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// Deployed answers a published definition.
type Deployed struct {
	ID          string            `json:"id"`
	Version     string            `json:"version"`
	Created     bool              `json:"created"` // false: this content was published before
	Diagnostics []json.RawMessage `json:"diagnostics"`
}

// Validation answers POST /v1/workflows:validate.
type Validation struct {
	Valid       bool              `json:"valid"`
	ID          string            `json:"id,omitempty"`
	Version     string            `json:"version,omitempty"`
	Diagnostics []json.RawMessage `json:"diagnostics"`
}

// Definition is one version of a workflow.
type Definition struct {
	ID         string         `json:"id"`
	Version    string         `json:"version"`
	Definition *flow.Workflow `json:"definition"`
}

// History is the activations of an execution, oldest first.
type History struct {
	ExecutionID string         `json:"execution_id"`
	Status      flow.Status    `json:"status"`
	Items       []flow.NodeRun `json:"items"`
}

// Processed answers a webhook, in the words of the guide.
type Processed struct {
	Status     string   `json:"status"` // "processed"
	Count      int      `json:"count"`
	Executions []string `json:"executions"`
	Buffered   bool     `json:"buffered"`
}

// Health answers /healthz and /readyz.
type Health struct {
	Status string `json:"status"` // "ok" or "ready"
}

// OrNull gives null for a value that is absent.
func OrNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}
