package wire

import (
	"net/http"

	"prana/engine/flow"
)

// Code documents one problem code. The table is the reference: documentation
// pages and the OpenAPI document are checked against it.
type Code struct {
	Code   string
	Status int
	Title  string
	// Means says when it is answered and who should do what.
	Means string
	// Kind is the problem of package flow that a client matches it with, beside the code itself; nil = none.
	Kind *flow.Problem
}

// Page is where the documentation explains the code, on every server: a reference without host, so that it is the same
// from all of them.
func (c Code) Page() string { return "/docs/problems#" + c.Code }

// Problems of the API alone; clients match them with errors.Is.
var (
	// ErrUnauthorized: no token came, or a wrong one.
	ErrUnauthorized = &flow.Problem{Code: "unauthorized", Message: "a valid token is needed: Authorization: Bearer <token>"}
	// ErrForbidden: the Host or Origin of the request is not allowed.
	ErrForbidden = &flow.Problem{Code: "forbidden", Message: "the request comes from somewhere that is not allowed"}
	// ErrNoOutput: the execution has no output, or none yet.
	ErrNoOutput = &flow.Problem{Code: "no_output", Message: "the execution has no output"}
)

// Codes lists every problem code that the API answers with, by status.
func Codes() []Code {
	// too_many_events is of the kind of unavailable, as a Redis that refuses writes is: the request is right, nothing was done, and
	// trying again later is what helps.
	return []Code{
		{"invalid", http.StatusBadRequest, "Invalid request", "A value of the request breaks a stated bound. Correct it.", flow.ErrInvalid},
		{"invalid_json", http.StatusBadRequest, "Invalid JSON", "The body is not the JSON that is expected: line, column and pointer say where.", flow.ErrInvalid},
		{"invalid_query", http.StatusBadRequest, "Invalid query", "A query parameter is unknown or cannot be read.", flow.ErrInvalid},
		{"not_waiting_yet", http.StatusBadRequest, "Not waiting yet", "The wait that a resume URL names has not begun, or its step runs. Call again later.", flow.ErrNotWaitingYet},
		{"unauthorized", http.StatusUnauthorized, "Unauthorized", "No token came, or a wrong one; for a webhook, no such hook or a wrong signature.", nil},
		{"forbidden", http.StatusForbidden, "Forbidden", "Without a token only allowed hosts are served, and no other origin.", nil},
		{"not_found", http.StatusNotFound, "Not found", "Nothing of that name exists.", flow.ErrNotFound},
		{"node_not_found", http.StatusNotFound, "No such node", "The workflow has no node of that key; the detail names one that is near.", flow.ErrNotFound},
		{"no_route", http.StatusNotFound, "No such route", "The API has no such path or verb; /openapi.json lists them.", flow.ErrNotFound},
		{"method_not_allowed", http.StatusMethodNotAllowed, "Method not allowed", "The path exists with the methods named by Allow.", nil},
		{"conflict", http.StatusConflict, "Conflict", "It was decided otherwise before; the other members say by whom.", flow.ErrConflict},
		{"no_output", http.StatusConflict, "No output", "The execution goes on, or ended without completing; execution_status says which.", flow.ErrConflict},
		{"gone", http.StatusGone, "Gone", "It existed and was used up or expired.", flow.ErrGone},
		{"payload_too_large", http.StatusRequestEntityTooLarge, "Too large", "The body, or a value in it, is beyond its bound. Pass a reference instead.", flow.ErrTooLarge},
		{"unsupported_media_type", http.StatusUnsupportedMediaType, "Unsupported media type", "The Content-Type is not one that this path reads.", nil},
		{"definition_invalid", http.StatusUnprocessableEntity, "Invalid definition", "The definition has errors; diagnostics lists all of them.", flow.ErrInvalid},
		{"invalid_data", http.StatusUnprocessableEntity, "Invalid data", "What is brought does not fit what the wait asks for, which stands: fields lists what is wrong, each with its pointer.", flow.ErrInvalid},
		{"idempotency_mismatch", http.StatusUnprocessableEntity, "Idempotency mismatch", "The same id or Idempotency-Key came with another body before.", flow.ErrMismatch},
		{"invalid_concurrency_key", http.StatusUnprocessableEntity, "Invalid concurrency key", "The concurrency_key of the workflow gives no short text for this input. Correct the input, or the workflow.", flow.ErrInvalid},
		{"expression_error", http.StatusUnprocessableEntity, "Expression failed", "The concurrency_key of the workflow cannot be computed for this input. Correct the input, or the workflow.", flow.ErrInvalid},
		{"too_many_queues", http.StatusUnprocessableEntity, "Too many queues", "The definition names one queue more than there may be. Use one that exists, or default.", flow.ErrInvalid},
		{"hook_expression_failed", http.StatusUnprocessableEntity, "Expression failed", "An expression of the named webhook cannot be computed from this delivery; expression, line and column say where. Correct the hook, or what is sent.", flow.ErrInvalid},
		{"too_many_events", http.StatusTooManyRequests, "Too many events", "So many events of the type are kept that one more is refused. Nothing was changed. Have them consumed and try again, or publish with ttl_ms 0.", flow.ErrUnavailable},
		{"execution_failed", http.StatusInternalServerError, "Execution failed", "The execution that a webhook began did not complete; execution_status and error_code say how.", nil},
		{"internal", http.StatusInternalServerError, "Internal error", "A defect of the server; its log has the request_id.", nil},
		{"too_many_streams", http.StatusServiceUnavailable, "Too many streams", "As many streams are open at this server as may be. Close one, or try again after Retry-After.", flow.ErrUnavailable},
		{"unavailable", http.StatusServiceUnavailable, "Unavailable", "Redis cannot be reached or refuses writes. Nothing was changed; try again after Retry-After.", flow.ErrUnavailable},
	}
}

var byCode = func() map[string]Code {
	m := map[string]Code{}
	for _, c := range Codes() {
		m[c.Code] = c
	}
	return m
}()

// LookupCode finds a code in the table.
func LookupCode(code string) (Code, bool) {
	c, ok := byCode[code]
	return c, ok
}
