package api

import (
	"encoding/base64"
	"hash/fnv"
	"net/http"
	"strings"

	"prana/engine/flow"
)

// A cursor is that of the store behind a mark of the list, so that a place in another list is refused instead of looked for here.

// markOf is the mark of the list that a request asks for: four characters of its path, and of its order where a filter changes that.
func markOf(r *http.Request) string {
	h := fnv.New32a()
	h.Write([]byte(r.URL.Path))
	if q := r.URL.Query(); q.Get("status") != "" || q.Get("error") != "" { // see [flow.ExecutionFilter.ByStatus]
		h.Write([]byte("?status"))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:3])
}

// cursor gives that of the store; empty = from the beginning.
func (q *query) cursor() string {
	s := q.text("cursor")
	place, ok := strings.CutPrefix(s, q.mark)
	if s != "" && (!ok || place == "") {
		q.fail("cursor=%s is not one of this list", flow.Cut(s, 60))
	}
	return place
}
