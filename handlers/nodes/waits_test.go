package nodes

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

func TestDelay(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "time.delay")
	c := callFor(typ, obj{"duration_ms": 1500})
	s := run(t, typ, c).Suspend
	if s == nil || s.Type != flow.Delay || !s.Timer || s.In != 1500*time.Millisecond {
		t.Fatalf("it asks for %+v", s)
	}
	same(t, "the wait's data", s.Data, obj{"duration_ms": 1500})

	over := obj{"resumed_at": "2026-03-01T12:00:00.005Z", "type": "delay_completed"}
	out := run(t, typ, resume(t, c, s.Data, node.Resume{By: flow.ByTimer}))
	same(t, "the output", out.Output, over)

	out = run(t, typ, resume(t, c, s.Data, node.Resume{By: flow.ByManual}))
	same(t, "the output by hand", out.Output, over)
	over["data"] = obj{"why": "hurry"}
	out = run(t, typ, resume(t, c, s.Data, node.Resume{By: flow.ByManual, Data: over["data"]}))
	same(t, "the output by hand with data", out.Output, over)

	runFails(t, typ, resume(t, c, s.Data, node.Resume{By: flow.ByManual, Error: flow.Problemf("stop", "no")}), "stop")
}

func TestDelayBounds(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "time.delay")
	for _, bad := range []any{nil, 0, -1, "abc", 1.5, maxWaitMS + 1} {
		runFails(t, typ, callFor(typ, obj{"duration_ms": bad}), codeParams)
	}
	for _, good := range []any{1, "250", maxWaitMS} {
		run(t, typ, callFor(typ, obj{"duration_ms": good}))
	}
}

func approval(typ node.Type, onTimeout any) *node.Call {
	params := obj{"event_type": "approval", "event_filter": obj{"request_id": 7}, "timeout_ms": 60000}
	if onTimeout != nil {
		params["on_timeout"] = onTimeout
	}
	return callFor(typ, params)
}

func TestWaitForEvent(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "wait.wait_for_event")
	c := approval(typ, nil)
	s := run(t, typ, c).Suspend
	if s == nil || s.Type != flow.ExternalEvent || s.Timer || s.In != time.Minute {
		t.Fatalf("it asks for %+v", s)
	}
	same(t, "the wait's data", s.Data, obj{"event_type": "approval", "event_filter": obj{"request_id": 7}, "timeout_ms": 60000, "on_timeout": "timeout"})
	if s.Event == nil || s.Event.Type != "approval" || !s.Event.Matches(obj{"request_id": 7, "ok": true}) {
		t.Errorf("it subscribes to %+v", s.Event)
	}
	for _, by := range []string{flow.ByEvent, flow.ByManual} {
		out := run(t, typ, resume(t, c, s.Data, node.Resume{By: by, Data: obj{"ok": true}}))
		if !out.PassResume || out.Port != flow.PortMain {
			t.Errorf("by %s it leaves with %+v", by, out)
		}
	}
	runFails(t, typ, resume(t, c, s.Data, node.Resume{By: flow.ByManual, Error: flow.Problemf("refused", "no")}), "refused")
}

func TestWaitForEventTimesOut(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "wait.wait_for_event")
	for onTimeout, port := range map[any]string{nil: "timeout", "escalate": "escalate"} {
		c := approval(typ, onTimeout)
		s := run(t, typ, c).Suspend
		out := run(t, typ, resume(t, c, s.Data, node.Resume{By: flow.ByTimeout}))
		if out.Port != port || !out.Timeout {
			t.Errorf("%v: it leaves with %+v", onTimeout, out)
		}
		same(t, "the output", out.Output, obj{"type": "timeout", "event_type": "approval", "timeout_ms": 60000})
	}
	c := approval(typ, "fail")
	s := run(t, typ, c).Suspend
	p := problemOf(t, typ, resume(t, c, s.Data, node.Resume{By: flow.ByTimeout}), "timeout")
	if !strings.Contains(p.Message, "approval") {
		t.Errorf("the message is %q", p.Message)
	}
}

