package integration

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"prana/cmd/prana/app"
	"prana/config/localredis"
	"prana/engine"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/handlers/nodes"
	"prana/integration/proc"
	"prana/suspend"
	"prana/tasks"
)

// TestOwnWorkerRunsItsOwnNodes builds and runs the worker of testdata/ownworker,
// which is as a team would write it.
func TestOwnWorkerRunsItsOwnNodes(t *testing.T) {
	t.Parallel()
	needRedis(t)
	program := filepath.Join(t.TempDir(), "ownworker")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./testdata/ownworker")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the worker: %v\n%s", err, out)
	}
	server, err := localredis.Start(t.Context(), localredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	run := exec.Command(program)
	run.Dir = t.TempDir()
	p, err := proc.Start(run, "PRANA_REDIS="+server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	v := greeted(t, server.URL())
	if out := output(t, v); out["greeting"] != "hello from acme" || out["key"] == "" {
		t.Errorf("output is %v", out)
	}
	p.Terminate()
	if code := ended(t, p, 10*time.Second); code != 0 {
		t.Errorf("it left with %d:\n%s", code, p.Log())
	}
}

// greeted runs a workflow with the team's node on the Redis of that URL.
func greeted(t *testing.T, url string) *flow.View {
	t.Helper()
	client, err := app.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	types := append(nodes.Builtin(nodes.Options{}), node.Type{Name: "acme.greet", Run: func(context.Context, *node.Call) (node.Outcome, error) {
		panic("the worker runs this, not the test")
	}})
	e, err := engine.New(engine.Config{Store: suspend.New(client, tasks.Encoder{}, suspend.Options{}), Registry: node.NewRegistry(types...)})
	if err != nil {
		t.Fatal(err)
	}
	w, _, _ := definition.Read("greet.yaml", []byte(`
id: greet
nodes:
  - {key: start, type: manual.trigger}
  - {key: greet, type: acme.greet}
connections: [start -> greet]
`))
	if _, _, err := e.Deploy(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	r, err := e.Start(t.Context(), flow.StartRequest{Workflow: "greet"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	v, err := e.Await(ctx, r.ExecutionID)
	if err != nil || v.Status != flow.Completed {
		t.Fatalf("%v, %v", v, err)
	}
	e.Wait()
	return v
}
