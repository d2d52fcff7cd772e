package client

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Client speaks to one server. It may be used by many goroutines, and keeps
// connections for them; make one and keep it. Set its fields before its first use.
type Client struct {
	// HTTP does the requests; replace it for own certificates or proxies, for instance.
	HTTP *http.Client
	// Timeout bounds one request, beside the time that the server is asked to wait in it; New sets 30 s, 0 = no bound.
	Timeout time.Duration
	// Patience is how long a request is made again that may be, while the server cannot be reached or is unavailable;
	// New sets 10 s, 0 = not at all. Who waits for an execution that was seen already is at least a minute patient.
	Patience time.Duration

	base  string
	token string
	most  int // bytes that are read of one answer
	// pause is the least time between two questions of who waits, for servers and proxies that do not.
	pause time.Duration
	// begins is how long the beginning of a stream may take, and silence how long it may say nothing after that.
	begins, silence time.Duration
}

// New makes a client of the server at that URL, such as "http://127.0.0.1:8484".
// The token is sent as Bearer; an empty one is not.
func New(baseURL, token string) (*Client, error) {
	if !absolute(baseURL) {
		return nil, fmt.Errorf("%q is not the URL of a server, such as http://127.0.0.1:8484", baseURL)
	}
	return &Client{
		HTTP:    &http.Client{Transport: transport(), CheckRedirect: stay},
		Timeout: 30 * time.Second, Patience: 10 * time.Second,
		base: strings.TrimSuffix(baseURL, "/"), token: token, most: maxAnswer, pause: 250 * time.Millisecond,
		begins: streamBegins, silence: streamSilence,
	}, nil
}

func absolute(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// transport keeps as many connections as many goroutines need: all of them lead to one host.
func transport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = t.MaxIdleConns
	return t
}

// stay follows no redirect: it would lose the body, or show the token to somebody else.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// URL is where the server has a path, which begins with a slash.
func (c *Client) URL(path string) string { return c.base + path }

// Close ends idle connections.
func (c *Client) Close() { c.HTTP.CloseIdleConnections() }

// call is one request in the making.
type call struct {
	method, path string
	query        url.Values
	media        string // of the body
	body         []byte
	header       map[string]string
	wait         time.Duration // that the server is asked for
	again        bool          // it may be made again
	patience     time.Duration // at least, instead of the client's
}

func get(path string, query url.Values) call {
	return call{method: http.MethodGet, path: path, query: query, again: true}
}

// post is a call with a JSON body. What is sent is always fit for JSON, or the server says why not.
func post(path string, body any) (call, error) {
	raw, err := encode(body)
	return call{method: http.MethodPost, path: path, media: "application/json", body: raw}, err
}

// encode gives the JSON of what is sent, as it is counted against the bounds: characters of HTML are one byte each.
func encode(v any) (json.RawMessage, error) {
	raw, err := flow.Encode(v)
	return wire.OrNull(raw), err
}

// do makes the call, again if need be, and reads the answer into out; header is that of the answer.
func (c *Client) do(ctx context.Context, k call, out any) (http.Header, error) {
	header, raw, err := c.insist(ctx, k)
	if err != nil {
		return nil, err
	}
	return header, c.understand(k, raw, out)
}

// understand reads the answer to a call, if it is one of a Prana server.
func (c *Client) understand(k call, raw []byte, out any) error {
	err := json.Unmarshal(raw, out)
	if name := missing(out); err == nil && name != "" {
		err = fmt.Errorf("it says no %s", name)
	}
	if err != nil {
		return fmt.Errorf("%w: %s answers %s %s, but not as a Prana server does: %w", ErrUnreachable, hostOf(c.base), k.method, k.path, err)
	}
	return nil
}

// telling are the members without which an answer says nothing. Where they may not be left out, every server fills them.
var telling = []string{"execution_id", "id", "status", "items", "diagnostics", "dry_run", "rerun_of"}

// missing names a telling member that an answer lacks; empty = none.
func missing(answer any) string {
	v := reflect.Indirect(reflect.ValueOf(answer))
	if v.Kind() != reflect.Struct {
		return ""
	}
	for _, f := range reflect.VisibleFields(v.Type()) {
		name := f.Tag.Get("json") // and nothing else, such as omitempty
		if slices.Contains(telling, name) && v.FieldByIndex(f.Index).IsZero() {
			return name
		}
	}
	return ""
}

// traced are the headers of a trace carrier.
func traced(carrier map[string]string) map[string]string {
	header := maps.Clone(carrier)
	maps.DeleteFunc(header, func(name, _ string) bool { return name != "traceparent" && name != "tracestate" })
	return header
}
