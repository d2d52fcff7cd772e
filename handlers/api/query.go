package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

const maxLimit = 1000

// query reads the parameters of a list. The first that is wrong is kept, and
// end reports it, or one that nobody asked for.
type query struct {
	values url.Values
	names  []string
	path   string
	err    error
}

func queryOf(r *http.Request) *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values, path: r.URL.Path}
	if err != nil {
		q.fail("the query cannot be read")
	}
	return q
}

func (q *query) fail(format string, args ...any) {
	if q.err == nil {
		q.err = flow.Problemf("invalid_query", format, args...)
	}
}

// text gives the parameter of the first name, or of another that means the same.
func (q *query) text(names ...string) string {
	found := ""
	for _, name := range names {
		q.names = append(q.names, name)
		if n := len(q.values[name]); n > 1 {
			q.fail("%s is given %d times", name, n)
		}
		if v := q.values.Get(name); v != "" {
			found = v
		}
	}
	return found
}

// check keeps what is wrong with a filter as a whole.
func (q *query) check(err error) {
	if err != nil {
		q.fail("%s", flow.AsProblem(err).Message)
	}
}

// tags gives those of a parameter that is given once for each: name=value.
func (q *query) tags(name string) map[string]string {
	q.names = append(q.names, name)
	tags := map[string]string{}
	for _, text := range q.values[name] {
		tag, value, ok := strings.Cut(text, "=")
		if _, twice := tags[tag]; twice {
			q.fail("%s=%s is given twice, and an execution has one value of it", name, flow.Cut(tag, 60))
		}
		if !ok {
			q.fail("%s=%s is not a tag such as team=billing", name, flow.Cut(text, 60))
		}
		tags[tag] = value
	}
	if len(tags) == 0 {
		return nil
	}
	return tags
}

func (q *query) time(names ...string) time.Time {
	s := q.text(names...)
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		q.fail("%s=%s is not a time such as 2026-01-31T12:00:00Z", names[0], flow.Cut(s, 60))
	}
	return t
}

// page reads what every list takes.
func (q *query) page() wire.PageFilter {
	return wire.PageFilter{Limit: q.limit(), Cursor: q.cursor()}
}

func (q *query) limit() int { return q.number("limit", maxLimit) }

// number gives a number from 1 to the highest; 0 when it is not given.
func (q *query) number(name string, highest int) int {
	s := q.text(name)
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > highest {
		q.fail("%s=%s is not a number from 1 to %d", name, flow.Cut(s, 60), highest)
	}
	return n
}

func (q *query) flag(name string) bool {
	s := q.text(name)
	if s != "" && s != "true" && s != "false" {
		q.fail("%s=%s is neither true nor false", name, flow.Cut(s, 60))
	}
	return s == "true"
}

func (q *query) status() flow.Status {
	s := flow.Status(q.text("status"))
	if s == "" || slices.Contains(flow.Statuses(), s) {
		return s
	}
	var names []string
	for _, known := range flow.Statuses() {
		names = append(names, string(known))
	}
	q.fail("there is no status %q%s", flow.Cut(string(s), 60), wire.DidYouMean(string(s), names))
	return s
}

// end gives what was wrong with the parameters; call it after reading them all.
func (q *query) end() error {
	for name := range q.values {
		if !slices.Contains(q.names, name) {
			q.fail("there is no parameter %q here%s", flow.Cut(name, 60), wire.DidYouMean(name, q.names))
		}
	}
	return q.err
}
