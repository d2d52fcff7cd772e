package api

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"strings"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// check reads the definition in the body.
func (a *api) check(r *http.Request) (*flow.Workflow, wire.Validation, error) {
	q := queryOf(r)
	file := cmp.Or(q.text("file"), "definition")
	if err := q.end(); err != nil {
		return nil, wire.Validation{}, err
	}
	if err := accept(r, isDefinition); err != nil {
		return nil, wire.Validation{}, err
	}
	src, err := body(r)
	if err != nil {
		return nil, wire.Validation{}, err
	}
	flowing, diagnostics, ok := a.Check(flow.Cut(file, 255), src)
	v := wire.Validation{Valid: ok && flowing != nil, Diagnostics: jsonOf(diagnostics)}
	return flowing, v, nil
}

func isDefinition(media string) bool {
	switch media {
	case "text/plain", "application/octet-stream":
		return true
	}
	return isJSON(media) || strings.HasSuffix(media, "yaml")
}

func (a *api) deploy(w http.ResponseWriter, r *http.Request) error {
	def, v, err := a.check(r)
	if err != nil {
		return err
	}
	if !v.Valid {
		return wire.Undefinable(v.Diagnostics)
	}
	version, created, err := a.Engine.Deploy(r.Context(), def)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	w.Header().Set("Location", "/v1/workflows/"+def.ID+"/versions/"+version)
	return respond(w, status, wire.Deployed{ID: def.ID, Version: version, Created: created, Diagnostics: v.Diagnostics})
}

func (a *api) validate(w http.ResponseWriter, r *http.Request) error {
	def, v, err := a.check(r)
	if err != nil {
		return err
	}
	if v.Valid {
		v.ID = def.ID
		if v.Version, err = def.Version(); err != nil {
			return err
		}
	}
	return respond(w, http.StatusOK, v)
}

func (a *api) listWorkflows(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	f := q.page()
	if err := q.end(); err != nil {
		return err
	}
	list, err := a.Store.Workflows(r.Context())
	if err != nil {
		return err
	}
	page, err := wire.CutPage(list, func(i flow.WorkflowInfo) string { return i.ID }, f.Limit, f.Cursor)
	return respondPage(w, r, page, err)
}

func (a *api) listVersions(w http.ResponseWriter, r *http.Request) error {
	id, err := workflowID(r)
	if err != nil {
		return err
	}
	q := queryOf(r)
	f := q.page()
	if err := q.end(); err != nil {
		return err
	}
	list, err := a.Store.Versions(r.Context(), id)
	if err != nil {
		return err
	}
	page, err := wire.CutPage(list, versionKey(list), f.Limit, f.Cursor)
	return respondPage(w, r, page, err)
}

// versionKey orders versions: the newest in force, which is the first, then the others from new to old.
func versionKey(list []flow.WorkflowInfo) func(flow.WorkflowInfo) string {
	newest := ""
	if len(list) > 0 {
		newest = list[0].Version
	}
	return func(i flow.WorkflowInfo) string {
		if i.Version == newest {
			return "first"
		}
		return fmt.Sprintf("then %020d %s", math.MaxInt64-i.CreatedAt.UnixMilli(), i.Version)
	}
}

func (a *api) getWorkflow(w http.ResponseWriter, r *http.Request) error {
	id, err := workflowID(r)
	if err != nil {
		return err
	}
	if err := queryOf(r).end(); err != nil {
		return err
	}
	def, version, err := a.Store.Workflow(r.Context(), id, r.PathValue("version"))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, wire.Definition{ID: id, Version: version, Definition: def})
}

// workflowID is the id in the path. What cannot be one names nothing, and
// never reaches the store.
func workflowID(r *http.Request) (string, error) {
	id := r.PathValue("id")
	if !flow.ValidWorkflowID(id) {
		return "", flow.NotFound("workflow", flow.Cut(id, 64))
	}
	return id, nil
}
