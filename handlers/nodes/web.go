package nodes

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"prana/engine/flow"
)

// Codes of exchanges that brought no acceptable answer.
const (
	codeHTTP   = "http_error"  // no answer: connection, TLS, protocol
	codeStatus = "http_status" // an answer with a status that is an error
)

// web makes HTTP requests. It asks once: trying again is for the engine, where
// it is bounded, durable and visible. (The transport alone may repeat a request
// when a connection that it kept turns out to be dead, as net/http documents.)
type web struct {
	client *http.Client
	limit  int64
}

func newWeb(o Options) *web {
	client := o.HTTP
	if client == nil {
		client = NewClient(o.Egress)
	}
	return &web{client: client, limit: cmp.Or(o.MaxResponse, DefaultMaxResponse)}
}

// reply is an answer whose status is accepted.
type reply struct {
	status  int
	headers map[string]any
	body    any
	after   time.Duration // before which it asks not to be asked again; 0 = it did not say
}

func (r *reply) output() map[string]any {
	return map[string]any{"status": r.status, "headers": r.headers, "body": r.body}
}

// do makes the request. Every failure but the end of ctx is a *flow.Problem.
func (w *web) do(ctx context.Context, r *request) (*reply, error) {
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, r.method, r.url.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, invalid("url", "cannot be requested")
	}
	req.Header = r.header
	client := *w.client
	client.CheckRedirect = redirects(r.follow)
	resp, err := client.Do(req)
	if err != nil {
		return nil, r.failed(ctx, err)
	}
	defer resp.Body.Close()
	if !r.accept.has(resp.StatusCode) {
		return nil, r.refused(resp)
	}
	return r.receive(ctx, resp)
}

func (r *request) receive(ctx context.Context, resp *http.Response) (*reply, error) {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, r.limit+1))
	if err != nil {
		return nil, r.failed(ctx, err)
	}
	if int64(len(raw)) > r.limit {
		p := flow.Problemf(flow.ErrTooLarge.Code, "the response of %s has more than %d bytes", r.url.Host, r.limit)
		p.Permanent = true
		p.Details = map[string]any{"status": resp.StatusCode, "limit": r.limit}
		return nil, p
	}
	return &reply{resp.StatusCode, plainHeaders(resp.Header), decodeBody(resp.Header, raw), retryAfter(resp.Header, r.now)}, nil
}

// decodeBody gives data for JSON, and text for everything else. What calls
// itself JSON and is not stays text: it was received, and the author can look.
func decodeBody(h http.Header, raw []byte) any {
	if isJSON(h.Get("Content-Type")) {
		if v, err := flow.Decode(raw); err == nil {
			return v
		}
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD")
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

// refused is the problem of a status that is an error. It keeps the beginning
// of the body: most services say there what was wrong.
func (r *request) refused(resp *http.Response) *flow.Problem {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, min(sampleSize, r.limit)+1)) // what could be read is enough
	p := flow.Problemf(codeStatus, "%s answered %s", r.url.Host, statusText(resp.StatusCode))
	p.Details = map[string]any{"status": resp.StatusCode, "body": sample(decodeBody(resp.Header, raw))}
	p.Permanent = isPermanent(resp.StatusCode)
	p.RetryAfter = retryAfter(resp.Header, r.now)
	return p
}

func statusText(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

// isPermanent: the request is at fault, and the same one will be at fault
// again; except for the statuses that say "not now".
func isPermanent(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return code >= 400 && code < 500
}

// retryAfter reads seconds, or a date. A date is compared with the Date of the
// same answer when it has one: that is the clock it was written by.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), maxWaitMS/1000)) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	if theirs, err := http.ParseTime(h.Get("Date")); err == nil {
		now = theirs
	}
	return min(max(at.Sub(now), 0), maxWaitMS*time.Millisecond)
}

// failed tells apart who gave up: the engine, the time limit, ourselves (a
// guard or a redirect), or the network. Only the first is no problem of the
// request, and given back as it is.
func (r *request) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return context.Cause(ctx)
	}
	if p, ok := errors.AsType[*flow.Problem](err); ok {
		return p
	}
	slow, ok := errors.AsType[net.Error](err)
	if errors.Is(err, context.DeadlineExceeded) || ok && slow.Timeout() {
		return flow.Problemf(codeTimeout, "%s did not answer in time; the limit is %s", r.url.Host, r.timeout)
	}
	return flow.Problemf(codeHTTP, "the request to %s failed: %s", r.url.Host, reason(err))
}

// reason gives the text of a transport error without the addresses in it,
// which would tell an author what stands in the operator's network.
func reason(err error) string {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "its name cannot be resolved"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + ": " + op.Err.Error()
	}
	return flow.Cut(err.Error(), 512)
}
