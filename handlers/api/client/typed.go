package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"prana/engine/flow"
)

// Workflow is a published workflow whose input and output have types. What they
// become in JSON is what the workflow sees.
type Workflow[In, Out any] struct {
	client *Client
	id     string
}

// For gives a workflow the types of its input and output. Nothing is asked of the server.
func For[In, Out any](c *Client, workflow string) Workflow[In, Out] {
	return Workflow[In, Out]{c, workflow}
}

// StartOption says more about a start.
type StartOption func(*flow.StartRequest)

// WithID makes the start count once per workflow: with the same id it gives the execution that there is. Another input is ErrMismatch.
func WithID(id string) StartOption { return func(r *flow.StartRequest) { r.ID = id } }

// WithVersion starts that version of the workflow instead of the newest.
func WithVersion(version string) StartOption {
	return func(r *flow.StartRequest) { r.Version = version }
}

// WithTags marks the execution.
func WithTags(tags map[string]string) StartOption {
	return func(r *flow.StartRequest) { r.Tags = tags }
}

// StartAt begins the first step then instead of at once.
func StartAt(t time.Time) StartOption { return func(r *flow.StartRequest) { r.StartAt = t } }

// Start starts an execution.
func (w Workflow[In, Out]) Start(ctx context.Context, in In, with ...StartOption) (Execution[Out], error) {
	raw, err := encode(in)
	if err != nil {
		return Execution[Out]{}, fmt.Errorf("the input of workflow %s: %w", w.id, err)
	}
	r := flow.StartRequest{Workflow: w.id, Input: raw}
	for _, option := range with {
		option(&r)
	}
	res, err := w.client.Start(ctx, r)
	return Execution[Out]{ID: res.ExecutionID, Replayed: res.Replayed, client: w.client}, err
}

// Run starts an execution and waits for its output. Who may be interrupted
// gives it an id, so that the next Run waits for the same execution.
func (w Workflow[In, Out]) Run(ctx context.Context, in In, with ...StartOption) (Out, error) {
	x, err := w.Start(ctx, in, with...)
	if err != nil {
		return *new(Out), err
	}
	return x.Wait(ctx)
}

// Execution is an execution whose output has a type. Calls of the client take its ID.
type Execution[Out any] struct {
	ID string
	// Replayed: the id of its start was known; nothing was started.
	Replayed bool
	client   *Client
}

// Attach finds an execution again by its id. Nothing is asked of the server.
func Attach[Out any](c *Client, id string) Execution[Out] { return Execution[Out]{ID: id, client: c} }

// Wait waits for the end, and gives the output. An execution that does not complete is an [*ExecutionError].
func (x Execution[Out]) Wait(ctx context.Context) (Out, error) {
	var out Out
	raw, err := x.client.Output(ctx, x.ID)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return out, fmt.Errorf("the output of execution %s: %w", x.ID, err)
	}
	return out, nil
}

// Follow is [Client.Follow].
func (x Execution[Out]) Follow(ctx context.Context) iter.Seq2[Update, error] {
	return x.client.Follow(ctx, x.ID)
}

// Resume ends the wait of the node with data that becomes JSON; an empty node means the only wait.
func (x Execution[Out]) Resume(ctx context.Context, node string, data any) (flow.ResumeResult, error) {
	raw, err := encode(data)
	if err != nil {
		return flow.ResumeResult{}, err
	}
	return x.client.Resume(ctx, flow.ResumeRequest{Execution: x.ID, Node: node, Data: raw})
}

// Cancel requests the end of the execution, with a reason that everybody sees.
func (x Execution[Out]) Cancel(ctx context.Context, reason string) error {
	_, err := x.client.Cancel(ctx, flow.CancelRequest{Execution: x.ID, Reason: reason})
	return err
}
