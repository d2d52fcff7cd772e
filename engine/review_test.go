package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/telemetry"
)

// hooked is a store whose loads and commits a test may meddle with.
type hooked struct {
	engine.Store
	load      func(id string) error // instead of the load, unless it gives nil
	committed func(changes []*flow.Change)
	commit    func() // before each commit
}

func (h *hooked) Load(ctx context.Context, id string, want flow.Want) (*flow.Execution, error) {
	if h.load != nil {
		if err := h.load(id); err != nil {
			return nil, err
		}
	}
	return h.Store.Load(ctx, id, want)
}

func (h *hooked) Commit(ctx context.Context, changes ...*flow.Change) error {
	if h.commit != nil {
		h.commit()
	}
	err := h.Store.Commit(ctx, changes...)
	if err == nil && h.committed != nil {
		h.committed(changes)
	}
	return err
}

func (h *hooked) over(real engine.Store) engine.Store {
	h.Store = real
	return h
}

// soon does what must not hold its caller. A panic is an error.
func soon(t *testing.T, what string, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("%s panicked: %v", what, r)
			}
		}()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatalf("%s holds its caller", what)
		return nil
	}
}

// TestReviewWaitOpenedAndWithdrawn: a wait that begins and ends in one folded change leaves no trace.
func TestReviewWaitOpenedAndWithdrawn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var last *flow.Change
		h := &hooked{commit: func() { time.Sleep(time.Second) }, committed: func(changes []*flow.Change) { last = changes[0] }}
		env := enginetest.Open(t, enginetest.Options{Types: types(), Store: h.over})
		env.Deploy(`{"id":"f","nodes":[{"key":"s","type":"test.start"},{"key":"a","type":"test.echo"},{"key":"w","type":"test.wait"},
			{"key":"z","type":"test.sleep","params":{"ms":60000}},{"key":"f","type":"test.fail"}],"connections":["s -> a","s -> w","s -> z","s -> f"]}`)
		id := env.Start("f", nil)
		env.Step()
		tasks := map[int]flow.Dispatch{}
		for range 4 {
			d := next(t, env)
			tasks[d.Step.Node] = d
		}
		stored := make(chan error, 4)
		for n := 1; n <= 4; n++ { // a is being stored while the others come
			go func() { stored <- env.Engine().RunStep(t.Context(), tasks[n]) }()
			synctest.Wait()
		}
		for range 4 {
			if err := <-stored; err != nil {
				t.Error(err)
			}
		}
		env.Engine().Wait()
		env.WantStatus(id, flow.Failed)
		if len(last.Steps) != 3 || len(last.Opened) != 0 || len(last.Closed) != 0 || len(last.Dispatch) != 0 {
			t.Errorf("of %d steps in one change, %v are opened, %v closed, %v dispatched", len(last.Steps), last.Opened, last.Closed, last.Dispatch)
		}
		if alarms := env.Store().Alarms(0); len(alarms) != 0 {
			t.Errorf("alarms are left: %v", alarms)
		}
	})
}

// TestReviewHandedBackIsNoDeath: a worker that stops gives up its claim, and nobody counts it as dead.
func TestReviewHandedBackIsNoDeath(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		entered := make(chan struct{}, 1)
		env := enginetest.Open(t, enginetest.Options{Types: append(types(), patient(entered)), Now: time.Now})
		env.Deploy(patience)
		id := env.Start("patience", nil)
		env.Step()
		d := next(t, env)
		for n := range 5 {
			err := stopped(t, env.Process(), d, entered)
			if err == nil {
				t.Fatalf("worker %d did not run it", n)
			}
			env.Store().Done(d)
			if n%2 == 0 {
				continue // the queue brings the same task to the next worker
			}
			time.Sleep(20 * time.Second) // longer than a claim lasts: the sweeper has to find it
			env.Sweep()
			d = next(t, env)
		}
		if n := env.NodeRun(id, "p", 0).Deaths; n != 0 {
			t.Errorf("%d deaths were counted", n)
		}
		env.Stub("test.patient", pass)
		if err := env.Process().RunStep(t.Context(), d); err != nil {
			t.Error(err)
		}
		env.WantStatus(id, flow.Completed)
	})
}

