package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"prana/engine/flow"
)

// trials of each race. Both sides must win some of them, or the race was none.
const trials = 200

// tally counts winners.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *tally) add(winner string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[winner]++
}

// everybodyWon fails when one side never did: then the trials say nothing.
func (c *tally) everybodyWon(t *testing.T, names ...string) {
	t.Helper()
	t.Logf("winners: %v", c.n)
	for _, name := range names {
		if c.n[name] == 0 {
			t.Errorf("%s never won: this was no race", name)
		}
	}
}

const eventOrTimeout = `
id: race_event_timeout
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: race, event_filter: {id: $input.id}, timeout_ms: 1000, on_timeout: late}}
  - {key: got, type: data.set_data, params: {mapping_map: {won: event}}}
  - {key: late, type: data.set_data, params: {mapping_map: {won: timeout}}}
connections: [start -> wait, wait -> got, wait.late -> late]
`

func TestEventAgainstTimeoutHasOneWinner(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, eventOrTimeout)
	d := dice(t)
	var won tally
	together(t, trials, 25, func(i int) error {
		name := fmt.Sprintf("et-%d", i)
		id := s.start(t, "race_event_timeout", map[string]any{"id": name})
		v, err := s.reaches(t.Context(), id, flow.Suspended, 10*time.Second)
		if err != nil {
			return err
		}
		// About the instant of the timeout, by the store's clock, which is this machine's.
		aim := v.Suspensions[0].TimeoutAt.Add(d.upTo(30*time.Millisecond) - 12*time.Millisecond)
		time.Sleep(time.Until(aim))
		r, err := s.engine.Publish(t.Context(), flow.Event{Type: "race", TTL: -1, Data: raw(map[string]any{"id": name})})
		if err != nil {
			return err
		}
		winner := map[int]string{0: "timeout", 1: "event"}[r.Matched]
		won.add(winner)
		return s.onePath(t.Context(), id, winner, map[string]string{"event": "got", "timeout": "late"})
	})
	won.everybodyWon(t, "event", "timeout")
}

// onePath checks that an execution completed on the winner's branch, and on no other.
func (s *system) onePath(ctx context.Context, id, winner string, branches map[string]string) error {
	v, err := s.reaches(ctx, id, flow.Completed, 20*time.Second)
	if err != nil {
		return err
	}
	for who, key := range branches {
		if ran(v, key) != (who == winner) {
			return fmt.Errorf("%s was told to be the winner of %s, but %s ran: %v", winner, id, key, ran(v, key))
		}
	}
	return nil
}

func TestCancelAgainstCompletionHasOneWinner(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: race_cancel
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: never, timeout_ms: 60000}}
  - {key: done, type: core.log, params: {message: done}}
connections: [start -> wait, wait -> done]
`)
	d := dice(t)
	var won tally
	together(t, trials, 8, func(int) error {
		id := s.start(t, "race_cancel", nil)
		if _, err := s.reaches(t.Context(), id, flow.Suspended, 10*time.Second); err != nil {
			return err
		}
		if _, err := s.engine.Resume(t.Context(), flow.ResumeRequest{Execution: id}); err != nil {
			return err
		}
		time.Sleep(d.upTo(20 * time.Millisecond))
		err := s.engine.Cancel(t.Context(), flow.CancelRequest{Execution: id, Reason: "race"})
		want := flow.Cancelled
		if errors.Is(err, flow.ErrConflict) {
			want, err = flow.Completed, nil
		}
		won.add(string(want))
		if err != nil {
			return err
		}
		return s.staysAs(t.Context(), id, want)
	})
	won.everybodyWon(t, string(flow.Cancelled), string(flow.Completed))
}

// staysAs checks a terminal status, and again a moment later.
func (s *system) staysAs(ctx context.Context, id string, want flow.Status) error {
	for range 2 {
		if _, err := s.reaches(ctx, id, want, 10*time.Second); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

func TestChildEndingAgainstParentsTimeoutHasOneWinner(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: race_child
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: $input.ms}}
connections: [start -> nap]
`, `
id: race_parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: race_child, timeout_ms: 500, failure_strategy: continue}}
connections: [start -> child]
`)
	d := dice(t)
	var won tally
	together(t, trials, 25, func(int) error {
		id := s.start(t, "race_parent", map[string]any{"ms": 470 + ms(d.upTo(40*time.Millisecond))})
		v, err := s.reaches(t.Context(), id, flow.Completed, 20*time.Second)
		if err != nil {
			return err
		}
		winner := run(t, v, "child").ResumedBy
		won.add(winner)
		return s.childAgrees(t, v, winner)
	})
	won.everybodyWon(t, flow.ByChild, flow.ByTimeout)
}

