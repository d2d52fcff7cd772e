package api

import (
	"context"
	"net/http"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// pause keeps an execution from going on, or lets it go on. A repetition changes nothing, so that it needs no key.
func (a *api) pause(do func(Pauser, context.Context, flow.PauseRequest) error) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := executionID(r)
		if err != nil {
			return err
		}
		var b wire.Pause
		if err := decode(r, &b, true); err != nil {
			return err
		}
		if err := do(a.Engine, r.Context(), flow.PauseRequest{Execution: id, By: b.By, Reason: b.Reason}); err != nil {
			return err
		}
		return respond(w, http.StatusAccepted, wire.Accepted{ExecutionID: id})
	}
}
