package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/engine/node"
)

// TestOwnTypesLeaveTheBuiltInOnesGuarded runs a team's node, and then a built-in one that may not reach this machine.
func TestOwnTypesLeaveTheBuiltInOnesGuarded(t *testing.T) {
	t.Parallel()
	reached := false
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(inside.Close)
	greet := node.Type{Name: "acme.greet", Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
		return node.Outcome{Output: "hello " + c.Node}, nil
	}}
	var around []string
	_, o := examined(t)
	o.Worker, o.Types = true, []node.Type{greet}
	o.Around = func(own node.Type) node.Func {
		return func(ctx context.Context, c *node.Call) (node.Outcome, error) {
			around = append(around, own.Name) // one after the other
			return own.Run(ctx, c)
		}
	}
	a := started(t, o)
	publish(t, a, "id: w\nnodes:\n- {key: start, type: manual.trigger}\n- {key: own, type: acme.greet}\n"+
		"- {key: call, type: http.request, params: {url: \""+inside.URL+"\"}}\nconnections: [start -> own, own -> call]\n")
	r, err := a.Engine().Start(t.Context(), flow.StartRequest{Workflow: "w"})
	if err != nil {
		t.Fatal(err)
	}
	v, err := a.Engine().Await(t.Context(), r.ExecutionID)
	if err != nil {
		t.Fatal(err)
	}
	if v.Status != flow.Failed || v.Error.Code != "egress_denied" || reached {
		t.Errorf("it ended %s with %v; reached: %v", v.Status, v.Error, reached)
	}
	if got := strings.Join(around, " "); got != "manual.trigger acme.greet http.request" {
		t.Errorf("what is around nodes was called for %s", got)
	}
}

func TestOwnTypesWithNamesOfBuiltInOnesAreRefused(t *testing.T) {
	t.Parallel()
	a, err := Start(t.Context(), Options{Config: TestConfig(), Types: []node.Type{{Name: "core.log", Run: func(context.Context, *node.Call) (node.Outcome, error) {
		return node.Outcome{}, nil
	}}}})
	if err == nil || !strings.Contains(err.Error(), "adding node type core.log: a built-in one has that name") {
		t.Errorf("got %v, %v", a, err)
	}
}
