package integration

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"prana/engine/flow"
)

// The table of outcomes of parents and children (handlers/nodes/children_test.go) with real workers that are really killed: its
// column of children that sleep, for every mode and policy.

const familyKid = `
id: family_kid
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: test.effect, params: {name: "family/{{ $trigger.case }}/pay"}, settings: {on_cancel: refund}}
  - {key: sleep, type: wait.wait_for_event, params: {event_type: family_go, event_filter: {case: $trigger.case}, timeout_ms: 600000, on_timeout: fail}}
  - {key: refund, type: test.effect, params: {name: "family/{{ $trigger.case }}/refund"}}
connections: [start -> pay, pay -> sleep]
`

// familyParent is a workflow with a time limit, or without one.
func familyParent(name, limit string) string {
	return `
id: ` + name + limit + `
nodes:
  - {key: start, type: manual.trigger}
  - {key: beside, type: wait.wait_for_event, params: {event_type: family_side, event_filter: {case: $trigger.case}, timeout_ms: 600000, on_timeout: fail}}
  - key: call
    type: workflow.execute_workflow
    params: {workflow_id: family_kid, execution_mode: $input.mode, failure_strategy: continue, parent_close_policy: $input.policy, timeout_ms: $input.wait}
  - {key: after, type: wait.wait_for_event, params: {event_type: family_after, event_filter: {case: $trigger.case}, timeout_ms: 600000, on_timeout: fail}}
connections: [start -> beside, start -> call, call -> after]
`
}

// relative is one parent with its child, and what somebody does to them.
type relative struct {
	mode, policy, act string
	parent, child     string // ids
}

func (r *relative) name() string { return r.mode + "-" + r.policy + "-" + r.act }

func (r *relative) forgotten() bool { return r.mode == "fire_and_forget" }

// want is how both end; closed is how the child does that its policy meets.
func (r *relative) want() (parent, child string) {
	closed := map[string]string{"request_cancel": "cancelled", "terminate": "terminated", "abandon": "completed"}[r.policy]
	switch r.act {
	case "cancel":
		return "cancelled", closed
	case "terminate":
		return "terminated", closed
	case "fail":
		return "failed", closed
	case "time_out":
		return "timed_out", closed
	case "wait_out", "complete":
		return "completed", closed
	case "cancel_child":
		return "completed", "cancelled"
	case "terminate_child":
		return "completed", "terminated"
	}
	return "completed", "completed"
}

func relatives() []*relative {
	var all []*relative
	for _, mode := range []string{"sync", "async", "fire_and_forget"} {
		for _, policy := range []string{"request_cancel", "terminate", "abandon"} {
			acts := []string{"nothing", "cancel", "terminate", "fail", "time_out", "cancel_child", "terminate_child", "wait_out"}
			if mode == "fire_and_forget" {
				acts[len(acts)-1] = "complete"
			}
			for _, act := range acts {
				all = append(all, &relative{mode: mode, policy: policy, act: act})
			}
		}
	}
	return all
}

// TestParentsAndChildrenOfKilledWorkers does everything at once to parents whose children sleep, while all workers are
// killed again and again.
func TestParentsAndChildrenOfKilledWorkers(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, familyKid, familyParent("family_parent", ""), familyParent("family_parent_short", "\ntimeout_ms: 6000"))
	all := relatives()
	s.bear(t, all)
	var storm sync.WaitGroup
	storm.Go(func() { s.killAgainAndAgain(t, 5) })
	together(t, len(all), 16, func(i int) error { return s.meet(t, all[i]) })
	storm.Wait()
	s.endAll(t, all)
	for _, r := range all {
		s.checkRelative(t, r)
	}
}

// bear starts the parents, and waits until their children sleep.
func (s *system) bear(t *testing.T, all []*relative) {
	t.Helper()
	together(t, len(all), 16, func(i int) error {
		r := all[i]
		workflow, wait := "family_parent", 600_000
		switch r.act {
		case "time_out":
			workflow = "family_parent_short"
		case "wait_out":
			wait = 6000
		}
		r.parent = s.start(t, workflow, map[string]any{"case": r.name(), "mode": r.mode, "policy": r.policy, "wait": wait})
		for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			v, err := s.engine.Describe(t.Context(), r.parent)
			if err == nil && len(v.Children) == 1 && len(v.Suspensions) == 2 {
				r.child = v.Children[0].ChildID
				_, err = s.reaches(t.Context(), r.child, flow.Suspended, 20*time.Second)
				return err
			}
			if time.Since(began) > 20*time.Second {
				return fmt.Errorf("%s is not asleep: %w", r.name(), err)
			}
		}
	})
}

