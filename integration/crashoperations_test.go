package integration

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"prana/engine"
	"prana/engine/flow"
)

// waitsShort is waitsForAnEvent whose time is up at once, and which then goes another way.
const waitsShort = `
id: waits
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: wait.wait_for_event, params: {event_type: go, event_filter: {a: 1}, timeout_ms: 1, on_timeout: late}}
  - {key: end, type: core.log, params: {message: done}}
  - {key: late, type: core.log, params: {message: late}}
connections: [start -> w, w -> end, w.late -> late]
`

// waitsAgain has a second wait, which ends a resume that is delivered twice.
const waitsAgain = `
id: waits
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: wait.wait_for_event, params: {event_type: go, event_filter: {a: 1}}}
  - {key: again, type: wait.wait_for_event, params: {event_type: never, timeout_ms: 1, on_timeout: main}}
  - {key: end, type: core.log, params: {message: done}}
connections: [start -> w, w -> again, again -> end]
`

// waitsForURL is waitsShort with a URL that ends the wait, and time to call it.
var waitsForURL = strings.NewReplacer("timeout_ms: 1,", "timeout_ms: 30,", "connections: [start -> w", `  - {key: mail, type: data.set_data, params: {mapping_map: {url: $execution.resume_urls.w}}}
connections: [start -> mail, mail -> w`).Replace(waitsShort)

// brought is what people bring.
const brought = `{"by":"hand"}`

// operation does something to execution id with a process of its own; t is its step that waits. told: it was answered that
// it ended the wait, or will.
type operation func(ctx context.Context, d *desk, e *engine.Engine, id string, t flow.Dispatch) (told bool)

// crashing are the operations that are broken off.
var crashing = map[string]operation{
	"subscribe": func(ctx context.Context, _ *desk, e *engine.Engine, _ string, t flow.Dispatch) bool {
		_ = e.RunStep(ctx, t)
		return false
	},
	"publish": func(ctx context.Context, _ *desk, e *engine.Engine, _ string, _ flow.Dispatch) bool {
		r, err := e.Publish(ctx, flow.Event{ID: "e1", Type: "go", Data: []byte(`{"a":1}`)})
		return err == nil && r.Matched == 1
	},
	"cancel": func(ctx context.Context, _ *desk, e *engine.Engine, id string, _ flow.Dispatch) bool {
		return e.Cancel(ctx, flow.CancelRequest{Execution: id, ID: "c1"}) == nil
	},
	"resume": func(ctx context.Context, _ *desk, e *engine.Engine, id string, _ flow.Dispatch) bool {
		_, err := e.Resume(ctx, flow.ResumeRequest{Execution: id, Node: "w", ID: "r1", Data: []byte(brought)})
		return err == nil
	},
	// What is not repeated, since it has no id, and is for whichever wait begins first.
	"letter": func(ctx context.Context, _ *desk, e *engine.Engine, id string, _ flow.Dispatch) bool {
		_, err := e.Resume(ctx, flow.ResumeRequest{Execution: id, Data: []byte(brought)})
		return err == nil
	},
	"call": func(ctx context.Context, d *desk, e *engine.Engine, id string, _ flow.Dispatch) bool {
		_, err := e.ResumeByToken(ctx, d.urlToken(id), flow.ResumeRequest{Data: []byte(brought)})
		return err == nil
	},
	"timeout": func(ctx context.Context, d *desk, e *engine.Engine, id string, _ flow.Dispatch) bool {
		d.awaitTimeout(id)
		_, _ = e.Sweep(ctx, 0)
		if t, ok := d.next(); ok {
			_ = e.RunStep(ctx, t)
		}
		return false
	},
}

// awaitTimeout waits until the wait of an execution is to be looked at because its time is up, by the clock of Redis.
func (d *desk) awaitTimeout(id string) {
	d.Helper()
	if len(d.view(id).Suspensions) == 0 {
		return
	}
	due := int64(d.redis.ZScore(d.Context(), "{prana-0}:due", id+":1.000").Val())
	for {
		now, err := d.redis.Time(d.Context()).Result()
		if err != nil || now.UnixMilli() >= due {
			return
		}
	}
}

