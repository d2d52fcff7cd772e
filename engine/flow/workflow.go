package flow

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Mode says in which order the branches of an execution run.
type Mode string

// The modes. The zero value means parallel.
const (
	Parallel   Mode = "parallel"
	Sequential Mode = "sequential"
)

// Workflow is a definition: a graph of nodes. Published, it never changes; its
// version is the digest of its content.
type Workflow struct {
	ID          string         `json:"id"`
	Name        string         `json:"name,omitempty"`
	Description string         `json:"description,omitempty"`
	Variables   map[string]any `json:"variables,omitempty"`
	Mode        Mode           `json:"mode,omitempty"`
	TimeoutMS   int64          `json:"timeout_ms,omitempty"` // of the whole execution; 0 = none
	// ConcurrencyKey is a template over the start input; executions of any workflow whose keys are equal run at most
	// ConcurrencyLimit at a time. Empty = no such bound.
	ConcurrencyKey   string          `json:"concurrency_key,omitempty"`
	ConcurrencyLimit int             `json:"concurrency_limit,omitempty"` // 1..MaxConcurrency; 0 = 1
	Output           any             `json:"output,omitempty"`            // a template; nil = the output of what ended the execution
	InputSchema      json.RawMessage `json:"input_schema,omitempty"`
	// OnRetryExhausted tells somebody, once, that a node's retries are used up; nil = the configured default.
	OnRetryExhausted *Alert       `json:"on_retry_exhausted,omitempty"`
	Nodes            []Node       `json:"nodes"`
	Connections      []Connection `json:"connections,omitempty"`
}

// Alert says whom to tell; all that are set are told.
type Alert struct {
	Event    string `json:"event,omitempty"`    // publish an event of this type
	URL      string `json:"url,omitempty"`      // signed POST
	Workflow string `json:"workflow,omitempty"` // start this workflow
}

// Node is one step of the graph as its author wrote it.
type Node struct {
	Key      string         `json:"key"`
	Name     string         `json:"name,omitempty"`
	Type     string         `json:"type"` // "<integration>.<action>"
	Params   map[string]any `json:"params,omitempty"`
	Settings Settings       `json:"settings,omitzero"`
	Metadata map[string]any `json:"metadata,omitempty"`
}

// Settings are what the engine does around a node. Zero values mean the
// defaults named here.
type Settings struct {
	RetryOnFailed bool     `json:"retry_on_failed,omitempty"`
	MaxRetries    int      `json:"max_retries,omitempty"`    // 1..1000, default 1: N retries, N+1 attempts
	RetryDelayMS  *int64   `json:"retry_delay_ms,omitempty"` // default 1000
	Backoff       string   `json:"backoff,omitempty"`        // constant (default), linear, exponential
	MaxDelayMS    int64    `json:"max_delay_ms,omitempty"`   // 0 = no cap
	Jitter        bool     `json:"jitter,omitempty"`
	RetryOn       []string `json:"retry_on,omitempty"`    // error codes; empty = all
	NoRetryOn     []string `json:"no_retry_on,omitempty"` // error codes
	RetryAfter    *bool    `json:"retry_after,omitempty"` // honour the server's header; default true
	TimeoutMS     int64    `json:"timeout_ms,omitempty"`  // of one attempt; 0 = the type's own
	OnError       string   `json:"on_error,omitempty"`    // stop_workflow (default), continue, continue_error_output
	Join          Join     `json:"join,omitzero"`
	Queue         string   `json:"queue,omitempty"`
	// MaxIterations bounds how often the loop goes round that is entered by this node; 0 = the engine's limit.
	MaxIterations int `json:"max_iterations,omitempty"`
	// Cancels names nodes whose live steps are withdrawn when this node is done, or what it waited for came.
	Cancels []string `json:"cancels,omitempty"`
	// OnCancel names the node that undoes this one when the execution is cancelled, fails or times out afterwards.
	OnCancel string `json:"on_cancel,omitempty"`
	// ConcurrencyKey is a template; steps of any node whose keys are equal run at most ConcurrencyLimit at a time. Empty = no such bound.
	ConcurrencyKey   string `json:"concurrency_key,omitempty"`
	ConcurrencyLimit int    `json:"concurrency_limit,omitempty"` // 1..MaxConcurrency; 0 = 1
}

