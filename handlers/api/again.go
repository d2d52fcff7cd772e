package api

import (
	"net/http"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

func (a *api) retry(w http.ResponseWriter, r *http.Request) error {
	id, err := executionID(r)
	if err != nil {
		return err
	}
	var b wire.Retry
	if err := decode(r, &b, true); err != nil {
		return err
	}
	key, err := keyOf(r, b.ID)
	if err != nil {
		return err
	}
	res, err := a.Engine.Retry(r.Context(), flow.RetryRequest{Execution: id, ID: key})
	if err != nil {
		return err
	}
	replayed(w, res.Repeated)
	return respond(w, http.StatusAccepted, res)
}

// rerun starts another execution, or says what that would do.
func (a *api) rerun(w http.ResponseWriter, r *http.Request) error {
	id, err := executionID(r)
	if err != nil {
		return err
	}
	var b wire.Rerun
	if err := decode(r, &b, true); err != nil {
		return err
	}
	req := flow.RerunRequest{Execution: id, From: b.From, Input: b.Input, Version: b.Version, Trace: traceOf(r)}
	if req.ID, err = keyOf(r, b.ID); err != nil {
		return err
	}
	if b.Plan {
		plan, err := a.Engine.PlanRerun(r.Context(), req)
		if err != nil {
			return err
		}
		return respond(w, http.StatusOK, plan)
	}
	res, err := a.Engine.Rerun(r.Context(), req)
	if err != nil {
		return err
	}
	replayed(w, res.Replayed)
	w.Header().Set("Location", "/v1/executions/"+res.ExecutionID)
	return respond(w, http.StatusAccepted, res)
}
