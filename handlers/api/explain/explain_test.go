package explain_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/explain"
)

var now = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) *time.Time { return in(-d) }

func in(d time.Duration) *time.Time {
	t := now.Add(d)
	return &t
}

// waits is an execution that waits for these.
func waits(all ...flow.Suspension) *flow.View {
	v := &flow.View{Summary: flow.Summary{ID: "x1", Workflow: "order", Status: flow.Suspended, CreatedAt: *ago(time.Hour)}, Suspensions: all}
	for i := range all {
		if all[i].SuspendedAt.IsZero() {
			all[i].SuspendedAt = *ago(3 * time.Minute)
		}
	}
	return v
}

func wait(kind, node, data string) flow.Suspension {
	return flow.Suspension{ID: "x1:" + node, Node: node, Type: kind, Data: json.RawMessage(data)}
}

func (w expectation) of(t *testing.T, v *flow.View) {
	t.Helper()
	e := explain.Of(v, now)
	if e.Sentence != w.sentence {
		t.Errorf("says\n%s\nwant\n%s", e.Sentence, w.sentence)
	}
	var lines []string
	for _, c := range e.Next {
		lines = append(lines, c.Line)
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(w.next, "\n") {
		t.Errorf("offers\n%s\nwant\n%s", got, strings.Join(w.next, "\n"))
	}
}

type expectation struct {
	sentence string
	next     []string
}

const watch = "prana show x1 --follow"

func TestWaits(t *testing.T) {
	t.Parallel()
	timeout := func(s flow.Suspension, d time.Duration) flow.Suspension { s.TimeoutAt = in(d); return s }
	resumes := func(s flow.Suspension, d time.Duration) flow.Suspension { s.ResumeAt = in(d); return s }
	child := wait(flow.SubWorkflow, "ship", `{"workflow_id":"shipping","execution_mode":"sync","failure_strategy":"continue"}`)
	child.ChildID = "c1"
	for name, c := range map[string]struct {
		s    flow.Suspension
		want expectation
	}{
		"an event": {timeout(wait(flow.ExternalEvent, "w", `{"event_type":"paid","event_filter":{"request_id":"r1"},"on_timeout":"escalate"}`), 24*time.Hour), expectation{
			"It waits at w for an event of type paid with request_id = r1, since 3m, until tomorrow 12:00 UTC (in 24h; then it leaves by port escalate). " +
				"Whoever publishes such an event moves it. To send it the event: prana event send paid -i request_id=r1",
			[]string{"prana event send paid -i request_id=r1", watch},
		}},
		"an event whose filter came to nothing": {wait(flow.ExternalEvent, "w", `{"event_type":"paid","event_filter":{"order_id":null}}`), expectation{
			"It waits at w for an event of type paid with order_id = null (what event_filter says of order_id came to null when the wait began, and hardly an event says null there), since 3m. " +
				"Whoever ends it by hand moves it. To end the wait by hand: prana resume x1",
			[]string{"prana resume x1", watch},
		}},
		"an event with a deep filter": {wait(flow.ExternalEvent, "w", `{"event_type":"it's","event_filter":{"order.id":12345678901234567890,"order.items[0].name":"a b"}}`), expectation{
			`It waits at w for an event of type it's with order.id = 12345678901234567890 and order.items[0].name = "a b", since 3m. ` +
				`Whoever publishes such an event moves it. To send it the event: prana event send 'it'\''s' --data '{"order":{"id":12345678901234567890,"items":{"0":{"name":"a b"}}}}'`,
			[]string{`prana event send 'it'\''s' --data '{"order":{"id":12345678901234567890,"items":{"0":{"name":"a b"}}}}'`, watch},
		}},
		"an event with a match, that fails": {timeout(wait(flow.ExternalEvent, "w", `{"event_type":"job","event_filter":{"n":7},"match":"$event.data.size < 10","on_timeout":"fail"}`), time.Minute), expectation{
			"It waits at w for an event of type job with n = 7 that satisfies $event.data.size < 10, since 3m, until 12:01:00 UTC (in 1m; then it fails). " +
				"Whoever publishes such an event moves it. To see whether it would take such an event: prana event send job -i n:=7 --dry-run",
			[]string{"prana event send job -i n:=7 --dry-run", watch},
		}},
		"a child": {timeout(child, 5*time.Minute), expectation{
			"It waits at ship for the end of workflow shipping (sync), execution c1, since 3m, until 12:05:00 UTC (in 5m; then it goes on without it). " +
				"Its end moves it. To see why the child is where it is: prana explain c1",
			[]string{"prana explain c1", watch},
		}},
		"polling": {resumes(wait(flow.Polling, "ask", `{"endpoint":"https://a.example/7","condition":"$response.done","attempts":3,"max_attempts":20,"last_status":202,"deadline":1767358800000}`), 2*time.Second), expectation{
			"It polls at ask https://a.example/7 until $response.done (poll 3 of at most 20 was answered 202; it gives up by port timeout at 13:00 UTC), since 3m, until 12:00:02 UTC (in 2.0s; then it asks again). " +
				"The answer that it polls for moves it. To give the answer yourself, with -i KEY=VALUE: prana resume x1",
			[]string{"prana resume x1", watch},
		}},
		"a delay": {resumes(wait(flow.Delay, "nap", `{"duration_ms":1}`), 4*24*time.Hour), expectation{
			"It sleeps at nap, since 3m, until 2026-01-06 12:00 UTC (in 4d; then it goes on). Time moves it. To wake it early: prana resume x1",
			[]string{"prana resume x1", watch},
		}},
		"an overdue wait": {resumes(wait(flow.TimedWait, "nap", `{"mode":"schedule"}`), -12*time.Second), expectation{
			"It sleeps at nap, since 3m, until 11:59:48 UTC (overdue by 12.0s: a worker takes it as soon as one is free). Time moves it. To wake it early: prana resume x1",
			[]string{"prana resume x1", watch},
		}},
		"a retry": {resumes(wait(flow.Retry, "call", `{"attempt_number":2,"max_attempts":3,"original_error":{"code":"c","message":"503\nbusy"}}`), time.Second), expectation{
			"It waits at call after a failure (503 busy), since 3m, until 12:00:01 UTC (in 1.0s; then it begins retry 2 of 3). Time moves it.",
			[]string{watch},
		}},
		"a webhook": {timeout(wait(flow.Webhook, "hook", `{"mode":"webhook"}`), 48*time.Hour), expectation{
			"It waits at hook for a request to its resume URL, since 3m, until 2026-01-04 12:00 UTC (in 2d; then it leaves by port timeout). " +
				"Whoever has that URL moves it. To end the wait by hand: prana resume x1",
			[]string{"prana resume x1", watch},
		}},
		"an approval": {wait(flow.Approval, "ok", `{"title":"Order a desk?","assignees":["ada","grace"],"on_timeout":"rejected"}`), expectation{
			`It waits at ok for ada, grace to approve "Order a desk?", since 3m. A decision moves it. To approve it: prana approve x1`,
			[]string{"prana approve x1", "prana reject x1", watch},
		}},
		"a place": {wait(flow.Concurrency, "start", `{"key":"account/7","limit":2,"position":3}`), expectation{
			`It waits at start for one of 2 places of "account/7", as number 3 in the queue when it came, since 3m. ` +
				"The end of an execution that has such a place moves it. To see who else waits for a place: prana suspended --type concurrency",
			[]string{"prana suspended --type concurrency", watch},
		}},
		"a node of a user": {wait("fax", "f", `"anything"`), expectation{
			"It waits at f (fax), since 3m. Whoever knows what it waits for moves it. To end the wait by hand: prana resume x1",
			[]string{"prana resume x1", watch},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.want.of(t, waits(c.s))
		})
	}
}

func TestSeveralAtOnce(t *testing.T) {
	t.Parallel()
	hook, ok := wait(flow.Webhook, "hook", `{}`), wait(flow.Approval, "ok", `{"title":"T"}`)
	hook.TimeoutAt = in(time.Hour)
	nap1, nap2 := wait(flow.Delay, "nap", `{}`), wait(flow.Delay, "nap", `{}`)
	nap1.ResumeAt, nap2.ResumeAt, nap2.ID, nap2.RunIndex = in(time.Hour), in(time.Second), "x1:nap2", 1
	v := waits(ok, hook, nap1, nap2)
	v.Status, v.Deadline = flow.Running, in(3*time.Hour)
	v.Nodes = []flow.NodeRun{{Node: "call", Status: flow.StepPending, Attempt: 1, Deaths: 2, CreatedAt: *ago(time.Minute)}}
	expectation{
		"It does several things at once: it works on call (attempt 2) (2 workers died at it), which a worker runs, or will as soon as one is free, since 1m; " +
			"it sleeps at nap, one of 2 runs of it, since 3m, until 12:00:01 UTC (in 1.0s; then it goes on); " +
			"it waits at hook for a request to its resume URL, since 3m, until 13:00 UTC (in 1h; then it leaves by port timeout); and for 1 more thing. " +
			"Whichever ends first goes on first. The time of the whole execution is up 15:00 UTC (in 3h).",
		[]string{"prana approve x1", "prana reject x1", watch},
	}.of(t, v)
	if r := explain.Of(v, now).Reasons[1]; r.SuspensionID != "x1:nap2" || len(r.Runs) != 2 {
		t.Errorf("the two sleeps are one reason, that of the first to end; got %+v", r)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	failed := flow.NodeRun{Node: "call", Status: flow.StepFailed, Attempt: 3}
	p := &flow.Problem{Code: "http_status", Message: "503", Node: "call"}
	later := wait(flow.Delay, "start", `{}`)
	later.ResumeAt = in(time.Hour)
	for status, want := range map[flow.Status]expectation{
		flow.Completed: {"3m ago it completed, after 57m; nothing is left to do.", []string{"prana result x1", "prana rerun x1"}},
		flow.Failed: {
			"3m ago it failed at call in attempt 4: http_status: 503. Once the cause is mended, a retry goes on from there.",
			[]string{"prana retry x1", "prana show x1 --node call", "prana rerun x1 --from call --plan"},
		},
		flow.TimedOut:  {"3m ago it ran out of the time that it had as a whole, 57m; it cannot go on, only be run again.", []string{"prana rerun x1", "prana show x1 --timeline"}},
		flow.Cancelled: {"3m ago it was ended by somebody: http_status: 503; it cannot go on, only be run again.", []string{"prana rerun x1", "prana show x1 --timeline"}},
		flow.Quarantined: {
			"It is in quarantine at call in attempt 4, whose workers died again and again: http_status: 503. Nothing runs it by itself any more: find out why they die, then retry it, or give it up.",
			[]string{"prana retry x1", "prana cancel x1"},
		},
		flow.Pending:    {"It has not begun: it is to begin later, since 3m, until 13:00 UTC (in 1h; then it begins). Time moves it.", []string{"prana cancel x1"}},
		flow.Cancelling: {"It ends before its time (http_status: 503), and what it did is being undone: it sleeps at start, since 3m, until 13:00 UTC (in 1h; then it goes on). Time moves it. To wake it early: prana resume x1", []string{watch, "prana terminate x1"}},
		flow.Paused:     {"Somebody paused it, and nothing goes on until somebody lets it: it sleeps at start, since 3m, until 13:00 UTC (in 1h). To let it go on: prana unpause x1", []string{"prana unpause x1", "prana cancel x1"}},
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			v := waits()
			v.Status = status
			if status.Terminal() {
				v.EndedAt = ago(3 * time.Minute)
			}
			if status == flow.Pending || status == flow.Cancelling || status == flow.Paused {
				v.Suspensions = []flow.Suspension{later}
				v.Suspensions[0].SuspendedAt = *ago(3 * time.Minute)
			} else {
				v.Nodes = []flow.NodeRun{failed}
			}
			if status != flow.Completed && status != flow.Paused {
				v.Error = p
			}
			if status == flow.Quarantined {
				v.Nodes[0].Status = flow.StepQuarantined
			}
			want.of(t, v)
		})
	}
}

