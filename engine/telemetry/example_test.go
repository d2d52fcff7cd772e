package telemetry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"prana/engine/flow"
	"prana/engine/telemetry"
)

// suspensions is the suspension middleware of the guide: it watches what
// executions wait for. There it also had to store, schedule and clean up, which
// the engine does now; what is left is what only this application wants.
type suspensions struct {
	waiting map[string]string // execution -> what it waits for
}

func (s *suspensions) call(ctx context.Context, n flow.Notice, next flow.Next) {
	switch n.Name {
	case flow.NodeSuspended:
		s.suspended(n)
	case flow.NodeResumed:
		fmt.Printf("%s resumed by %s after %s\n", n.Execution, n.ResumedBy, n.Slept)
		delete(s.waiting, n.Execution)
	case flow.WorkflowCancelled:
		fmt.Printf("%s cancelled: %s\n", n.Execution, n.Reason)
		delete(s.waiting, n.Execution)
	}
	next(ctx, n)
}

func (s *suspensions) suspended(n flow.Notice) {
	fmt.Printf("%s suspended: %s\n", n.Execution, n.SuspendType)
	var about struct {
		EventType  string `json:"event_type"`
		WorkflowID string `json:"workflow_id"`
		DurationMS int64  `json:"duration_ms"`
	}
	if err := json.Unmarshal(n.SuspensionData, &about); err != nil {
		panic(err) // harms nothing: it is logged with the name of this middleware
	}
	switch n.SuspendType {
	case flow.ExternalEvent:
		s.waiting[n.Execution] = "event " + about.EventType
	case flow.SubWorkflow:
		s.waiting[n.Execution] = "workflow " + about.WorkflowID
	case flow.Delay:
		s.waiting[n.Execution] = fmt.Sprintf("%d ms", about.DurationMS)
	default:
		s.waiting[n.Execution] = n.SuspendType
	}
}

// Example writes the guide's suspension middleware, registers it by name
// beside a built-in one, and tells the chain what the engine would.
func Example() {
	mine := &suspensions{waiting: map[string]string{}}
	known := telemetry.Registry{
		"logging":     telemetry.Logging(slog.New(slog.DiscardHandler)),
		"suspensions": mine.call,
	}
	chosen, err := known.Select([]string{"logging", "suspensions"}) // as configured
	if err != nil {
		fmt.Println(err)
		return
	}
	tell := telemetry.Chain(slog.Default(), chosen...)

	for _, n := range []flow.Notice{
		{Name: flow.ExecutionStarted, Execution: "order-1"},
		{Name: flow.NodeSuspended, Execution: "order-1", SuspendType: flow.ExternalEvent, SuspensionData: json.RawMessage(`{"event_type":"approval_response"}`)},
		{Name: flow.NodeSuspended, Execution: "order-2", SuspendType: flow.Delay, SuspensionData: json.RawMessage(`{"duration_ms":60000}`)},
		{Name: flow.NodeSuspended, Execution: "order-3", SuspendType: flow.SubWorkflow, SuspensionData: json.RawMessage(`{"workflow_id":"user_setup"}`)},
		{Name: flow.NodeResumed, Execution: "order-1", SuspendType: flow.ExternalEvent, ResumedBy: flow.ByEvent, Slept: 3 * time.Hour},
		{Name: flow.NodeCompleted, Execution: "order-1"},
		{Name: flow.WorkflowCancelled, Execution: "order-2", Reason: "customer request"},
	} {
		tell(context.Background(), n)
	}
	for _, execution := range slices.Sorted(maps.Keys(mine.waiting)) {
		fmt.Println("still waiting:", execution, "for", mine.waiting[execution])
	}
	// Output:
	// order-1 suspended: external_event
	// order-2 suspended: delay
	// order-3 suspended: sub_workflow
	// order-1 resumed by event after 3h0m0s
	// order-2 cancelled: customer request
	// still waiting: order-3 for workflow user_setup
}
