package api

import (
	"net/http"

	"prana/engine/flow"
)

func (a *api) listHooks(w http.ResponseWriter, r *http.Request) error {
	if err := queryOf(r).end(); err != nil {
		return err
	}
	all, err := a.Hooks.List(r.Context())
	return respondList(w, r, all, err)
}

func (a *api) listDeliveries(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	f := flow.DeliveryFilter{Hook: r.PathValue("name"), Refused: q.flag("refused"), Limit: q.limit(), Cursor: q.cursor()}
	if err := q.end(); err != nil {
		return err
	}
	page, err := a.Hooks.History(r.Context(), f)
	return respondPage(w, r, page, err)
}

func (a *api) getDelivery(w http.ResponseWriter, r *http.Request) error {
	d, err := a.Hooks.Show(r.Context(), r.PathValue("name"), r.PathValue("id"))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, d)
}

// replayDelivery answers like the hook itself.
func (a *api) replayDelivery(w http.ResponseWriter, r *http.Request) error {
	key, err := keyOf(r, "")
	if err != nil {
		return err
	}
	res, repeated, err := a.Hooks.Replay(r.Context(), r.PathValue("name"), r.PathValue("id"), key, traceOf(r))
	if err != nil {
		return err
	}
	replayed(w, repeated)
	return respond(w, http.StatusOK, res)
}
