package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/interleavetest"
)

// mode is a way in which a store fails.
type mode string

const (
	failsBefore mode = "fails before it does anything"
	losesReply  mode = "does it and loses the reply"
	saysStale   mode = "says stale for no reason"
)

// fault is the one call that fails.
type fault struct {
	method string
	call   int // from 1
	mode   mode
}

// faulty is a store that fails once.
type faulty struct {
	interleavetest.Store
	fault

	mu    sync.Mutex
	calls map[string]int
}

func newFaulty(s engine.Store, f fault) *faulty {
	faulty := &faulty{fault: f, calls: map[string]int{}}
	faulty.Store = interleavetest.Store{Store: s, Around: faulty.around}
	return faulty
}

// disarm ends the faults, and tells what was called until then.
func (f *faulty) disarm() map[string]int {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault{}
	return maps.Clone(f.calls)
}

func (f *faulty) hit(method string) mode {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[method]++
	if method == f.method && f.calls[method] == f.call {
		return f.mode
	}
	return ""
}

// around performs a call, or does not.
func (f *faulty) around(_ context.Context, c interleavetest.Call, do func() error) error {
	switch f.hit(c.Name) {
	case failsBefore:
		return flow.ErrUnavailable
	case losesReply:
		_ = do()
		return flow.ErrUnavailable
	case saysStale:
		return flow.ErrStale
	}
	return do()
}

