package api

import (
	"net/http"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// executionID is the id in the path. What cannot be one names nothing, and
// never reaches the store.
func executionID(r *http.Request) (string, error) {
	id := r.PathValue("id")
	if _, ok := flow.PartitionOf(id); !ok {
		return "", flow.NotFound("execution", flow.Cut(id, 64))
	}
	return id, nil
}

// shown is the execution in the path.
func (a *api) shown(w http.ResponseWriter, r *http.Request) (*flow.View, error) {
	id, err := executionID(r)
	if err == nil {
		err = queryOf(r).end()
	}
	if err != nil {
		return nil, err
	}
	return a.view(w, r, id)
}

func (a *api) getExecution(w http.ResponseWriter, r *http.Request) error {
	v, err := a.shown(w, r)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, v)
}

func (a *api) getHistory(w http.ResponseWriter, r *http.Request) error {
	v, err := a.shown(w, r)
	if err != nil {
		return err
	}
	h := wire.History{ExecutionID: v.ID, Status: v.Status, Items: v.Nodes}
	if h.Items == nil {
		h.Items = []flow.NodeRun{}
	}
	return respond(w, http.StatusOK, h)
}

func (a *api) getSuspensions(w http.ResponseWriter, r *http.Request) error {
	v, err := a.shown(w, r)
	if err != nil {
		return err
	}
	return respondList(w, r, v.Suspensions, nil)
}

// getOutput gives the bare output of a completed execution.
func (a *api) getOutput(w http.ResponseWriter, r *http.Request) error {
	v, err := a.shown(w, r)
	if err != nil {
		return err
	}
	if v.Status == flow.Completed {
		return respond(w, http.StatusOK, wire.OrNull(v.Output))
	}
	p := flow.Problemf(wire.ErrNoOutput.Code, "the execution is %s; only a completed one has an output", v.Status)
	p.Details = map[string]any{"execution_id": v.ID, "status": v.Status}
	if v.Error != nil {
		p.Details["error"] = v.Error
	}
	return p
}

// endEarly cancels an execution, or terminates it.
func (a *api) endEarly(hard bool) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := executionID(r)
		if err != nil {
			return err
		}
		var b wire.Cancel
		if err := decode(r, &b, true); err != nil {
			return err
		}
		key, err := keyOf(r, b.ID)
		if err != nil {
			return err
		}
		res, err := a.Engine.End(r.Context(), flow.CancelRequest{Execution: id, Reason: b.Reason, ID: key}, hard)
		if err != nil {
			return err
		}
		replayed(w, res.Repeated)
		if res.Repeated {
			return respond(w, http.StatusOK, res)
		}
		return respond(w, http.StatusAccepted, res)
	}
}
