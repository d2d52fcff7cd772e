package wire

import "time"

// PageFilter asks for a page of a list.
type PageFilter struct {
	Limit  int // 0 = 100
	Cursor string
}

// QueueFilter asks for queues.
type QueueFilter struct {
	PageFilter
	Name string // as definitions call it, in all partitions, or as asynq does. Empty = all.
}

// Queue is one of asynq's queues, with what is in it.
type Queue struct {
	Queue     string `json:"queue"`               // as asynq calls it, such as "prana-0.slow"
	Name      string `json:"name,omitempty"`      // as definitions call it, such as "slow" or "default"; absent for the intake queue of other services
	Partition *int   `json:"partition,omitempty"` // absent for the intake queue

	Pending   int64 `json:"pending"`
	Active    int64 `json:"active"`    // being worked on, or given to a worker already
	Orphaned  int64 `json:"orphaned"`  // of the active ones: their worker is gone; they are found and run again
	Scheduled int64 `json:"scheduled"` // delays and other alarms
	Retry     int64 `json:"retry"`
	Archived  int64 `json:"archived"` // given up
	// LatencyMS is how long the one has been waiting that waits longest among the 100 that are next, in ms.
	LatencyMS int64 `json:"latency_ms"`
	Paused    bool  `json:"paused"`

	Workers        int      `json:"workers"`   // how many serve it
	ServedBy       []string `json:"served_by"` // the ids of the first 20 of them
	ProcessedToday int64    `json:"processed_today"`
	FailedToday    int64    `json:"failed_today"` // a step that fails is no failure here: the engine counts its attempts
}

// Worker is a process that takes tasks.
type Worker struct {
	ID          string    `json:"id"` // host:pid
	Host        string    `json:"host"`
	PID         int       `json:"pid"`
	Status      string    `json:"status"` // active, or stopped while it shuts down
	StartedAt   time.Time `json:"started_at"`
	Queues      []string  `json:"queues"`      // the names of the queues that it serves
	Concurrency int       `json:"concurrency"` // steps at once; what it does for the intake comes on top
	Running     int       `json:"running"`     // tasks, as of the last five seconds
	Tasks       []Running `json:"tasks"`       // the 100 that run longest
}

// Running is a task that a worker runs.
type Running struct {
	Type        string    `json:"type"`
	Queue       string    `json:"queue"` // as asynq calls it
	ExecutionID string    `json:"execution_id,omitempty"`
	Workflow    string    `json:"workflow,omitempty"`
	Node        string    `json:"node,omitempty"`
	StartedAt   time.Time `json:"started_at"`
}

// DeadTask is a task of another service that was given up.
type DeadTask struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Reason    string    `json:"reason"`
	GivenUpAt time.Time `json:"given_up_at"`
	Retried   int       `json:"retried"`
	MaxRetry  int       `json:"max_retry"`
	// Payload is cut, to 256 bytes in lists and to 64 KiB of one task; a token in it is hidden.
	Payload   string `json:"payload"`
	Size      int    `json:"size"` // of the payload, in bytes
	Truncated bool   `json:"truncated"`
}

// Dead answers what is asked of a dead task.
type Dead struct {
	ID string `json:"id"`
}