// insist repeats what a client repeats: a request that found the store away.
func insist(t *testing.T, request func() error) {
	t.Helper()
	var err error
	for range 3 {
		if err = request(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// story is a scenario that must end the same whatever call fails.
type story struct {
	name      string
	workflows []string
	// tell drives it and gives the executions to be compared.
	tell func(t *testing.T, env *enginetest.Env) []string
}

func begin(t *testing.T, env *enginetest.Env, workflow, input string) string {
	t.Helper()
	var id string
	insist(t, func() error {
		r, err := env.Engine().Start(t.Context(), flow.StartRequest{Workflow: workflow, Input: []byte(input), ID: "only " + input})
		id = r.ExecutionID
		return err
	})
	return id
}

func publish(t *testing.T, env *enginetest.Env, id, eventType, data string) {
	t.Helper()
	insist(t, func() error {
		_, err := env.Engine().Publish(t.Context(), flow.Event{ID: id, Type: eventType, Data: []byte(data)})
		return err
	})
}

const chain = `
id: chain
nodes:
  - {key: start, type: test.start}
  - {key: a, type: test.echo}
  - {key: b, type: test.echo, params: {value: 1}}
  - {key: c, type: test.echo, params: {value: 2}}
  - {key: m, type: test.merge, settings: {join: all}}
connections: [start -> a, a -> b, a -> c, b -> m.b, c -> m.c]
`

const waiter = `
id: waiter
nodes:
  - {key: start, type: test.start}
  - {key: w, type: test.wait, params: {timeout_ms: 86400000}}
  - {key: end, type: test.echo}
  - {key: late, type: test.echo}
connections: [start -> w, w -> end, w.timeout -> late]
`

const napper = `
id: napper
nodes:
  - {key: start, type: test.start}
  - {key: s, type: test.sleep, params: {ms: 60000}}
  - {key: end, type: test.echo}
connections: [start -> s, s -> end]
`

const flaky = `
id: flaky
on_retry_exhausted: {workflow: chain}
nodes:
  - {key: start, type: test.start}
  - {key: f, type: test.fail, params: {times: 1}, settings: {retry_on_failed: true, retry_delay_ms: 1000}}
  - {key: g, type: test.fail, settings: {retry_on_failed: true, max_retries: 1, on_error: continue}}
connections: [start -> f, f -> g]
`

const parent = `
id: parent
nodes:
  - {key: start, type: test.start}
  - {key: c, type: test.child, params: {workflow: napper}}
  - {key: d, type: test.child, params: {workflow: waiter, mode: async, timeout_ms: 120000, on_failure: continue}}
connections: [start -> c, c -> d]
`

const closer = `
id: closer
nodes:
  - {key: start, type: test.start}
  - {key: c, type: test.child, params: {workflow: waiter, mode: fire_and_forget, close: terminate}}
  - {key: d, type: test.child, params: {workflow: waiter, close: abandon, timeout_ms: 60000, on_failure: continue}}
connections: [start -> c, c -> d]
`

const guarded = `
id: guarded
concurrency_key: pair
concurrency_limit: 2
nodes:
  - {key: start, type: test.start}
  - {key: a, type: test.echo, settings: {concurrency_key: one}}
  - {key: s, type: test.sleep, params: {ms: 20000}, settings: {concurrency_key: one}}
  - {key: end, type: test.echo}
connections: [start -> a, a -> s, s -> end]
`

var stories = []story{
	{"sections", []string{guarded}, func(t *testing.T, env *enginetest.Env) []string {
		var ids []string
		for i := range 4 {
			ids = append(ids, begin(t, env, "guarded", fmt.Sprint(i)))
			env.Run()
		}
		env.Advance(15 * time.Second)
		insist(t, func() error {
			return env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: ids[3], Reason: "enough", ID: "c1"})
		})
		env.Advance(10 * time.Minute)
		return ids
	}},
	{"a holder that is cancelled", []string{guarded}, func(t *testing.T, env *enginetest.Env) []string {
		first := begin(t, env, "guarded", `1`)
		env.Advance(15 * time.Second)
		second := begin(t, env, "guarded", `2`)
		insist(t, func() error {
			return env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: first, Reason: "enough", ID: "c1"})
		})
		env.Advance(3 * time.Minute)
		return []string{first, second}
	}},
	{"children to be closed", []string{waiter, closer}, func(t *testing.T, env *enginetest.Env) []string {
		first := begin(t, env, "closer", `1`)
		env.Advance(2 * time.Minute)
		second := begin(t, env, "closer", `2`)
		env.Advance(30 * time.Second)
		insist(t, func() error {
			return env.Engine().Terminate(t.Context(), flow.CancelRequest{Execution: second, Reason: "enough", ID: "t1"})
		})
		env.Advance(time.Minute)
		return []string{first, second}
	}},
	{"a chain with a join", []string{chain}, func(t *testing.T, env *enginetest.Env) []string {
		id := begin(t, env, "chain", `1`)
		env.Advance(time.Minute)
		return []string{id}
	}},
	{"an event", []string{waiter}, func(t *testing.T, env *enginetest.Env) []string {
		id := begin(t, env, "waiter", `1`)
		env.Advance(30 * time.Second)
		publish(t, env, "e1", "go", `{"n":1}`)
		env.Advance(time.Minute)
		late := begin(t, env, "waiter", `2`) // the event is used up, whoever published it how often
		env.Advance(30 * time.Hour)
		return []string{id, late}
	}},
	{"an event before its wait", []string{waiter}, func(t *testing.T, env *enginetest.Env) []string {
		publish(t, env, "e1", "go", `{"n":1}`)
		first := begin(t, env, "waiter", `1`)
		env.Advance(time.Minute)
		second := begin(t, env, "waiter", `2`)
		env.Advance(48 * time.Hour)
		return []string{first, second}
	}},
	{"a delay", []string{napper}, func(t *testing.T, env *enginetest.Env) []string {
		id := begin(t, env, "napper", `1`)
		env.Advance(2 * time.Minute)
		return []string{id}
	}},
	{"retries", []string{chain, flaky}, func(t *testing.T, env *enginetest.Env) []string {
		id := begin(t, env, "flaky", `1`)
		env.Advance(2 * time.Minute)
		return append([]string{id}, startedBy(env, "chain")...)
	}},
	{"children", []string{napper, waiter, parent}, func(t *testing.T, env *enginetest.Env) []string {
		id := begin(t, env, "parent", `1`)
		env.Advance(5 * time.Minute)
		return []string{id}
	}},
	{"a cancellation", []string{napper, waiter, parent}, func(t *testing.T, env *enginetest.Env) []string {
		id := begin(t, env, "parent", `1`)
		env.Advance(30 * time.Second)
		insist(t, func() error {
			return env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: id, Reason: "enough", ID: "c1"})
		})
		env.Advance(5 * time.Minute)
		return []string{id}
	}},
	{"named queues", []string{napper, queued}, func(t *testing.T, env *enginetest.Env) []string {
		id := begin(t, env, "queued", `1`)
		env.Advance(2 * time.Minute)
		publish(t, env, "e1", "go", `{"n":1}`)
		env.Advance(10 * time.Minute)
		return []string{id}
	}},
	{"a cancellation in a named queue", []string{queued}, func(t *testing.T, env *enginetest.Env) []string {
		id := begin(t, env, "queued", `1`)
		env.Advance(30 * time.Second)
		insist(t, func() error {
			return env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: id, Reason: "enough", ID: "c1"})
		})
		env.Advance(5 * time.Minute)
		return []string{id}
	}},
	{"a resume", []string{waiter}, func(t *testing.T, env *enginetest.Env) []string {
		id := begin(t, env, "waiter", `1`)
		env.Advance(30 * time.Second)
		insist(t, func() error {
			_, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Data: []byte(`7`), ID: "r1"})
			return err
		})
		env.Advance(time.Minute)
		return []string{id}
	}},
}

const queued = `
id: queued
nodes:
  - {key: start, type: test.start}
  - {key: a, type: test.echo, settings: {queue: slow}}
  - {key: s, type: test.sleep, params: {ms: 60000}, settings: {queue: slow}}
  - {key: f, type: test.fail, params: {times: 1}, settings: {queue: slow, retry_on_failed: true, retry_delay_ms: 1000}}
  - {key: w, type: test.wait, settings: {queue: other}}
  - {key: c, type: test.child, params: {workflow: napper, mode: async, timeout_ms: 600000, queue: slow}}
connections: [start -> a, a -> s, s -> f, f -> w, w -> c]
`

const mended = `
id: mended
nodes:
  - {key: start, type: test.start}
  - {key: a, type: test.echo, params: {value: 1}}
  - {key: w, type: test.wait}
  - {key: c, type: test.child, params: {workflow: waiter}}
  - {key: s, type: test.sleep, params: {ms: 60000}}
  - {key: f, type: test.broken}
  - {key: m, type: test.merge, settings: {join: all}}
connections: [start -> a, start -> w, start -> c, start -> s, s -> f, a -> m.a, w -> m.w, c -> m.c, f -> m.f]
`

