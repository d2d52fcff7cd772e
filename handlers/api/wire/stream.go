package wire

import "time"

const (
	// StreamType is the media type of /v1/stream.
	StreamType = "text/event-stream"
	// StreamReset is the event that says that others may be missing before it.
	StreamReset = "reset"
	// Heartbeat is how often a stream says at least that it lives.
	Heartbeat = 15 * time.Second
)
