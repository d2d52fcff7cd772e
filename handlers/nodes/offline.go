package nodes

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// Answer says what an address answers; address is host and path.
type Answer = func(ctx context.Context, method, address string) (status int, headers map[string]string, body []byte, err error)

// Offline gives a client for tests: it asks nobody, and is answered what answer says.
func Offline(answer Answer) *http.Client { return &http.Client{Transport: offline{answer}} }

type offline struct{ answer Answer }

// RoundTrip answers without a network.
func (o offline) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body.Close()
	}
	status, headers, body, err := o.answer(r.Context(), r.Method, r.URL.Host+r.URL.Path)
	if err != nil {
		return nil, err
	}
	res := &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
	for name, value := range headers {
		res.Header.Set(name, value)
	}
	return res, nil
}
