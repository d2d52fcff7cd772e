package integration

import (
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/suspend"
)

// ending is a way in which waits end.
type ending struct {
	name      string
	workflows []string // the last one is started
	before    func(d *desk)
	by        func(d *desk, id string) // ends the wait of execution id; nil: it ends by itself
}

const waitsForAnEvent = `
id: waits
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: wait.wait_for_event, params: {event_type: go, event_filter: {a: 1}}}
  - {key: end, type: core.log, params: {message: done}}
connections: [start -> w, w -> end]
`

const sleepsLong = `
id: sleeps
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: time.delay, params: {duration_ms: 3600000}}
connections: [start -> w]
`

func publishOne(d *desk, _ string) {
	if _, err := d.engine.Publish(d.Context(), flow.Event{ID: "e1", Type: "go", Data: []byte(`{"a":1}`)}); err != nil {
		d.Fatal(err)
	}
}

func resumeOne(d *desk, id string) {
	if _, err := d.engine.Resume(d.Context(), flow.ResumeRequest{Execution: id}); err != nil {
		d.Fatal(err)
	}
}

func cancelOne(d *desk, id string) {
	if err := d.engine.Cancel(d.Context(), flow.CancelRequest{Execution: id}); err != nil {
		d.Fatal(err)
	}
}

func callURL(d *desk, id string) {
	if _, err := d.engine.ResumeByToken(d.Context(), d.urlToken(id), flow.ResumeRequest{Data: []byte(`1`)}); err != nil {
		d.Fatal(err)
	}
}

var endings = []ending{
	{name: "an event", workflows: []string{waitsForAnEvent}, by: publishOne},
	{name: "a kept event", workflows: []string{waitsForAnEvent}, before: func(d *desk) { publishOne(d, "") }},
	{name: "a timeout", workflows: []string{strings.Replace(waitsForAnEvent, "{a: 1}", "{a: 1}, timeout_ms: 30, on_timeout: main", 1)}},
	{name: "a timer", workflows: []string{strings.Replace(sleepsLong, "3600000", "30", 1)}},
	{name: "hand", workflows: []string{waitsForAnEvent}, by: resumeOne},
	{name: "hand, of a timer", workflows: []string{sleepsLong}, by: resumeOne},
	{name: "URL", workflows: []string{`
id: url
nodes:
  - {key: start, type: manual.trigger}
  - {key: mail, type: data.set_data, params: {mapping_map: {url: $execution.resume_urls.w}}}
  - {key: w, type: wait.wait, params: {mode: webhook}}
connections: [start -> mail, mail -> w]
`}, by: callURL},
	{name: "cancellation", workflows: []string{waitsForAnEvent}, by: cancelOne},
	{name: "cancellation, of a timer", workflows: []string{sleepsLong}, by: cancelOne},
	{name: "the deadline of the execution", workflows: []string{strings.Replace(waitsForAnEvent, "id: waits", "id: waits\ntimeout_ms: 60", 1)}},
	{name: "the end of the parent", workflows: []string{waitsForAnEvent, `
id: parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: workflow.execute_workflow, params: {workflow_id: waits, execution_mode: sync, timeout_ms: 3600000}}
connections: [start -> w]
`}, by: cancelOne},
	{name: "the end of the child", workflows: []string{strings.Replace(sleepsLong, "3600000", "30", 1), `
id: parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: workflow.execute_workflow, params: {workflow_id: sleeps, execution_mode: async, timeout_ms: 3600000}}
connections: [start -> w]
`}},
	{name: "another node that cancels it", workflows: []string{`
id: cancels
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: wait.wait_for_event, params: {event_type: go, event_filter: {a: 1}, timeout_ms: 3600000}}
  - {key: nap, type: time.delay, params: {duration_ms: 30}, settings: {cancels: [w]}}
connections: [start -> w, start -> nap]
`}},
	{name: "another thing that is waited for, before an event", workflows: []string{`
id: for
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: wait.wait_for, params: {for: [{name: e, event_type: go, event_filter: {a: 1}}, {name: t, duration_ms: 30}]}}
connections: [start -> w]
`}},
	{name: "another thing that is waited for, before a time", workflows: []string{sleepsLong, `
id: for
nodes:
  - {key: start, type: manual.trigger}
  - key: w
    type: wait.wait_for
    params: {for: [{name: e, event_type: go, event_filter: {a: 1}}, {name: t, duration_ms: 3600000}, {name: c, workflow_id: sleeps}]}
connections: [start -> w]
`}, by: publishOne},
	{name: "the next attempt", workflows: []string{`
id: tries
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: http.request, params: {url: "http://127.0.0.1:1/"}, settings: {retry_on_failed: true, max_retries: 1, retry_delay_ms: 30, on_error: continue}}
connections: [start -> w]
`}},
	{name: "cancellation before the next attempt", workflows: []string{`
id: tries
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: http.request, params: {url: "http://127.0.0.1:1/"}, settings: {retry_on_failed: true, max_retries: 1, retry_delay_ms: 60000}}
connections: [start -> w]
`}, by: cancelOne},
	{name: "a failure beside it, and a retry", workflows: []string{`
id: fails
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: wait.wait_for_event, params: {event_type: go, event_filter: {a: 1}, timeout_ms: 3600000}}
  - {key: nap, type: time.delay, params: {duration_ms: 30}}
  - {key: f, type: logic.if_condition, params: {condition: $input.no}}
connections: [start -> w, start -> nap, nap -> f]
`}, by: func(d *desk, id string) {
		d.over(id)
		if _, err := d.engine.Retry(d.Context(), flow.RetryRequest{Execution: id}); err != nil {
			d.Fatal(err)
		}
	}},
	{name: "cancellation, in the queue of a section", workflows: []string{`
id: section
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: time.delay, params: {duration_ms: 3600000}, settings: {concurrency_key: one}}
  - {key: w, type: time.delay, params: {duration_ms: 3600000}, settings: {concurrency_key: one}}
connections: [start -> a, start -> w]
`}, by: cancelOne},
}