func (s *system) killAgainAndAgain(t *testing.T, times int) {
	d := dice(t)
	for range times {
		time.Sleep(d.upTo(500 * time.Millisecond))
		for _, p := range s.living() {
			p.Kill()
		}
		for range 2 {
			if err := s.addWorker(); err != nil {
				t.Error(err)
			}
		}
	}
}

// meet does to a pair what its case says.
func (s *system) meet(t *testing.T, r *relative) error {
	ctx, end := t.Context(), flow.CancelRequest{Reason: "by hand", ID: r.name()}
	switch r.act {
	case "cancel":
		end.Execution = r.parent
		return s.engine.Cancel(ctx, end)
	case "terminate":
		end.Execution = r.parent
		return s.engine.Terminate(ctx, end)
	case "cancel_child":
		end.Execution = r.child
		return s.engine.Cancel(ctx, end)
	case "terminate_child":
		end.Execution = r.child
		return s.engine.Terminate(ctx, end)
	case "fail":
		_, err := s.engine.Resume(ctx, flow.ResumeRequest{Execution: r.parent, Node: "beside", Error: flow.Problemf("broken", "it is broken")})
		return err
	case "complete":
		return s.letParentsEnd(t, r)
	}
	return nil
}

func (s *system) letParentsEnd(t *testing.T, r *relative) error {
	for _, event := range []string{"family_side", "family_after"} {
		if _, err := s.engine.Publish(t.Context(), flow.Event{Type: event, ID: event + r.name(), Data: raw(map[string]any{"case": r.name()})}); err != nil {
			return err
		}
	}
	return nil
}

// endAll waits for the children that end by what was done, then lets the others wake, and then their parents.
func (s *system) endAll(t *testing.T, all []*relative) {
	t.Helper()
	together(t, len(all), 16, func(i int) error {
		r := all[i]
		parent, child := r.want()
		if child != "completed" {
			if _, err := s.ends(t.Context(), r.child, 60*time.Second); err != nil {
				return err
			}
		} else if parent != "completed" || r.act == "complete" { // abandoned, once its parent is over
			if _, err := s.ends(t.Context(), r.parent, 60*time.Second); err != nil {
				return err
			}
		} else if r.act == "wait_out" { // abandoned, once nobody waits for it
			for v, err := s.engine.Describe(t.Context(), r.parent); err != nil || !ran(v, "after"); v, err = s.engine.Describe(t.Context(), r.parent) {
				time.Sleep(50 * time.Millisecond)
			}
		}
		if _, err := s.engine.Publish(t.Context(), flow.Event{Type: "family_go", ID: "go" + r.name(), Data: raw(map[string]any{"case": r.name()})}); err != nil {
			return err
		}
		if _, err := s.ends(t.Context(), r.child, 60*time.Second); err != nil {
			return err
		}
		if err := s.letParentsEnd(t, r); err != nil {
			return err
		}
		_, err := s.ends(t.Context(), r.parent, 60*time.Second)
		return err
	})
}

// checkRelative compares both ends with what is wanted, and what the child undid with what it did.
func (s *system) checkRelative(t *testing.T, r *relative) {
	t.Helper()
	parent, child := r.want()
	for id, want := range map[string]string{r.parent: parent, r.child: child} {
		v, err := s.engine.Describe(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		got := string(v.Status)
		if v.Error != nil && v.Error.Code == "terminated" {
			got = v.Error.Code
		}
		if got != want {
			t.Errorf("%s: %s ended as %s (%v); want %s", r.name(), v.Workflow, got, v.Error, want)
		}
	}
	refunds := byKey(s.world.calls("/effect/family/" + r.name() + "/refund"))
	if want := child == "cancelled"; want != (len(refunds) == 1) {
		t.Errorf("%s: %d refunds by a child that is %s", r.name(), len(refunds), child)
	}
	v, err := s.engine.Describe(t.Context(), r.parent)
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(v.Nodes, func(n flow.NodeRun) bool { return n.Node == "call" }); v.Nodes[i].ResumedBy == flow.ByChild != (parent == "completed" && !r.forgotten() && r.act != "wait_out") {
		t.Errorf("%s: the parent's step was resumed by %q", r.name(), v.Nodes[i].ResumedBy)
	}
}
