package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

func (a *api) start(w http.ResponseWriter, r *http.Request) error {
	req, err := startRequest(r)
	if err != nil {
		return err
	}
	res, err := a.Engine.Start(r.Context(), req)
	if err != nil {
		return err
	}
	replayed(w, res.Replayed)
	w.Header().Set("Location", "/v1/executions/"+res.ExecutionID)
	status := http.StatusCreated
	if res.Replayed {
		status = http.StatusOK
	}
	if waitOf(r) > 0 {
		return a.respondResult(w, r, status, res)
	}
	return respond(w, status, res)
}

func startRequest(r *http.Request) (flow.StartRequest, error) {
	var b wire.Start
	id, err := workflowID(r)
	if err != nil {
		return flow.StartRequest{}, err
	}
	if err := decode(r, &b, true); err != nil {
		return flow.StartRequest{}, err
	}
	key, err := keyOf(r, b.ID)
	req := flow.StartRequest{
		Workflow: id, Version: b.Version, Input: b.Input, ID: key, From: b.From, Only: b.Only, Tags: b.Tags, Trace: traceOf(r),
	}
	if b.StartAt != nil {
		req.StartAt = *b.StartAt
	}
	return req, err
}

// respondResult waits for the end of a started execution. That the execution
// exists is told in any case: who loses that answer would start another.
func (a *api) respondResult(w http.ResponseWriter, r *http.Request, status int, res flow.StartResult) error {
	view, err := a.view(w, r, res.ExecutionID)
	if err != nil {
		return respond(w, status, res)
	}
	return respond(w, status, wire.ResultOf(view))
}

// view shows an execution: at once, or at its end when the caller prefers to
// wait and it comes in time.
func (a *api) view(w http.ResponseWriter, r *http.Request, id string) (*flow.View, error) {
	wait := waitOf(r)
	if wait == 0 {
		return listed(a.Engine.Describe(r.Context(), id))
	}
	w.Header().Set("Preference-Applied", fmt.Sprintf("wait=%d", int(wait/time.Second)))
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	view, err := a.Engine.Await(ctx, id)
	if view != nil && errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return listed(view, err)
}

// listed makes empty lists of those that are absent: programs loop over them.
func listed(v *flow.View, err error) (*flow.View, error) {
	if v == nil {
		return v, err
	}
	v.Nodes = append([]flow.NodeRun{}, v.Nodes...)
	v.Suspensions = append([]flow.Suspension{}, v.Suspensions...)
	v.Children = append([]flow.Relation{}, v.Children...)
	return v, err
}