// stopped runs a step in a process that claims it and is shut down.
func stopped(t *testing.T, e *engine.Engine, d flow.Dispatch, entered <-chan struct{}) error {
	t.Helper()
	life, end := context.WithCancel(t.Context())
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	ran, err := make(chan struct{}), make(chan error, 1)
	renewing := make(chan struct{})
	go func() { e.Run(life); close(renewing) }()
	go func() { err <- e.RunStep(ctx, d); close(ran) }()
	select {
	case <-entered:
	case <-ran:
	}
	time.Sleep(4 * time.Second) // it is claimed
	stop(errors.New("shutting down"))
	<-ran
	end()
	<-renewing
	return <-err
}

// TestReviewSuspectHoldsNobody: a suspect that finds the slot taken is brought up again later.
func TestReviewSuspectHoldsNobody(t *testing.T) {
	t.Parallel()
	d := newDying()
	env := enginetest.New(t, append(types(), d.Type())...)
	env.Deploy(mortal)
	ids := []string{env.Start("mortal", 1), env.Start("mortal", 2)}
	env.Step()
	begin := next(t, env)
	if begin.Execution == ids[0] {
		begin = next(t, env)
	}
	if err := env.Engine().RunStep(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	env.Store().Lose(0)
	for n := range 2 {
		both := suspects(t, env, ids, n)
		for _, task := range both {
			w := env.Process()
			go func() { _ = w.RunStep(context.WithoutCancel(t.Context()), task) }()
			<-d.entered
		}
	}
	both := suspects(t, env, ids, 2)
	e, first := env.Process(), make(chan error, 1)
	go func() { first <- e.RunStep(t.Context(), both[0]) }()
	<-d.entered
	waits := flow.DueEntry{Execution: both[1].Execution, Kind: flow.DueStep, Step: both[1].Step, Token: both[1].Token}
	if err := env.Store().Settle(t.Context(), waits, 5*time.Minute, "look4"); err != nil { // it was long in its queue
		t.Fatal(err)
	}
	if err := soon(t, "the second suspect", func() error { return e.RunStep(t.Context(), both[1]) }); err != nil {
		t.Errorf("the second suspect gives %v", err)
	}
	env.Store().Done(both[1])
	d.healthy.Store(true)
	close(d.release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	env.Advance(time.Minute)
	for _, id := range ids {
		env.WantStatus(id, flow.Completed)
		if n := env.NodeRun(id, "d", 0).Deaths; n != 2 {
			t.Errorf("%d deaths were counted, want 2", n)
		}
	}
}

// suspects sweeps until the step of each execution has so many deaths, and gives the tasks.
func suspects(t *testing.T, env *enginetest.Env, ids []string, deaths int) []flow.Dispatch {
	t.Helper()
	for range 60 { // seconds
		tasks := env.Store().Tasks(0)
		if len(tasks) == len(ids) && env.NodeRun(ids[0], "d", 0).Deaths == deaths && env.NodeRun(ids[1], "d", 0).Deaths == deaths {
			return []flow.Dispatch{next(t, env), next(t, env)}
		}
		env.Pass(time.Second)
		env.Sweep()
	}
	t.Fatalf("%d deaths were not counted", deaths)
	return nil
}

// TestReviewSlowReceiver: who is slow to take an alert does not hold up the sweeper.
func TestReviewSlowReceiver(t *testing.T) {
	t.Parallel()
	var slow atomic.Bool
	entered, release := make(chan struct{}, 10), make(chan struct{})
	env := enginetest.Open(t, enginetest.Options{
		Types: types(), Alert: &flow.Alert{URL: "https://pager.example"},
		Post: func(context.Context, string, string, []byte) error {
			if !slow.Load() {
				return errors.New("busy")
			}
			entered <- struct{}{}
			<-release
			return nil
		},
	})
	env.Deploy(`{"id":"r","nodes":[{"key":"s","type":"test.start"},{"key":"f","type":"test.fail","settings":{"retry_on_failed":true,"retry_delay_ms":0}}],"connections":["s -> f"]}`)
	id := env.Start("r", nil)
	env.AdvanceToEnd(id)
	env.WantStatus(id, flow.Failed)
	slow.Store(true)
	env.Pass(time.Minute)
	err := soon(t, "the sweeper", func() error { _, err := env.Engine().Sweep(t.Context(), 0); return err })
	if err != nil {
		t.Error(err)
	}
	<-entered
	close(release)
}

// TestReviewPanicInDeciding: a panic answers who submitted the fact, and the next fact is judged.
func TestReviewPanicInDeciding(t *testing.T) {
	t.Parallel()
	var armed atomic.Bool
	h := &hooked{commit: func() {
		if armed.Swap(false) {
			panic("a bug in the store")
		}
	}}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: h.over})
	env.Deploy(chain)
	id := env.Start("chain", nil)
	d := next(t, env)
	armed.Store(true)
	run := func() error { return env.Engine().RunStep(t.Context(), d) }
	if err := soon(t, "the step", run); err == nil || !strings.Contains(err.Error(), "deciding") {
		t.Errorf("it gives %v", err)
	}
	if err := soon(t, "the step after a panic", run); err != nil {
		t.Error(err)
	}
	env.Run()
	env.WantStatus(id, flow.Completed)
}