// TestListsAreLists: programs loop over them.
func TestListsAreLists(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(explain.Of(&flow.View{Summary: flow.Summary{Status: flow.Completed}}, now))
	if err != nil || !strings.Contains(string(raw), `"reasons":[]`) {
		t.Errorf("got %s, %v", raw, err)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 850 * time.Millisecond: "850ms", 3200 * time.Millisecond: "3.2s", 59960 * time.Millisecond: "1m", 4 * time.Minute: "4m",
		250 * time.Second: "4m10s", 26 * time.Hour: "26h", 90 * time.Minute: "1h30m", 48 * time.Hour: "2d", 76 * time.Hour: "3d4h",
	} {
		if got := explain.Span(d); got != want {
			t.Errorf("Span(%s) = %q, want %q", d, got, want)
		}
	}
}

// TestWaiting: in a list or a log, the times are those at the beginning.
func TestWaiting(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind, data, want string
		resumes          bool
	}{
		{flow.ExternalEvent, `{"event_type":"paid","event_filter":{"b":1,"a":"x"}}`, `waits for event paid {"a":"x","b":1}`, false},
		{flow.SubWorkflow, `{"workflow_id":"child","execution_mode":"sync"}`, "waits for workflow child (sync)", false},
		{flow.Polling, `{"attempts":2}`, "poll 2 found no answer yet; asks again in 2.0s", true},
		{flow.Delay, `{"duration_ms":2000}`, "sleeps 2.0s", true},
		{flow.Retry, `{"attempt_number":1,"max_attempts":3,"original_error":{"code":"x","message":"503"}}`, "failed (503); retry 1 of 3 in 2.0s", true},
		{flow.Concurrency, `{"key":"account/7","limit":2,"position":3}`, `waits for a place of "account/7"; was number 3 in the queue`, false},
		{"human\x1b[2J", `"anything"`, "waits (human [2J)", false},
	} {
		s := wait(c.kind, "n", c.data)
		s.SuspendedAt = now
		if c.resumes {
			s.ResumeAt = in(2 * time.Second)
		}
		if got := explain.Waiting(s, s.SuspendedAt); got != c.want {
			t.Errorf("%s: got %q, want %q", c.kind, got, c.want)
		}
	}
}
