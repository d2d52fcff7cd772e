package flow

import (
	"encoding/json"
	"time"
)

// ResumeState is how far the wait is that a resume URL names.
type ResumeState string

// The states of a resume URL.
const (
	ResumePending  ResumeState = "pending"  // the wait has not begun, or its step runs
	ResumeActive   ResumeState = "active"   // the next call ends the wait
	ResumeConsumed ResumeState = "consumed" // something came for the wait, by this URL or otherwise
	ResumeExpired  ResumeState = "expired"  // time ended the wait, or the execution ended without it
)

// ResumeView is what a resume URL shows to whoever has it.
type ResumeView struct {
	Status   ResumeState `json:"status"`
	Workflow string      `json:"workflow"`
	Node     string      `json:"node"`
	// ExpiresAt is when time ends the wait; nil unless it is active and bounded.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	// Of a wait that asks somebody something (an approval): what it asks, and who answered.
	Type      string          `json:"suspend_type,omitempty"` // while it is active
	Data      json.RawMessage `json:"suspension_data,omitempty"`
	Decision  string          `json:"decision,omitempty"` // once it is consumed
	ResumedBy string          `json:"resumed_by,omitempty"`
	Actor     string          `json:"resumed_actor,omitempty"`
	ResumedAt *time.Time      `json:"resumed_at,omitempty"`
}
