package engine_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// room is what a section guards: it knows who is inside, and how many ever were at once.
type room struct {
	mu      sync.Mutex
	inside  map[string]bool // by idempotency key
	most    int
	entered []string        // executions, in the order in which they first came in
	outside map[string]bool // executions that do not count: somebody cancels them
}

func (r *room) enter(c *node.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.outside[c.Execution] {
		return
	}
	if r.inside == nil {
		r.inside = map[string]bool{}
	}
	r.inside[c.Key] = true
	r.most = max(r.most, len(r.inside))
	if !slices.Contains(r.entered, c.Execution) {
		r.entered = append(r.entered, c.Execution)
	}
}

func (r *room) leave(c *node.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.inside, c.Key)
}

// forget leaves an execution out of account.
func (r *room) forget(execution string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.outside == nil {
		r.outside = map[string]bool{}
	}
	r.outside[execution] = true
	delete(r.inside, execution+"-1.000")
}

// door is a node type that stays in the room for a while: awake, then asleep.
func (r *room) door() node.Type {
	return node.Type{Name: "test.door", Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
		if c.Resume == nil {
			r.enter(c)
			time.Sleep(300 * time.Millisecond)
			return node.Outcome{Suspend: &node.Suspend{Type: flow.Delay, Timer: true, In: 700 * time.Millisecond}}, nil
		}
		time.Sleep(200 * time.Millisecond)
		r.leave(c)
		return node.Outcome{PassInput: true}, nil
	}}
}

const byDoor = `
id: visitor
nodes:
  - {key: start, type: test.start}
  - {key: d, type: test.door, settings: {concurrency_key: room, concurrency_limit: 2}}
connections: [start -> d]
`

// TestManyProcessesKeepASection lets several processes bring many executions through one section: never
// more than the limit inside, all get in, in the order in which they came.
func TestManyProcessesKeepASection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r room
		env := enginetest.Open(t, enginetest.Options{Types: append(types(), r.door()), Now: time.Now})
		env.Deploy(byDoor)
		live(t, env, 5)
		var ids []string
		for range 40 {
			ids = append(ids, env.Start("visitor", 1))
			time.Sleep(120 * time.Millisecond) // so that each has asked before the next comes
		}
		time.Sleep(40 * 3 * time.Second / 2)
		for _, id := range ids {
			env.WantStatus(id, flow.Completed)
		}
		if r.most != 2 {
			t.Errorf("%d were inside at once, want 2", r.most)
		}
		for i, id := range r.entered { // two may be let in at the same moment, and go through the door in any order
			if asked := slices.Index(ids, id); asked < i-1 || asked > i+1 {
				t.Errorf("number %d to ask was number %d to come in", asked, i)
			}
		}
	})
}

func (s *shaky) Acquire(ctx context.Context, key string, h flow.Holder, limit int) (int, []flow.Holder, error) {
	m := s.mode()
	if m == failsBefore {
		return 0, nil, flow.ErrUnavailable
	}
	position, promoted, err := s.Store.Acquire(ctx, key, h, limit)
	if m == losesReply {
		return 0, nil, flow.ErrUnavailable
	}
	return position, promoted, err
}

func (s *shaky) Release(ctx context.Context, key string, h flow.Holder) ([]flow.Holder, error) {
	m := s.mode()
	if m == failsBefore {
		return nil, flow.ErrUnavailable
	}
	promoted, err := s.Store.Release(ctx, key, h)
	if m == losesReply {
		return nil, flow.ErrUnavailable
	}
	return promoted, err
}

// TestSectionsInChaos is the same with a store that fails a tenth of all calls, loses its queue now and then, and
// with executions that are cancelled wherever they stand.
func TestSectionsInChaos(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) { sectionChaos(t, seed) })
	}
}