func init() {
	stories = append(stories,
		story{"a retry", []string{waiter, mended}, func(t *testing.T, env *enginetest.Env) []string {
			id := begin(t, env, "mended", `1`)
			env.Advance(2 * time.Minute)
			for range 2 {
				insist(t, func() error {
					_, err := env.Engine().Retry(t.Context(), flow.RetryRequest{Execution: id, ID: "r1"})
					return err
				})
			}
			env.Advance(time.Minute)
			publish(t, env, "e1", "go", `{"n":1}`)
			env.Advance(5 * time.Minute)
			return []string{id}
		}},
		story{"a rerun", []string{chain}, func(t *testing.T, env *enginetest.Env) []string {
			id := begin(t, env, "chain", `1`)
			env.Advance(time.Minute)
			var again string
			insist(t, func() error {
				res, err := env.Engine().Rerun(t.Context(), flow.RerunRequest{Execution: id, From: "b", ID: "r1"})
				again = res.ExecutionID
				return err
			})
			env.Advance(time.Minute)
			return []string{id, again}
		}},
	)
}

// startedBy lists the executions of a workflow that somebody in the story started.
func startedBy(env *enginetest.Env, workflow string) []string {
	var ids []string
	for _, n := range env.Notices() {
		if n.Workflow == workflow && !slices.Contains(ids, n.Execution) {
			ids = append(ids, n.Execution)
		}
	}
	return ids
}

// told is how a story ended.
type told struct {
	executions string
	effects    string
	calls      map[string]int
}

func (s story) play(t *testing.T, f fault) told {
	t.Helper()
	var world ledger
	var store *faulty
	env := enginetest.Open(t, enginetest.Options{
		Types: world.watch(types()),
		Store: func(real engine.Store) engine.Store { store = newFaulty(real, f); return store },
	})
	return s.told(t, env, &world, store)
}

// told tells the story, and what came of it.
func (s story) told(t *testing.T, env *enginetest.Env, world *ledger, store *faulty) told {
	t.Helper()
	for _, w := range s.workflows {
		env.Deploy(w)
	}
	ids := s.tell(t, env)
	out := told{effects: world.String(), calls: store.disarm()}
	for _, id := range ids {
		for _, one := range append([]string{id}, env.Children(id)...) {
			out.executions += describe(t, env, one) + "\n"
		}
	}
	return out
}

// describe tells what must be the same in every telling of a story.
func describe(t *testing.T, env *enginetest.Env, id string) string {
	t.Helper()
	v := env.Execution(id)
	var runs []string
	for _, r := range v.Nodes {
		runs = append(runs, fmt.Sprintf("%s#%d %s %s attempt %d (%d failed) by %s", r.Node, r.RunIndex, r.Status, r.Port, r.Attempt, len(r.Attempts), r.ResumedBy))
	}
	slices.Sort(runs)
	seen := map[int64]bool{}
	for _, n := range env.Notices(id) {
		if n.Seq > 0 && n.Name != flow.ExecutionStarted && seen[n.Seq] {
			t.Errorf("record %d (%s) was told twice", n.Seq, n.Name)
		}
		seen[n.Seq] = true
	}
	return fmt.Sprintf("%s %s %d transitions %d open waits, output %s\n  %s", v.Workflow, v.Status, v.Transitions, len(v.Suspensions), v.Output, strings.Join(runs, "\n  "))
}

// String lists how often each node was run, and under how many keys.
func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := map[string]int{}
	for key, n := range l.keys {
		_, step, _ := strings.Cut(key, "-")
		lines[fmt.Sprintf("%s: %d calls", step, n)]++
	}
	var all []string
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		all = append(all, fmt.Sprintf("%s, %d times", line, lines[line]))
	}
	return strings.Join(all, "\n")
}

// TestOneFailingCall fails every call of every method in turn, in each way that
// a store can fail, and wants the same end: the same steps, each committed once
// and each side effect made once.
func TestOneFailingCall(t *testing.T) {
	t.Parallel()
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			want := s.play(t, fault{})
			for method, n := range want.calls {
				for call := range n {
					s.failAt(t, want, method, call+1)
				}
			}
		})
	}
}

func (s story) failAt(t *testing.T, want told, method string, call int) {
	t.Helper()
	modes := []mode{failsBefore, losesReply}
	if method == "Commit" && call > 1 { // the first creates: nothing is there to be stale
		modes = append(modes, saysStale)
	}
	for _, m := range modes {
		f := fault{method, call, m}
		t.Run(fmt.Sprintf("%s %d %s", method, call, m), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := s.play(t, f)
				if got.executions != want.executions {
					t.Errorf("it ended as\n%s\nwant\n%s", got.executions, want.executions)
				}
				if got.effects != want.effects {
					t.Errorf("the side effects were\n%s\nwant\n%s", got.effects, want.effects)
				}
			})
		})
	}
}
