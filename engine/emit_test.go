package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

const nagging = `
id: nagging
nodes:
  - {key: t, type: test.start}
  - {key: w, type: test.nag, params: {times: 3, event: "go", timeout_ms: 10000}}
  - {key: mail, type: test.echo}
  - {key: end, type: test.echo}
connections: [t -> w, w.tick -> mail, w -> end]`

// TestAWaitThatGoesOn: what was handed out for a wait is good for as long as only time passed, and the wait stands since it began.
func TestAWaitThatGoesOn(t *testing.T) {
	t.Parallel()
	for name, resume := range map[string]func(env *enginetest.Env, first flow.Suspension) error{
		"the id of the first turn": func(env *enginetest.Env, first flow.Suspension) error {
			_, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Token: first.ID, Data: []byte(`1`), By: "Ada"})
			return err
		},
		"the node": func(env *enginetest.Env, first flow.Suspension) error {
			_, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: first.ExecutionID, Node: "w", Data: []byte(`1`), By: "Ada"})
			return err
		},
	} {
		env := enginetest.New(t, types()...)
		env.Deploy(nagging)
		id := env.Start("nagging", nil)
		env.Run()
		first := env.Execution(id).Suspensions[0]
		env.Advance(2 * time.Second)
		now := env.Execution(id).Suspensions[0]
		if now.ID == first.ID || !now.SuspendedAt.Equal(first.SuspendedAt) || !now.ResumeAt.Equal(first.SuspendedAt.Add(3*time.Second)) {
			t.Errorf("%s: after two turns it is %+v; it began as %+v", name, now, first)
		}
		if err := resume(env, first); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		env.Run()
		env.WantOutput(id, map[string]any{"by": "manual", "data": 1})
		run := env.NodeRun(id, "w", 0)
		if run.ResumedBy != flow.ByManual || run.Actor != "Ada" || run.ResumedAt == nil {
			t.Errorf("%s: the history says %+v", name, run)
		}
		for _, late := range []string{first.ID, now.ID} {
			_, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Token: late, By: "Eve"})
			if p := flow.AsProblem(err); code(err) != "conflict" || p.Details["resumed_actor"] != "Ada" || p.Details["resumed_by"] != "manual" {
				t.Errorf("%s: whoever comes later with %s is told %v", name, late, err)
			}
		}
	}
}

// TestATurnThatTimeEndsRefusesNobody: a decision in the middle of such a turn wins, and one that was looked up before the turn was
// stored counts after it.
func TestATurnThatTimeEndsRefusesNobody(t *testing.T) {
	t.Parallel()
	t.Run("while the worker runs", func(t *testing.T) {
		t.Parallel()
		var env *enginetest.Env
		var id string
		inTurn := func(ctx context.Context, c *node.Call) (node.Outcome, error) {
			if c.Resume != nil && c.Resume.By == flow.ByTimer {
				if _, err := env.Engine().Resume(ctx, flow.ResumeRequest{Execution: id, Node: "w", Data: []byte(`1`)}); err != nil {
					t.Errorf("the decision is refused: %v", err)
				}
			}
			return nag(ctx, c)
		}
		env = enginetest.New(t, types()...)
		env.Stub("test.nag", inTurn)
		env.Deploy(nagging)
		id = env.Start("nagging", nil)
		env.Advance(time.Second)
		env.WantPath(id, "t", "w", "end")
	})
	t.Run("while somebody looks", func(t *testing.T) {
		t.Parallel()
		b := &betweenLooks{}
		env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store { b.Store = real; return b }})
		env.Deploy(nagging)
		id := env.Start("nagging", nil)
		env.Run()
		b.then = func() { env.Advance(time.Second) }
		if _, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Node: "w", Data: []byte(`1`)}); err != nil {
			t.Fatal(err)
		}
		env.Run()
		env.WantPath(id, "t", "mail", "w", "end")
	})
}

// betweenLooks does something once, after the next look at a whole execution.
type betweenLooks struct {
	engine.Store
	then func()
}

func (b *betweenLooks) Load(ctx context.Context, id string, want flow.Want) (*flow.Execution, error) {
	x, err := b.Store.Load(ctx, id, want)
	if then := b.then; then != nil && want.All {
		b.then = nil
		then()
	}
	return x, err
}

// TestAnEventFindsAWaitThatGoesOn, be it published before, between or after its turns.
func TestAnEventFindsAWaitThatGoesOn(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, time.Second, 2500 * time.Millisecond, 9 * time.Second} {
		env := enginetest.New(t, types()...)
		env.Deploy(nagging)
		id := env.Start("nagging", nil)
		env.Run()
		env.Advance(after)
		env.Publish("go", 7)
		env.Run()
		env.WantOutput(id, map[string]any{"by": "event", "data": 7})
	}
}

// TestEmissionsAreBounded: a step emits a number of values in all, and by ports that it declares.
func TestEmissionsAreBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		params, want string
		emitted      int
	}{
		"in all":     {`{times: 100000, every_ms: 1, at_once: 16}`, "too_many_emissions", 62 * 16},
		"at a time":  {`{at_once: 17}`, "too_many_emissions", 0},
		"undeclared": {`{at_once: 1}`, "invalid_port", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := enginetest.New(t, types()...)
			if name == "undeclared" {
				env.Stub("test.nag", func(ctx context.Context, c *node.Call) (node.Outcome, error) {
					out, err := nag(ctx, c)
					for i := range out.Emit {
						out.Emit[i].Port = "main"
					}
					return out, err
				})
			}
			env.Deploy("id: many\nnodes: [{key: t, type: test.start}, {key: w, type: test.nag, params: " + c.params + "}, {key: mail, type: test.echo}]\nconnections: [t -> w, w.tick -> mail]")
			id := env.Start("many", nil)
			env.AdvanceToEnd(id)
			env.WantError(id, c.want)
			if n := env.Runs(id, "mail"); n != c.emitted {
				t.Errorf("%d values were emitted", n)
			}
		})
	}
}

// TestWhoEndsAWaitIsBounded: the name is free text, and short.
func TestWhoEndsAWaitIsBounded(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(nagging)
	id := env.Start("nagging", nil)
	env.Run()
	for _, by := range []string{string(make([]byte, 257)), "\xff"} {
		if _, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, By: by}); code(err) != "invalid" {
			t.Errorf("%.5q gives %v", by, err)
		}
	}
}

func init() {
	patient := strings.Replace(nagging, ", timeout_ms: 10000", "", 1)
	stories = append(stories, story{"a wait that emits", []string{patient}, func(t *testing.T, env *enginetest.Env) []string {
		id := begin(t, env, "nagging", `1`)
		env.Advance(10 * time.Minute)
		first := flow.SuspensionID{Execution: id, Step: flow.StepID{Node: 1}, Turn: 1}
		insist(t, func() error {
			_, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Token: first.String(), Data: []byte(`1`), By: "Ada", ID: "r1"})
			return err
		})
		env.Advance(time.Minute)
		return []string{id}
	}})
}
