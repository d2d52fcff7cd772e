package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Problem is an error that can be stored, sent, and matched after both. It is
// the only error shape inside executions.
type Problem struct {
	// Code is a stable, lower-case, dotted or underscored name such as "timeout".
	Code string `json:"code"`
	// Message says what happened and who should do what.
	Message string `json:"message"`
	// Node is the key of the node it happened at; empty when it concerns the whole execution.
	Node string `json:"node,omitempty"`
	// Details are facts for programs; bounded by the payload limit.
	Details map[string]any `json:"details,omitempty"`
	// Permanent tells that trying again cannot help: retries are skipped.
	Permanent bool `json:"permanent,omitempty"`
	// RetryAfter is the earliest sensible next attempt, as the failing side asked; 0 = it did not say.
	RetryAfter time.Duration `json:"retry_after,omitempty"`
}

// UnmarshalJSON keeps the numbers of the details as [Decode] does.
func (p *Problem) UnmarshalJSON(raw []byte) error {
	type fields Problem
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode((*fields)(p)); err != nil {
		return err
	}
	_, err := Plain(p.Details)
	return err
}

// Error gives "code: message", with the node when there is one.
func (p *Problem) Error() string {
	if p.Node == "" {
		return p.Text()
	}
	return p.Code + " at node " + p.Node + ": " + p.said()
}

// Text gives "code: message", where the node is told otherwise.
func (p *Problem) Text() string { return p.Code + ": " + p.said() }

// said is the message without the code, with which it began in executions that were ended before their time by earlier versions.
func (p *Problem) said() string { return strings.TrimPrefix(p.Message, p.Code+": ") }

// Is matches problems by code, so that errors.Is(err, ErrNotFound) holds after storage.
func (p *Problem) Is(target error) bool {
	var t *Problem
	return errors.As(target, &t) && t.Code == p.Code
}

// Problems that callers match with errors.Is.
var (
	// ErrNotFound: no execution, workflow, wait or token of that name exists.
	ErrNotFound = &Problem{Code: "not_found", Message: "nothing of that name exists"}
	// ErrConflict: it is too late, or something else holds the name; the details say who won.
	ErrConflict = &Problem{Code: "conflict", Message: "it was decided otherwise before"}
	// ErrInvalid: the request cannot be understood or breaks a stated bound.
	ErrInvalid = &Problem{Code: "invalid", Message: "the request is not valid"}
	// ErrGone: it existed and was used up or expired.
	ErrGone = &Problem{Code: "gone", Message: "it is used up or expired"}
	// ErrNotWaitingYet: a resume URL was called before its wait began; later it may do.
	ErrNotWaitingYet = &Problem{Code: "not_waiting_yet", Message: "the wait has not begun yet"}
	// ErrMismatch: the same idempotency key or start id came with another body.
	ErrMismatch = &Problem{Code: "idempotency_mismatch", Message: "the same key was used with another body"}
	// ErrUnavailable: the store cannot be reached or refuses writes now; nothing was changed, try again.
	ErrUnavailable = &Problem{Code: "unavailable", Message: "the store cannot be reached"}
	// ErrTooLarge: a value is beyond its bound; trying again cannot help.
	ErrTooLarge = &Problem{Code: "payload_too_large", Message: "a value is beyond its bound", Permanent: true}
	// ErrTooManyEvents: as many events of the type are kept as may be; there is room again when some are consumed, or expire.
	ErrTooManyEvents = &Problem{Code: "too_many_events", Message: "no more events are kept now", Permanent: true}
)

// Problemf makes a Problem with a formatted message.
func Problemf(code, format string, args ...any) *Problem {
	return &Problem{Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotFound says what is missing.
func NotFound(kind, name string) *Problem {
	return Problemf(ErrNotFound.Code, "there is no %s %q", kind, name)
}

// AsProblem turns any error into a Problem: its own when it carries one, else
// code "error" with the error's text, cut to 2 KiB.
func AsProblem(err error) *Problem {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	return &Problem{Code: "error", Message: Cut(err.Error(), 2048)}
}

// Cut shortens s to at most n bytes without splitting a character.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// Map gives the problem as a plain JSON object, for expressions.
func (p *Problem) Map() map[string]any {
	raw, err := json.Marshal(p)
	if err != nil {
		return map[string]any{"code": p.Code, "message": p.Message}
	}
	v, _ := Decode(raw)
	m, _ := v.(map[string]any)
	return m
}