// urlToken gives the token of the URL that ends the wait.
func (d *desk) urlToken(id string) string {
	d.Helper()
	var out struct{ URL string }
	if err := json.Unmarshal(runOf(d.view(id), "mail").Output, &out); err != nil {
		d.Fatal(err)
	}
	_, token, _ := strings.Cut(out.URL, "/resume/")
	return token
}

// untilItWaits starts an execution whose wait stands, or is about to begin if that is one of the operations.
func (d *desk) untilItWaits(pair [2]string) (id string, task flow.Dispatch) {
	d.Helper()
	d.empty()
	d.deploy(workflowOf(pair))
	id = d.start("waits")
	for task, _ = d.next(); task.Step.Node != 1; task, _ = d.next() {
		if err := d.engine.RunStep(d.Context(), task); err != nil {
			d.Fatal(err)
		}
	}
	if !slices.Contains(pair[:], "subscribe") {
		crashing["subscribe"](d.Context(), d, d.engine, id, task)
		d.engine.Wait()
	}
	return id, task
}

func workflowOf(pair [2]string) string {
	has := func(name string) bool { return slices.Contains(pair[:], name) }
	switch {
	case has("call") && has("timeout"):
		return waitsForURL
	case has("call"):
		return strings.Replace(waitsForURL, "timeout_ms: 30,", "timeout_ms: 60000,", 1)
	case has("timeout"):
		return waitsShort
	case has("subscribe") && (has("resume") || has("letter")):
		return waitsAgain
	}
	return waitsForAnEvent
}

// wantOneEnd repeats what senders repeat, lets the wait end otherwise if nothing else did, and looks who won, that everybody
// was told the truth, and that nothing is left.
func (d *desk) wantOneEnd(what, id string, pair [2]string, told map[string]bool) string {
	d.Helper()
	repeated := d.repeat(id, pair)
	v := d.over(id)
	winner := winnerOf(v)
	d.wantWay(what, v, winner)
	d.wantTruth(what, v, told, repeated)
	if _, ok := repeated["publish"]; ok {
		d.wantEventOnce(what, winner)
	}
	d.wantNone(map[flow.SuspensionID]string{{Execution: id, Step: flow.StepID{Node: 1}, Turn: 1}: "no token"})
	d.wantOnlyRecords()
	return winner
}

// repeat has senders repeat what they may repeat, and gives what they were told then.
func (d *desk) repeat(id string, pair [2]string) (told map[string]bool) {
	d.Helper()
	d.expireLeases()
	told = map[string]bool{}
	again := func(name string) { told[name] = crashing[name](d.Context(), d, d.engine, id, flow.Dispatch{}) }
	for _, name := range []string{"publish", "cancel", "resume"} {
		if slices.Contains(pair[:], name) {
			again(name)
		}
	}
	switch {
	case slices.Contains(pair[:], "letter") && d.stillWaits(id):
		publishOne(d, id)
	case slices.Contains(pair[:], "call") && d.stillWaits(id):
		again("call")
	}
	return told
}

// wantTruth holds what senders were told, at first and when they repeated it, against what ended the wait.
func (d *desk) wantTruth(what string, v *flow.View, told, repeated map[string]bool) {
	d.Helper()
	winner := winnerOf(v)
	for name, by := range map[string]string{"publish": flow.ByEvent, "resume": flow.ByManual, "letter": flow.ByManual, "call": flow.ByURL} {
		if (told[name] || repeated[name]) && winner != by {
			d.Errorf("%s: %s was told that it ended the wait, and %s did", what, name, winner)
		}
		_, kept := told["subscribe"] // which takes the event by itself
		if was, ok := repeated[name]; ok && !was && winner == by && name != "call" && !(name == "publish" && kept) {
			d.Errorf("%s: %s ended the wait, and was not told so when it was repeated", what, name)
		}
	}
	if cancelled := v.Status == flow.Cancelled; cancelled != (told["cancel"] || repeated["cancel"]) {
		d.Errorf("%s: cancel was told %v, then %v, and the execution is %s", what, told["cancel"], repeated["cancel"], v.Status)
	}
}

