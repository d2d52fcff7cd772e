package api

import (
	"encoding/base64"
	"hash/fnv"
	"net/url"
	"strings"

	"prana/engine/flow"
)

// A cursor is that of the store behind a mark of the list, so that a place in another list is refused instead of looked for here.

// markOf is the mark of a list: four characters of its path, and of its order where a filter changes that.
func markOf(path string, q url.Values) string {
	h := fnv.New32a()
	h.Write([]byte(path))
	if (flow.ExecutionFilter{Status: flow.Status(q.Get("status")), Error: q.Get("error")}).ByStatus() {
		h.Write([]byte("?status"))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:3])
}

// cursor gives that of the store; empty = from the beginning.
func (q *query) cursor() string {
	s := q.text("cursor")
	if s == "" {
		return ""
	}
	place, ok := strings.CutPrefix(s, markOf(q.path, q.values))
	if !ok || place == "" {
		q.fail("cursor=%s is not one of this list", flow.Cut(s, 60))
	}
	return place
}
