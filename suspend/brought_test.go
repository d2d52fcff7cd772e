package suspend_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/tasks"
)

// pulling completes the begun step of an execution by a commit that pulls tasks, and gives these.
func (z *zoo) pulling(x *flow.Execution, done *flow.Step, most int) []flow.Task {
	z.Helper()
	ch := z.passing(x, done, stepOf(2, flow.StepPending))
	ch.Dispatch, ch.Handover, ch.Pull = nil, nil, &flow.Pull{Most: most}
	z.commit(ch)
	return ch.Pull.Tasks
}

// TestAPulledTaskBringsItsExecution: what comes along with a task is what loading its step gives.
func TestAPulledTaskBringsItsExecution(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	a := stepOf(1, flow.StepPending)
	x := z.begun(a)
	done, next, beside := stepOf(0, flow.StepCompleted), stepOf(1, flow.StepPending), stepOf(3, flow.StepSuspended)
	beside.Wait, beside.Turn = &flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour}, 1
	next.Inputs = []flow.Arrival{{Edge: 0, Ref: flow.OutputRef(done.ID)}}
	ch := z.birth("along", done, next, beside)
	ch.Values = map[flow.Ref]flow.Value{flow.OutputRef(done.ID): {Raw: json.RawMessage(`{"paid":true}`)}}
	z.commit(ch)
	pulled := z.pulling(x, a, 1)
	if len(pulled) != 1 || pulled[0].Of == nil {
		t.Fatalf("pulled %+v", pulled)
	}
	want, err := z.store.Load(t.Context(), ch.Execution, flow.Want{Steps: []flow.StepID{next.ID}, Nodes: []int{0, 1, 3}, Inputs: true, Input: true})
	z.must(err)
	got := pulled[0].Of
	if got.Now.IsZero() || got.Now.Sub(want.Now).Abs() > time.Minute {
		t.Errorf("it was read at %s", got.Now)
	}
	got.Now, want.Now = time.Time{}, time.Time{}
	if g, w := asJSON(t, got), asJSON(t, want); g != w {
		t.Errorf("along came\n%s\nloading gives\n%s", g, w)
	}
}

// TestAPulledTaskOfTheSameExecution: what comes along is what the commit left, not what it found.
func TestAPulledTaskOfTheSameExecution(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	a, b := stepOf(1, flow.StepPending), stepOf(2, flow.StepPending)
	ch := z.passing(z.begun(a), a, b)
	ch.Handover, ch.Pull = nil, &flow.Pull{Most: 1}
	z.commit(ch)
	if len(ch.Pull.Tasks) != 1 || ch.Pull.Tasks[0].ID != tasks.TaskID(ch.Dispatch[0]) {
		t.Fatalf("pulled %+v", ch.Pull.Tasks)
	}
	if x := ch.Pull.Tasks[0].Of; x == nil || x.Rev != ch.Op || x.Steps[b.ID] == nil || x.Steps[a.ID] != nil {
		t.Errorf("along came %+v", x)
	}
}

// TestWhatDoesNotComeAlong: large executions, those with open fans, and those that are gone are left to loading; the task is pulled all the same.
func TestWhatDoesNotComeAlong(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*zoo, *flow.Change){
		"long": func(_ *zoo, ch *flow.Change) { ch.Input = json.RawMessage(`"` + strings.Repeat("x", 4096) + `"`) },
		"wide": func(_ *zoo, ch *flow.Change) {
			ch.Values = map[flow.Ref]flow.Value{}
			for n := range 24 {
				ch.Values[flow.OutputRef(flow.StepID{Node: n + 5})] = flow.Value{Raw: json.RawMessage(`1`)}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z := newZoo(t, real(t))
			a := stepOf(1, flow.StepPending)
			x := z.begun(a)
			ch := z.birth(name, stepOf(1, flow.StepPending))
			edit(z, ch)
			z.commit(ch)
			if pulled := z.pulling(x, a, 1); len(pulled) != 1 || pulled[0].Of != nil {
				t.Errorf("pulled %+v", pulled)
			}
		})
	}
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		z := newZoo(t, real(t))
		a := stepOf(1, flow.StepPending)
		x := z.begun(a)
		ch := z.birth("gone", stepOf(1, flow.StepPending))
		z.commit(ch)
		z.must(z.redis.Del(t.Context(), "{prana-0}:x:"+ch.Execution).Err())
		if pulled := z.pulling(x, a, 1); len(pulled) != 1 || pulled[0].Of != nil {
			t.Errorf("pulled %+v", pulled)
		}
	})
}

// TestOneOfTheDueCannotBeRead: its record is its own error, whether it stands in an execution of its own or beside others.
func TestOneOfTheDueCannotBeRead(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	one, two := z.birth("one", stepOf(1, flow.StepPending), stepOf(2, flow.StepPending)), z.birth("two", stepOf(1, flow.StepPending))
	z.commit(one)
	z.commit(two)
	bad := "{prana-0}:x:" + one.Execution
	z.must(z.redis.HSet(t.Context(), bad, "a1.000", "no record").Err())
	var due []flow.DueEntry
	for _, ch := range []*flow.Change{one, two} {
		for _, s := range ch.Steps {
			due = append(due, flow.DueEntry{Execution: ch.Execution, Kind: flow.DueStep, Step: s.ID})
		}
	}
	found, err := z.store.LoadDue(t.Context(), due)
	z.must(err)
	if found[0].Err == nil || !strings.Contains(found[0].Err.Error(), one.Execution) || found[0].Execution != nil {
		t.Errorf("found %+v", found[0])
	}
	for i, f := range found[1:] {
		if f.Err != nil || f.Execution == nil || f.Execution.Steps[due[i+1].Step] == nil {
			t.Errorf("of step %s of %s was found %+v", due[i+1].Step, due[i+1].Execution, f)
		}
	}
}

// asJSON writes an execution with its steps by name.
func asJSON(t *testing.T, x *flow.Execution) string {
	t.Helper()
	parts := []string{fmt.Sprintf("%+v %+v %+v", x.ID, x.Rev, x.Claims)}
	for _, id := range slices.SortedFunc(maps.Keys(x.Steps), func(a, b flow.StepID) int { return strings.Compare(a.String(), b.String()) }) {
		parts = append(parts, id.String())
	}
	for _, v := range []any{x.Head, x.Front, x.Input, x.Steps[flow.StepID{Node: 1}], x.Nodes, x.Values, x.Fans, x.State} {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, string(raw))
	}
	return strings.Join(parts, "\n")
}
