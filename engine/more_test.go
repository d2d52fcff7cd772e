package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// TestDurableMiddleware is told every record at least once, whichever call fails.
func TestDurableMiddleware(t *testing.T) {
	t.Parallel()
	const calls = 12
	for _, method := range []string{"Commit", "Load", "Outbox", "Delivered"} {
		for call := range calls {
			synctest.Test(t, func(t *testing.T) { tellDurably(t, fault{method, call + 1, losesReply}) })
			synctest.Test(t, func(t *testing.T) { tellDurably(t, fault{method, call + 1, failsBefore}) })
		}
	}
}

func tellDurably(t *testing.T, f fault) {
	t.Helper()
	var mu sync.Mutex
	seen := map[string]map[int64]bool{}
	var store *faulty
	env := enginetest.Open(t, enginetest.Options{
		Types: types(),
		Durable: func(_ context.Context, n flow.Notice) {
			mu.Lock()
			defer mu.Unlock()
			if seen[n.Execution] == nil {
				seen[n.Execution] = map[int64]bool{}
			}
			seen[n.Execution][n.Seq] = true
		},
		Store: func(real engine.Store) engine.Store { store = newFaulty(real, f); return store },
	})
	env.Deploy(napper)
	env.Deploy(`{"id":"p","nodes":[{"key":"s","type":"test.start"},{"key":"c","type":"test.child","params":{"workflow":"napper"}}],"connections":["s -> c"]}`)
	id := begin(t, env, "p", `1`)
	env.Advance(5 * time.Minute)
	store.disarm()
	for _, id := range append([]string{id}, env.Children(id)...) {
		x, err := env.Store().Load(t.Context(), id, flow.Want{})
		if err != nil || x.Status != flow.Completed {
			t.Fatalf("%+v: the execution is %v (%v)", f, x, err)
		}
		for seq := range x.Seq {
			if !seen[id][seq+1] {
				t.Errorf("%+v: record %d of %d was not told", f, seq+1, x.Seq)
			}
		}
	}
}

// TestStartAtKeepsItsTimeout: the time of an execution begins when it does.
func TestStartAtKeepsItsTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		env := enginetest.Open(t, enginetest.Options{Types: types(), Now: time.Now})
		env.Deploy(`{"id":"b","timeout_ms":60000,"nodes":[{"key":"s","type":"test.start"},{"key":"w","type":"test.wait"}],"connections":["s -> w"]}`)
		r, err := env.Engine().Start(t.Context(), flow.StartRequest{Workflow: "b", StartAt: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			pass time.Duration
			want flow.Status
		}{
			{59 * time.Minute, flow.Pending}, {time.Minute, flow.Suspended}, {59 * time.Second, flow.Suspended}, {time.Second, flow.TimedOut},
		} {
			time.Sleep(c.pass)
			env.Run()
			env.WantStatus(r.ExecutionID, c.want)
		}
	})
}

// TestResumeWithError hands a wait an error instead of data; on_error decides.
func TestResumeWithError(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`{"id":"w","nodes":[{"key":"s","type":"test.start"},{"key":"w","type":"test.wait","settings":{"on_error":"continue_error_output","retry_on_failed":true}},
		{"key":"h","type":"test.echo","params":{"value":"$input.details.error.code"}}],"connections":["s -> w","w.error -> h"]}`)
	id := env.Start("w", nil)
	env.Run()
	_, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Error: flow.Problemf("refused", "no")})
	if err != nil {
		t.Fatal(err)
	}
	env.Run()
	env.WantPath(id, "s", "w.error", "h")
	env.WantOutput(id, "refused")
}

