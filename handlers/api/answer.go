package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// respond writes v as JSON.
func respond(w http.ResponseWriter, status int, v any) error {
	raw, err := flow.Encode(v)
	if err != nil {
		return err
	}
	wire.Write(w, status, "application/json", append(raw, '\n'))
	return nil
}

// respondPage writes a page, and where the next one is (RFC 8288).
func respondPage[T any](w http.ResponseWriter, r *http.Request, p flow.Page[T], err error) error {
	if err != nil {
		return err
	}
	if p.Items == nil {
		p.Items = []T{}
	}
	if p.Cursor != "" {
		next := r.URL.Query()
		p.Cursor = markOf(r.URL.Path, next) + p.Cursor
		next.Set("cursor", p.Cursor)
		u := url.URL{Path: r.URL.Path, RawQuery: next.Encode()}
		w.Header().Set("Link", "<"+u.String()+`>; rel="next"`)
	}
	return respond(w, http.StatusOK, p)
}

func respondList[T any](w http.ResponseWriter, r *http.Request, items []T, err error) error {
	return respondPage(w, r, flow.Page[T]{Items: items}, err)
}

func respondError(w http.ResponseWriter, err error) { wire.ProblemOf(err).Write(w) }

// fail answers with the problem; what the caller cannot be told goes to the
// log, under a number that the caller is given.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the caller went away
	}
	doc := wire.ProblemOf(err)
	if doc.Status == http.StatusInternalServerError {
		logged(a.log, r, &doc, slog.String("error", err.Error()))
	}
	doc.Write(w)
}

func logged(log *slog.Logger, r *http.Request, doc *wire.Problem, cause slog.Attr) {
	id := flow.NewToken()
	if doc.Extra == nil {
		doc.Extra = map[string]any{}
	}
	doc.Extra["request_id"] = id
	log.LogAttrs(r.Context(), slog.LevelError, "request failed", cause,
		slog.String("request_id", id), slog.String("method", r.Method), slog.String("route", r.Pattern))
}

// recovered turns a panic into a problem; the server lives on.
func recovered(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { //nolint:errorlint // net/http asks for this very value
				panic(cause)
			}
			doc := wire.ProblemOf(errPanic)
			logged(log, r, &doc, slog.Any("panic", cause))
			doc.Write(w)
		}()
		next.ServeHTTP(w, r)
	})
}

var errPanic = errors.New("panic")

// jsonOf makes JSON of each diagnostic, once, so that both answers and problems can carry them.
func jsonOf(list []any) []json.RawMessage {
	out := make([]json.RawMessage, 0, len(list))
	for _, d := range list {
		if raw, err := flow.Encode(d); err == nil {
			out = append(out, raw)
		}
	}
	return out
}
