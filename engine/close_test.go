package engine_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

const trip = `
id: trip
nodes:
  - {key: t, type: test.start}
  - {key: a, type: test.echo, settings: {on_cancel: undo_a}}
  - {key: b, type: test.echo, settings: {on_cancel: undo_b}}
  - {key: c, type: test.echo, settings: {on_cancel: undo_c}}
  - {key: w, type: test.wait}
  - {key: undo_a, type: test.echo}
  - {key: undo_b, type: test.sleep, params: {ms: 60000}}
  - {key: undo_c, type: test.fail}
connections: [t -> a, a -> b, b -> c, c -> w]
`

// TestTerminationSaysWhatIsLeft terminates an execution that is being undone: one step failed to undo, one is at it, one is to come.
func TestTerminationSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(trip)
	id := env.Start("trip", 1)
	env.Run()
	env.Cancel(id, "enough")
	env.Run()
	env.WantStatus(id, flow.Cancelling)
	if err := env.Engine().Terminate(t.Context(), flow.CancelRequest{Execution: id, Reason: "it hangs"}); err != nil {
		t.Fatal(err)
	}
	env.WantStatus(id, flow.Cancelled)
	p := env.Execution(id).Error
	if p.Code != "terminated" || p.Message != "it hangs; what 2 steps did was not undone" {
		t.Errorf("the error is %s: %s", p.Code, p.Message)
	}
	if p.Error() != "terminated: it hangs; what 2 steps did was not undone" {
		t.Errorf("it is told as %s", p.Error())
	}
	want := []any{map[string]any{"node": "b", "run_index": 0}, map[string]any{"node": "a", "run_index": 0}}
	if got := p.Details["not_undone"]; !reflect.DeepEqual(got, want) {
		t.Errorf("not undone are %v, want %v", got, want)
	}
	was, _ := p.Details["ending"].(map[string]any)
	first, _ := was["error"].(map[string]any)
	details, _ := first["details"].(map[string]any)
	if failed, _ := details["not_undone"].([]any); was["status"] != "cancelled" || first["message"] != "enough" || len(failed) != 1 {
		t.Errorf("what was under way is told as %v", was)
	}
	notices := env.Notices(id)
	if last := notices[len(notices)-1]; last.Name != flow.WorkflowCancelled || last.Reason != "terminated: it hangs" {
		t.Errorf("the last notice is %s because of %q", last.Name, last.Reason)
	}
	env.Advance(time.Hour)
	env.WantPath(id, "t", "a", "b", "c", "undo_c!failed", "w!cancelled", "undo_b!cancelled")
}

// TestEndingCountsOnce repeats a cancellation and a termination by their ids, also while they are being undone.
func TestEndingCountsOnce(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(trip)
	id := env.Start("trip", 1)
	env.Run()
	end := func(f func(context.Context, flow.CancelRequest) error, requestID string) error {
		t.Helper()
		err := f(t.Context(), flow.CancelRequest{Execution: id, ID: requestID})
		env.Run()
		return err
	}
	e := env.Engine()
	for _, tt := range []struct {
		name string
		f    func(context.Context, flow.CancelRequest) error
		id   string
		ok   bool
	}{
		{"the first cancellation", e.Cancel, "c", true},
		{"the same while it is undone", e.Cancel, "c", true},
		{"another", e.Cancel, "d", false},
		{"a termination of that id", e.Terminate, "c", true},
		{"the same", e.Terminate, "c", true},
		{"another termination", e.Terminate, "d", false},
		{"the cancellation that was overtaken", e.Cancel, "c", false},
	} {
		if err := end(tt.f, tt.id); (err == nil) != tt.ok || err != nil && flow.AsProblem(err).Code != flow.ErrConflict.Code {
			t.Errorf("%s gives %v", tt.name, err)
		}
	}
}

