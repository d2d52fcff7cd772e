package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// posting has two waits one after the other, behind one that only an event ends.
const posting = `
id: posting
nodes:
  - {key: start, type: test.start}
  - {key: hold, type: test.wait, params: {event: begin}}
  - {key: first, type: test.wait, params: {event: never}}
  - {key: second, type: test.wait, params: {event: never}}
  - {key: end, type: test.echo}
connections: [start -> hold, hold -> first, first -> second, second -> end]
`

func resume(env *enginetest.Env, t *testing.T, r flow.ResumeRequest) (flow.ResumeResult, error) {
	t.Helper()
	return env.Engine().Resume(t.Context(), r)
}

func TestResumeBeforeTheWaitIsKept(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(posting)
	id := env.Start("posting", nil)
	env.Run()
	for _, r := range []flow.ResumeRequest{
		{Node: "second", Data: []byte(`"for the second"`), ID: "a"},
		{Node: "first", Data: []byte(`"for the first"`)},
	} {
		r.Execution = id
		if res, err := resume(env, t, r); err != nil || !res.Buffered || res.Suspension != "" || res.Node != r.Node {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	if res, err := resume(env, t, flow.ResumeRequest{Execution: id, Node: "second", Data: []byte(`"for the second"`), ID: "a"}); err != nil || !res.Buffered {
		t.Errorf("the same id once more: %+v, %v", res, err)
	}
	if in := env.Execution(id).Inbox; len(in) != 2 || in[0].Node != "second" || in[0].ID != "a" || string(in[1].Data) != `"for the first"` {
		t.Errorf("the inbox shows %+v", in)
	}
	env.WantStatus(id, flow.Suspended)
	env.Publish("begin", nil)
	env.Run()
	env.WantStatus(id, flow.Completed)
	env.WantOutput(id, "for the second")
	if got := string(env.NodeRun(id, "first", 0).Output); got != `"for the first"` {
		t.Errorf("the first left %s", got)
	}
	if in := env.Execution(id).Inbox; len(in) != 0 {
		t.Errorf("the inbox still shows %+v", in)
	}
	if res, err := resume(env, t, flow.ResumeRequest{Execution: id, Node: "second", Data: []byte(`"for the second"`), ID: "a"}); err != nil || !res.Repeated {
		t.Errorf("the id of a letter that was delivered: %+v, %v", res, err)
	}
}

// TestResumeForWhicheverWaitsFirst: without a node, what comes early is for the first wait; once one ended, a second click is too late.
func TestResumeForWhicheverWaitsFirst(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`
id: wide
nodes:
  - {key: start, type: test.start}
  - {key: one, type: test.wait, params: {event: never}}
  - {key: two, type: test.wait, params: {event: never}}
connections: [start -> one, one -> two]
`)
	id := env.Start("wide", nil) // nothing ran yet
	if res, err := resume(env, t, flow.ResumeRequest{Execution: id, Data: []byte(`1`)}); err != nil || !res.Buffered {
		t.Fatalf("%+v, %v", res, err)
	}
	env.Run()
	env.WantStatus(id, flow.Suspended)
	if got := string(env.NodeRun(id, "one", 0).Output); got != `1` {
		t.Errorf("the first wait left %s", got)
	}
	if _, err := resume(env, t, flow.ResumeRequest{Execution: id, Node: "one", Data: []byte(`2`)}); !errors.Is(err, flow.ErrConflict) {
		t.Errorf("a wait that is over took %v", err)
	}
	if res, err := resume(env, t, flow.ResumeRequest{Execution: id, Data: []byte(`3`)}); err != nil || res.Node != "two" {
		t.Errorf("%+v, %v", res, err)
	}
	if _, err := resume(env, t, flow.ResumeRequest{Execution: id, Data: []byte(`4`)}); !errors.Is(err, flow.ErrConflict) {
		t.Errorf("a second click was kept for the next wait: %v", err)
	}
	if res, err := resume(env, t, flow.ResumeRequest{Execution: id, Data: []byte(`5`), Early: true}); err != nil || !res.Buffered {
		t.Errorf("one that says that it is early: %+v, %v", res, err)
	}
	env.Run()
	env.WantOutput(id, 3)
	if _, err := resume(env, t, flow.ResumeRequest{Execution: id, Early: true}); !errors.Is(err, flow.ErrConflict) {
		t.Errorf("an execution that ended took %v", err)
	}
}

func TestInboxIsBounded(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(posting)
	id := env.Start("posting", nil)
	env.Run()
	for i := range 100 {
		if _, err := resume(env, t, flow.ResumeRequest{Execution: id, Node: "first", ID: fmt.Sprint(i), Data: []byte(`1`)}); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := resume(env, t, flow.ResumeRequest{Execution: id, Node: "first"}); !errors.Is(err, flow.ErrConflict) {
		t.Errorf("the 101st letter: %v", err)
	}
	if _, err := resume(env, t, flow.ResumeRequest{Execution: id, Node: "end"}); !errors.Is(err, flow.ErrConflict) {
		t.Errorf("a node that never waits took %v", err)
	}
	env.Publish("begin", nil)
	env.Run()
	env.WantStatus(id, flow.Suspended) // one letter ended the first wait; the others are for a node that does not wait again
	env.Cancel(id, "no")
}

// TestResumeWithAnErrorBeforeTheWait: the node receives the error as if it had waited.
func TestResumeWithAnErrorBeforeTheWait(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(posting)
	id := env.Start("posting", nil)
	if _, err := resume(env, t, flow.ResumeRequest{Execution: id, Node: "first", Error: &flow.Problem{Code: "refused", Message: "no"}}); err != nil {
		t.Fatal(err)
	}
	env.Run()
	env.Publish("begin", nil)
	env.Run()
	env.WantError(id, "refused")
}

// TestEarlyResumesOfOneNodeTogether: those that are beaten to a wait are for the next ones.
func TestEarlyResumesOfOneNodeTogether(t *testing.T) {
	t.Parallel()
	const n = 6
	for range rounds {
		env := enginetest.New(t, types()...)
		env.Deploy(posting)
		id := env.Start("posting", nil)
		env.Run()
		env.Publish("begin", nil)
		env.Run() // the first waits
		var next atomic.Int64
		race(t, n, func() error {
			r := flow.ResumeRequest{Execution: id, Node: "first", ID: fmt.Sprint(next.Add(1)), Data: []byte(`1`), Early: true}
			_, err := env.Engine().Resume(t.Context(), r)
			return err
		})
		if in := env.Execution(id).Inbox; len(in) != n-1 {
			t.Fatalf("%d of %d are kept for later, want all but one", len(in), n)
		}
		env.Cancel(id, "enough")
	}
}

// TestALetterCountsOnce: whoever did not get the answer asks again, whatever waits by then, and ends nothing else.
func TestALetterCountsOnce(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`
id: napping
nodes:
  - {key: start, type: test.start}
  - {key: nap, type: test.sleep, params: {ms: 60000}}
  - {key: wait, type: test.wait, params: {event: never}}
connections: [start -> nap, nap -> wait]
`)
	id := env.Start("napping", nil)
	letter := flow.ResumeRequest{Execution: id, Data: []byte(`1`), ID: "a"}
	if res, err := resume(env, t, letter); err != nil || !res.Buffered {
		t.Fatalf("%+v, %v", res, err)
	}
	env.Run()
	if res, err := resume(env, t, letter); err != nil || !res.Buffered || res.Suspension != "" {
		t.Errorf("the same id while something waits that takes no letters: %+v, %v", res, err)
	}
	env.Run()
	env.WantStatus(id, flow.Suspended)
	env.Advance(time.Minute)
	env.WantOutput(id, 1)
}

// TestALetterIsRememberedBeyondItsWait: its id ends no later wait of the step that it ended a wait of.
func TestALetterIsRememberedBeyondItsWait(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	turns := 0
	env.Stub("test.twice", func(context.Context, *node.Call) (node.Outcome, error) {
		if turns++; turns > 3 {
			return node.Outcome{}, nil
		}
		return node.Outcome{Suspend: &node.Suspend{}}, nil
	})
	env.Deploy(`
id: thrice
nodes:
  - {key: start, type: test.start}
  - {key: wait, type: test.twice}
connections: [start -> wait]
`)
	id := env.Start("thrice", nil)
	for _, name := range []string{"a", "b"} {
		if _, err := resume(env, t, flow.ResumeRequest{Execution: id, Node: "wait", ID: name}); err != nil {
			t.Fatal(name, err)
		}
		env.Run()
	}
	for _, early := range []bool{false, true} {
		if res, err := resume(env, t, flow.ResumeRequest{Execution: id, Node: "wait", ID: "a", Early: early}); !errors.Is(err, flow.ErrConflict) {
			t.Errorf("an id that came before: %+v, %v", res, err)
		}
	}
	env.Run()
	env.WantStatus(id, flow.Suspended)
	env.Cancel(id, "no")
}

// TestAnErrorIsBounded: it stands where every commit writes it.
func TestAnErrorIsBounded(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(posting)
	id := env.Start("posting", nil)
	large := &flow.Problem{Code: "refused", Details: map[string]any{"text": strings.Repeat("x", 8<<10)}}
	if _, err := resume(env, t, flow.ResumeRequest{Execution: id, Node: "first", Error: large}); !errors.Is(err, flow.ErrTooLarge) {
		t.Errorf("the answer is %v", err)
	}
	if in := env.Execution(id).Inbox; len(in) > 0 {
		t.Errorf("the inbox shows %+v", in)
	}
}