// TestReviewMiddlewareActs: a middleware may act on the execution that it is told of.
func TestReviewMiddlewareActs(t *testing.T) {
	t.Parallel()
	var env *enginetest.Env
	env = enginetest.Open(t, enginetest.Options{Types: types(), Middleware: []telemetry.Named{{Name: "judge", Call: func(ctx context.Context, n flow.Notice, next flow.Next) {
		if n.Name == flow.NodeCompleted {
			if err := env.Engine().Cancel(ctx, flow.CancelRequest{Execution: n.Execution}); err != nil {
				t.Error(err)
			}
		}
		next(ctx, n)
	}}}})
	env.Deploy(waiter)
	id := env.Start("waiter", nil)
	d := next(t, env)
	if err := soon(t, "the middleware", func() error { return env.Engine().RunStep(t.Context(), d) }); err != nil {
		t.Error(err)
	}
	env.WantStatus(id, flow.Cancelled)
}

// waiters starts executions that wait for an event.
func waiters(env *enginetest.Env, n int) []string {
	var ids []string
	for range n {
		ids = append(ids, env.Start("waiter", nil))
	}
	env.Run()
	return ids
}

// TestReviewUnreadableWaiter: a wait that cannot be read keeps the event from nobody else.
func TestReviewUnreadableWaiter(t *testing.T) {
	t.Parallel()
	for broken := range 3 {
		var bad atomic.Value
		h := &hooked{load: func(id string) error {
			if id == bad.Load() {
				return errors.New("the snapshot is garbage")
			}
			return nil
		}}
		env := enginetest.Open(t, enginetest.Options{Types: types(), Store: h.over})
		env.Deploy(waiter)
		ids := waiters(env, 3)
		bad.Store(ids[broken])
		r, err := env.Engine().Publish(t.Context(), flow.Event{Type: "go"})
		if err != nil || r.Matched != 2 {
			t.Errorf("with waiter %d broken it gives %+v, %v", broken, r, err)
		}
		bad.Store("")
		env.Run()
		for n, id := range ids {
			if n != broken {
				env.WantStatus(id, flow.Completed)
			}
		}
	}
}

