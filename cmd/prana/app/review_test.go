package app

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/nodes"
	"prana/suspend"
)

const napping = `
id: napping
nodes:
  - {key: start, type: manual.trigger}
  - {key: rest, type: time.delay, params: {duration_ms: 700}}
connections: [start -> rest]
`

func started(t *testing.T, o Options) *App {
	t.Helper()
	a, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		if err := a.Shutdown(ctx); err != nil {
			t.Log(err)
		}
	})
	return a
}

// TestReviewEmbeddedRedisIsKept: an embedded Redis that dies is started again, and what slept in it wakes.
func TestReviewEmbeddedRedisIsKept(t *testing.T) {
	t.Parallel()
	a := started(t, Options{Config: TestConfig(), Worker: true})
	if a.RedisKind() != Child {
		t.Fatalf("the Redis is %s", a.RedisKind())
	}
	// By default the last second may be lost with Redis; here it is the restart that is looked at.
	if err := a.client.ConfigSet(t.Context(), "appendfsync", "always").Err(); err != nil {
		t.Fatal(err)
	}
	reg := node.NewRegistry(nodes.Builtin(nodes.Options{})...)
	w, _, diags := definition.Check("w.yaml", []byte(napping), reg, plan.Options{})
	if plan.HasErrors(diags) {
		t.Fatal(diags)
	}
	if _, _, err := a.Deploy(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	r, err := a.Engine().Start(t.Context(), flow.StartRequest{Workflow: "napping", Input: json.RawMessage(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	child := a.backend.child
	pid, dead := child.Pid(), child.Done()
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	<-dead
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	v, err := a.Engine().Await(ctx, r.ExecutionID)
	for errors.Is(err, flow.ErrUnavailable) && ctx.Err() == nil {
		v, err = a.Engine().Await(ctx, r.ExecutionID)
	}
	if err != nil || v.Status != flow.Completed {
		t.Errorf("the execution is %+v, %v", v, err)
	}
	if child.Pid() == pid {
		t.Error("there is no new process")
	}
}

// TestReviewServerNoticesAnotherStore: a process without a worker ends, too, when the data that it began with is gone.
func TestReviewServerNoticesAnotherStore(t *testing.T) {
	t.Parallel()
	client, o := examined(t)
	o.API, o.Dev, o.Listen = true, true, "127.0.0.1:0"
	a := started(t, o)
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-a.Err():
		if !errors.Is(err, suspend.ErrOtherStore) {
			t.Errorf("it ends with: %v", err)
		}
	case <-time.After(5 * watchEvery):
		t.Error("it goes on")
	}
}
