package client

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

const (
	// longWait is how long the server is asked to wait for the end of an execution.
	longWait = 30 * time.Second
	// waitPatience is for who waits: a server that is replaced meanwhile is no reason to give up.
	waitPatience = time.Minute
)

func (c *Client) show(ctx context.Context, k call) (*flow.View, error) {
	v := new(flow.View)
	if _, err := c.do(ctx, k, v); err != nil {
		return nil, err
	}
	return v, nil
}

// waiting makes a call of who waits. Those after the first are patient.
func (c *Client) waiting(path string, wait time.Duration, first bool) call {
	k := get(path, nil)
	k.wait = wait
	if !first {
		k.patience = max(c.Patience, waitPatience)
	}
	return k
}

// Await waits until the execution is terminal, or in quarantine, and gives everything about it.
// When ctx is done first it gives the view that it saw last, if any, and ctx's
// error. Who only needs the output asks for [Client.Output].
func (c *Client) Await(ctx context.Context, id string) (*flow.View, error) {
	var last *flow.View
	for {
		began := time.Now()
		v, err := c.show(ctx, c.waiting(execution(id, ""), longWait, last == nil))
		if err != nil {
			return last, err
		}
		if v.Status.Over() {
			return v, nil
		}
		last = v
		if err := rest(ctx, c.pause-time.Since(began)); err != nil {
			return last, err
		}
	}
}

// Output waits for the end of the execution, and gives its output as JSON. One
// that does not complete, or is in quarantine, is an [*ExecutionError].
func (c *Client) Output(ctx context.Context, id string) (json.RawMessage, error) {
	for first := true; ; first = false {
		began := time.Now()
		var out json.RawMessage
		_, err := c.do(ctx, c.waiting(execution(id, "/output"), longWait, first), &out)
		if !errors.Is(err, wire.ErrNoOutput) {
			return out, err
		}
		if ended := endOf(id, err); ended != nil {
			return nil, ended
		}
		if err := rest(ctx, c.pause-time.Since(began)); err != nil {
			return nil, err
		}
	}
}

// endOf reads how an execution ended out of the answer that it has no output; nil = it goes on.
func endOf(id string, err error) error {
	details := flow.AsProblem(err).Details
	text, _ := details["execution_status"].(string)
	status := flow.Status(text)
	if !status.Over() {
		return nil
	}
	ended := &ExecutionError{ExecutionID: id, Status: status}
	if left, ok := details["error"]; ok {
		raw, _ := json.Marshal(left) // it was JSON
		_ = json.Unmarshal(raw, &ended.Problem)
	}
	return ended
}
