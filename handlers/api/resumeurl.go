package api

import (
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// showResume tells how far the wait is that a URL names. It never resumes: whatever scans mails follows every link.
func (a *api) showResume(w http.ResponseWriter, r *http.Request) error {
	keepURL(w)
	v, err := a.Engine.ResumeToken(r.Context(), r.PathValue("token"))
	if err != nil {
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
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	data, err := brought(r)
	if err != nil {
		return err
	}
	id, err := a.Engine.ResumeByToken(r.Context(), r.PathValue("token"), data)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, wire.ResumedByURL{Status: "resumed", ExecutionID: id})
}

// keepURL keeps browsers from telling the URL to others.
func keepURL(w http.ResponseWriter) { w.Header().Set("Referrer-Policy", "no-referrer") }

// brought is the JSON of the body, or the fields of a form as an object; {} when there is none.
func brought(r *http.Request) (json.RawMessage, error) {
	if err := accept(r, isJSON); err != nil {
		return nil, err
	}
	raw, err := body(r)
	switch {
	case err != nil:
		return nil, err
	case len(raw) == 0:
		return json.RawMessage("{}"), nil
	case !utf8.Valid(raw):
		return nil, flow.Problemf("invalid_json", "the body is not UTF-8")
	case mediaType(r) == formType && raw[0] != '{': // curl calls everything a form
		fields, err := wire.Form(string(raw))
		if err != nil {
			return nil, err
		}
		return flow.Encode(fields)
	}
	return raw, wire.Check(raw)
}