func TestWaitForEventForEver(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	typ := typeOf(t, Options{Logger: slog.New(slog.NewTextHandler(&buf, nil))}, "wait.wait_for_event")
	s := run(t, typ, callFor(typ, obj{"event_type": "e", "event_filter": obj{"id": nil}})).Suspend
	if s.In != 0 || !s.Until.IsZero() {
		t.Errorf("it asks for %+v", s)
	}
	if !strings.Contains(buf.String(), "asks for null") {
		t.Error("a filter that asks for null is not mentioned")
	}
}

func TestWaitForEventBounds(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "wait.wait_for_event")
	many := obj{}
	for i := range maxFilterPaths + 1 {
		many[strings.Repeat("p", i+1)] = i
	}
	for name, params := range map[string]obj{
		"no type":    {},
		"empty type": {"event_type": ""},
		"long type":  {"event_type": strings.Repeat("é", maxEventType+1)},
		"paths":      {"event_type": "e", "event_filter": many},
		"long path":  {"event_type": "e", "event_filter": obj{strings.Repeat("p", maxFilterPath+1): 1}},
		"empty path": {"event_type": "e", "event_filter": obj{"": 1}},
		"no filter":  {"event_type": "e", "event_filter": "x"},
		"timeout":    {"event_type": "e", "timeout_ms": 0},
	} {
		t.Run(name, func(t *testing.T) { runFails(t, typ, callFor(typ, params), codeParams) })
	}
	run(t, typ, callFor(typ, obj{"event_type": strings.Repeat("é", maxEventType)}))
}

func TestWaitPorts(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "wait.wait_for_event")
	for onTimeout, want := range map[any][]string{
		nil: {"main", "timeout"}, "escalate": {"main", "escalate"}, "fail": {"main"}, "main": {"main"},
	} {
		if got := typ.OutputPorts(obj{"on_timeout": onTimeout}); !slices.Equal(got, want) {
			t.Errorf("%v: the ports are %q", onTimeout, got)
		}
	}
}

func TestExecuteModes(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "workflow.execute_workflow")
	for name, tc := range map[string]struct {
		params obj
		mode   string
	}{
		"default":      {obj{}, node.Sync},
		"wait":         {obj{"wait_for_completion": true}, node.Sync},
		"do not wait":  {obj{"wait_for_completion": false}, node.FireAndForget},
		"async":        {obj{"execution_mode": "async"}, node.Async},
		"mode wins":    {obj{"execution_mode": "async", "wait_for_completion": false}, node.Async},
		"fire, forget": {obj{"execution_mode": "fire_and_forget"}, node.FireAndForget},
	} {
		tc.params["workflow_id"] = "child"
		out := run(t, typ, callFor(typ, tc.params))
		if len(out.Start) != 1 || out.Start[0].Mode != tc.mode || out.Start[0].Workflow != "child" {
			t.Errorf("%s: it starts %+v", name, out.Start)
		}
		if waits := out.Suspend != nil; waits == (tc.mode == node.FireAndForget) {
			t.Errorf("%s: waits is %v", name, waits)
		}
	}
}

func TestExecuteStarts(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "workflow.execute_workflow")
	out := run(t, typ, callFor(typ, obj{"workflow_id": "child", "version": "v1", "queue": "slow", "execution_mode": "async", "timeout_ms": 5000}))
	same(t, "the child", out.Start[0], node.Child{Workflow: "child", Version: "v1", Input: obj{"a": 1}, Mode: "async", Queue: "slow"})
	if s := out.Suspend; s.Type != flow.SubWorkflow || s.Timer || s.In != 5*time.Second {
		t.Errorf("it asks for %+v", s)
	}
	same(t, "the wait's data", out.Suspend.Data, obj{"workflow_id": "child", "execution_mode": "async", "timeout_ms": 5000, "failure_strategy": "fail_parent"})

	out = run(t, typ, callFor(typ, obj{"workflow_id": "child", "parent_close_policy": "terminate"}))
	same(t, "the child to be terminated", out.Start[0], node.Child{Workflow: "child", Input: obj{"a": 1}, Mode: "sync", Close: "terminate"})
	out = run(t, typ, callFor(typ, obj{"workflow_id": "child", "input_data": []any{1}}))
	same(t, "its input", out.Start[0].Input, []any{1})
	out = run(t, typ, callFor(typ, obj{"workflow_id": "child", "input_data": nil}))
	same(t, "its input from null", out.Start[0].Input, obj{})
}

