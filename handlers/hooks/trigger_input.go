package hooks

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"unicode/utf8"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// maxKey bounds what names a delivery, in bytes.
const maxKey = 255

// received is what came: the input of the execution.
type received struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"` // lower-case names; what proves who calls is left out
	Query   map[string]any    `json:"query"`   // a text, or a list of them
	Body    any               `json:"body"`
}

// startOf reads a request.
func startOf(w http.ResponseWriter, r *http.Request, t *trigger) (flow.StartRequest, error) {
	req := flow.StartRequest{Workflow: t.workflow, Version: t.version, Trace: traceOf(r)}
	in := received{Method: r.Method, Path: r.URL.Path, Headers: headersOf(r.Header, t.auth)}
	var err error
	if req.ID, err = deliveryOf(r.Header); err != nil {
		return req, err
	}
	if in.Query, err = wire.Form(r.URL.RawQuery); err != nil {
		return req, err
	}
	if in.Body, err = bodyOf(w, r); err != nil {
		return req, err
	}
	if req.Input, err = flow.Encode(in); err != nil {
		return req, err
	}
	in.Headers = nil // they differ from one delivery to the next: dates, traces, signatures
	req.Same, err = flow.Encode(in)
	return req, err
}

// deliveryOf is the id under which the request counts once; empty = each counts. It is kept apart from the ids
// of those who start by the API.
func deliveryOf(h http.Header) (string, error) {
	id := strings.Trim(h.Get("Idempotency-Key"), `"`) // the draft standard writes it in quotes
	if id == "" {
		id = h.Get("webhook-id")
	}
	switch {
	case id == "":
		return "", nil
	case len(id) > maxKey || !utf8.ValidString(id):
		return "", flow.Problemf(flow.ErrInvalid.Code, "the Idempotency-Key must be text of at most %d bytes", maxKey)
	}
	return "webhook:" + id, nil
}

func headersOf(h http.Header, a auth) map[string]string {
	out := make(map[string]string, len(h))
	for name, list := range h {
		secret := slices.Contains(withheld, name) || strings.HasPrefix(name, "Proxy-") ||
			a.kind == authHeader && name == textproto.CanonicalMIMEHeaderKey(a.header)
		if !secret {
			out[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(list, ", "), "\uFFFD")
		}
	}
	return out
}

// bodyOf reads the body: data where it is JSON or a form, else text; null when there is none.
func bodyOf(w http.ResponseWriter, r *http.Request) (any, error) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, unreadable("encoded as " + flow.Cut(coding, 40))
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequest))
	if err != nil {
		return nil, unread(err, MaxRequest)
	}
	media := mediaOf(r.Header)
	switch {
	case len(raw) == 0:
		return nil, nil
	case !utf8.Valid(raw):
		return nil, unreadable("not UTF-8")
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		return json.RawMessage(raw), wire.Check(raw)
	case media == "application/x-www-form-urlencoded":
		return wire.Form(string(raw))
	}
	return string(raw), nil
}

func mediaOf(h http.Header) string {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

func unreadable(what string) error {
	return flow.Problemf("unsupported_media_type", "the body is %s; JSON, forms and text in UTF-8 are read here", what)
}
