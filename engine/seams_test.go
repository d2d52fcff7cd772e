package engine_test

import (
	"context"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// TestRetryRunsTheStepAtTheLimit: wherever the limit breaks an execution off, it ends as it would have without, once the limit is raised.
func TestRetryRunsTheStepAtTheLimit(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]any{
		"id: w\nnodes: [{key: start, type: test.start}, {key: a, type: test.echo}, {key: b, type: test.echo}]\nconnections: [start -> a, a -> b]": 1,
		`
id: w
nodes:
  - {key: t, type: test.start}
  - {key: l, type: test.each, params: {items: [1, 2, 3]}}
  - {key: b, type: test.echo}
  - {key: end, type: test.echo}
connections: [t -> l, l.loop -> b, b -> l, l.done -> end]`: []any{1, 2, 3},
	} {
		for limit := 1; atTheLimit(t, source, limit, want); limit++ {
		}
	}
}

// atTheLimit breaks an execution off and retries it without the limit; false when the limit was not reached.
func atTheLimit(t *testing.T, source string, limit int, want any) bool {
	t.Helper()
	env := enginetest.Open(t, enginetest.Options{Types: types(), Limits: engine.Limits{Transitions: limit}})
	env.Deploy(source)
	id := env.Start("w", 1)
	env.Run()
	if env.Execution(id).Status == flow.Completed {
		return false
	}
	env.WantError(id, "too_many_transitions")
	raised, err := engine.New(engine.Config{Store: env.Store(), Registry: node.NewRegistry(types()...)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raised.Retry(t.Context(), flow.RetryRequest{Execution: id}); err != nil {
		t.Fatalf("at limit %d: %v", limit, err)
	}
	for d, ok := env.Store().Pop(0); ok; d, ok = env.Store().Pop(0) {
		if err := raised.RunStep(t.Context(), d); err != nil {
			t.Error(err)
		}
	}
	env.WantStatus(id, flow.Completed)
	env.WantOutput(id, want)
	return !t.Failed()
}

// TestARefusedWorkerWakesNobody: of two workers with the same task, the one that is refused must not wake the step that the other
// put to sleep until there is a place for it.
func TestARefusedWorkerWakesNobody(t *testing.T) {
	t.Parallel()
	gate := &gated{}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store { gate.Store = real; return gate }})
	env.Deploy(guardedWait)
	first := env.Start("guarded_wait", 1)
	env.Run()
	if got := waitsFor(t, env, first); got != flow.ExternalEvent {
		t.Fatal(got)
	}
	second := env.Start("guarded_wait", 1)
	env.Step()
	d := next(t, env)
	other := env.Process()
	gate.between = func() {
		if err := other.RunStep(t.Context(), d); err != nil {
			t.Error(err)
		}
		other.Wait()
	}
	worker := env.Process()
	if err := worker.RunStep(t.Context(), d); err != nil {
		t.Error(err)
	}
	worker.Wait()
	env.Run()
	if got := waitsFor(t, env, second); got != flow.Concurrency {
		t.Errorf("the second waits for %s while the first has the only place", got)
	}
}

// gated lets something happen after the next place was asked for.
type gated struct {
	engine.Store
	between func()
}

func (g *gated) Acquire(ctx context.Context, key string, h flow.Holder, limit int) (int, []flow.Holder, error) {
	position, promoted, err := g.Store.Acquire(ctx, key, h, limit)
	if f := g.between; f != nil {
		g.between = nil
		f()
	}
	return position, promoted, err
}

// TestAStartFromANodeWaitsForItsPlace: the section of a workflow holds wherever it begins.
func TestAStartFromANodeWaitsForItsPlace(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(wholeSection)
	first := env.Start("whole_section", 1)
	env.Run()
	if got := waitsFor(t, env, first); got != flow.ExternalEvent {
		t.Fatal(got)
	}
	res, err := env.Engine().Start(t.Context(), flow.StartRequest{Workflow: "whole_section", From: "w"})
	if err != nil {
		t.Fatal(err)
	}
	env.Run()
	if got := waitsFor(t, env, res.ExecutionID); got != flow.Concurrency {
		t.Errorf("it waits for %s while another has the only place", got)
	}
	env.Cancel(first, "")
	env.Run()
	if got := waitsFor(t, env, res.ExecutionID); got != flow.ExternalEvent {
		t.Errorf("it waits for %s once the place is free", got)
	}
}