func TestExecuteRefuses(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "workflow.execute_workflow")
	for _, params := range []obj{
		{},
		{"workflow_id": ""},
		{"workflow_id": "Not An Id"},
		{"workflow_id": "c", "execution_mode": "x"},
		{"workflow_id": "c", "timeout_ms": 0},
		{"workflow_id": "c", "failure_strategy": "x"},
		{"workflow_id": "c", "parent_close_policy": "x"},
	} {
		runFails(t, typ, callFor(typ, params), codeParams)
	}
}

func TestExecuteEnds(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "workflow.execute_workflow")
	failed := obj{"execution_id": "0x", "status": "failed", "output": nil, "error": obj{"code": "boom"}}
	for name, tc := range map[string]struct {
		strategy string
		how      node.Resume
		code     string
		want     any
	}{
		"completed":        {failParent, node.Resume{By: flow.ByChild, Data: obj{"execution_id": "0x", "status": "completed", "output": obj{"r": 1}}}, "", obj{"r": 1}},
		"failed":           {failParent, node.Resume{By: flow.ByChild, Data: failed}, "sub_workflow_failed", obj{"workflow_id": "child", "execution_id": "0x", "status": "failed", "error": obj{"code": "boom"}}},
		"failed, continue": {goOn, node.Resume{By: flow.ByChild, Data: failed}, "", obj{"sub_workflow_failed": true, "workflow_id": "child", "execution_id": "0x", "status": "failed", "error": obj{"code": "boom"}}},
		"timeout":          {failParent, node.Resume{By: flow.ByTimeout, Children: []string{"0w", "0x"}}, "sub_workflow_timeout", obj{"workflow_id": "child", "timeout_ms": 300000, "execution_id": "0x", "status": "timed_out"}},
		"timeout, continue": {goOn, node.Resume{By: flow.ByTimeout, Children: []string{"0x"}}, "", obj{
			"sub_workflow_timeout": true, "workflow_id": "child", "timeout_ms": 300000, "execution_id": "0x", "status": "timed_out",
			"error": obj{"code": "sub_workflow_timeout", "message": "workflow child did not end within 5m0s"},
		}},
		"no start":            {failParent, node.Resume{By: flow.ByError, Error: flow.Problemf("not_found", "gone")}, "not_found", nil},
		"no start, continue":  {goOn, node.Resume{By: flow.ByError, Error: flow.Problemf("not_found", "gone")}, "", obj{"sub_workflow_failed": true, "workflow_id": "child", "execution_id": nil, "status": "failed", "error": obj{"code": "not_found", "message": "gone"}}},
		"cancelled, continue": {goOn, node.Resume{By: flow.ByChild, Data: obj{"execution_id": "0x", "status": "cancelled"}}, "", obj{"sub_workflow_failed": true, "workflow_id": "child", "execution_id": "0x", "status": "cancelled", "error": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			c := callFor(typ, obj{"workflow_id": "child", "failure_strategy": tc.strategy})
			next := resume(t, c, run(t, typ, c).Suspend.Data, tc.how)
			if tc.code == "" {
				same(t, "the output", run(t, typ, next).Output, tc.want)
				return
			}
			p := problemOf(t, typ, next, tc.code)
			same(t, "the details", p.Details, tc.want)
		})
	}
}

func TestExecuteResumedOtherwise(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "workflow.execute_workflow")
	c := callFor(typ, obj{"workflow_id": "child"})
	data := run(t, typ, c).Suspend.Data
	if out := run(t, typ, resume(t, c, data, node.Resume{By: flow.ByManual, Data: 1})); !out.PassResume {
		t.Errorf("by hand it leaves with %+v", out)
	}
	for _, r := range []node.Resume{{By: flow.ByChild, Data: "odd"}} {
		runFailsPlainly(t, typ, resume(t, c, data, r))
	}
	runFailsPlainly(t, typ, resume(t, c, "not an object", node.Resume{By: flow.ByTimeout}))
}

func runFailsPlainly(t *testing.T, typ node.Type, c *node.Call) {
	t.Helper()
	if out, err := runOnce(t.Context(), typ, c); err == nil {
		t.Errorf("%s: got %+v, want an error", typ.Name, out)
	}
}