// childAgrees checks that parent and child tell the same story.
func (s *system) childAgrees(t *testing.T, parent *flow.View, winner string) error {
	timedOut := output(t, parent)["sub_workflow_timeout"] == true
	if timedOut != (winner == flow.ByTimeout) {
		return fmt.Errorf("parent %s was resumed by %s, and its output is %s", parent.ID, winner, parent.Output)
	}
	child, err := s.ends(t.Context(), parent.Children[0].ChildID, 20*time.Second)
	if err != nil {
		return err
	}
	// A child that nobody waits for any more is cancelled, unless it ends before it hears of that.
	if winner == flow.ByChild && child.Status != flow.Completed || child.Status != flow.Completed && child.Status != flow.Cancelled {
		return fmt.Errorf("parent %s was resumed by %s, but its child is %s", parent.ID, winner, child.Status)
	}
	return nil
}

func TestResumeAgainstEventHasOneWinner(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: race_resume_event
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: race_re, event_filter: {id: $input.id}, timeout_ms: 60000}}
connections: [start -> wait]
`)
	var won tally
	together(t, trials, 8, func(i int) error {
		name := fmt.Sprintf("re-%d", i)
		id := s.start(t, "race_resume_event", map[string]any{"id": name})
		if _, err := s.reaches(t.Context(), id, flow.Suspended, 10*time.Second); err != nil {
			return err
		}
		var published flow.PublishResult
		var perr, rerr error
		sides := []func(){
			func() {
				published, perr = s.engine.Publish(t.Context(), flow.Event{Type: "race_re", TTL: -1, Data: raw(map[string]any{"id": name, "won": "event"})})
			},
			func() {
				// A publish takes two looks at Redis before it ends a wait, so a resume that begins with it always wins.
				time.Sleep(time.Duration(i%5) * time.Millisecond)
				_, rerr = s.engine.Resume(t.Context(), flow.ResumeRequest{Execution: id, Data: raw(map[string]any{"won": "manual"})})
			},
		}
		rand.Shuffle(2, func(a, b int) { sides[a], sides[b] = sides[b], sides[a] })
		atOnce(sides...)
		winner, err := oneOf(perr == nil && published.Matched == 1, "event", rerr == nil, "manual")
		if err != nil || perr != nil || rerr != nil && !errors.Is(rerr, flow.ErrConflict) {
			return fmt.Errorf("%w; publish: %+v %w; resume: %w", err, published, perr, rerr)
		}
		won.add(winner)
		return s.leaves(t, id, winner)
	})
	won.everybodyWon(t, "event", "manual")
}

func TestOfTwoResumesOneWins(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: race_resumes
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: never, timeout_ms: 60000}}
connections: [start -> wait]
`)
	var won tally
	together(t, trials, 8, func(int) error {
		id := s.start(t, "race_resumes", nil)
		if _, err := s.reaches(t.Context(), id, flow.Suspended, 10*time.Second); err != nil {
			return err
		}
		errs := make([]error, 2)
		resume := func(i int) func() {
			return func() {
				_, errs[i] = s.engine.Resume(t.Context(), flow.ResumeRequest{Execution: id, Data: raw(map[string]any{"won": fmt.Sprint("resume ", i)})})
			}
		}
		atOnce(resume(0), resume(1))
		winner, err := oneOf(errs[0] == nil, "resume 0", errs[1] == nil, "resume 1")
		if err != nil {
			return fmt.Errorf("%w: %w", err, errors.Join(errs...))
		}
		if loser := errors.Join(errs...); !errors.Is(loser, flow.ErrConflict) {
			return fmt.Errorf("the loser was told %w", loser)
		}
		won.add(winner)
		return s.leaves(t, id, winner)
	})
	won.everybodyWon(t, "resume 0", "resume 1")
}

// oneOf names the side that won, or tells that not exactly one did.
func oneOf(a bool, nameA string, b bool, nameB string) (string, error) {
	switch {
	case a && !b:
		return nameA, nil
	case b && !a:
		return nameB, nil
	}
	return "", fmt.Errorf("%s won: %v, %s won: %v", nameA, a, nameB, b)
}

// leaves checks that an execution completed with what the winner brought.
func (s *system) leaves(t *testing.T, id, winner string) error {
	v, err := s.reaches(t.Context(), id, flow.Completed, 10*time.Second)
	if err != nil {
		return err
	}
	if got := output(t, v)["won"]; got != winner {
		return fmt.Errorf("%s won, but %s left with %s", winner, id, v.Output)
	}
	return nil
}
