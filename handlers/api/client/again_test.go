package client

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api"
	"prana/handlers/api/wire"
)

// flaky loses the answers to the first requests: they arrive, and the connection breaks.
type flaky struct {
	next http.Handler
	mu   sync.Mutex
	lose int
	keys []string // Idempotency-Key of every request
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.keys = append(f.keys, r.Header.Get("Idempotency-Key"))
	lost := len(f.keys) <= f.lose
	f.mu.Unlock()
	if lost {
		f.next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	f.next.ServeHTTP(w, r)
}

func (f *flaky) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keys
}

// losing gives a client whose first answers are lost.
func losing(t *testing.T, e *engine, lose int) (*Client, *flaky) {
	t.Helper()
	f := &flaky{next: api.New(api.Config{Engine: e, Store: e, Check: check, Token: token}), lose: lose}
	c := dial(t, f)
	c.Patience = 5 * time.Second
	return c, f
}

// What changes something is made again only with a key, the same for all attempts of a call.
func TestLostAnswersAreAskedForAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		call  func(*Client) error
		keyed bool
	}{
		"show":       {call: ask(execID, (*Client).Show).call},
		"executions": {call: ask(flow.ExecutionFilter{}, (*Client).List).call},
		"dry run":    {call: ask(flow.Event{Type: "t"}, (*Client).DryRun).call},
		"plan":       {call: ask(flow.RerunRequest{Execution: execID}, (*Client).PlanRerun).call},
		"deploy":     {call: func(c *Client) error { _, err := c.Deploy(t.Context(), "", []byte("id: order")); return err }},
		"start":      {ask(flow.StartRequest{Workflow: "order"}, (*Client).Start).call, true},
		"event":      {ask(flow.Event{Type: "t"}, (*Client).Publish).call, true},
		"resume":     {ask(flow.ResumeRequest{Execution: execID}, (*Client).Resume).call, true},
		"retry":      {ask(flow.RetryRequest{Execution: execID}, (*Client).Retry).call, true},
		"rerun":      {ask(flow.RerunRequest{Execution: execID}, (*Client).Rerun).call, true},
		"cancel": {func(c *Client) error {
			_, err := c.Cancel(t.Context(), flow.CancelRequest{Execution: execID})
			return err
		}, true},
		"approve":     {func(c *Client) error { _, err := c.Approve(t.Context(), execID, wire.Decide{}); return err }, true},
		"own id":      {call: ask(flow.StartRequest{Workflow: "order", ID: "i"}, (*Client).Start).call},
		"own event":   {call: ask(flow.Event{Type: "t", ID: "i"}, (*Client).Publish).call},
		"suspensions": {call: ask(flow.SuspensionFilter{}, (*Client).Suspensions).call},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := losing(t, &engine{}, 1)
			if err := tt.call(c); err != nil {
				t.Fatal(err)
			}
			keys := f.seen()
			if len(keys) != 2 || keys[0] != keys[1] || (keys[0] != "") != tt.keyed {
				t.Errorf("the keys of the attempts are %q", keys)
			}
		})
	}
}

func TestEveryCallHasItsOwnKey(t *testing.T) {
	t.Parallel()
	c, f := losing(t, &engine{}, 0)
	for range 2 {
		if res, err := c.Start(t.Context(), flow.StartRequest{Workflow: "order"}); err != nil || res.Replayed {
			t.Fatal(res, err)
		}
	}
	if keys := f.seen(); keys[0] == keys[1] || len(keys[0]) < 20 {
		t.Errorf("the keys are %q", keys)
	}
}

// That an attempt before was the one that counted is nothing that the caller did.
func TestOwnRepetitionIsNoReplay(t *testing.T) {
	t.Parallel()
	c, _ := losing(t, &engine{repeat: true}, 1)
	if res, err := c.Start(t.Context(), flow.StartRequest{Workflow: "order"}); err != nil || res.Replayed {
		t.Errorf("without an id: %+v, %v", res, err)
	}
	if res, err := c.Start(t.Context(), flow.StartRequest{Workflow: "order", ID: "i"}); err != nil || !res.Replayed {
		t.Errorf("with an id: %+v, %v", res, err)
	}
}

func TestUnsafeRequestsAreMadeOnce(t *testing.T) {
	t.Parallel()
	c, f := losing(t, &engine{}, 1)
	if _, err := c.ResumeByURL(t.Context(), c.URL("/resume/secret"), nil); !errors.Is(err, ErrUnreachable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	if n := len(f.seen()); n != 1 {
		t.Errorf("%d requests", n)
	}
	c.Patience = 0 // then there is no key either
	if _, err := c.Start(t.Context(), flow.StartRequest{Workflow: "order"}); err != nil {
		t.Fatal(err)
	}
	if keys := f.seen(); keys[1] != "" {
		t.Errorf("the key is %q", keys[1])
	}
}

// A refusal is an answer: asking again would not change it.
func TestRefusalsAreNotAskedForAgain(t *testing.T) {
	t.Parallel()
	for _, p := range []*flow.Problem{flow.ErrConflict, flow.ErrNotFound, flow.ErrTooManyEvents, flow.Problemf("internal", "m")} {
		c, f := losing(t, &engine{err: p}, 0)
		if _, err := c.Publish(t.Context(), flow.Event{Type: "t"}); !errors.Is(err, p) {
			t.Errorf("got %v", err)
		}
		if n := len(f.seen()); n != 1 {
			t.Errorf("%s: %d requests", p.Code, n)
		}
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	e := &engine{err: &flow.Problem{Code: flow.ErrUnavailable.Code, RetryAfter: time.Hour}}
	c, f := losing(t, e, 0)
	c.Patience = time.Minute // less than is asked for: there is no use in waiting
	began := time.Now()
	if _, err := c.Workflows(t.Context()); !errors.Is(err, ErrUnavailable) || len(f.seen()) != 1 || time.Since(began) > time.Minute {
		t.Errorf("got %v after %d requests", err, len(f.seen()))
	}
}

func TestDeadlinesEndThePatience(t *testing.T) {
	t.Parallel()
	c, f := losing(t, &engine{err: flow.ErrUnavailable}, 0) // which asks for a second
	c.Patience = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := c.Workflows(ctx); !errors.Is(err, ErrUnavailable) || len(f.seen()) != 1 {
		t.Errorf("got %v after %d requests", err, len(f.seen()))
	}
}

func TestPingTellsHowItIsNow(t *testing.T) {
	t.Parallel()
	c, f := losing(t, &engine{err: flow.ErrUnavailable}, 0)
	if err := c.Ping(t.Context()); !errors.Is(err, ErrUnavailable) || len(f.seen()) != 1 {
		t.Errorf("got %v after %d requests", err, len(f.seen()))
	}
}

// A server that is replaced is no reason to give up a wait, whatever the patience of other calls.
func TestWhoWaitsOutlivesARestart(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	n := 0
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		n++
		turn := n
		mu.Unlock()
		switch turn {
		case 1:
			_, _ = w.Write([]byte(`{"execution_id":"x","status":"suspended"}`))
		case 2:
			panic(http.ErrAbortHandler)
		default:
			_, _ = w.Write([]byte(`{"execution_id":"x","status":"completed"}`))
		}
	}))
	if v, err := c.Await(t.Context(), execID); err != nil || v.Status != flow.Completed {
		t.Errorf("got %+v, %v", v, err)
	}
}
