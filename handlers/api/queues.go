package api

import (
	"context"
	"net/http"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Queues tells what waits in the queues and who serves them, and ends what other services sent in vain.
type Queues interface {
	Queues(ctx context.Context, f wire.QueueFilter) (flow.Page[wire.Queue], error)
	Workers(ctx context.Context, f wire.PageFilter) (flow.Page[wire.Worker], error)

	// Dead lists the tasks of the intake queue that were given up; DeadTask gives one. RunDead puts one into its queue
	// again, DeleteDead removes it for good; flow.ErrNotFound when it is not among them.
	Dead(ctx context.Context, f wire.PageFilter) (flow.Page[wire.DeadTask], error)
	DeadTask(ctx context.Context, id string) (wire.DeadTask, error)
	RunDead(ctx context.Context, id string) error
	DeleteDead(ctx context.Context, id string) error
}

func (a *api) queueRoutes() []route {
	return []route{
		{method: "GET", path: "/v1/queues", do: a.listQueues},
		{method: "GET", path: "/v1/workers", do: a.listWorkers},
		{method: "GET", path: "/v1/dead", do: a.listDead},
		{method: "GET", path: "/v1/dead/{id}", do: a.getDead, free: true},
		{method: "POST", path: "/v1/dead/{id}:run", do: a.runDead, free: true},
		{method: "DELETE", path: "/v1/dead/{id}", do: a.deleteDead, free: true},
	}
}

func (a *api) listQueues(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	f := wire.QueueFilter{PageFilter: q.page(), Name: q.text("name")}
	if err := q.end(); err != nil {
		return err
	}
	page, err := a.Queues.Queues(r.Context(), f)
	return respondPage(w, r, page, err)
}

func (a *api) listWorkers(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	f := q.page()
	if err := q.end(); err != nil {
		return err
	}
	page, err := a.Queues.Workers(r.Context(), f)
	return respondPage(w, r, page, err)
}

func (a *api) listDead(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	f := q.page()
	if err := q.end(); err != nil {
		return err
	}
	page, err := a.Queues.Dead(r.Context(), f)
	return respondPage(w, r, page, err)
}

func (a *api) getDead(w http.ResponseWriter, r *http.Request) error {
	if err := queryOf(r).end(); err != nil {
		return err
	}
	t, err := a.Queues.DeadTask(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, t)
}

func (a *api) runDead(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := a.Queues.RunDead(r.Context(), id); err != nil {
		return err
	}
	return respond(w, http.StatusAccepted, wire.Dead{ID: id})
}

func (a *api) deleteDead(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := a.Queues.DeleteDead(r.Context(), id); err != nil {
		return err
	}
	return respond(w, http.StatusOK, wire.Dead{ID: id})
}