func sectionChaos(t *testing.T, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 7))
	store := &shaky{random: rand.New(rand.NewPCG(seed, 8))}
	var r room
	env := enginetest.Open(t, enginetest.Options{
		Types: append(types(), r.door()), Now: time.Now,
		Store: func(real engine.Store) engine.Store { store.Store = real; return store },
	})
	store.calm.Store(true)
	env.Deploy(byDoor)
	var ids []string
	for range 30 {
		ids = append(ids, env.Start("visitor", 1))
	}
	store.calm.Store(false)
	live(t, env, 3)
	cancelled := map[string]bool{}
	for range 10 {
		time.Sleep(time.Duration(random.IntN(4000)) * time.Millisecond)
		env.Store().Lose(0)
		id := ids[random.IntN(len(ids))]
		r.forget(id)
		if env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: id, Reason: "enough"}) == nil {
			cancelled[id] = true
		}
	}
	time.Sleep(30 * time.Minute)
	store.calm.Store(true)
	for _, id := range ids {
		want := flow.Completed
		if cancelled[id] {
			want = flow.Cancelled
		}
		if got := env.Execution(id).Status; got != want && got != flow.Cancelled { // a cancellation may have lost its answer
			t.Errorf("seed %d: the execution is %s, want %s", seed, got, want)
		}
	}
	// A place may be held by nothing (its worker died of asking): those who wait for one find that out.
	for range 5 {
		ids = append(ids, env.Start("visitor", 1))
	}
	time.Sleep(10 * time.Minute)
	for _, id := range ids[len(ids)-5:] {
		env.WantStatus(id, flow.Completed)
	}
	if r.most > 2 {
		t.Errorf("seed %d: %d were inside at once, want 2", seed, r.most)
	}
	if left, err := env.Store().Holders(t.Context(), "room", 10); err != nil || len(left) > 0 {
		t.Errorf("seed %d: %v hold a place still (%v)", seed, left, err)
	}
}

// guardedWait is a section in which executions wait for an event.
const guardedWait = `
id: guarded_wait
nodes:
  - {key: start, type: test.start}
  - {key: w, type: test.wait, settings: {concurrency_key: k}}
connections: [start -> w]
`

// waitsFor tells what the only wait of an execution is.
func waitsFor(t *testing.T, env *enginetest.Env, id string) string {
	t.Helper()
	v := env.Execution(id)
	if len(v.Suspensions) != 1 {
		t.Fatalf("it has %d waits (%s)", len(v.Suspensions), v.Status)
	}
	return v.Suspensions[0].Type
}

// TestPlacesOfTheDeadAreFound: a place that is held by nothing costs the one who waits seconds.
func TestPlacesOfTheDeadAreFound(t *testing.T) {
	t.Parallel()
	tests := map[string]func(env *enginetest.Env) flow.Holder{
		"an execution that never was": func(*enginetest.Env) flow.Holder {
			return flow.Holder{Execution: flow.NewExecutionID(0), Step: flow.StepID{Node: 1}}
		},
		"a whole execution that has another key": func(env *enginetest.Env) flow.Holder {
			return flow.Holder{Execution: env.Start("napper", 1), Whole: true}
		},
		"a step that noted another key": func(env *enginetest.Env) flow.Holder {
			h := flow.Holder{Execution: env.Start("other_wait", 1), Step: flow.StepID{Node: 1}}
			env.Run()
			return h
		},
		"a step that never was": func(env *enginetest.Env) flow.Holder {
			return flow.Holder{Execution: env.Start("napper", 1), Step: flow.StepID{Node: 2, Run: 7}}
		},
		"a step that is over": func(env *enginetest.Env) flow.Holder {
			h := flow.Holder{Execution: env.Start("napper", 1)}
			env.Run()
			return h
		},
		"an execution that is over": func(env *enginetest.Env) flow.Holder {
			h := flow.Holder{Execution: env.Start("chain", 1), Step: flow.StepID{Node: 1}}
			env.Run()
			return h
		},
	}
	for name, dead := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := enginetest.New(t, types()...)
			for _, w := range []string{napper, chain, guardedWait, strings.NewReplacer("guarded_wait", "other_wait", "key: k}", "key: other}").Replace(guardedWait)} {
				env.Deploy(w)
			}
			if _, _, err := env.Store().Acquire(t.Context(), "k", dead(env), 1); err != nil {
				t.Fatal(err)
			}
			id := env.Start("guarded_wait", 1)
			env.Advance(4 * time.Second)
			if got := waitsFor(t, env, id); got != flow.Concurrency {
				t.Fatalf("it waits for %s", got)
			}
			env.Advance(time.Second)
			if got := waitsFor(t, env, id); got != flow.ExternalEvent {
				t.Errorf("5 s later it waits for %s", got)
			}
		})
	}
}

