package api

import (
	"embed"
	"errors"
	"net/http"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

//go:embed openapi.json
var openapiJSON []byte

// Pages are the references of the API, of its problems, and of the errors that it shows.
//
//go:embed *.md
var Pages embed.FS

func (a *api) openapi(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(openapiJSON)
	return nil
}

// healthz tells that the process answers; readyz that it can also work.
func (a *api) healthz(w http.ResponseWriter, _ *http.Request) error {
	return respond(w, http.StatusOK, wire.Health{Status: "ok"})
}

func (a *api) readyz(w http.ResponseWriter, r *http.Request) error {
	if err := a.Store.Ready(r.Context()); err != nil {
		if p, ok := errors.AsType[*flow.Problem](err); ok {
			return p
		}
		return flow.ErrUnavailable // where Redis is, is nobody's business here
	}
	return respond(w, http.StatusOK, wire.Health{Status: "ready"})
}

func (a *api) listNodeTypes(w http.ResponseWriter, r *http.Request) error {
	if err := queryOf(r).end(); err != nil {
		return err
	}
	return respond(w, http.StatusOK, map[string]any{"items": a.NodeTypes})
}
