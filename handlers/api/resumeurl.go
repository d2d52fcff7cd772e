package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// showResume tells how far the wait is that a URL names. It never resumes: whatever scans mails follows every link.
func (a *api) showResume(w http.ResponseWriter, r *http.Request) error {
	keepURL(w)
	v, err := a.Engine.ResumeToken(r.Context(), r.PathValue("token"))
	switch {
	case wantsPage(r):
		return a.showPage(w, r, v, err)
	case err != nil:
		return err
	}
	return respond(w, http.StatusOK, v)
}

// resumeByURL ends the wait. The URL is all that is asked for; who keeps it from others decides who may.
func (a *api) resumeByURL(w http.ResponseWriter, r *http.Request) error {
	keepURL(w)
	if err := a.guard.sameOrigin(r); err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, a.guard.most)
	b, err := a.brought(r)
	if err != nil && wantsPage(r) {
		return refusePage(w, err)
	}
	if err != nil {
		return err
	}
	id, err := a.Engine.ResumeByToken(r.Context(), r.PathValue("token"), flow.ResumeRequest{Data: b.data})
	switch {
	case wantsPage(r):
		return a.answerPage(w, r, b, err)
	case err != nil:
		return err
	}
	return respond(w, http.StatusOK, wire.ResumedByURL{Status: "resumed", ExecutionID: id})
}

// keepURL keeps browsers from telling the URL to others, and search engines from keeping it.
func keepURL(w http.ResponseWriter) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Robots-Tag", "noindex, nofollow")
}

// wantsPage tells a browser, which asks for HTML, from a program.
func wantsPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// answer is what somebody brings to a resume URL.
type answer struct {
	data   json.RawMessage
	fields map[string]any // as they were typed, if it was a form
}

// brought is the JSON of the body, or the fields of a form: as an object, or as what an approval takes; {} when there is none.
func (a *api) brought(r *http.Request) (answer, error) {
	if err := accept(r, isJSON); err != nil {
		return answer{}, err
	}
	raw, err := body(r)
	switch {
	case err != nil:
		return answer{}, err
	case len(raw) == 0:
		return answer{data: json.RawMessage("{}")}, nil
	case !utf8.Valid(raw):
		return answer{}, flow.Problemf("invalid_json", "the body is not UTF-8")
	case mediaType(r) == formType && raw[0] != '{': // curl calls everything a form
		return a.filledIn(r, string(raw))
	}
	return answer{data: raw}, wire.Check(raw)
}

func (a *api) filledIn(r *http.Request, encoded string) (answer, error) {
	fields, err := wire.Form(encoded)
	if err != nil {
		return answer{}, err
	}
	v, err := a.Engine.ResumeToken(r.Context(), r.PathValue("token"))
	if err != nil {
		return answer{}, err
	}
	var brings any = fields
	if asked, ok := askedBy(v); ok {
		brings = asked.decision(fields)
	}
	data, err := flow.Encode(brings)
	return answer{data, fields}, err
}