// What on_error accepts.
const (
	StopWorkflow        = "stop_workflow"
	Continue            = "continue"
	ContinueErrorOutput = "continue_error_output"
)

// Join says how many arrivals a node waits for, at most one by each connection in a round: what comes twice by one is kept
// for the next round, which begins when nothing more of this one can come. The zero value is "not said".
type Join struct {
	All bool // one on every connection that can still bring one
	Any bool // the first of a round; the others of the round are dropped
	N   int  // that many of a round
}

// IsZero tells whether nothing was said.
func (j Join) IsZero() bool { return j == Join{} }

// MarshalJSON gives "all", "any" or the number.
func (j Join) MarshalJSON() ([]byte, error) {
	switch {
	case j.All:
		return []byte(`"all"`), nil
	case j.Any:
		return []byte(`"any"`), nil
	}
	return strconv.AppendInt(nil, int64(j.N), 10), nil
}

// UnmarshalJSON reads "all", "any" or a number from 1.
func (j *Join) UnmarshalJSON(b []byte) error {
	switch s := string(b); s {
	case `"all"`:
		*j = Join{All: true}
	case `"any"`:
		*j = Join{Any: true}
	default:
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("join is %s; it must be all, any or a number from 1", s)
		}
		*j = Join{N: n}
	}
	return nil
}

// Connection leads from a port of one node to a port of another.
type Connection struct {
	From     string `json:"from"`
	FromPort string `json:"from_port,omitempty"` // default "main"
	To       string `json:"to"`
	ToPort   string `json:"to_port,omitempty"` // default "main"
}

// Ports every reader knows.
const (
	PortMain    = "main"
	PortError   = "error"
	PortTimeout = "timeout"
	// PortBreak is where a body leads to that ends the loop around it.
	PortBreak = "break"
)

var workflowID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// ValidWorkflowID tells whether s may be the id of a workflow.
func ValidWorkflowID(s string) bool { return workflowID.MatchString(s) }

// Version is the content address of a definition: 16 hexadecimal digits of the
// SHA-256 of its canonical JSON.
func (w *Workflow) Version() (string, error) {
	raw, err := Encode(w)
	if err != nil {
		return "", fmt.Errorf("encoding workflow %s: %w", w.ID, err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8]), nil
}

// NodeKey names the node of that index; empty when there is none, as in a
// definition that is gone.
func (w *Workflow) NodeKey(n int) string {
	if w == nil || n < 0 || n >= len(w.Nodes) {
		return ""
	}
	return w.Nodes[n].Key
}

// RetryDelay is the time before retry number n (1-based) of a node with these
// settings. random is in [0,1) and is used when jitter is on.
func (s Settings) RetryDelay(n int, random float64) time.Duration {
	base := int64(1000)
	if s.RetryDelayMS != nil {
		base = *s.RetryDelayMS
	}
	d := scale(base, n, s.Backoff)
	if s.MaxDelayMS > 0 && d > s.MaxDelayMS {
		d = s.MaxDelayMS
	}
	if s.Jitter {
		d = d/2 + int64(random*float64(d-d/2))
	}
	return time.Duration(d) * time.Millisecond
}

// maxDelay bounds every computed delay: 400 days in milliseconds.
const maxDelay = int64(400 * 24 * 3600 * 1000)

func scale(base int64, n int, backoff string) int64 {
	d := base
	switch backoff {
	case "linear":
		d = base * int64(n)
	case "exponential":
		for i := 1; i < n && d < maxDelay; i++ {
			d *= 2
		}
	}
	return min(d, maxDelay)
}

// Retries tells how many retries the settings grant: 0 without retry_on_failed.
func (s Settings) Retries() int {
	if !s.RetryOnFailed {
		return 0
	}
	return max(1, s.MaxRetries)
}