// TestPlannedStartIsAFirstTurn: a trigger that begins later, or is begun by hand, is called like any other.
func TestPlannedStartIsAFirstTurn(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(env *enginetest.Env, id string){
		"by time": func(env *enginetest.Env, _ string) { env.Advance(time.Hour) },
		"by hand": func(env *enginetest.Env, id string) { env.Resume(id, "", "now"); env.Run() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := enginetest.New(t, types()...)
			env.Stub("test.start", func(_ context.Context, c *node.Call) (node.Outcome, error) {
				if c.Resume != nil {
					return node.Outcome{}, errors.New("a trigger waits for nothing")
				}
				if c.Attempt == 0 {
					return node.Outcome{}, errors.New("try again")
				}
				return node.Outcome{PassInput: true}, nil
			})
			env.Deploy(`{"id":"p","nodes":[{"key":"s","type":"test.start","settings":{"retry_on_failed":true}}]}`)
			r, err := env.Engine().Start(t.Context(), flow.StartRequest{Workflow: "p", Input: []byte(`5`), StartAt: env.Now().Add(time.Minute)})
			if err != nil {
				t.Fatal(err)
			}
			begin(env, r.ExecutionID)
			env.Advance(time.Hour)
			env.WantStatus(r.ExecutionID, flow.Completed)
			env.WantOutput(r.ExecutionID, 5)
			if n := env.NodeRun(r.ExecutionID, "s", 0).Attempt; n != 1 {
				t.Errorf("attempt %d, want 1", n)
			}
		})
	}
}

// TestPassResumeOfAnEarlierTurn: what resumed a step once is not what a later timeout leaves.
func TestPassResumeOfAnEarlierTurn(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	turn := 0
	env.Stub("test.twice", func(_ context.Context, c *node.Call) (node.Outcome, error) {
		if turn++; turn < 3 {
			return node.Outcome{Suspend: &node.Suspend{In: time.Minute, Event: &flow.Subscription{Type: "go"}}}, nil
		}
		return node.Outcome{PassResume: true}, nil
	})
	env.Deploy(`{"id":"p","nodes":[{"key":"s","type":"test.start"},{"key":"w","type":"test.twice"}],"connections":["s -> w"]}`)
	id := env.Start("p", 1)
	env.Run()
	env.Publish("go", "stale")
	env.Advance(time.Minute)
	env.WantStatus(id, flow.Completed)
	env.WantOutput(id, nil)
}

// TestAwait gives the execution as it is when its context ends first.
func TestAwait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		env := enginetest.Open(t, enginetest.Options{Types: types(), Now: time.Now})
		env.Deploy(napper)
		id := env.Start("napper", 1)
		live(t, env, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		v, err := env.Engine().Await(ctx, id)
		if !errors.Is(err, context.DeadlineExceeded) || v == nil || v.Status != flow.Suspended {
			t.Errorf("after a second it gives %v, %v", v, err)
		}
		if v, err = env.Engine().Await(t.Context(), id); err != nil || v.Status != flow.Completed {
			t.Errorf("at the end it gives %v, %v", v, err)
		}
		if _, err := env.Engine().Await(t.Context(), flow.NewExecutionID(0)); !errors.Is(err, flow.ErrNotFound) {
			t.Errorf("an unknown execution gives %v", err)
		}
	})
}

// TestTimersAreNeverEarly sets a thousand timers, and reads when they went off.
func TestTimersAreNeverEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		env := enginetest.Open(t, enginetest.Options{Types: types(), Now: time.Now})
		env.Deploy(`{"id":"n","nodes":[{"key":"s","type":"test.start"},{"key":"z","type":"test.sleep","params":{"ms":"$input"}}],"connections":["s -> z"]}`)
		slept := map[string]time.Duration{}
		for i := range 300 {
			ms := 1 + i*10
			slept[env.Start("n", ms)] = time.Duration(ms) * time.Millisecond
		}
		live(t, env, 2)
		time.Sleep(10 * time.Second)
		for _, n := range env.Notices() {
			want := slept[n.Execution]
			if n.Name == flow.NodeResumed && (n.Slept < want || n.Slept > want+500*time.Millisecond) {
				t.Errorf("a timer of %s took %s", want, n.Slept)
			}
			if n.Name == flow.ExecutionCompleted {
				delete(slept, n.Execution)
			}
		}
		if len(slept) > 0 {
			t.Errorf("%d timers were forgotten", len(slept))
		}
	})
}
