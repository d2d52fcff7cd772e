package api

import (
	"net/http"

	"prana/engine/flow"
)

func (a *api) listExecutions(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	f := flow.ExecutionFilter{
		Status: q.status(), Workflow: q.text("workflow"), Tags: q.tags("tag"),
		Parent: q.text("parent_execution_id", "parent"), Error: q.text("error"), Prefix: q.text("id_prefix"),
		Since: q.time("since"), Until: q.time("until"),
		Limit: q.limit(), Cursor: q.cursor(),
	}
	q.check(f.Check())
	if err := q.end(); err != nil {
		return err
	}
	page, err := a.Store.Executions(r.Context(), f)
	return respondPage(w, r, page, err)
}

func (a *api) listSuspensions(w http.ResponseWriter, r *http.Request) error {
	f, err := suspensionFilter(r)
	if err != nil {
		return err
	}
	page, err := a.Store.Suspensions(r.Context(), f)
	return respondPage(w, r, page, err)
}

func suspensionFilter(r *http.Request) (flow.SuspensionFilter, error) {
	q := queryOf(r)
	f := flow.SuspensionFilter{
		Type: q.text("type", "suspend_type"), EventType: q.text("event_type"),
		Workflow: q.text("workflow"), Execution: q.text("execution_id", "execution"),
		ExpiresBefore: q.time("expires_before"), ExpiresAfter: q.time("expires_after"), Limit: q.limit(), Cursor: q.cursor(),
	}
	return f, q.end()
}

func (a *api) listDelays(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	f := flow.DelayFilter{
		Workflow: q.text("workflow"), Execution: q.text("execution_id", "execution"),
		From: q.time("from"), Until: q.time("until", "resume_before"),
		Limit: q.limit(), Cursor: q.cursor(),
	}
	if err := q.end(); err != nil {
		return err
	}
	page, err := a.Store.Delays(r.Context(), f)
	return respondPage(w, r, page, err)
}

func (a *api) listRelations(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	f := flow.RelationFilter{
		Parent: q.text("parent_execution_id", "parent"), Child: q.text("child_execution_id", "child"),
		Limit: q.limit(), Cursor: q.cursor(),
	}
	if err := q.end(); err != nil {
		return err
	}
	page, err := a.Store.Relations(r.Context(), f)
	return respondPage(w, r, page, err)
}
