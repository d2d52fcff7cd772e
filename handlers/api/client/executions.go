package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Start starts an execution. With an ID it starts once, whoever asks how often.
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
	h, err := c.do(ctx, c.once(k, r.ID), &res)
	res.Replayed = wasReplayed(h, r.ID)
	return res, err
}

// Show gives everything about an execution.
func (c *Client) Show(ctx context.Context, id string) (*flow.View, error) {
	return c.show(ctx, get(execution(id, ""), nil))
}

// ShowJSON is Show as the server wrote it, with what this client does not know.
func (c *Client) ShowJSON(ctx context.Context, id string) (json.RawMessage, error) {
	k := get(execution(id, ""), nil)
	_, raw, err := c.insist(ctx, k)
	if err != nil {
		return nil, err
	}
	return bytes.TrimSpace(raw), c.understand(k, raw, new(flow.Summary))
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
	return c.end(ctx, path, b, r.ID)
}

// Approve approves at an approval: that of d.Node, or the only one of the execution.
func (c *Client) Approve(ctx context.Context, id string, d wire.Decide) (flow.ResumeResult, error) {
	return c.end(ctx, execution(id, ":approve"), d, d.ID)
}

// Reject rejects, and is like Approve otherwise.
func (c *Client) Reject(ctx context.Context, id string, d wire.Decide) (flow.ResumeResult, error) {
	return c.end(ctx, execution(id, ":reject"), d, d.ID)
}

// end ends a wait with a body.
func (c *Client) end(ctx context.Context, path string, body any, id string) (flow.ResumeResult, error) {
	k, err := post(path, body)
	if err != nil {
		return flow.ResumeResult{}, err
	}
	var res wire.Resumed
	h, err := c.do(ctx, c.once(k, id), &res)
	return flow.ResumeResult{Suspension: res.SuspensionID, Node: res.Node, Buffered: res.Buffered, Repeated: wasReplayed(h, id)}, err
}

// ResumeByURL ends the wait of a resume URL, which is good once, and gives its execution. The URL is all that is needed: it may
// lead to any server, and no token is sent. ErrNotWaitingYet when the wait has not begun, ErrConflict when something came for it
// before, ErrGone when it ended otherwise.
func (c *Client) ResumeByURL(ctx context.Context, resumeURL string, data any) (execution string, err error) {
	if !absolute(resumeURL) {
		return "", errors.New("a resume URL begins with http:// or https://")
	}
	k, err := post("", data)
	if err != nil {
		return "", err
	}
	u := &Client{HTTP: c.HTTP, Timeout: c.Timeout, base: resumeURL, most: c.most}
	var res wire.ResumedByURL
	_, err = u.do(ctx, k, &res)
	return res.ExecutionID, err
}

// Cancel requests the end of an execution. ErrConflict, whose details say what ended it, when something else did before.
func (c *Client) Cancel(ctx context.Context, r flow.CancelRequest) (flow.CancelResult, error) {
	return c.endEarly(ctx, ":cancel", r)
}

// Terminate ends an execution at once, and is like Cancel otherwise.
func (c *Client) Terminate(ctx context.Context, r flow.CancelRequest) (flow.CancelResult, error) {
	return c.endEarly(ctx, ":terminate", r)
}

// Pause keeps an execution from going on; repeating it is harmless.
func (c *Client) Pause(ctx context.Context, r flow.PauseRequest) error {
	return c.halt(ctx, ":pause", r)
}

// Unpause lets it go on; repeating it is harmless.
func (c *Client) Unpause(ctx context.Context, r flow.PauseRequest) error {
	return c.halt(ctx, ":unpause", r)
}

func (c *Client) halt(ctx context.Context, verb string, r flow.PauseRequest) error {
	k, err := post(execution(r.Execution, verb), wire.Pause{By: r.By, Reason: r.Reason})
	if err != nil {
		return err
	}
	_, err = c.do(ctx, k, new(wire.Accepted))
	return err
}

func (c *Client) endEarly(ctx context.Context, verb string, r flow.CancelRequest) (flow.CancelResult, error) {
	var res flow.CancelResult
	k, err := post(execution(r.Execution, verb), wire.Cancel{Reason: r.Reason, ID: r.ID})
	if err != nil {
		return res, err
	}
	h, err := c.do(ctx, c.once(k, r.ID), &res)
	res.Repeated = wasReplayed(h, r.ID)
	return res, err
}

// Retry lets an execution live again that failed or is in quarantine.
func (c *Client) Retry(ctx context.Context, r flow.RetryRequest) (flow.RetryResult, error) {
	var res flow.RetryResult
	k, err := post(execution(r.Execution, ":retry"), wire.Retry{ID: r.ID})
	if err != nil {
		return res, err
	}
	h, err := c.do(ctx, c.once(k, r.ID), &res)
	res.Repeated = wasReplayed(h, r.ID)
	return res, err
}

// Rerun starts an execution that runs another one again.
func (c *Client) Rerun(ctx context.Context, r flow.RerunRequest) (flow.RerunResult, error) {
	var res flow.RerunResult
	k, err := rerun(r, false)
	if err != nil {
		return res, err
	}
	h, err := c.do(ctx, c.once(k, r.ID), &res)
	res.Replayed = wasReplayed(h, r.ID)
	return res, err
}

// PlanRerun says what a rerun would keep and what would run again.
func (c *Client) PlanRerun(ctx context.Context, r flow.RerunRequest) (flow.RerunPlan, error) {
	var plan flow.RerunPlan
	k, err := rerun(r, true)
	if err != nil {
		return plan, err
	}
	k.again = true
	_, err = c.do(ctx, k, &plan)
	return plan, err
}

func rerun(r flow.RerunRequest, plan bool) (call, error) {
	k, err := post(execution(r.Execution, ":rerun"), wire.Rerun{From: r.From, Input: r.Input, Version: r.Version, Plan: plan, ID: r.ID})
	k.header = traced(r.Trace)
	return k, err
}

func execution(id, verb string) string { return "/v1/executions/" + url.PathEscape(id) + verb }