// TestNothingStaysOfAWait ends waits in every way there is: at once nothing stands in Redis any more that could end them
// again, and once everything is over nothing mentions them but the records of their steps.
func TestNothingStaysOfAWait(t *testing.T) {
	t.Parallel()
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.deploy(e.workflows...)
			if e.before != nil {
				e.before(d)
			}
			id := d.start(strings.Fields(e.workflows[len(e.workflows)-1])[1])
			d.work()
			waits := d.waits()
			if len(waits) == 0 && e.before == nil {
				t.Fatalf("nothing waits: %+v", d.view(id).Nodes)
			}
			if e.by != nil {
				e.by(d, id)
				d.wantNone(waits)
			}
			d.over(id)
			for w := range waits {
				d.over(w.Execution) // those that it started
			}
			d.wantNone(waits)
			d.wantOnlyRecords()
		})
	}
}

// waits gives all that stand, with the tokens of their steps.
func (d *desk) waits() map[flow.SuspensionID]string {
	d.Helper()
	all := map[flow.SuspensionID]string{}
	page, err := d.store.Executions(d.Context(), flow.ExecutionFilter{})
	if err != nil {
		d.Fatal(err)
	}
	for _, s := range page.Items {
		x, err := d.store.Load(d.Context(), s.ID, flow.Want{All: true})
		if err != nil {
			d.Fatal(err)
		}
		for id, step := range x.Steps {
			if step.Status == flow.StepSuspended {
				all[flow.SuspensionID{Execution: x.ID, Step: id, Turn: step.Turn}] = step.Token
			}
		}
	}
	return all
}

// wantNone looks for waits that ended, by their names and by the tokens with which their steps could have been run.
func (d *desk) wantNone(waits map[flow.SuspensionID]string) {
	d.Helper()
	stand := d.waits()
	for _, e := range d.dump() {
		for w, token := range waits {
			if _, ok := stand[w]; ok {
				continue
			}
			if e.field == "a"+w.Step.String() && strings.HasSuffix(e.key, ":x:"+w.Execution) {
				continue // the record of the step
			}
			if e.mentions(token) || e.mentions(w.String()) && e.field != "taker" { // that of an event stays as long as the event
				d.Errorf("the wait %s (token %s) is over, and there is %+v", w, token, e)
			}
		}
	}
}

func (e entry) mentions(text string) bool {
	return names(e.key, text) || names(e.field, text) || names(e.value, text)
}

// names tells whether an id stands in a text, and not only as the beginning of a longer one: the name of a wait ends with its
// turn, where that of a task has a token.
func names(text, id string) bool {
	for {
		_, after, found := strings.Cut(text, id)
		if !found || after == "" || !strings.ContainsRune(alphanumeric, rune(after[0])) {
			return found
		}
		text = after
	}
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// wantOnlyRecords looks for everything that belongs to waits, alarms, claims and places when there are none.
func (d *desk) wantOnlyRecords() {
	d.Helper()
	for _, e := range d.dump() {
		for _, kind := range []string{":sus:", ":wfsus:", ":ev:", ":shapes:", ":due", ":semq:", ":sem:", ":q:", ":kept:", ":scheduled", ":pending", "}:t:"} {
			if strings.Contains(e.key, kind) {
				d.Errorf("everything is over, and there is %+v", e)
			}
		}
		if strings.Contains(e.key, ":x:") && strings.HasPrefix(e.field, "c") {
			d.Errorf("everything is over, and there is a claim: %+v", e)
		}
	}
	r, err := d.store.Audit(d.Context(), 0, suspend.AuditOptions{})
	if err != nil || len(r.Findings) > 0 {
		d.Errorf("the audit found %+v, %v", r.Findings, err)
	}
}
