package engine

import (
	"context"
	"encoding/json"
	"errors"
	"unicode/utf8"

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
			return e.resumeURL(ctx, r)
		}
		r.Execution, r.Suspension = id.Execution, &id
	}
	if err := e.checkRequest(r); err != nil {
		return flow.ResumeResult{}, err
	}
	for {
		res, err := e.resume(ctx, r)
		if !errors.Is(err, errMovedOn) {
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
	if again, ok, err := before(p, x, r); ok {
		return again, err
	}
	id, err := chooseWait(p, x, r)
	switch {
	case errors.Is(err, errNothingWaits) && r.Type == "":
		return e.post(ctx, p, r)
	case errors.Is(err, errNothingWaits):
		return flow.ResumeResult{}, nothingWaits(p, x, r)
	case err != nil:
		return flow.ResumeResult{}, err
	}
	if r.By, err = fits(p, x, id.Step, r); err != nil {
		return flow.ResumeResult{}, err
	}
	return e.endWait(ctx, p, id, r)
}

func (e *Engine) endWait(ctx context.Context, p *compiled, id flow.SuspensionID, r flow.ResumeRequest) (flow.ResumeResult, error) {
	res := flow.ResumeResult{Suspension: id.String(), Node: p.Nodes[id.Step.Node].Key}
	f := waitEnded{wait: id, by: flow.ByManual, actor: r.By, event: r.ID, data: orNull(r.Data), err: r.Error}
	err := e.apply(ctx, id.Execution, p, nil, f)
	beaten := errors.Is(err, flow.ErrConflict)
	res, err = e.once(ctx, r, res, err)
	if err != nil && beaten && r.Early && r.Suspension == nil {
		err = errMovedOn // it is for the next wait
	}
	return res, err
}

// once answers a request, or as that was answered which had its id before.
func (e *Engine) once(ctx context.Context, r flow.ResumeRequest, res flow.ResumeResult, err error) (flow.ResumeResult, error) {
	taken := errors.Is(err, flow.ErrTaken)
	if r.ID != "" && (taken || errors.Is(err, flow.ErrConflict)) {
		again, ok, lerr := e.repeatedResume(ctx, r)
		if ok || lerr != nil {
			return again, lerr // that nobody could look is no answer; that it brings something else is one
		}
	}
	if taken {
		err = flow.Problemf(flow.ErrConflict.Code, "the id %q ended an earlier wait of execution %s", flow.Cut(r.ID, 100), r.Execution)
	}
	if err != nil {
		return flow.ResumeResult{}, err
	}
	return res, nil
}

// maxError bounds an error that somebody brings, as JSON in bytes: it stands in the record of the step, and before its wait in the
// front, which every commit writes.
const maxError = 8 << 10

// checkRequest judges what somebody brings for a wait, whichever it is.
func (e *Engine) checkRequest(r flow.ResumeRequest) error {
	if p := tooLarge("the data", r.Data, e.limits.Payload); p != nil {
		return p
	}
	if _, err := flow.Decode(r.Data); err != nil {
		return flow.Problemf(flow.ErrInvalid.Code, "the data is not JSON: %v", err)
	}
	raw, err := flow.Encode(r.Error)
	if err != nil {
		return flow.Problemf(flow.ErrInvalid.Code, "the error is not JSON: %v", err)
	}
	if p := tooLarge("the error", raw, maxError); p != nil {
		return p
	}
	return checkActor(r.By)
}

// checkActor judges how somebody calls themselves.
func checkActor(by string) error {
	if !utf8.ValidString(by) || utf8.RuneCountInString(by) > flow.MaxActor {
		return flow.Problemf(flow.ErrInvalid.Code, "by is longer than %d characters, or not UTF-8", flow.MaxActor)
	}
	return nil
}

// fits holds what is brought by hand against what the node takes, before the wait ends, and gives who brings it: what asks somebody
// something may be told with the answer. The schema is that of the version that the execution keeps, so nothing of it is stored
// with the wait.
func fits(p *compiled, x *flow.Execution, id flow.StepID, r flow.ResumeRequest) (by string, err error) {
	s, n := x.Steps[id], p.Nodes[id.Node]
	if n.Type.Brings == nil || r.Error != nil || s == nil || s.Status != flow.StepSuspended || holdsBack(x, s.Wait) {
		return r.By, nil
	}
	data, err := flow.Decode(orNull(r.Data))
	if err != nil {
		return "", flow.Problemf(flow.ErrInvalid.Code, "the data is not JSON: %v", err)
	}
	if err := n.CheckData(data); err != nil {
		return "", err
	}
	answer, _ := data.(map[string]any)
	by, _ = answer["by"].(string)
	return orElse(r.By, by), nil
}

// repeatedResume answers a resume whose id came before.
func (e *Engine) repeatedResume(ctx context.Context, r flow.ResumeRequest) (flow.ResumeResult, bool, error) {
	x, p, err := e.whole(ctx, r.Execution)
	if err != nil {
		return flow.ResumeResult{}, false, err
	}
	return before(p, x, r)
}

// before finds what came with the id of a request: the last that ended a wait, or a letter that nothing waited for yet.
// flow.ErrMismatch when that brought something else.
func before(p *compiled, x *flow.Execution, r flow.ResumeRequest) (flow.ResumeResult, bool, error) {
	if r.ID == "" {
		return flow.ResumeResult{}, false, nil
	}
	for _, l := range x.Inbox {
		if l.ID == r.ID {
			return flow.ResumeResult{Node: keyOf(p, l.Node), Buffered: true, Repeated: true}, true, sameResume(x, l.Ref, l.Error, r)
		}
	}
	for _, s := range x.Steps {
		if s.Resumed != nil && s.Resumed.Event == r.ID && s.Resumed.By == flow.ByManual {
			wait := flow.SuspensionID{Execution: x.ID, Step: s.ID, Turn: s.Resumed.Turn}
			res := flow.ResumeResult{Suspension: wait.String(), Node: p.Nodes[s.ID.Node].Key, Repeated: true}
			return res, true, sameResume(x, flow.ResumeRef(s.ID), s.Resumed.Error, r)
		}
	}
	return flow.ResumeResult{}, false, nil
}

// bringsAgain tells whether a request brings the data that came before, however that is written.
func bringsAgain(was json.RawMessage, r flow.ResumeRequest) bool {
	return digest(was) == digest(orNull(r.Data))
}

// sameResume tells whether a request that came again brings the data, or the error, that it had.
func sameResume(x *flow.Execution, data flow.Ref, failed *flow.Problem, r flow.ResumeRequest) error {
	was, stored := x.Values[data]
	sameData := !stored || bringsAgain(was, r)
	sameError := (failed == nil) == (r.Error == nil) && (failed == nil || failed.Code == r.Error.Code && failed.Message == r.Error.Message)
	if sameData && sameError {
		return nil
	}
	return flow.Problemf(flow.ErrMismatch.Code, "the id %q brought something else to execution %s before; use another id", flow.Cut(r.ID, 100), x.ID)
}
