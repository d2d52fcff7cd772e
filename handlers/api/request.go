package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/engine/telemetry"
	"prana/handlers/api/wire"
)

const (
	maxKey  = 255 // of an id or Idempotency-Key
	maxWait = time.Minute
)

func invalid(format string, args ...any) error {
	return flow.Problemf(flow.ErrInvalid.Code, format, args...)
}

func tooLarge(most int64) error {
	return flow.Problemf(flow.ErrTooLarge.Code, "the body is larger than %d bytes (limits.body)", most)
}

// body reads the whole body.
func body(r *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(r.Body)
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge(big.Limit)
	}
	if err != nil {
		return nil, invalid("the body cannot be read to its end")
	}
	return raw, nil
}

// decode reads a JSON body into target. An empty body leaves it as it is, when
// that is allowed.
func decode(r *http.Request, target any, mayBeEmpty bool) error {
	if err := accept(r, isJSON); err != nil {
		return err
	}
	raw, err := body(r)
	if err != nil || (len(raw) == 0 && mayBeEmpty) {
		return err
	}
	return wire.Decode(raw, target)
}

// formType is what browsers send of forms, and curl of anything.
const formType = "application/x-www-form-urlencoded"

// accept refuses a body of another media type than those that ok accepts. The
// types that curl sends when nobody says otherwise are always fine.
func accept(r *http.Request, ok func(mediaType string) bool) error {
	media := mediaType(r)
	if media == "" || media == formType || ok(media) {
		return nil
	}
	return flow.Problemf("unsupported_media_type", "a body of type %s is not read here", flow.Cut(media, 100))
}

func mediaType(r *http.Request) string {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Type")))
	}
	return media
}

func isJSON(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// keyOf is the name under which the request counts once: the id of the body or
// the Idempotency-Key, which mean the same.
func keyOf(r *http.Request, id string) (string, error) {
	key := strings.Trim(r.Header.Get("Idempotency-Key"), `"`) // the draft standard writes it in quotes
	if id == "" {
		id = key
	}
	switch {
	case key != "" && key != id:
		return "", invalid("the id %q and the Idempotency-Key %q differ; send one of them", flow.Cut(id, 60), flow.Cut(key, 60))
	case len(id) > maxKey:
		return "", invalid("the id or Idempotency-Key has %d bytes; at most %d are kept", len(id), maxKey)
	}
	return id, nil
}

// replayed tells the caller that this answer is that of an earlier request.
func replayed(w http.ResponseWriter, is bool) {
	if is {
		w.Header().Set("Idempotency-Replayed", "true")
	}
}

// waitOf is how long the caller prefers to wait (RFC 7240), bounded. What
// cannot be read is ignored, as the standard asks.
func waitOf(r *http.Request) time.Duration {
	for _, header := range r.Header.Values("Prefer") {
		for preference := range strings.SplitSeq(header, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(preference), "=")
			n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
			if strings.EqualFold(strings.TrimSpace(name), "wait") && err == nil {
				return min(time.Duration(n)*time.Second, maxWait)
			}
		}
	}
	return 0
}

// traceOf is the trace that the request belongs to.
func traceOf(r *http.Request) map[string]string {
	carrier := map[string]string{}
	for _, name := range []string{"traceparent", "tracestate"} {
		if v := r.Header.Get(name); v != "" {
			carrier[name] = v
		}
	}
	return telemetry.Inject(telemetry.Extract(r.Context(), carrier))
}
