package nodes

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

// pollCall is a call whose condition is: the status in the body is "completed".
func pollCall(typ node.Type, params obj) *node.Call {
	c := callFor(typ, params)
	c.Eval = func(field string, extra map[string]any) (any, error) {
		body, _ := extra["response"].(obj)
		if http, ok := extra["http"].(obj); field != "condition" || !ok || http["status"] == nil || http["headers"] == nil {
			return nil, fmt.Errorf("field %s with %v", field, extra)
		}
		return body["status"] == "completed", nil
	}
	return c
}

// at is the next turn, with the time that has come.
func at(t *testing.T, c *node.Call, s *node.Suspend, after time.Duration) *node.Call {
	t.Helper()
	next := resume(t, c, s.Data, node.Resume{By: flow.ByTimer})
	next.Now = noon.Add(after)
	return next
}

// script answers one after another, the last one for ever; a status above 299 is sent as it is.
func script(t *testing.T, answers ...string) (url string, hits *atomic.Int32) {
	hits = new(atomic.Int32)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		a := answers[min(int(hits.Add(1)), len(answers))-1]
		if code, failed := strings.CutPrefix(a, "!"); failed {
			status, _ := strconv.Atoi(code)
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"status":%q}`, a)
	})
	return s.URL, hits
}

func TestPollAtOnce(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "poll.poll_until")
	url, _ := script(t, "completed")
	out := run(t, typ, pollCall(typ, obj{"endpoint": url}))
	got := out.Output.(obj)
	if out.Suspend != nil || out.Port != "" || got["status"] != 200 || got["attempts"] != 1 || got["headers"] == nil {
		t.Errorf("it came to %+v", out)
	}
	same(t, "the body", got["body"], obj{"status": "completed"})
}

func TestPollUntilTrue(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "poll.poll_until")
	url, _ := script(t, "running", "completed")
	c := pollCall(typ, obj{"endpoint": url, "interval_ms": 30_000, "timeout_ms": 3_600_000, "max_attempts": 120})
	s := run(t, typ, c).Suspend
	if s == nil || s.Type != flow.Polling || !s.Timer || s.In != 30*time.Second || !s.Until.IsZero() {
		t.Fatalf("it asks for %+v", s)
	}
	same(t, "the wait's data", s.Data, obj{
		"endpoint": url, "interval_ms": 30_000, "timeout_ms": 3_600_000, "max_attempts": 120, "attempts": 1,
		"deadline": noon.Add(time.Hour).UnixMilli(), "last_status": 200, "last_response": obj{"status": "running"},
	})
	if out := run(t, typ, at(t, c, s, 30*time.Second)); out.Output.(obj)["attempts"] != 2 {
		t.Errorf("it came to %+v", out)
	}
}

func TestPollErrorsCountAsAttempts(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "poll.poll_until")
	url, hits := script(t, "!404", "!503", "running", "completed")
	c := pollCall(typ, obj{"endpoint": url})
	s := run(t, typ, c).Suspend
	if state := s.Data.(*pollState); state.LastError.Code != codeStatus || state.LastStatus != 404 {
		t.Errorf("it remembers %+v", state)
	}
	s = run(t, typ, at(t, c, s, time.Minute)).Suspend
	s = run(t, typ, at(t, c, s, 2*time.Minute)).Suspend
	if state := s.Data.(*pollState); state.Attempts != 3 || state.LastStatus != 200 || state.LastError == nil {
		t.Errorf("it remembers %+v", state)
	}
	out := run(t, typ, at(t, c, s, 3*time.Minute))
	if out.Output.(obj)["attempts"] != 4 || hits.Load() != 4 {
		t.Errorf("it came to %+v after %d polls", out, hits.Load())
	}
}

func TestPollAwayCountsAsAttempt(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "poll.poll_until")
	gone := serve(t, nil)
	gone.Close()
	hangs := serve(t, slow)
	for url, code := range map[string]string{gone.URL: codeHTTP, hangs.URL: codeTimeout} {
		s := run(t, typ, pollCall(typ, obj{"endpoint": url, "request_timeout_ms": 30})).Suspend
		if state := s.Data.(*pollState); state.LastError == nil || state.LastError.Code != code || state.Attempts != 1 {
			t.Errorf("%s: it remembers %+v", code, state)
		}
	}
}

func TestPollAttemptsUsedUp(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "poll.poll_until")
	url, hits := script(t, "!500", "running")
	c := pollCall(typ, obj{"endpoint": url, "max_attempts": 2})
	s := run(t, typ, c).Suspend
	out := run(t, typ, at(t, c, s, time.Minute))
	if out.Port != flow.PortTimeout || !out.Timeout || hits.Load() != 2 {
		t.Errorf("it came to %+v after %d polls", out, hits.Load())
	}
	same(t, "the output", out.Output, obj{"attempts": 2})
}

func TestPollDeadlineIsFixed(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "poll.poll_until")
	url, hits := script(t, "running")
	c := pollCall(typ, obj{"endpoint": url, "interval_ms": 40_000, "timeout_ms": 60_000})
	s := run(t, typ, c).Suspend
	deadline := noon.Add(time.Minute)
	s = run(t, typ, at(t, c, s, 40*time.Second)).Suspend
	if !s.Until.Equal(deadline) || s.In != 0 {
		t.Errorf("the last wait is %+v, not until %s", s, deadline)
	}
	out := run(t, typ, at(t, c, s, time.Minute))
	if out.Port != flow.PortTimeout || !out.Timeout || hits.Load() != 2 {
		t.Errorf("it came to %+v after %d polls", out, hits.Load())
	}
	same(t, "the output", out.Output, obj{"attempts": 2})
}

func TestPollNeverLastsBeyondTheDeadline(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "poll.poll_until")
	hangs := serve(t, slow)
	s := run(t, typ, pollCall(typ, obj{"endpoint": hangs.URL, "timeout_ms": 30})).Suspend
	if !s.Until.Equal(noon.Add(30*time.Millisecond)) || s.Data.(*pollState).LastError.Code != codeTimeout {
		t.Errorf("it asks for %+v", s)
	}
}

func TestPollConditionErrorsAreSeen(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "poll.poll_until")
	url, _ := script(t, "running")
	own := flow.Problemf("expression_error", "1:3: no such thing")
	for name, eval := range map[string]func() (any, error){
		"error":   func() (any, error) { return nil, errors.New("cannot compare") },
		"problem": func() (any, error) { return nil, fmt.Errorf("evaluating: %w", own) },
		"number":  func() (any, error) { return 1, nil },
		"null":    func() (any, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := pollCall(typ, obj{"endpoint": url})
			c.Eval = func(string, map[string]any) (any, error) { return eval() }
			runFails(t, typ, c, "expression_error")
		})
	}
}

func TestPollResumedByHand(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "poll.poll_until")
	url, hits := script(t, "running")
	c := pollCall(typ, obj{"endpoint": url})
	s := run(t, typ, c).Suspend
	if out := run(t, typ, resume(t, c, s.Data, node.Resume{By: flow.ByManual, Data: obj{"ok": 1}})); !out.PassResume || out.Port != "" {
		t.Errorf("it came to %+v", out)
	}
	runFails(t, typ, resume(t, c, s.Data, node.Resume{By: flow.ByTimer, Error: flow.Problemf("stop", "no")}), "stop")
	runFailsPlainly(t, typ, resume(t, c, "odd", node.Resume{By: flow.ByTimer}))
	if hits.Load() != 1 {
		t.Errorf("it asked %d times", hits.Load())
	}
}

func TestPollGivesUpAtOnce(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{Egress: inside.Egress, MaxResponse: 4}, "poll.poll_until")
	url, _ := script(t, "running")
	runFails(t, typ, pollCall(typ, obj{"endpoint": url}), "payload_too_large")
	runFails(t, typ, pollCall(typ, obj{"endpoint": "ftp://x"}), codeParams)
	runFails(t, typ, pollCall(typ, obj{"endpoint": url, "interval_ms": 9}), codeParams)
}

func TestPollPauses(t *testing.T) {
	t.Parallel()
	third := &pollState{Attempts: 3}
	for name, tc := range map[string]struct {
		v       values
		problem *flow.Problem
		least   time.Duration
		most    time.Duration
	}{
		"constant":    {values{"backoff": "constant"}, nil, time.Second, time.Second},
		"linear":      {values{"backoff": "linear"}, nil, 3 * time.Second, 3 * time.Second},
		"exponential": {values{"backoff": "exponential"}, nil, 4 * time.Second, 4 * time.Second},
		"capped":      {values{"backoff": "exponential", "max_interval_ms": 2500}, nil, 2500 * time.Millisecond, 2500 * time.Millisecond},
		"jitter":      {values{"jitter": true}, nil, 500 * time.Millisecond, time.Second},
		"asked":       {values{}, &flow.Problem{RetryAfter: time.Minute}, time.Minute, time.Minute},
	} {
		tc.v["interval_ms"] = 1000
		if got := third.pause(tc.v, tc.problem); got < tc.least || got > tc.most {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestPollKeysDiffer(t *testing.T) {
	t.Parallel()
	keys := make(chan string, 2)
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { keys <- r.Header.Get(headerKey) })
	typ := typeOf(t, inside, "poll.poll_until")
	c := pollCall(typ, obj{"endpoint": s.URL, "method": "POST"})
	first := run(t, typ, c).Suspend
	run(t, typ, at(t, c, first, time.Minute))
	if a, b := <-keys, <-keys; a != "key-1-0" || b != "key-1-1" {
		t.Errorf("the keys are %q and %q", a, b)
	}
}

func TestPollShowsNoPassword(t *testing.T) {
	t.Parallel()
	url, _ := script(t, "running")
	typ := typeOf(t, inside, "poll.poll_until")
	s := run(t, typ, pollCall(typ, obj{"endpoint": strings.Replace(url, "//", "//me:s3cr3t@", 1)})).Suspend
	if raw := string(toJSON(t, s.Data)); strings.Contains(raw, "s3cr3t") {
		t.Errorf("the wait's data is %s", raw)
	}
}
