package flow

// StreamEntry is an entry of a stream that another service writes.
type StreamEntry struct {
	ID string // in its stream, such as 1700000000000-0
	// Fields are what was written; nil when the entry was deleted from the stream after it had been handed out.
	Fields map[string]string
}
