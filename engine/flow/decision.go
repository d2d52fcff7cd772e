package flow

import "encoding/json"

// What a person decides about an approval.
const (
	Approved = "approved"
	Rejected = "rejected"
)

// Decision is what is brought to end an approval.
type Decision struct {
	Decision string `json:"decision"` // Approved or Rejected
	Comment  string `json:"comment,omitempty"`
	// By is who decided, where the request for it says nothing.
	By string `json:"by,omitempty"`
	// Form is what was filled in, as an object; empty = nothing.
	Form json.RawMessage `json:"form,omitempty"`
}