// TestTooLateToEndNamesTheWinner asks for the end of executions that something else ended, or is ending.
func TestTooLateToEndNamesTheWinner(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		definition, workflow string
		end                  func(env *enginetest.Env, id string)
		status               flow.Status
		by, code, says       string
	}{
		"it completed":     {trip, "trip", func(env *enginetest.Env, id string) { env.Resume(id, "w", 1) }, flow.Completed, "completion", "", "it came to its end"},
		"it failed":        {"id: f\nnodes: [{key: t, type: test.start}, {key: b, type: test.fail}]\nconnections: [t -> b]", "f", func(*enginetest.Env, string) {}, flow.Failed, "failure", "action_error", "it always fails"},
		"its time ran out": {"id: s\ntimeout_ms: 1000\nnodes: [{key: t, type: test.start}, {key: w, type: test.wait}]\nconnections: [t -> w]", "s", func(env *enginetest.Env, _ string) { env.Advance(time.Minute) }, flow.TimedOut, "timeout", "execution_timeout", ""},
		"it is undone":     {trip, "trip", func(env *enginetest.Env, id string) { env.Cancel(id, "ordered twice") }, flow.Cancelling, "cancel", "cancelled", "ordered twice"},
		"it was terminated": {trip, "trip", func(env *enginetest.Env, id string) {
			_ = env.Engine().Terminate(t.Context(), flow.CancelRequest{Execution: id, Reason: "it hangs"})
		}, flow.Cancelled, "terminate", "terminated", "it hangs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := enginetest.New(t, types()...)
			env.Deploy(tt.definition)
			id := env.Start(tt.workflow, 1)
			env.Run()
			tt.end(env, id)
			env.Run()
			_, err := env.Engine().End(t.Context(), flow.CancelRequest{Execution: id, ID: "late"}, false)
			p := flow.AsProblem(err)
			got, _ := p.Details["error_code"].(string)
			if !errors.Is(err, flow.ErrConflict) || p.Details["status"] != string(tt.status) || p.Details["ended_by"] != tt.by || got != tt.code || !strings.Contains(p.Message, tt.says) {
				t.Errorf("it is told %v with %v", err, p.Details)
			}
			if _, over := p.Details["ended_at"]; over != tt.status.Terminal() {
				t.Errorf("it is told when: %v", p.Details)
			}
		})
	}
}

// debts notes the outbox entries of every commit.
type debts struct {
	engine.Store
	mu  sync.Mutex
	all []flow.Outgoing
}

func (d *debts) Commit(ctx context.Context, changes ...*flow.Change) error {
	err := d.Store.Commit(ctx, changes...)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range changes {
		if err == nil {
			d.all = append(d.all, c.Outbox...)
		}
	}
	return err
}

// TestManyChildrenAreClosed ends a parent that started more children than one entry of an outbox names; a third of them
// is over, and a third was abandoned. A store that fails in between changes nothing.
func TestManyChildrenAreClosed(t *testing.T) {
	t.Parallel()
	const n = 240
	store := &debts{}
	broken := newFaulty(nil, fault{method: "Delivered", call: 2, mode: failsBefore})
	env := enginetest.Open(t, enginetest.Options{Types: append(types(), brood()), Store: func(s engine.Store) engine.Store {
		broken.Store.Store = s
		store.Store = broken
		return store
	}})
	env.Deploy(waiter)
	env.Deploy(`
id: mother
nodes:
  - {key: start, type: test.start}
  - {key: b, type: test.brood, params: {n: 240}}
  - {key: w, type: test.wait, params: {event: end}}
connections: [start -> b, b -> w]
`)
	id := env.Start("mother", nil)
	env.Run()
	children := env.Children(id)
	for i := 2; i < n; i += 3 {
		env.Resume(children[i], "w", i)
	}
	env.Run()
	env.Publish("end", 1)
	env.Advance(time.Minute)
	env.WantStatus(id, flow.Completed)
	for i, c := range children {
		env.WantStatus(c, []flow.Status{flow.Cancelled, flow.Suspended, flow.Completed}[i%3])
	}
	var entries int
	for _, o := range store.all {
		if o.Kind == flow.SendClose {
			entries++
		}
	}
	if entries != 3 {
		t.Errorf("%d entries for %d children; want 3", entries, n)
	}
	told := 0
	for _, notice := range env.Notices() {
		if notice.Name == flow.WorkflowCancelled {
			told++
			if notice.Reason != "terminated: its parent is completed" {
				t.Errorf("a child ended because %q", notice.Reason)
			}
		}
	}
	if out, err := env.Store().Outbox(t.Context(), id); told != n/3 || len(out) > 0 || err != nil {
		t.Errorf("%d children were told, and %v (%v) remains to be", told, out, err)
	}
}

// brood starts children that nobody waits for; every other two are terminated, and abandoned, when it ends.
func brood() node.Type {
	return node.Type{Name: "test.brood", Fields: []node.Field{{Name: "n", Kind: node.Int}}, Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
		var all []node.Child
		for i := range c.Params["n"].(int) {
			end := node.Terminate
			if i%3 == 1 {
				end = ""
			}
			all = append(all, node.Child{Workflow: "waiter", Input: fmt.Sprint(i), Mode: node.FireAndForget, Close: end})
		}
		return node.Outcome{Start: all, Output: "born"}, nil
	}}
}

// unreadable is a store in which one execution cannot be read.
type unreadable struct {
	engine.Store
	id atomic.Value
}

func (u *unreadable) Load(ctx context.Context, id string, w flow.Want) (*flow.Execution, error) {
	if id == u.id.Load() {
		return nil, errors.New("reading the head: rubbish")
	}
	return u.Store.Load(ctx, id, w)
}