// TestAPlaceThatNobodyTold: whoever was given a place, but not woken, finds out by itself.
func TestAPlaceThatNobodyTold(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(guardedWait)
	first, second := env.Start("guarded_wait", 1), env.Start("guarded_wait", 1)
	env.Run()
	promoted, err := env.Store().Release(t.Context(), "k", flow.Holder{Execution: first, Step: flow.StepID{Node: 1}})
	if err != nil || len(promoted) != 1 || promoted[0].Execution != second {
		t.Fatalf("promoted are %v, %v", promoted, err)
	}
	env.Advance(5 * time.Second)
	if got := waitsFor(t, env, second); got != flow.ExternalEvent {
		t.Errorf("it waits for %s", got)
	}
}

// hasty is a store in which a place becomes free after somebody asked for it, and before its wait is stored.
type hasty struct {
	engine.Store
	once sync.Once
	free func()
}

func (s *hasty) Commit(ctx context.Context, changes ...*flow.Change) error {
	if len(changes[0].Opened) > 0 && changes[0].Steps[0].Wait.Type == flow.Concurrency {
		s.once.Do(s.free)
	}
	return s.Store.Commit(ctx, changes...)
}

// TestAPlaceThatBecameFreeTooSoon: a place that was given to somebody who was not asleep yet is found at once.
func TestAPlaceThatBecameFreeTooSoon(t *testing.T) {
	t.Parallel()
	store := &hasty{}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store { store.Store = real; return store }})
	env.Deploy(guardedWait)
	first := env.Start("guarded_wait", 1)
	env.Run()
	store.free = func() {
		if err := env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: first}); err != nil {
			t.Error(err)
		}
		env.Engine().Wait()
	}
	second := env.Start("guarded_wait", 1)
	env.Run()
	if got := waitsFor(t, env, second); got != flow.ExternalEvent {
		t.Errorf("it waits for %s", got)
	}
}

// TestAWaiterAsksSeldom: however long it waits, it asks about once a minute, and nothing of that is written into its history.
func TestAWaiterAsksSeldom(t *testing.T) {
	t.Parallel()
	var store *faulty
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store { store = newFaulty(real, fault{}); return store }})
	env.Deploy(guardedWait)
	env.Start("guarded_wait", 1)
	id := env.Start("guarded_wait", 1)
	env.Run()
	before, told := store.disarm(), len(env.Notices(id))
	env.Advance(time.Hour)
	after := store.disarm()
	if asked := after["Acquire"] - before["Acquire"]; asked < 60 || asked > 66 {
		t.Errorf("it asked %d times in an hour", asked)
	}
	if n := after["Commit"] - before["Commit"]; n != 0 {
		t.Errorf("waiting took %d commits", n)
	}
	if n := len(env.Notices(id)) - told; n != 0 {
		t.Errorf("%d things were told of it", n)
	}
}

// TestOnlySectionsCost: without a key nobody asks for a place.
func TestOnlySectionsCost(t *testing.T) {
	t.Parallel()
	for _, s := range stories {
		if s.name != "a chain with a join" && s.name != "children" {
			continue
		}
		calls := s.play(t, fault{}).calls
		if calls["Acquire"]+calls["Release"]+calls["Holders"] > 0 {
			t.Errorf("%s called %v", s.name, calls)
		}
	}
}

