package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"prana/engine/flow"
)

// ResumeToken tells how far the wait is that a resume URL names, and changes nothing. A token that nobody made, or
// whose execution is purged, is flow.ErrNotFound.
func (e *Engine) ResumeToken(ctx context.Context, token string) (flow.ResumeView, error) {
	u, err := e.urlOf(ctx, token)
	if err != nil {
		return flow.ResumeView{}, err
	}
	v := flow.ResumeView{Status: u.state, Workflow: u.x.Workflow, Node: u.node}
	if u.state == flow.ResumeActive {
		v.ExpiresAt = flow.TimePointer(u.step.Wait.Due)
	}
	u.ask(&v)
	return v, nil
}

// ResumeByToken ends the wait that a resume URL names, once, and gives its execution. flow.ErrNotWaitingYet,
// flow.ErrConflict when something came for the wait before, flow.ErrGone when it ended otherwise, flow.ErrNotFound.
// By is taken from what the request brings, the rest of it is the token's to say.
func (e *Engine) ResumeByToken(ctx context.Context, token string, r flow.ResumeRequest) (execution string, err error) {
	u, err := e.urlOf(ctx, token)
	if err == nil {
		err = e.through(ctx, u, token, r)
	}
	if err != nil {
		return "", err
	}
	return u.x.ID, nil
}

// through ends the wait that a resume URL leads to.
func (e *Engine) through(ctx context.Context, u *resumeURL, token string, r flow.ResumeRequest) (err error) {
	if err := e.checkRequest(r); err != nil {
		return err
	}
	if u.state != flow.ResumeActive {
		return u.refused()
	}
	if r.By, err = fits(u.p, u.x, u.id, r); err != nil {
		return err
	}
	// The event makes the URL good once for all waits of the step, until a retry begins it anew.
	once := fmt.Sprintf("%s:%d", u.id, u.x.Generation)
	err = e.apply(ctx, u.x.ID, u.p, nil, waitEnded{wait: u.wait(), by: flow.ByURL, actor: r.By, event: once, data: orNull(r.Data)})
	if errors.Is(err, flow.ErrTaken) || errors.Is(err, flow.ErrConflict) {
		return e.beaten(ctx, token)
	}
	return err
}

// wait is the one that the URL is about, or was about last.
func (u *resumeURL) wait() flow.SuspensionID {
	return flow.SuspensionID{Execution: u.x.ID, Step: u.id, Turn: u.step.Turn}
}

// resumeURL is Resume by the token of a resume URL. A sender who was not heard comes again: when the URL was used with the same data
// before, that is a repetition.
func (e *Engine) resumeURL(ctx context.Context, r flow.ResumeRequest) (res flow.ResumeResult, err error) {
	u, err := e.urlOf(ctx, r.Token)
	if err != nil {
		return res, err
	}
	if u.broughtBefore(r) {
		return flow.ResumeResult{Suspension: u.wait().String(), Node: u.node, Repeated: true}, nil
	}
	if err := e.through(ctx, u, r.Token, r); err != nil {
		return res, err
	}
	return flow.ResumeResult{Suspension: u.wait().String(), Node: u.node}, nil
}

// broughtBefore tells whether the URL was used with the same data.
func (u *resumeURL) broughtBefore(r flow.ResumeRequest) bool {
	if u.state != flow.ResumeConsumed || u.step.Resumed.By != flow.ByURL {
		return false
	}
	was, stored := u.x.Values[flow.ResumeRef(u.id)]
	return stored && bringsAgain(was, r)
}

// beaten says why a wait could not be ended that was active a moment ago.
func (e *Engine) beaten(ctx context.Context, token string) error {
	u, err := e.urlOf(ctx, token)
	if err != nil {
		return err
	}
	if u.state == flow.ResumeActive { // another wait of a step that the URL moved on before
		u.state = flow.ResumeConsumed
	}
	return u.refused()
}

// resumeURL is what a token leads to.
type resumeURL struct {
	p     *compiled
	x     *flow.Execution
	id    flow.StepID
	step  *flow.Step // nil = there is none yet
	node  string     // key
	state flow.ResumeState
}

