package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// ErrUnreachable means that no answer came from the server, or only that of a proxy which does not reach it, or of something
// that is no Prana server. Whether it acted is not known.
var ErrUnreachable = errors.New("the server cannot be reached")

// Kinds of answers, for errors.Is. The first ones are those of package flow.
var (
	// ErrNotFound: no execution, workflow, node or wait of that name exists.
	ErrNotFound = flow.ErrNotFound
	// ErrConflict: it is too late, or something else holds the name; the details say who won.
	ErrConflict = flow.ErrConflict
	// ErrGone: it existed and was used up or expired.
	ErrGone = flow.ErrGone
	// ErrInvalid: the request, its input or its definition is not valid.
	ErrInvalid = flow.ErrInvalid
	// ErrMismatch: the same id came with another body before.
	ErrMismatch = flow.ErrMismatch
	// ErrNotWaitingYet: the wait of a resume URL has not begun; call again later.
	ErrNotWaitingYet = flow.ErrNotWaitingYet
	// ErrTooLarge: a value is beyond its bound.
	ErrTooLarge = flow.ErrTooLarge
	// ErrTooManyEvents: as many events of the type are kept as may be.
	ErrTooManyEvents = flow.ErrTooManyEvents
	// ErrUnavailable: the server cannot work now; nothing was changed.
	ErrUnavailable = flow.ErrUnavailable
	// ErrUnauthorized: no token was given, or a wrong one.
	ErrUnauthorized = wire.ErrUnauthorized
	// ErrForbidden: the request comes from somewhere that is not allowed.
	ErrForbidden = wire.ErrForbidden
)

// Error is an answer that is not the one hoped for.
type Error struct {
	Status int // of HTTP
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
// definition is also ErrInvalid, the 502 of a proxy ErrUnreachable.
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
	if said, ok := errors.AsType[*url.Error](err); ok {
		said.URL = hostOf(said.URL)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// hostOf leaves the path out: that of a resume URL is a secret, and errors are logged.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "its URL"
	}
	return u.Scheme + "://" + u.Host
}

func errorOf(res *http.Response, raw []byte) error {
	var doc wire.Problem
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	p, away := foreign(res), notThere(res.StatusCode)
	if media == wire.ProblemType && json.Unmarshal(raw, &doc) == nil {
		if doc.Code != "" {
			p, away = told(doc), false
		} else {
			p.Message += words(doc)
		}
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	return &Error{Status: res.StatusCode, Problem: p, Diagnostics: doc.Diagnostics, away: away}
}

// told is the problem of a document.
func told(doc wire.Problem) *flow.Problem {
	p := &flow.Problem{Code: doc.Code, Message: doc.Detail, Node: doc.Node, Details: doc.Extra}
	if doc.ExecutionID != "" {
		p.Details["execution_id"] = doc.ExecutionID
	}
	return p
}

// foreign is the problem of somebody else in between, or of no Prana server at all.
func foreign(res *http.Response) *flow.Problem {
	p := flow.Problemf("http_"+strconv.Itoa(res.StatusCode), "%s answered %s, and not as a Prana server does", res.Request.URL.Host, res.Status)
	if to, err := res.Location(); err == nil {
		p.Message += "; it points to " + hostOf(to.String())
	}
	return p
}

// words are what the document of somebody else says.
func words(doc wire.Problem) string {
	var text strings.Builder
	for _, said := range []string{doc.Title, doc.Detail} {
		if said != "" {
			text.WriteString(": " + flow.Cut(said, 500))
		}
	}
	return text.String()
}

// notThere tells whether the status is what a proxy says of a server that it does not reach.
func notThere(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// How an execution ended that did not complete, for errors.Is.
var (
	ErrFailed    = errors.New("the execution failed")
	ErrTimedOut  = errors.New("the execution timed out")
	ErrCancelled = errors.New("the execution was cancelled")
	// ErrQuarantined: its workers died again and again; it may still go on, once somebody retries it.
	ErrQuarantined = errors.New("the execution is in quarantine")
)

// ExecutionError is the end of an execution that did not complete.
type ExecutionError struct {
	ExecutionID string
	Status      flow.Status // failed, timed_out, cancelled or quarantined
	// Problem is what the execution left: the error of its node, or why it was cancelled; nil = nothing. errors.Is does not
	// look into it, for a node's "not_found" says nothing of the execution.
	Problem *flow.Problem
}

// Error says how the execution ended, and why.
func (e *ExecutionError) Error() string {
	text := fmt.Sprintf("execution %s is %s", e.ExecutionID, e.Status)
	if e.Problem != nil {
		text += ": " + e.Problem.Error()
	}
	return text
}

// Unwrap gives ErrFailed, ErrTimedOut, ErrCancelled or ErrQuarantined.
func (e *ExecutionError) Unwrap() error {
	switch e.Status {
	case flow.TimedOut:
		return ErrTimedOut
	case flow.Cancelled:
		return ErrCancelled
	case flow.Quarantined:
		return ErrQuarantined
	}
	return ErrFailed
}
