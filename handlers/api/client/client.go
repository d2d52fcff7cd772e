// Package client speaks to a Prana server over HTTP. Requests and answers are
// the nouns of package flow, and errors match its problems with errors.Is; no
// part of the engine or of the queue comes with it.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// Client speaks to one server. It may be used by many goroutines.
type Client struct {
	// HTTP does the requests; replace it before the first use, for own certificates for instance.
	HTTP  *http.Client
	base  string
	token string
	// pause is the least time between two questions of Await, for servers and proxies that do not wait.
	pause time.Duration
}

// New makes a client of the server at that URL, such as "http://127.0.0.1:8484".
// An empty token sends none.
func New(baseURL, token string) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("%q is not the URL of a server, such as http://127.0.0.1:8484", baseURL)
	}
	return &Client{
		HTTP: &http.Client{}, base: strings.TrimSuffix(baseURL, "/"), token: token, pause: 250 * time.Millisecond,
	}, nil
}

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
}

func get(path string, query url.Values) call {
	return call{method: http.MethodGet, path: path, query: query}
}

// post is a call with a JSON body. What is sent is always fit for JSON, or the server says why not.
func post(path string, body any) (call, error) {
	raw, err := json.Marshal(body)
	return call{method: http.MethodPost, path: path, media: "application/json", body: raw}, err
}

// do sends the call and reads the answer into out; header is that of the answer.
func (c *Client) do(ctx context.Context, k call, out any) (http.Header, error) {
	req, err := c.request(ctx, k)
	if err != nil {
		return nil, err
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	if res.StatusCode/100 != 2 {
		return nil, errorOf(res, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, fmt.Errorf("reading the answer to %s %s: %w", k.method, k.path, err)
	}
	return res.Header, nil
}

func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	target := c.base + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, bytes.NewReader(k.body))
	if err != nil {
		return nil, err
	}
	if k.media != "" {
		req.Header.Set("Content-Type", k.media)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, value := range k.header {
		req.Header.Set(name, value)
	}
	return req, nil
}

// traced are the headers of a trace carrier.
func traced(carrier map[string]string) map[string]string {
	header := maps.Clone(carrier)
	maps.DeleteFunc(header, func(name, _ string) bool { return name != "traceparent" && name != "tracestate" })
	return header
}

func wasReplayed(h http.Header) bool { return h.Get("Idempotency-Replayed") == "true" }
