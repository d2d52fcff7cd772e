package engine

import (
	"context"
	"encoding/json"
	"errors"

	"prana/engine/flow"
)

// Resume ends one wait by hand. Without a suspension and a node it takes the
// only wait there is; when there are several, flow.ErrConflict lists them.
//
// What comes before its wait is kept in the execution's inbox, in the order in which it came, and ends the wait as soon as that
// begins: a node of which no wait ended yet or, when no node is named, an execution of which none did. Afterwards it is too late (flow.ErrConflict says who won), unless the request says that it is for the next wait.
func (e *Engine) Resume(ctx context.Context, r flow.ResumeRequest) (flow.ResumeResult, error) {
	if r.Token != "" {
		id, err := flow.ParseSuspensionID(r.Token)
		if err != nil {
			return flow.ResumeResult{}, flow.NotFound("suspension", flow.Cut(r.Token, 64))
		}
		r.Execution, r.Suspension = id.Execution, &id
	}
	if err := e.checkData(r.Data); err != nil {
		return flow.ResumeResult{}, err
	}
	for {
		res, err := e.resume(ctx, r)
		if !errors.Is(err, errWaitBegan) {
			return res, err
		}
	}
}

// resume ends the wait that the request means; what comes before its wait is kept.
func (e *Engine) resume(ctx context.Context, r flow.ResumeRequest) (flow.ResumeResult, error) {
	x, p, err := e.whole(ctx, r.Execution)
	if err != nil {
		return flow.ResumeResult{}, err
	}
	if again, ok := resumedBy(p, x, r.ID); ok && r.ID != "" {
		return again, nil
	}
	id, err := chooseWait(p, x, r)
	if errors.Is(err, errNothingWaits) {
		return e.post(ctx, p, r)
	}
	if err != nil {
		return flow.ResumeResult{}, err
	}
	return e.endWait(ctx, p, id, r)
}

func (e *Engine) endWait(ctx context.Context, p *compiled, id flow.SuspensionID, r flow.ResumeRequest) (flow.ResumeResult, error) {
	res := flow.ResumeResult{Suspension: id.String(), Node: p.Nodes[id.Step.Node].Key}
	f := waitEnded{wait: id, by: flow.ByManual, event: r.ID, data: orNull(r.Data), err: r.Error}
	err := e.apply(ctx, id.Execution, p, nil, f)
	taken := errors.Is(err, flow.ErrTaken)
	if taken || errors.Is(err, flow.ErrConflict) {
		if again, ok := e.repeatedResume(ctx, r); ok {
			return again, nil
		}
	}
	if taken {
		err = flow.Problemf(flow.ErrConflict.Code, "the id %q ended an earlier wait of node %s", flow.Cut(r.ID, 100), res.Node)
	}
	if err != nil {
		return flow.ResumeResult{}, err
	}
	return res, nil
}

// checkData judges what somebody brings for a wait.
func (e *Engine) checkData(data json.RawMessage) error {
	if p := tooLarge("the data", data, e.limits.Payload); p != nil {
		return p
	}
	if _, err := flow.Decode(data); err != nil {
		return flow.Problemf(flow.ErrInvalid.Code, "the data is not JSON: %v", err)
	}
	return nil
}

// repeatedResume answers a resume whose id ended a wait before.
func (e *Engine) repeatedResume(ctx context.Context, r flow.ResumeRequest) (flow.ResumeResult, bool) {
	if r.ID == "" {
		return flow.ResumeResult{}, false
	}
	x, p, err := e.whole(ctx, r.Execution)
	if err != nil {
		return flow.ResumeResult{}, false
	}
	return resumedBy(p, x, r.ID)
}

func resumedBy(p *compiled, x *flow.Execution, id string) (flow.ResumeResult, bool) {
	for _, s := range x.Steps {
		if s.Resumed != nil && s.Resumed.Event == id && s.Resumed.By == flow.ByManual {
			wait := flow.SuspensionID{Execution: x.ID, Step: s.ID, Turn: s.Resumed.Turn}
			return flow.ResumeResult{Suspension: wait.String(), Node: p.Nodes[s.ID.Node].Key, Repeated: true}, true
		}
	}
	return flow.ResumeResult{}, false
}
