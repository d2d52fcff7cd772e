package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/inmem"
	"prana/engine/node"
)

// twoReplies answers, sleeps, and answers again.
const twoReplies = `{"id":"two","nodes":[
	{"key":"s","type":"test.start"},
	{"key":"first","type":"test.reply","params":{"value":{"n":1}}},
	{"key":"nap","type":"test.sleep","params":{"ms":60000}},
	{"key":"second","type":"test.reply","params":{"value":{"n":2}}}],
	"connections":["s -> first","first -> nap","nap -> second"]}`

func TestTheFirstReplyStands(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(twoReplies)
	id := env.Start("two", 7)
	env.Run()
	v, err := env.Engine().AwaitReply(t.Context(), id)
	if err != nil || string(v.Reply) != `{"n":1}` || v.Status != flow.Suspended {
		t.Errorf("the reply is %+v, %v", v, err)
	}
	env.AdvanceToEnd(id)
	if v, err = env.Engine().AwaitReply(t.Context(), id); err != nil || string(v.Reply) != `{"n":1}` || v.Status != flow.Completed {
		t.Errorf("after the second the reply is %+v, %v", v, err)
	}
}

func TestAwaitReply(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		node  string
		reply string
		want  flow.Status
	}{
		"with a reply":         {`"test.reply","params":{"value":"yes"}`, `"yes"`, flow.Completed},
		"without":              {`"test.echo"`, "", flow.Completed},
		"a reply that is null": {`"test.reply"`, "", flow.Completed},
		"too large":            {`"test.reply","params":{"value":"` + strings.Repeat("x", 2000) + `"}`, "", flow.Failed},
		"of a step that fails": {`"test.fail"`, "", flow.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := enginetest.Open(t, enginetest.Options{Types: types(), Limits: engine.Limits{Payload: 1000}})
			env.Deploy(`{"id":"w","nodes":[{"key":"s","type":"test.start"},{"key":"n","type":` + c.node + `}],"connections":["s -> n"]}`)
			id := env.Start("w", nil)
			env.Run()
			v, err := env.Engine().AwaitReply(t.Context(), id)
			if err != nil || string(v.Reply) != c.reply || v.Status != c.want {
				t.Errorf("got %+v, %v", v, err)
			}
		})
	}
}

func TestAwaitReplyGivesUpWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		env := enginetest.New(t, types()...)
		env.Deploy(twoReplies)
		id := env.Start("two", nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		v, err := env.Engine().AwaitReply(ctx, id)
		if !errors.Is(err, context.DeadlineExceeded) || v == nil || v.Status != flow.Running {
			t.Errorf("got %+v, %v", v, err)
		}
	})
}

func TestStartIDCanBeBoundToAPartOfTheInput(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(chain)
	start := func(input, same string) (flow.StartResult, error) {
		return env.Engine().Start(t.Context(), flow.StartRequest{Workflow: "chain", ID: "a", Input: []byte(input), Same: []byte(same)})
	}
	first, err := start(`{"at":1,"body":2}`, `2`)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := start(`{"at":9,"body":2}`, `2`); err != nil || !again.Replayed || again.ExecutionID != first.ExecutionID {
		t.Errorf("the repetition is %+v, %v", again, err)
	}
	if _, err := start(`{"at":1,"body":2}`, `3`); !errors.Is(err, flow.ErrMismatch) {
		t.Errorf("another one gives %v", err)
	}
}

func TestTriggerIsEvaluatedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	e := triggered(t)
	w := &flow.Workflow{ID: "w", Variables: map[string]any{"realm": "orders"}, Nodes: []flow.Node{{Key: "s", Type: "test.hook", Params: map[string]any{
		"auth": map[string]any{"password": "{{ $secrets.KEY }}", "user": "{{ $env.WHO }}", "realm": "$vars.realm"},
	}}}}
	version, _, err := e.Deploy(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Trigger(t.Context(), "w")
	auth, _ := got.Params["auth"].(map[string]any)
	if err != nil || got.Version != version || got.Type != "test.hook" || got.Params["path"] != "/" {
		t.Errorf("got %+v, %v", got, err)
	}
	if auth["password"] != "s3cret" || auth["user"] != "me" || auth["realm"] != "orders" {
		t.Errorf("the parameters are %v", auth)
	}
	w.Nodes[0].Params = map[string]any{"auth": "{{ $vars.missing }}"}
	if _, _, err := e.Deploy(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	got, err = e.Trigger(t.Context(), "w")
	if auth, given := got.Params["auth"]; err != nil || !given || auth != nil {
		t.Errorf("a parameter that is null does not look like one that is missing: %+v, %v", got, err)
	}
	if _, err := e.Trigger(t.Context(), "nobody"); !errors.Is(err, flow.ErrNotFound) {
		t.Errorf("an unknown workflow gives %v", err)
	}
}

func triggered(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Config{
		Store: inmem.New(inmem.Options{}), Registry: node.NewRegistry(types()...), EnvAllow: []string{"WHO"},
		Env:     func(string) string { return "me" },
		Secrets: func(name string) (string, bool) { return "s3cret", name == "KEY" },
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}
