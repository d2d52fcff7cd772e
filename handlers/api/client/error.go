package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// ErrUnreachable means that no answer came from the server, or only that of a proxy which does not reach it. Whether it
// acted is not known.
var ErrUnreachable = errors.New("the server cannot be reached")

// Error is an answer that is not the one hoped for.
type Error struct {
	Status int
	// Problem has the code and the message; its Details are the further members of the document.
	Problem *flow.Problem
	// Diagnostics are those of a refused definition.
	Diagnostics []json.RawMessage
	// away: a proxy answered, for a server that it does not reach.
	away bool
}

// Error gives the message, with the code.
func (e *Error) Error() string { return e.Problem.Error() }

// Unwrap gives the problem, and the kind that it belongs to: a refused
// definition is also flow.ErrInvalid, the 502 of a proxy ErrUnreachable.
func (e *Error) Unwrap() []error {
	list := []error{e.Problem}
	if c, ok := wire.LookupCode(e.Problem.Code); ok && c.Kind != nil {
		list = append(list, c.Kind)
	}
	if e.away {
		list = append(list, ErrUnreachable)
	}
	return list
}

func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func errorOf(res *http.Response, raw []byte) error {
	var doc wire.Problem
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if media != wire.ProblemType || json.Unmarshal(raw, &doc) != nil {
		return foreign(res)
	}
	p := &flow.Problem{Code: doc.Code, Message: doc.Detail, Node: doc.Node, Details: doc.Extra}
	if doc.ExecutionID != "" {
		p.Details["execution_id"] = doc.ExecutionID
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	return &Error{Status: res.StatusCode, Problem: p, Diagnostics: doc.Diagnostics}
}

// foreign is the error of somebody else in between, or of no Prana server at all.
func foreign(res *http.Response) error {
	p := flow.Problemf("http_"+strconv.Itoa(res.StatusCode), "%s answered %s, and not as a Prana server does", res.Request.URL.Host, res.Status)
	away := slices.Contains([]int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, res.StatusCode)
	return &Error{Status: res.StatusCode, Problem: p, away: away}
}