// TestARerunWaitsForItsPlace: the section of a workflow holds for a rerun, too.
func TestARerunWaitsForItsPlace(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"", "w"} {
		env := enginetest.New(t, types()...)
		env.Deploy(wholeSection)
		first := env.Start("whole_section", 1)
		env.Run()
		env.Cancel(first, "")
		env.Run()
		second := env.Start("whole_section", 1)
		env.Run()
		res, err := env.Engine().Rerun(t.Context(), flow.RerunRequest{Execution: first, From: from})
		if err != nil {
			t.Fatal(err)
		}
		env.Run()
		if got := waitsFor(t, env, res.ExecutionID); got != flow.Concurrency {
			t.Errorf("from %q: it waits for %s while another has the only place", from, got)
		}
		env.Cancel(second, "")
		env.Run()
		if got := waitsFor(t, env, res.ExecutionID); got != flow.ExternalEvent {
			t.Errorf("from %q: it waits for %s once the place is free", from, got)
		}
	}
}

// TestARetryWaitsForItsPlace: an execution that lives again does so inside the section of its workflow.
func TestARetryWaitsForItsPlace(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(wholeSection)
	env.Deploy(`
id: fails_once
concurrency_key: k
nodes:
  - {key: start, type: test.start}
  - {key: f, type: test.broken}
  - {key: w, type: test.wait}
connections: [start -> f, f -> w]`)
	first := env.Start("fails_once", 1)
	env.Run()
	env.WantStatus(first, flow.Failed)
	second := env.Start("whole_section", 1)
	env.Run()
	if got := waitsFor(t, env, second); got != flow.ExternalEvent {
		t.Fatal(got)
	}
	retry(t, env, first)
	env.Run()
	if v := env.Execution(first); len(v.Suspensions) != 1 || v.Suspensions[0].Type != flow.Concurrency {
		t.Errorf("it is %s and waits for %+v while another has the only place", v.Status, v.Suspensions)
	}
	env.Cancel(second, "")
	env.Run()
	if got := waitsFor(t, env, first); got != flow.ExternalEvent {
		t.Errorf("it waits for %s once the place is free", got)
	}
}

// late is a store that keeps outboxes to itself for a while.
type late struct {
	engine.Store
	hold atomic.Bool
}

func (s *late) Outbox(ctx context.Context, id string) ([]flow.Outgoing, error) {
	if s.hold.Load() {
		return nil, flow.ErrUnavailable
	}
	return s.Store.Outbox(ctx, id)
}

// TestADebtOfTheLifeBefore: what a failed step owed does not take away the place that its retry has.
func TestADebtOfTheLifeBefore(t *testing.T) {
	t.Parallel()
	store := &late{}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store { store.Store = real; return store }})
	env.Deploy(guardedWait)
	env.Deploy(`
id: again
nodes:
  - {key: start, type: test.start}
  - {key: w, type: test.wait, settings: {concurrency_key: k}}
  - {key: s, type: test.sleep, params: {ms: 1000}}
  - {key: f, type: test.broken}
connections: [start -> w, start -> s, s -> f]`)
	store.hold.Store(true)
	first := env.Start("again", 1)
	env.Advance(2 * time.Second)
	env.WantStatus(first, flow.Failed)
	retry(t, env, first)
	env.Run()
	if got := waitsFor(t, env, first); got != flow.ExternalEvent {
		t.Fatal(got)
	}
	store.hold.Store(false)
	env.Advance(time.Minute)
	second := env.Start("guarded_wait", 1)
	env.Run()
	if got := waitsFor(t, env, second); got != flow.Concurrency {
		t.Errorf("it waits for %s while another has the only place", got)
	}
}

const wholeSection = `
id: whole_section
concurrency_key: k
nodes:
  - {key: start, type: test.start}
  - {key: w, type: test.wait}
connections: [start -> w]
`