// TestAChildThatCannotBeReadKeepsNoOther: the others are closed, and what is left of the entry is tried again.
func TestAChildThatCannotBeReadKeepsNoOther(t *testing.T) {
	t.Parallel()
	store := &unreadable{}
	env := enginetest.Open(t, enginetest.Options{Types: append(types(), brood()), Store: func(s engine.Store) engine.Store {
		store.Store = s
		return store
	}})
	env.Deploy(waiter)
	env.Deploy(`
id: mother
nodes:
  - {key: start, type: test.start}
  - {key: b, type: test.brood, params: {n: 4}}
  - {key: w, type: test.wait, params: {event: end}}
connections: [start -> b, b -> w]
`)
	id := env.Start("mother", nil)
	env.Run()
	children := env.Children(id)
	store.id.Store(children[0])
	env.Publish("end", 1)
	env.Run()
	env.WantStatus(id, flow.Completed)
	env.WantStatus(children[3], flow.Cancelled)
	if out, err := env.Store().Outbox(t.Context(), id); len(out) != 1 || err != nil {
		t.Errorf("%v (%v) remains to be told; want one", out, err)
	}
}

// TestNothingIsOwedToTheAbandoned lets a parent end whose children are all abandoned: its end costs nothing more.
func TestNothingIsOwedToTheAbandoned(t *testing.T) {
	t.Parallel()
	store := &debts{}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(s engine.Store) engine.Store {
		store.Store = s
		return store
	}})
	env.Deploy(waiter)
	env.Deploy(`{"id":"p","nodes":[{"key":"t","type":"test.start"},{"key":"c","type":"test.child","params":{"workflow":"waiter","mode":"fire_and_forget"}}],"connections":["t -> c"]}`)
	id := env.Start("p", nil)
	env.Run()
	env.WantStatus(id, flow.Completed)
	if len(store.all) > 0 {
		t.Errorf("it owed %v", store.all)
	}
}

// TestParentOfAChildInQuarantineWaits: it may be retried. The parent sleeps meanwhile, and says for whom; whatever ends
// the parent or its wait reaches the child as its policy says.
func TestParentOfAChildInQuarantineWaits(t *testing.T) {
	t.Parallel()
	cancel := func(env *enginetest.Env, id, _ string) { env.Cancel(id, "enough") }
	for name, tt := range map[string]struct {
		close string
		then  func(env *enginetest.Env, id, kid string)
		want  [2]flow.Status
		code  string // of the child
	}{
		"it is retried": {"", func(env *enginetest.Env, _, kid string) {
			if _, err := env.Engine().Retry(t.Context(), flow.RetryRequest{Execution: kid}); err != nil {
				t.Error(err)
			}
		}, [2]flow.Status{flow.Completed, flow.Completed}, ""},
		"its parent is cancelled":                 {node.RequestCancel, cancel, [2]flow.Status{flow.Cancelled, flow.Cancelled}, "cancelled"},
		"its parent is cancelled, it terminated":  {node.Terminate, cancel, [2]flow.Status{flow.Cancelled, flow.Cancelled}, "terminated"},
		"its parent is cancelled, it abandoned":   {node.Abandon, cancel, [2]flow.Status{flow.Cancelled, flow.Quarantined}, "poison"},
		"its parent does not wait for it anymore": {"", func(env *enginetest.Env, _, _ string) { env.Advance(24 * time.Hour) }, [2]flow.Status{flow.Failed, flow.Cancelled}, "cancelled"},
		"it is cancelled":                         {"", func(env *enginetest.Env, _, kid string) { env.Cancel(kid, "hopeless") }, [2]flow.Status{flow.Failed, flow.Cancelled}, "cancelled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDying()
			env := enginetest.New(t, append(types(), d.Type())...)
			env.Deploy(mortal)
			env.Deploy(`{"id":"p","nodes":[{"key":"t","type":"test.start"},{"key":"c","type":"test.child","params":{"workflow":"mortal","timeout_ms":86400000,"close":"` + tt.close + `"}}],"connections":["t -> c"]}`)
			id := env.Start("p", nil)
			for range 3 {
				env.Step()
			}
			kid := env.Children(id)[0]
			env.WantStatus(id, flow.Running)
			dead := poison(t, env, d, kid)
			env.Advance(time.Hour)
			if v := env.Execution(id); len(v.Suspensions) != 1 || v.Suspensions[0].ChildID != kid || v.Status != flow.Suspended {
				t.Errorf("the parent is %s and waits for %+v", v.Status, v.Suspensions)
			}
			d.healthy.Store(true)
			tt.then(env, id, kid)
			env.Advance(time.Minute)
			env.WantStatus(id, tt.want[0])
			env.WantStatus(kid, tt.want[1])
			if tt.code != "" {
				env.WantError(kid, tt.code)
			}
			close(d.release)
			for _, w := range dead {
				if err := <-w.stopped; err != nil {
					t.Error(err)
				}
			}
		})
	}
}
