package flow

import "time"

// Outcomes of deliveries.
const (
	DeliveryProcessed = "processed" // an event was published, or a workflow started
	DeliveryIgnored   = "ignored"   // the hook has no use for it
	DeliveryRefused   = "refused"   // nothing was done; Code and Reason say why
)

// NoHook is the name under which deliveries stand whose hook does not exist.
const NoHook = "-"

// Delivery is a webhook that came to a named hook, and what came of it.
type Delivery struct {
	ID      string    `json:"id"` // made by the store
	Hook    string    `json:"hook"`
	At      time.Time `json:"at"` // by the clock of the store
	Outcome string    `json:"outcome"`
	// Code and Reason say why it was refused, to operators; senders are told less.
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Key is the id under which it counts once.
	Key      string `json:"key,omitempty"`
	Repeated bool   `json:"repeated,omitempty"`  // it came before, and was answered like then
	ReplayOf string `json:"replay_of,omitempty"` // the delivery that an operator sent again
	Count    int    `json:"count"`
	// Executions are the first of those that were started or resumed.
	Executions []string `json:"executions"`
	Buffered   bool     `json:"buffered"`
	Source     string   `json:"source,omitempty"` // address that it came from
	Size       int64    `json:"size"`             // of the body, in bytes; -1 = unknown
	Digest     string   `json:"digest,omitempty"` // SHA-256 of the body
	// Signed: the signature held. Only then are the request's parts kept, without what is a credential.
	Signed  bool              `json:"signed"`
	Headers map[string]string `json:"headers,omitempty"` // lower-case names
	Query   map[string]any    `json:"query,omitempty"`   // a text, or a list of them
	Body    string            `json:"body,omitempty"`    // as it came; left out of lists
}

// DeliveryFilter chooses deliveries of one hook, newest first.
type DeliveryFilter struct {
	Hook    string
	Refused bool   // those that were refused, instead of those that were not
	Limit   int    // 1..100; 0 = 100
	Cursor  string // from the page before
}

// DeliveryCounts is how many deliveries of a hook are kept.
type DeliveryCounts struct {
	Accepted int `json:"accepted"`
	Refused  int `json:"refused"`
}

// HookView is a hook in a list.
type HookView struct {
	Name     string         `json:"name"`
	Scheme   string         `json:"scheme"`
	Event    string         `json:"event,omitempty"`    // what it publishes
	Workflow string         `json:"workflow,omitempty"` // what it starts
	Kept     DeliveryCounts `json:"deliveries"`         // of the last ones
}
