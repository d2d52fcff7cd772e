package explain_test

import (
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/explain"
	"prana/handlers/api/wire"
)

// runs is an execution with a step to be run.
func runs(queue string) *flow.View {
	v := waits()
	v.Status = flow.Running
	v.Nodes = []flow.NodeRun{{Node: "call", Queue: queue, Status: flow.StepPending, CreatedAt: *ago(time.Minute)}}
	return v
}

func TestWhoServes(t *testing.T) {
	t.Parallel()
	busy := wire.Worker{ID: "vm:7", Tasks: []wire.Running{{ExecutionID: "x1", Node: "other"}, {ExecutionID: "x1", Node: "call"}}}
	const free = "It works on call, which a worker runs, or will as soon as one is free"
	for name, c := range map[string]struct {
		queue    string
		serving  explain.Serving
		sentence string
		next     string // the first
	}{
		"a worker runs it": {
			"slow",
			explain.Serving{Workers: []wire.Worker{busy}},
			"It works on call, which worker vm:7 runs, since 1m. That worker moves it.", watch,
		},
		"nobody serves the queue": {
			"slow",
			explain.Serving{Queues: []wire.Queue{{Name: "default", Workers: 1}, {Name: "slow", Pending: 3, Paused: true}}},
			"It is to run call, and no worker serves queue slow, since 1m. A worker that serves that queue moves it. " +
				"To see what is in the queue, and who serves it: prana queues slow", "prana queues slow",
		},
		"the queue is paused": {
			"",
			explain.Serving{Queues: []wire.Queue{{Name: "default", Workers: 1, Paused: true}}},
			"It is to run call, and queue default is paused, since 1m. Whoever lets the queue go on moves it. " +
				"To see what is in the queue, and who serves it: prana queues default", "prana queues default",
		},
		"others come first": {
			"",
			explain.Serving{Queues: []wire.Queue{{Name: "default", Workers: 2, Pending: 12, LatencyMS: 3000}}},
			free + " (12 tasks wait in queue default, the longest for 3.0s; 2 workers serve it), since 1m. The worker that runs it moves it. " +
				"To see what is in the queue, and who serves it: prana queues default", "prana queues default",
		},
		"workers hand it back": {
			"",
			explain.Serving{Queues: []wire.Queue{{Name: "default", Workers: 2, Retry: 1}}},
			free + " (workers handed 1 task of the queue back, to be tried again: their logs say why), since 1m. The worker that runs it moves it.", watch,
		},
		"nothing is the matter": {
			"",
			explain.Serving{Queues: []wire.Queue{{Name: "default", Workers: 2}}},
			free + ", since 1m. The worker that runs it moves it.", watch,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := explain.Among(runs(c.queue), c.serving, now)
			if e.Sentence != c.sentence {
				t.Errorf("says\n%s\nwant\n%s", e.Sentence, c.sentence)
			}
			if e.Next[0].Line != c.next {
				t.Errorf("offers %q first, want %q", e.Next[0].Line, c.next)
			}
		})
	}
}

func TestWhoPausedIt(t *testing.T) {
	t.Parallel()
	v := runs("")
	v.Status, v.Pause = flow.Paused, &flow.PauseView{Since: *ago(5 * time.Minute), By: "ada", Reason: "the bank is\nclosed"}
	expectation{
		"ada paused it 5m ago (the bank is closed), and nothing goes on until somebody lets it: it is held at call, unless a worker was at it already, since 1m. " +
			"To let it go on: prana unpause x1",
		[]string{"prana unpause x1", "prana cancel x1"},
	}.of(t, v)

	v.Nodes = nil
	expectation{
		"ada paused it 5m ago (the bank is closed), and nothing goes on until somebody lets it. To let it go on: prana unpause x1",
		[]string{"prana unpause x1", "prana cancel x1"},
	}.of(t, v)
	if e := explain.Of(v, now); e.Pause == nil || e.Pause.By != "ada" {
		t.Errorf("the data does not say who paused it: %+v", e)
	}

	late := wait(flow.Delay, "nap", `{}`)
	late.ResumeAt, late.SuspendedAt = ago(time.Minute), *ago(time.Hour)
	v.Suspensions = []flow.Suspension{late}
	expectation{
		"ada paused it 5m ago (the bank is closed), and nothing goes on until somebody lets it: " +
			"it sleeps at nap, since 1h, until 11:59:00 UTC (overdue by 1m, and held). To let it go on: prana unpause x1",
		[]string{"prana unpause x1", "prana cancel x1"},
	}.of(t, v)
}