// TestAContextThatIsNoJSONFailsItsStep instead of running it again for ever.
func TestAContextThatIsNoJSONFailsItsStep(t *testing.T) {
	t.Parallel()
	bad := node.Type{Name: "test.bad", Run: func(context.Context, *node.Call) (node.Outcome, error) {
		return node.Outcome{Context: map[string]any{"x": math.NaN()}}, nil
	}}
	env := enginetest.New(t, append(types(), bad)...)
	env.Deploy("id: bad\nnodes: [{key: start, type: test.start}, {key: b, type: test.bad}]\nconnections: [start -> b]")
	id := env.Start("bad", 1)
	env.Step()
	d := next(t, env)
	if err := env.Engine().RunStep(t.Context(), d); err != nil {
		t.Errorf("the task comes back: %v", err)
	}
	env.WantStatus(id, flow.Failed)
}

// TestQueueOfAStartFromANode: the first task comes from the queue of the node that it begins with, and a rerun's from that of the
// execution that it runs again.
func TestQueueOfAStartFromANode(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy("id: kid\nnodes: [{key: n0, type: test.start}, {key: n1, type: test.echo, settings: {queue: slow}}]\nconnections: [n0 -> n1]")
	env.Deploy("id: parent\nnodes: [{key: n0, type: test.start}, {key: n1, type: test.child, params: {workflow: kid, queue: fast}}]\nconnections: [n0 -> n1]")
	if _, err := env.Engine().Start(t.Context(), flow.StartRequest{Workflow: "kid", From: "n1"}); err != nil {
		t.Fatal(err)
	}
	wantQueues(t, queuesOf(t, env, "n0", "n1"), "n1=slow")
	id := env.Start("parent", 1)
	env.Run()
	if _, err := env.Engine().Rerun(t.Context(), flow.RerunRequest{Execution: env.Children(id)[0]}); err != nil {
		t.Fatal(err)
	}
	wantQueues(t, queuesOf(t, env, "n0", "n1"), "n0=fast n1=slow")
}

// slowly is a store that loses the answer of a commit, and stores another before it is asked again.
type slowly struct {
	engine.Store
	lose func() // once
}

func (s *slowly) Commit(ctx context.Context, changes ...*flow.Change) error {
	err := s.Store.Commit(ctx, changes...)
	if f := s.lose; f != nil && err == nil && changes[0].Front.Status == flow.Cancelling {
		s.lose = nil
		f()
		return flow.ErrUnavailable
	}
	return err
}

// TestACancellationWhoseAnswerWasLost counts as done, also when steps were undone before it is asked again.
func TestACancellationWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	store := &slowly{}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store { store.Store = real; return store }})
	env.Deploy(`
id: w
nodes:
  - {key: start, type: test.start}
  - {key: a, type: test.echo, settings: {on_cancel: u}}
  - {key: u, type: test.echo}
  - {key: v, type: test.wait}
connections: [start -> a, a -> v]`)
	id := env.Start("w", 1)
	env.Run()
	store.lose = func() {
		d := next(t, env)
		if err := env.Process().RunStep(t.Context(), d); err != nil {
			t.Error(err)
		}
	}
	if err := env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: id}); err != nil {
		t.Errorf("the answer is %v", err)
	}
	env.WantStatus(id, flow.Cancelled)
}

// TestURLOfARetriedStep: a step that the URL moved on, and that begins anew with a retry, can be resumed by the URL again.
func TestURLOfARetriedStep(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`
id: w
nodes:
  - {key: start, type: test.start}
  - {key: mail, type: test.echo, params: {value: "{{ $execution.resume_urls.knock }}"}}
  - {key: knock, type: test.twice}
  - {key: s, type: test.sleep, params: {ms: 60000}}
  - {key: f, type: test.broken}
connections: [start -> mail, mail -> knock, mail -> s, s -> f]`)
	id := env.Start("w", 1)
	env.Run()
	token := tokenIn(t, env.NodeRun(id, "mail", 0).Output)
	if _, err := env.Engine().ResumeByToken(t.Context(), token, flow.ResumeRequest{}); err != nil {
		t.Fatal(err)
	}
	env.Run()
	env.Advance(2 * time.Minute)
	env.WantStatus(id, flow.Failed)
	retry(t, env, id)
	env.Run()
	wantURL(t, env.Engine(), token, flow.ResumeActive)
	if _, err := env.Engine().ResumeByToken(t.Context(), token, flow.ResumeRequest{}); err != nil {
		t.Errorf("the URL is refused: %v", err)
	}
}
