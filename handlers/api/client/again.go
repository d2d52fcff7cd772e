package client

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"time"

	"prana/engine/flow"
)

// The pauses between attempts grow from the first to the longest.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// insist makes a call, and makes it again while that is safe and may help.
func (c *Client) insist(ctx context.Context, k call) (http.Header, []byte, error) {
	until := time.Now().Add(cmp.Or(k.patience, c.Patience))
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		header, raw, err := c.send(ctx, k)
		if err == nil || !k.again || !passing(err) {
			return header, raw, err
		}
		d := max(jittered(pause), flow.AsProblem(err).RetryAfter)
		next := time.Now().Add(d)
		if deadline, ok := ctx.Deadline(); next.After(until) || ok && next.After(deadline) {
			return nil, nil, err
		}
		if err := rest(ctx, d); err != nil {
			return nil, nil, err
		}
	}
}

// passing tells whether the same request may be answered otherwise soon.
func passing(err error) bool {
	if errors.Is(err, ErrUnreachable) {
		return true
	}
	var answer *Error
	return errors.As(err, &answer) && (notThere(answer.Status) || answer.Problem.RetryAfter > 0)
}

// jittered keeps many clients from coming back at the same moment.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }

// rest waits for a time, or for the end of ctx.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// once makes a call count once by the id, which stands in the body, or else by a key of its own.
func (c *Client) once(k call, id string) call {
	if id == "" && c.Patience > 0 {
		k.header = maps.Clone(k.header)
		if k.header == nil {
			k.header = map[string]string{}
		}
		k.header["Idempotency-Key"] = crand.Text()
	}
	k.again = id != "" || c.Patience > 0
	return k
}

// wasReplayed tells whether the answer is that of an earlier request with the caller's id. A key of our own had none but those
// of the same call.
func wasReplayed(h http.Header, id string) bool {
	return id != "" && h.Get("Idempotency-Replayed") == "true"
}
