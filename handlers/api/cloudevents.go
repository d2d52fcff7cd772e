package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// attributes are those of a CloudEvent (1.0) that mean something here.
type attributes struct {
	spec, id, source, kind string
	trace                  map[string]string
}

// event makes ours of a CloudEvent. Its id is unique for its source only.
func (at attributes) event(r *http.Request, data json.RawMessage) (flow.Event, error) {
	switch {
	case !strings.HasPrefix(at.spec, "1."):
		return flow.Event{}, invalid("the CloudEvents specversion is %q; 1.0 is read", flow.Cut(at.spec, 20))
	case at.id == "" || at.source == "" || at.kind == "":
		return flow.Event{}, invalid("a CloudEvent needs id, source and type")
	}
	id := at.source + "#" + at.id
	if len(id) > maxKey {
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:])
	}
	trace := traceOf(r)
	if len(at.trace) > 0 { // the event's own trace, not that of the carrier that brought it
		trace = at.trace
	}
	return flow.Event{ID: id, Type: at.kind, Data: data, Trace: trace}, nil
}

// onlyTheirs are attributes of CloudEvents that an event of ours does not have.
var onlyTheirs = []any{"/specversion", "/source", "/datacontenttype", "/dataschema", "/data_base64", "/subject", "/time"}

// cloudy adds to why a body was refused that it is a CloudEvent, if it looks like one: its media type is forgotten easily.
func cloudy(err error) error {
	p := flow.AsProblem(err)
	if !slices.Contains(onlyTheirs, p.Details["pointer"]) {
		return err
	}
	hinted := *p
	hinted.Message += "; a CloudEvent is sent as application/cloudevents+json"
	return &hinted
}

// structuredEvent reads a CloudEvent that is the body. Attributes that nobody
// knows are extensions, which the standard allows.
func structuredEvent(r *http.Request) (flow.Event, error) {
	raw, err := body(r)
	if err != nil {
		return flow.Event{}, err
	}
	if err := wire.Check(raw); err != nil {
		return flow.Event{}, err
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return flow.Event{}, flow.Problemf("invalid_json", "a CloudEvent is a JSON object")
	}
	text := func(name string) string {
		var s string
		_ = json.Unmarshal(members[name], &s) // another type counts as absent, and what must be there is asked for
		return s
	}
	data := members["data"]
	if b64, ok := members["data_base64"]; ok && data == nil {
		data = b64
	}
	return attributesOf(text).event(r, data)
}

// binaryEvent reads a CloudEvent whose attributes are headers and whose data is
// the body.
func binaryEvent(r *http.Request) (flow.Event, error) {
	raw, err := body(r)
	if err != nil {
		return flow.Event{}, err
	}
	data, err := dataOf(mediaType(r), raw)
	if err != nil {
		return flow.Event{}, err
	}
	header := func(name string) string {
		v := r.Header.Get("Ce-" + name)
		if plain, err := url.PathUnescape(v); err == nil {
			return plain
		}
		return v
	}
	return attributesOf(header).event(r, data)
}

func attributesOf(get func(name string) string) attributes {
	at := attributes{spec: get("specversion"), id: get("id"), source: get("source"), kind: get("type")}
	if parent := get("traceparent"); parent != "" {
		at.trace = map[string]string{"traceparent": parent}
	}
	return at
}

// dataOf makes a JSON value of a body: JSON is itself, text a string, and the
// rest a string of base64.
func dataOf(media string, raw []byte) (json.RawMessage, error) {
	switch {
	case len(raw) == 0:
		return nil, nil
	case media == "" || isJSON(media):
		return raw, wire.Check(raw)
	case strings.HasPrefix(media, "text/"):
		return flow.Encode(string(raw))
	}
	return flow.Encode(base64.StdEncoding.EncodeToString(raw))
}
