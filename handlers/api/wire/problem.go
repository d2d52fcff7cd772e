package wire

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"prana/engine/flow"
)

// ProblemType is the media type of problem documents (RFC 9457).
const ProblemType = "application/problem+json"

// Problem is a problem document. Extra members stand beside the standard ones.
type Problem struct {
	// Type leads to what the documentation of the server says of Code, such as "/docs/problems#not_found".
	Type        string
	Title       string
	Status      int
	Detail      string
	Code        string
	ExecutionID string
	Node        string
	Diagnostics []json.RawMessage
	Extra       map[string]any
	// RetryAfter is sent as the header of that name.
	RetryAfter time.Duration
}

// untyped is the type of a problem that no page explains (RFC 9457).
const untyped = "about:blank"

// diagnosed is a definition that was refused.
type diagnosed struct {
	*flow.Problem
	diagnostics []json.RawMessage
}

func (d diagnosed) Unwrap() error { return d.Problem }

// Undefinable is the error for a definition with these diagnostics.
func Undefinable(diagnostics []json.RawMessage) error {
	return diagnosed{flow.Problemf("definition_invalid", "the definition has errors"), diagnostics}
}

// ProblemOf turns an error into its document. What is not a *flow.Problem may
// tell secrets, so its text stays inside.
func ProblemOf(err error) Problem {
	p, ok := errors.AsType[*flow.Problem](err)
	if !ok {
		p = opaque(err)
	}
	doc := Problem{
		Type: untyped, Code: p.Code, Detail: p.Message, Node: p.Node,
		Title: "Internal error", Status: http.StatusInternalServerError, RetryAfter: p.RetryAfter,
	}
	if c, ok := LookupCode(p.Code); ok {
		doc.Type, doc.Title, doc.Status = c.Page(), c.Title, c.Status
	}
	if doc.Status == http.StatusServiceUnavailable && doc.RetryAfter == 0 {
		doc.RetryAfter = time.Second
	}
	doc.addDetails(p.Details)
	if d, ok := errors.AsType[diagnosed](err); ok {
		doc.Diagnostics = d.diagnostics
	}
	return doc
}

func opaque(err error) *flow.Problem {
	if errors.Is(err, context.DeadlineExceeded) {
		return flow.Problemf(flow.ErrUnavailable.Code, "the answer took too long")
	}
	return flow.Problemf("internal", "an unexpected error; the server's log tells more")
}

// addDetails makes details members of the document. Those whose names are
// taken are prefixed: the status of an execution becomes execution_status.
func (p *Problem) addDetails(details map[string]any) {
	extra := map[string]any{}
	for k, v := range details {
		text, isText := v.(string)
		switch {
		case k == "execution_id" && isText:
			p.ExecutionID = text
		case k == "node" && isText && p.Node == "":
			p.Node = text
		case reserved[k]:
			extra["execution_"+k] = v
		default:
			extra[k] = v
		}
	}
	if len(extra) > 0 {
		p.Extra = extra
	}
}

var reserved = map[string]bool{
	"type": true, "title": true, "status": true, "detail": true, "instance": true,
	"code": true, "execution_id": true, "node": true, "diagnostics": true,
}

// MarshalJSON gives the members, extra ones beside the standard ones.
func (p Problem) MarshalJSON() ([]byte, error) {
	m := maps.Clone(p.Extra)
	if m == nil {
		m = map[string]any{}
	}
	m["type"], m["title"], m["status"], m["detail"], m["code"] = p.Type, p.Title, p.Status, p.Detail, p.Code
	if p.ExecutionID != "" {
		m["execution_id"] = p.ExecutionID
	}
	if p.Node != "" {
		m["node"] = p.Node
	}
	if p.Diagnostics != nil {
		m["diagnostics"] = p.Diagnostics
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads what MarshalJSON gives.
func (p *Problem) UnmarshalJSON(raw []byte) error {
	var known struct {
		Type        string            `json:"type"`
		Title       string            `json:"title"`
		Status      int               `json:"status"`
		Detail      string            `json:"detail"`
		Code        string            `json:"code"`
		ExecutionID string            `json:"execution_id"`
		Node        string            `json:"node"`
		Diagnostics []json.RawMessage `json:"diagnostics"`
	}
	var extra map[string]any
	if err := errors.Join(json.Unmarshal(raw, &known), json.Unmarshal(raw, &extra)); err != nil {
		return err
	}
	maps.DeleteFunc(extra, func(k string, _ any) bool { return reserved[k] })
	*p = Problem{
		Type: known.Type, Title: known.Title, Status: known.Status, Detail: known.Detail, Code: known.Code,
		ExecutionID: known.ExecutionID, Node: known.Node, Diagnostics: known.Diagnostics, Extra: extra,
	}
	return nil
}

// Write sends the document as the answer.
func (p Problem) Write(w http.ResponseWriter) {
	raw, err := json.Marshal(p)
	if err != nil { // details that are no JSON
		p.Extra = nil
		raw, _ = json.Marshal(p)
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	Write(w, p.Status, ProblemType, raw)
}

// Write sends an answer that nobody is to keep, or to take for something else than it says.
func Write(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body))) // net/http finds out only of short ones
	w.WriteHeader(status)
	_, _ = w.Write(body) // the reader is gone: nobody is left to tell
}
