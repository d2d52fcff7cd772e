package nodes

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}

// defaultTimeoutMS bounds one HTTP exchange, its body included; maxTimeoutMS is the most one can ask for.
const (
	defaultTimeoutMS = 30_000
	maxTimeoutMS     = 300_000
)

// requestFields describe a request wherever a node makes one. The address and
// the time limit have other names in each, and are added there.
func (w *web) requestFields() []node.Field {
	return []node.Field{
		{Name: "method", Kind: node.String, Default: "GET", Enum: methods, Summary: "The HTTP method."},
		{Name: "headers", Kind: node.Object, Summary: "Name -> value, or a list of values."},
		{Name: "params", Kind: node.Object, Summary: "Query parameters, added to those of the URL: name -> value, or a list of values."},
		{Name: "body", Kind: node.String, Summary: "The body as text. Not together with json."},
		{Name: "json", Kind: node.Any, Summary: "The body as data, sent as JSON with its content type."},
		{Name: "auth", Kind: node.Object, Items: authFields, Summary: "A credential to send along; never to another host after a redirect."},
		{Name: "accept_status", Kind: node.Array, Summary: "Statuses that are no error: codes, ranges such as \"2xx\" or \"200-299\". Default 2xx and 3xx."},
		{Name: "follow_redirects", Kind: node.Bool, Default: true, Summary: "Follow up to 3 redirects, never from https to http."},
		{Name: "max_response", Kind: node.Int, Min: new(1.0), Max: new(float64(w.limit)), Summary: "The most bytes a response body may have, decompressed; by default as many as the operator allows."},
	}
}

// request is one HTTP request as a node described it.
type request struct {
	method  string
	url     *url.URL
	header  http.Header
	body    []byte
	accept  statuses
	follow  bool
	limit   int64
	timeout time.Duration
	// now is what dates of the other side are compared with.
	now time.Time
}

// newRequest reads the parameters that requestFields describe; field is the
// one that holds the address.
func (w *web) newRequest(v values, field string, c *node.Call) (*request, error) {
	u, err := parseURL(field, v.text(field), v.object("params"))
	if err != nil {
		return nil, err
	}
	header, err := parseHeaders(v.object("headers"))
	if err != nil {
		return nil, err
	}
	if err := authorize(header, v.group("auth")); err != nil {
		return nil, err
	}
	accept, err := parseStatuses(v.list("accept_status"))
	if err != nil {
		return nil, err
	}
	r := &request{method: v.text("method"), url: u, header: header, accept: accept, follow: v.flag("follow_redirects"), limit: w.limit, now: c.Now}
	if own := v.whole("max_response"); own > 0 {
		r.limit = own
	}
	if err := r.setBody(v); err != nil {
		return nil, err
	}
	r.sign(c)
	return r, nil
}

func (r *request) setBody(v values) error {
	r.body = []byte(v.text("body"))
	data := v["json"]
	if data == nil {
		return nil
	}
	if len(r.body) > 0 {
		return invalid("body", "stands beside json; one of them must go")
	}
	raw, err := flow.Encode(data)
	if err != nil {
		return invalid("json", "cannot be written as JSON: %v", err)
	}
	r.body = raw
	r.setDefault("Content-Type", "application/json")
	return nil
}

// sign adds what we say in every request, unless the author said it.
func (r *request) sign(c *node.Call) {
	r.setDefault("Accept", "application/json, */*;q=0.9")
	r.setDefault("User-Agent", "prana")
	if r.method == http.MethodGet || r.method == http.MethodHead {
		return
	}
	if c.Key != "" {
		r.setDefault(headerKey, c.Key)
	}
	r.setDefault(headerAttempt, strconv.Itoa(c.Attempt))
}

func (r *request) setDefault(name, value string) {
	if _, said := r.header[name]; !said {
		r.header.Set(name, value)
	}
}

// statuses are ranges of HTTP statuses, both ends included.
type statuses [][2]int

func (s statuses) has(code int) bool {
	return slices.ContainsFunc(s, func(r [2]int) bool { return r[0] <= code && code <= r[1] })
}

func parseStatuses(list []any) (statuses, error) {
	if len(list) == 0 {
		return statuses{{200, 399}}, nil
	}
	out := make(statuses, len(list))
	for i, e := range list {
		span, ok := parseStatus(text(e))
		if !ok {
			return nil, invalid("accept_status", "has %q, which is neither a code nor a range such as \"2xx\" or \"200-299\"", flow.Cut(text(e), 20))
		}
		out[i] = span
	}
	return out, nil
}

func parseStatus(s string) ([2]int, bool) {
	if class, ok := strings.CutSuffix(strings.ToLower(s), "xx"); ok {
		n, err := strconv.Atoi(class)
		return [2]int{n * 100, n*100 + 99}, err == nil && n >= 1 && n <= 5
	}
	low, high, isRange := strings.Cut(s, "-")
	if !isRange {
		high = low
	}
	a, err1 := strconv.Atoi(low)
	b, err2 := strconv.Atoi(high)
	return [2]int{a, b}, err1 == nil && err2 == nil && 100 <= a && a <= b && b <= 599
}