// urlOf finds what a token leads to. Nothing is read for one that nobody made, and the answer is as for one that was purged.
func (e *Engine) urlOf(ctx context.Context, token string) (*resumeURL, error) {
	key, err := e.signer(ctx)
	if err != nil {
		return nil, err
	}
	unknown := flow.Problemf(flow.ErrNotFound.Code, "there is no such resume URL, or its execution is forgotten")
	id, step, ok := key.read(token)
	if !ok {
		return nil, unknown
	}
	x, err := e.store.Load(ctx, id, flow.Want{Steps: []flow.StepID{step}, Values: []flow.Ref{flow.ResumeRef(step)}})
	if isNotFound(err) {
		return nil, unknown
	}
	if err != nil {
		return nil, wrap("following a resume URL of", id, err)
	}
	p, err := e.planFor(ctx, x.Workflow, x.Version)
	if err != nil {
		return nil, err
	}
	return &resumeURL{p: p, x: x, id: step, step: x.Steps[step], node: p.Nodes[step.Node].Key, state: urlState(x, step)}, nil
}

// ask adds what somebody is asked who may end the wait, or what was decided. Of other waits the URL tells nothing.
func (u *resumeURL) ask(v *flow.ResumeView) {
	if u.step == nil || u.p.Nodes[u.id.Node].Type.Brings == nil {
		return
	}
	if w := u.step.Wait; w != nil && !holdsBack(u.x, w) {
		v.Type, v.Data = w.Type, w.Data
		_, v.ExpiresAt = w.Ends() // not when only a turn of it does
	}
	if r := u.step.Resumed; r != nil && u.state == flow.ResumeConsumed {
		v.Decision = u.decision()
		v.Data, v.ResumedBy, v.Actor, v.ResumedAt = r.Wait, r.By, r.Actor, flow.TimePointer(r.At)
	}
}

// decision is what was decided, if that is what was brought.
func (u *resumeURL) decision() string {
	var d flow.Decision
	if err := json.Unmarshal(u.x.Values[flow.ResumeRef(u.id)], &d); err != nil {
		return ""
	}
	return d.Decision
}

// urlState judges what the resume URL of a step is good for.
func urlState(x *flow.Execution, id flow.StepID) flow.ResumeState {
	s := x.Steps[id]
	switch {
	case s != nil && spent(s):
		return flow.ResumeConsumed
	case x.Status.Terminal() || x.Status == flow.Cancelling:
		return flow.ResumeExpired
	case s == nil || s.Status == flow.StepQuarantined:
		return flow.ResumePending
	case s.Status == flow.StepSuspended:
		return waitState(x, s.Wait)
	case s.Status.Live():
		return flow.ResumePending
	}
	return flow.ResumeExpired
}

// spent tells whether something came for the wait. What came for an earlier wait of the step counts only when it came by
// the URL, which is good once.
func spent(s *flow.Step) bool {
	r := s.Resumed
	switch {
	case r == nil:
		return false
	case r.By == flow.ByTimer || r.By == flow.ByTimeout || r.By == flow.ByParts:
		return false // nothing came from outside
	}
	return r.By == flow.ByURL || r.Turn == s.Turn
}

// waitState judges a wait that stands. A timeout that is due counts even before somebody sees to it.
func waitState(x *flow.Execution, w *flow.Wait) flow.ResumeState {
	switch {
	case holdsBack(x, w):
		return flow.ResumePending
	case !w.Timer && !w.Due.IsZero() && !w.Due.After(x.Now):
		return flow.ResumeExpired
	}
	return flow.ResumeActive
}

// refused says why the URL is good for nothing now.
func (u *resumeURL) refused() error {
	switch u.state {
	case flow.ResumePending:
		return flow.Problemf(flow.ErrNotWaitingYet.Code, "node %s of workflow %s does not wait yet; call again later", u.node, u.x.Workflow)
	case flow.ResumeExpired:
		return flow.Problemf(flow.ErrGone.Code, "the wait of node %s of workflow %s ended before anybody called", u.node, u.x.Workflow)
	}
	p := flow.Problemf(flow.ErrConflict.Code, "the wait of node %s of workflow %s is over already", u.node, u.x.Workflow)
	if r := u.step.Resumed; r != nil {
		tellWinner(p, r)
	}
	return p
}
