package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Start starts an execution.
func (c *Client) Start(ctx context.Context, r flow.StartRequest) (flow.StartResult, error) {
	var res flow.StartResult
	b := wire.Start{Input: r.Input, ID: r.ID, Version: r.Version, From: r.From, Only: r.Only, Tags: r.Tags}
	if !r.StartAt.IsZero() {
		b.StartAt = &r.StartAt
	}
	k, err := post("/v1/workflows/"+url.PathEscape(r.Workflow)+"/executions", b)
	if err != nil {
		return res, err
	}
	k.header = traced(r.Trace)
	h, err := c.do(ctx, k, &res)
	res.Replayed = wasReplayed(h)
	return res, err
}

// Show gives everything about an execution.
func (c *Client) Show(ctx context.Context, id string) (*flow.View, error) {
	return c.show(ctx, id, nil)
}

func (c *Client) show(ctx context.Context, id string, header map[string]string) (*flow.View, error) {
	k := get(execution(id, ""), nil)
	k.header = header
	v := new(flow.View)
	if _, err := c.do(ctx, k, v); err != nil {
		return nil, err
	}
	return v, nil
}

// Await waits until the execution is terminal. When ctx is done first it gives
// the view that it saw last, if any, and ctx's error.
func (c *Client) Await(ctx context.Context, id string) (*flow.View, error) {
	var last *flow.View
	for {
		began := time.Now()
		v, err := c.show(ctx, id, map[string]string{"Prefer": "wait=30"})
		if err != nil {
			return last, err
		}
		if v.Status.Terminal() {
			return v, nil
		}
		last = v
		if err := rest(ctx, c.pause-time.Since(began)); err != nil {
			return last, err
		}
	}
}

func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Resume ends a wait by hand: that of r.Suspension, of r.Node, or the only one.
func (c *Client) Resume(ctx context.Context, r flow.ResumeRequest) (flow.ResumeResult, error) {
	if r.Suspension != nil {
		return c.ResumeSuspension(ctx, r.Suspension.String(), r)
	}
	return c.resume(ctx, execution(r.Execution, ":resume"), r)
}

// ResumeSuspension ends the wait of that id by hand.
func (c *Client) ResumeSuspension(ctx context.Context, id string, r flow.ResumeRequest) (flow.ResumeResult, error) {
	return c.resume(ctx, "/v1/suspensions/"+url.PathEscape(id)+":resume", r)
}

func (c *Client) resume(ctx context.Context, path string, r flow.ResumeRequest) (flow.ResumeResult, error) {
	b := wire.Resume{Node: r.Node, Data: r.Data, By: r.By, ID: r.ID, Early: r.Early}
	if r.Error != nil {
		b.Error = &wire.Failure{Code: r.Error.Code, Message: r.Error.Message, Details: r.Error.Details}
	}
	return c.end(ctx, path, b)
}

// Approve approves at an approval: that of d.Node, or the only one of the execution.
func (c *Client) Approve(ctx context.Context, id string, d wire.Decide) (flow.ResumeResult, error) {
	return c.end(ctx, execution(id, ":approve"), d)
}

// Reject rejects, and is like Approve otherwise.
func (c *Client) Reject(ctx context.Context, id string, d wire.Decide) (flow.ResumeResult, error) {
	return c.end(ctx, execution(id, ":reject"), d)
}

// end ends a wait with a body.
func (c *Client) end(ctx context.Context, path string, body any) (flow.ResumeResult, error) {
	k, err := post(path, body)
	if err != nil {
		return flow.ResumeResult{}, err
	}
	var res wire.Resumed
	h, err := c.do(ctx, k, &res)
	return flow.ResumeResult{Suspension: res.SuspensionID, Node: res.Node, Buffered: res.Buffered, Repeated: wasReplayed(h)}, err
}

// Cancel requests the end of an execution.
func (c *Client) Cancel(ctx context.Context, r flow.CancelRequest) error {
	return c.endEarly(ctx, ":cancel", r)
}

// Terminate ends an execution at once.
func (c *Client) Terminate(ctx context.Context, r flow.CancelRequest) error {
	return c.endEarly(ctx, ":terminate", r)
}

func (c *Client) endEarly(ctx context.Context, verb string, r flow.CancelRequest) error {
	k, err := post(execution(r.Execution, verb), wire.Cancel{Reason: r.Reason, ID: r.ID})
	if err != nil {
		return err
	}
	_, err = c.do(ctx, k, new(wire.Accepted))
	return err
}

// Retry lets an execution live again that failed or is in quarantine.
func (c *Client) Retry(ctx context.Context, r flow.RetryRequest) (flow.RetryResult, error) {
	var res flow.RetryResult
	k, err := post(execution(r.Execution, ":retry"), wire.Retry{ID: r.ID})
	if err != nil {
		return res, err
	}
	h, err := c.do(ctx, k, &res)
	res.Repeated = wasReplayed(h)
	return res, err
}

// Rerun starts an execution that runs another one again.
func (c *Client) Rerun(ctx context.Context, r flow.RerunRequest) (flow.RerunResult, error) {
	var res flow.RerunResult
	h, err := c.rerun(ctx, r, false, &res)
	res.Replayed = wasReplayed(h)
	return res, err
}

// PlanRerun says what a rerun would keep and what would run again.
func (c *Client) PlanRerun(ctx context.Context, r flow.RerunRequest) (flow.RerunPlan, error) {
	var plan flow.RerunPlan
	_, err := c.rerun(ctx, r, true, &plan)
	return plan, err
}

func (c *Client) rerun(ctx context.Context, r flow.RerunRequest, plan bool, answer any) (http.Header, error) {
	k, err := post(execution(r.Execution, ":rerun"), wire.Rerun{From: r.From, Input: r.Input, Version: r.Version, Plan: plan, ID: r.ID})
	if err != nil {
		return nil, err
	}
	k.header = traced(r.Trace)
	return c.do(ctx, k, answer)
}

// Publish publishes an event.
func (c *Client) Publish(ctx context.Context, e flow.Event) (flow.PublishResult, error) {
	var res flow.PublishResult
	h, err := c.sendEvent(ctx, e, false, &res)
	res.Repeated = wasReplayed(h)
	return res, err
}

// DryRun tells what an event would do, and changes nothing.
func (c *Client) DryRun(ctx context.Context, e flow.Event) (flow.EventPreview, error) {
	var res flow.EventPreview
	_, err := c.sendEvent(ctx, e, true, &res)
	return res, err
}

func (c *Client) sendEvent(ctx context.Context, e flow.Event, dry bool, answer any) (http.Header, error) {
	b := wire.Event{Type: e.Type, Data: e.Data, ID: e.ID, Keep: e.Keep, Limit: e.Limit, TTLMS: ttl(e.TTL), DryRun: dry}
	k, err := post("/v1/events", b)
	if err != nil {
		return nil, err
	}
	k.header = traced(e.Trace)
	return c.do(ctx, k, answer)
}

// ttl says it in the words of the API: absent is the default, 0 is not kept.
func ttl(d time.Duration) *int64 {
	if d == 0 {
		return nil
	}
	ms := max(0, flow.Millis(d))
	return &ms
}

func execution(id, verb string) string { return "/v1/executions/" + url.PathEscape(id) + verb }