// TestCancelledWhileItsNodeRuns: a step that is cancelled in its first turn noted no key; its worker gives
// the place up when the node returns, and not before.
func TestCancelledWhileItsNodeRuns(t *testing.T) {
	t.Parallel()
	entered, out := make(chan struct{}), make(chan struct{})
	stay := node.Type{Name: "test.stay", Run: func(context.Context, *node.Call) (node.Outcome, error) {
		entered <- struct{}{}
		<-out
		return node.Outcome{PassInput: true}, nil
	}}
	env := enginetest.New(t, append(types(), stay)...)
	env.Deploy(guardedWait)
	env.Deploy(`{"id":"stay","nodes":[{"key":"s","type":"test.start"},{"key":"p","type":"test.stay","settings":{"concurrency_key":"k"}}],"connections":["s -> p"]}`)
	id := env.Start("stay", 1)
	env.Step()
	d := next(t, env)
	worker, ended := env.Process(), make(chan error)
	go func() { ended <- worker.RunStep(t.Context(), d) }()
	<-entered
	waiting := env.Start("guarded_wait", 1)
	env.Run()
	if err := env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: id}); err != nil {
		t.Fatal(err)
	}
	env.Run()
	if got := waitsFor(t, env, waiting); got != flow.Concurrency {
		t.Errorf("while the node runs, the other waits for %s", got)
	}
	close(out)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	worker.Wait()
	env.Run()
	if got := waitsFor(t, env, waiting); got != flow.ExternalEvent {
		t.Errorf("then it waits for %s", got)
	}
}

// TestADeadWorkersStepHoldsOn: a step whose worker died before anything of it was stored has its place
// still when it runs again, and nobody got it in between.
func TestADeadWorkersStepHoldsOn(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(guardedWait)
	id := env.Start("guarded_wait", 1)
	env.Step()
	next(t, env) // a worker took the task, and asked for the place
	if position, _, err := env.Store().Acquire(t.Context(), "k", flow.Holder{Execution: id, Step: flow.StepID{Node: 1}}, 1); err != nil || position != 0 {
		t.Fatal(position, err)
	}
	env.Lose() // then it died
	other := env.Start("guarded_wait", 1)
	env.Advance(9 * time.Second)
	if got := waitsFor(t, env, other); got != flow.Concurrency {
		t.Errorf("the other waits for %s", got)
	}
	env.Advance(30 * time.Second)
	if a, b := waitsFor(t, env, id), waitsFor(t, env, other); a != flow.ExternalEvent || b != flow.Concurrency {
		t.Errorf("they wait for %s and %s", a, b)
	}
}

// TestSuspensionDataOfAPlace: a wait for a place is listed with its key, the limit, and how many were before it.
func TestSuspensionDataOfAPlace(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(guardedWait)
	for range 3 {
		env.Start("guarded_wait", 1)
		env.Run()
	}
	s, err := env.Store().Suspensions(t.Context(), flow.SuspensionFilter{Type: flow.Concurrency})
	if err != nil || len(s.Items) != 2 {
		t.Fatalf("%d waits are listed, %v", len(s.Items), err)
	}
	data := map[string]bool{string(s.Items[0].Data): true, string(s.Items[1].Data): true}
	if !data[`{"key":"k","limit":1,"position":1}`] || !data[`{"key":"k","limit":1,"position":2}`] {
		t.Errorf("they say %v", data)
	}
	id, err := flow.ParseSuspensionID(s.Items[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id.Execution, Suspension: &id}); code(err) != flow.ErrConflict.Code {
		t.Errorf("ending it by hand gives %v", err)
	}
	if s.Items[0].ResumeAt != nil || s.Items[0].TimeoutAt != nil {
		t.Errorf("a time is said: %+v", s.Items[0])
	}
}