// TestReviewManyKeptEvents: kept events for one wait each all find one, however many they are.
func TestReviewManyKeptEvents(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(waiter)
	for range 105 {
		if _, err := env.Engine().Publish(t.Context(), flow.Event{Type: "go", Keep: true, Limit: 1}); err != nil {
			t.Fatal(err)
		}
	}
	completed := 0
	for _, id := range waiters(env, 110) {
		if env.Execution(id).Status == flow.Completed {
			completed++
		}
	}
	if completed != 105 {
		t.Errorf("%d took one, want 105", completed)
	}
}

// TestReviewPromisedEvent: while it is not known whether a wait takes the event that it was promised, others look again.
func TestReviewPromisedEvent(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(waiter)
	first := waiters(env, 1)[0]
	promised, err := flow.ParseSuspensionID(env.Execution(first).Suspensions[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	ev := flow.Event{ID: "e", Type: "go", Data: json.RawMessage(`7`), TTL: time.Hour, Limit: 1} // its publisher died here
	if _, _, err := env.Store().RecordEvent(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
	offer := flow.Offer{Publisher: true, To: []flow.Taker{{Wait: promised}}}
	if got, err := env.Store().OfferEvent(t.Context(), ev, offer); len(got.To) != 1 || err != nil {
		t.Fatalf("promising gives %+v, %v", got, err)
	}
	second := waiters(env, 1)[0]
	env.WantStatus(second, flow.Suspended)
	env.Cancel(first, "no more")
	env.Advance(time.Minute)
	env.WantStatus(second, flow.Completed)
	env.WantOutput(second, 7)
}

// TestReviewPublisherGoesAway: an event that reached one of its waits reaches them all.
func TestReviewPublisherGoesAway(t *testing.T) {
	t.Parallel()
	var away func()
	var mu sync.Mutex
	h := &hooked{committed: func([]*flow.Change) {
		mu.Lock()
		defer mu.Unlock()
		if away != nil {
			away()
		}
	}}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: h.over})
	env.Deploy(waiter)
	ids := waiters(env, 4)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	mu.Lock()
	away = cancel
	mu.Unlock()
	r, err := env.Engine().Publish(ctx, flow.Event{Type: "go"})
	if err != nil || r.Matched != 4 || ctx.Err() == nil {
		t.Errorf("it gives %+v, %v", r, err)
	}
	env.Run()
	for _, id := range ids {
		env.WantStatus(id, flow.Completed)
	}
}

// TestReviewFailedOutcomeLeavesNothing: what a node asked for beside an output that is refused is not done.
func TestReviewFailedOutcomeLeavesNothing(t *testing.T) {
	t.Parallel()
	greedy := node.Type{Name: "test.greedy", Run: func(context.Context, *node.Call) (node.Outcome, error) {
		return node.Outcome{
			Output: strings.Repeat("x", 2000), State: map[string]any{"k": 1},
			Start: []node.Child{{Workflow: "napper", Mode: node.FireAndForget}},
		}, nil
	}}
	env := enginetest.Open(t, enginetest.Options{Types: append(types(), greedy), Limits: engine.Limits{Payload: 1000}})
	env.Deploy(napper)
	env.Deploy(`{"id":"g","nodes":[{"key":"s","type":"test.start"},{"key":"g","type":"test.greedy"}],"connections":["s -> g"]}`)
	id := env.Start("g", nil)
	env.Run()
	env.WantStatus(id, flow.Failed)
	if v := env.Execution(id); len(v.State) != 0 || len(env.NodeRun(id, "g", 0).Children) != 0 || len(startedBy(env, "napper")) != 0 {
		t.Errorf("it left the state %v and the children %v", v.State, env.NodeRun(id, "g", 0).Children)
	}
}

// TestReviewResumeByTheIDOfAnEvent: ids of events and of resumptions do not meet.
func TestReviewResumeByTheIDOfAnEvent(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`{"id":"two","nodes":[{"key":"s","type":"test.start"},{"key":"a","type":"test.wait","params":{"event":"a"}},{"key":"b","type":"test.wait","params":{"event":"b"}}],"connections":["s -> a","s -> b"]}`)
	id := env.Start("two", nil)
	env.Run()
	if _, err := env.Engine().Publish(t.Context(), flow.Event{ID: "click", Type: "a"}); err != nil {
		t.Fatal(err)
	}
	env.Run()
	r, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Node: "b", ID: "click"})
	if err != nil || r.Repeated || r.Node != "b" {
		t.Errorf("it gives %+v, %v", r, err)
	}
	env.Run()
	env.WantStatus(id, flow.Completed)
}

