package flow

// HTTPReply is what a step answers the HTTP caller who started the execution and waits.
type HTTPReply struct {
	Status  int                 `json:"status"` // 200..599
	Headers map[string][]string `json:"headers,omitempty"`
	Body    string              `json:"body,omitempty"`
}