// stillWaits tells whether the wait began and nothing has come for it.
func (d *desk) stillWaits(id string) bool {
	d.Helper()
	var w *flow.NodeRun
	d.until("the wait of "+id+" began", func() bool {
		w = runOf(d.view(id), "w")
		return w != nil && (w.Status == flow.StepSuspended || !w.Status.Live())
	})
	return w.Status == flow.StepSuspended
}

// runOf gives the only run of a node; nil when it did not run.
func runOf(v *flow.View, key string) *flow.NodeRun {
	for i := range v.Nodes {
		if v.Nodes[i].Node == key {
			return &v.Nodes[i]
		}
	}
	return nil
}

// winnerOf tells what ended the wait, or how the execution ended before anything did.
func winnerOf(v *flow.View) string {
	if w := runOf(v, "w"); w != nil && w.ResumedBy != "" {
		return w.ResumedBy
	}
	return string(v.Status)
}

// wantWay holds the way that an execution went against what ended its wait.
func (d *desk) wantWay(what string, v *flow.View, winner string) {
	d.Helper()
	completed := v.Status == flow.Completed
	runs := map[string]int{}
	for _, n := range v.Nodes {
		if n.Status == flow.StepCompleted {
			runs[n.Node]++
		}
	}
	want := map[string]int{"start": 1}
	w := runOf(v, "w")
	if completed || w != nil && w.Status == flow.StepCompleted {
		want["w"] = 1
	}
	switch {
	case completed && winner == flow.ByTimeout:
		want["late"] = 1
	case completed:
		want["end"] = 1
	}
	if runOf(v, "mail") != nil {
		want["mail"] = 1
	}
	if again := runOf(v, "again"); again != nil {
		want["again"] = 1
		if again.ResumedBy != flow.ByTimeout {
			d.Errorf("%s: the second wait was ended by %s", what, again.ResumedBy)
		}
	}
	if !maps.Equal(runs, want) || len(v.Inbox) > 0 || !completed && v.Status != flow.Cancelled {
		d.Errorf("%s: the execution is %s, its wait was ended by %s, it ran %v and not %v; its inbox has %v", what, v.Status, winner, runs, want, v.Inbox)
	}
	output := map[string]string{flow.ByManual: brought, flow.ByURL: brought, flow.ByEvent: `{"a":1}`}[winner]
	if completed && output != "" && string(w.Output) != output {
		d.Errorf("%s: the wait was ended by %s and left %s", what, winner, w.Output)
	}
}

// wantEventOnce has another execution wait for the event: it takes it unless the first did.
func (d *desk) wantEventOnce(what, winner string) {
	d.Helper()
	later := d.start("waits")
	d.work()
	if kept := d.view(later).Status == flow.Completed; kept == (winner == flow.ByEvent) {
		d.Errorf("%s: the wait was ended by %s, and a later one took the event: %v", what, winner, kept)
	}
	_ = d.engine.Cancel(d.Context(), flow.CancelRequest{Execution: later})
	d.over(later)
}

// expireLeases does what ten seconds do: every step is looked at, and another publisher may take over.
func (d *desk) expireLeases() {
	d.Helper()
	for _, e := range d.dump() {
		if e.field == "" || !strings.HasSuffix(e.key, ":due") && !strings.HasSuffix(e.key, ":publishing") {
			continue
		}
		if err := d.redis.ZAddArgs(d.Context(), e.key, redis.ZAddArgs{XX: true, Members: []redis.Z{{Score: 1, Member: e.field}}}).Err(); err != nil {
			d.Fatal(err)
		}
	}
}
