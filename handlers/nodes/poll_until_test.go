package nodes

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/enginetest"
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
			p := problemOf(t, typ, c, "expression_error")
			same(t, "the details", p.Details, obj{"attempts": 1, "last_status": 200, "last_response": obj{"status": "running"}, "last_error": nil})
		})
	}
	if len(own.Details) > 0 {
		t.Error("the problem of somebody else was changed")
	}
}

// TestPollLeavesTheServerAlone: whoever answers may ask for a pause, be the answer an error or not, in seconds or by a date.
func TestPollLeavesTheServerAlone(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "poll.poll_until")
	date := noon.Truncate(time.Second)
	for name, tc := range map[string]struct {
		status  int
		headers map[string]string
		timeout int
		in      time.Duration
		until   time.Time
	}{
		"accepted":             {202, map[string]string{"Retry-After": "120"}, 3_600_000, 2 * time.Minute, time.Time{}},
		"ok, by a date":        {200, map[string]string{"Retry-After": date.Add(3 * time.Minute).Format(http.TimeFormat), "Date": date.Format(http.TimeFormat)}, 3_600_000, 3 * time.Minute, time.Time{}},
		"too many requests":    {429, map[string]string{"Retry-After": "120"}, 3_600_000, 2 * time.Minute, time.Time{}},
		"unavailable":          {503, map[string]string{"Retry-After": date.Add(3 * time.Minute).Format(http.TimeFormat), "Date": date.Format(http.TimeFormat)}, 3_600_000, 3 * time.Minute, time.Time{}},
		"less than usual":      {200, map[string]string{"Retry-After": "1"}, 3_600_000, 30 * time.Second, time.Time{}},
		"a date that is past":  {200, map[string]string{"Retry-After": date.Add(-time.Hour).Format(http.TimeFormat), "Date": date.Format(http.TimeFormat)}, 3_600_000, 30 * time.Second, time.Time{}},
		"nonsense":             {200, map[string]string{"Retry-After": "soon"}, 3_600_000, 30 * time.Second, time.Time{}},
		"beyond the deadline":  {200, map[string]string{"Retry-After": "7200"}, 3_600_000, 0, noon.Add(time.Hour)},
		"beyond all deadlines": {503, map[string]string{"Retry-After": "99999999999999999"}, 3_600_000, 0, noon.Add(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range tc.headers {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tc.status)
			})
			out := run(t, typ, pollCall(typ, obj{"endpoint": s.URL, "timeout_ms": tc.timeout}))
			if got := out.Suspend; got == nil || got.In != tc.in || !got.Until.Equal(tc.until) {
				t.Errorf("it asks for %+v", got)
			}
		})
	}
}

// TestPollThatGaveUpSaysWhatCameLast reads it after the end, and in the workflow.
func TestPollThatGaveUpSaysWhatCameLast(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		params  string
		answers []string
		want    obj
	}{
		"after its attempts": {"max_attempts: 2", []string{"!500", "running"}, obj{"attempts": 2, "last_status": 200, "last_response": obj{"status": "running"}, "last_error": "http_status"}},
		"at its deadline":    {"timeout_ms: 40000", []string{"running", "!503"}, obj{"attempts": 2, "last_status": 503, "last_response": obj{"status": "running"}, "last_error": "http_status"}},
		"at once":            {"max_attempts: 1", []string{"running"}, obj{"attempts": 1, "last_status": 200, "last_response": obj{"status": "running"}, "last_error": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := script(t, tc.answers...)
			client := NewClient(inside.Egress)
			t.Cleanup(client.CloseIdleConnections)
			env := enginetest.New(t, Builtin(Options{HTTP: client})...)
			env.Deploy(`
id: poll
nodes:
  - {key: start, type: manual.trigger}
  - {key: poll, type: poll.poll_until, params: {endpoint: "` + url + `", condition: "$response.status == 'completed'", ` + tc.params + `}}
  - {key: tell, type: data.set_data, params: {mapping_map: {was: "{{ $nodes.poll.context.last_status }}"}}}
connections: [start -> poll, poll.timeout -> tell]
`)
			id := env.Start("poll", nil)
			env.Advance(time.Hour)
			env.WantPath(id, "start", "poll.timeout", "tell")
			env.WantOutput(id, obj{"was": tc.want["last_status"]})
			r := env.NodeRun(id, "poll", 0)
			same(t, "what it leaves", r.Output, obj{"attempts": tc.want["attempts"]})
			var got struct {
				Attempts     int `json:"attempts"`
				LastStatus   int `json:"last_status"`
				LastResponse any `json:"last_response"`
				LastError    struct {
					Code any `json:"code"`
				} `json:"last_error"`
			}
			if err := json.Unmarshal(r.Context, &got); err != nil {
				t.Fatal(err)
			}
			same(t, "what came last", obj{"attempts": got.Attempts, "last_status": got.LastStatus, "last_response": got.LastResponse, "last_error": got.LastError.Code}, tc.want)
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
		v     values
		asked time.Duration
		least time.Duration
		most  time.Duration
	}{
		"constant":                 {values{"backoff": "constant"}, 0, time.Second, time.Second},
		"linear":                   {values{"backoff": "linear"}, 0, 3 * time.Second, 3 * time.Second},
		"exponential":              {values{"backoff": "exponential"}, 0, 4 * time.Second, 4 * time.Second},
		"capped":                   {values{"backoff": "exponential", "max_interval_ms": 2500}, 0, 2500 * time.Millisecond, 2500 * time.Millisecond},
		"jitter":                   {values{"jitter": true}, 0, 500 * time.Millisecond, time.Second},
		"asked":                    {values{}, time.Minute, time.Minute, time.Minute},
		"asked, and not shortened": {values{"jitter": true}, time.Minute, time.Minute, time.Minute},
		"asked for less":           {values{}, time.Millisecond, time.Second, time.Second},
	} {
		tc.v["interval_ms"] = 1000
		if got := third.pause(tc.v, tc.asked); got < tc.least || got > tc.most {
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
