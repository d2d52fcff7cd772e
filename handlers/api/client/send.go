package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxAnswer bounds what is read of one answer, in bytes: far more than an execution with many runs and large values has.
const maxAnswer = 1 << 30

// send makes a call once.
func (c *Client) send(ctx context.Context, k call) (http.Header, []byte, error) {
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if c.Timeout > 0 {
		bounded, cancel = context.WithTimeout(ctx, c.Timeout+k.wait)
	}
	defer cancel()
	req, err := c.request(bounded, k)
	if err != nil {
		return nil, nil, err
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, nil, unreachable(ctx, err)
	}
	defer res.Body.Close()
	raw, err := read(res, c.most)
	switch {
	case err != nil:
		return nil, nil, unreachable(ctx, err)
	case res.StatusCode/100 != 2:
		return nil, nil, errorOf(res, raw)
	case len(raw) > c.most:
		return nil, nil, fmt.Errorf("the answer to %s %s has more than %d bytes", k.method, k.path, c.most)
	}
	return res.Header, raw, nil
}

// read reads an answer to its end, so that the connection can be used again, unless it has more bytes than most: then one more.
func read(res *http.Response, most int) ([]byte, error) {
	var b bytes.Buffer
	if n := res.ContentLength; n > 0 {
		b.Grow(min(int(n), most) + bytes.MinRead) // what ReadFrom wants free, so that it grows no more
	}
	_, err := b.ReadFrom(io.LimitReader(res.Body, int64(most)+1))
	return b.Bytes(), err
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
	if k.wait > 0 {
		req.Header.Set("Prefer", "wait="+strconv.Itoa(int(k.wait/time.Second)))
	}
	for name, value := range k.header {
		req.Header.Set(name, value)
	}
	return req, nil
}