// TestReviewOneEventForTwoBranches: an event ends the waits that stood when it came,
// even if the clock does not tell them apart from those that begin because of it.
func TestReviewOneEventForTwoBranches(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`{"id":"two","nodes":[{"key":"s","type":"test.start"},{"key":"a","type":"test.wait"},{"key":"b","type":"test.wait"},{"key":"c","type":"test.wait"}],"connections":["s -> a","s -> b","a -> c"]}`)
	id := env.Start("two", nil)
	env.Run()
	if _, err := env.Engine().Publish(t.Context(), flow.Event{Type: "go", Keep: true}); err != nil {
		t.Fatal(err)
	}
	env.Run()
	if a, b, c := env.NodeRun(id, "a", 0), env.NodeRun(id, "b", 0), env.NodeRun(id, "c", 0); a.Status != flow.StepCompleted || b.Status != flow.StepCompleted || c.Status != flow.StepSuspended {
		t.Errorf("a is %s, b %s, c %s", a.Status, b.Status, c.Status)
	}
}

// TestReviewPassThroughNamesItsOrigin: however long a chain passes a value on, each step names where it came from.
func TestReviewPassThroughNamesItsOrigin(t *testing.T) {
	t.Parallel()
	const length = 50
	nodes := []string{`{"key":"s","type":"test.start"}`, `{"key":"o","type":"test.echo","params":{"value":"here"}}`}
	links := []string{`"s -> o"`}
	for i, before := 0, "o"; i < length; i++ {
		nodes = append(nodes, fmt.Sprintf(`{"key":"n%d","type":"test.echo"}`, i))
		links = append(links, fmt.Sprintf(`"%s -> n%d"`, before, i))
		before = fmt.Sprintf("n%d", i)
	}
	env := enginetest.New(t, types()...)
	env.Deploy(`{"id":"long","nodes":[` + strings.Join(nodes, ",") + `],"connections":[` + strings.Join(links, ",") + `]}`)
	id := env.Start("long", nil)
	env.Run()
	env.WantOutput(id, "here")
	x, err := env.Store().Load(t.Context(), id, flow.Want{All: true})
	if err != nil {
		t.Fatal(err)
	}
	origin, seen := flow.OutputRef(flow.StepID{Node: 1}), 0
	for _, s := range x.Steps {
		if s.ID.Node < 2 {
			continue
		}
		if seen++; len(s.Inputs) != 1 || s.Inputs[0].Ref != origin {
			t.Errorf("step %s has inputs %v, want %s", s.ID, s.Inputs, origin)
		}
	}
	if seen != length {
		t.Errorf("%d steps were seen", seen)
	}
}

// TestReviewInputInOutput: in the output of a workflow, $input is what the execution was given.
func TestReviewInputInOutput(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`{"id":"o","output":{"given":"{{ $input.n }}"},"nodes":[{"key":"s","type":"test.start"},{"key":"a","type":"test.echo","params":{"value":{"n":1}}}],"connections":["s -> a"]}`)
	id := env.Start("o", map[string]any{"n": 5})
	env.Run()
	env.WantOutput(id, map[string]any{"given": 5})
}
