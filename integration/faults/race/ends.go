package race

import (
	"context"
	"fmt"

	"prana/engine/flow"
	"prana/integration/faults/desk"
)

// completion is the name of a task that completes an execution.
const completion = "completion"

func held(bool) bool { return true }

func lastStepOrCancel() Race {
	return Race{
		Name:      "completion, cancel",
		Workflows: []string{"id: short\nnodes: [{key: start, type: manual.trigger}]\n"},
		Holds:     held,
		Sides:     []Side{works(completion, Ends, own), cancels(0)},
		Winners:   [][]string{{completion, cancel}},
		Sees:      sawEnd, Follows: stayed,
	}
}

func retryTimerOrCancel() Race {
	return Race{
		Name: "retry timer, cancel",
		Workflows: []string{`
id: flaky
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: race.flaky, settings: {retry_on_failed: true, max_retries: 1, retry_delay_ms: 1}}
connections: [start -> w]
`},
		Sides:   []Side{works(completion, Ends, own), cancels(0)},
		Winners: [][]string{{completion, cancel}},
		Sees:    sawEnd, Follows: stayed,
	}
}

// pollOrCancel has two workers poll at once, as after a task that was brought twice.
func pollOrCancel() Race {
	return Race{
		Name: "end of a poll, the same again, cancel",
		Workflows: []string{`
id: poller
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: poll.poll_until, params: {endpoint: "JOBS/{{ $execution.id }}", condition: "$http.status == 200", interval_ms: 10}}
connections: [start -> w]
`},
		Sides:   []Side{works(completion, Ends, own), works(completion, Ends, own), cancels(0)},
		Winners: [][]string{{completion, cancel}},
		Sees:    sawEnd, Follows: stayed,
	}
}

// sawEnd reads how an execution ended: what completed it had won.
func sawEnd(_ *Trial, v *flow.View) State {
	switch v.Status {
	case flow.Completed:
		return State{Winner: completion, Status: flow.Completed}
	case flow.Cancelled:
		return State{Winner: cancel, Status: flow.Cancelled}
	}
	return State{}
}

// stayed checks that an end is for ever, and that nothing ran beside it.
func stayed(t *Trial, ends []*flow.View) error {
	was := t.state(ends[0].ID)
	if now := sawEnd(t, ends[0]); now != was {
		return fmt.Errorf("it was %+v and then %+v", was, now)
	}
	for _, n := range ends[0].Nodes {
		last := n.Node == "w" || len(ends[0].Nodes) == 1
		if n.RunIndex > 0 || last && (n.Status == flow.StepCompleted) != (was.Status == flow.Completed) {
			return fmt.Errorf("it is %s, and run %d of node %s is %s", was.Status, n.RunIndex, n.Node, n.Status)
		}
	}
	return nil
}

func childOrTimeout() Race {
	return Race{
		Name: "end of a child, timeout of its parent",
		Workflows: []string{`
id: parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: workflow.execute_workflow, params: {workflow_id: child, timeout_ms: 1, failure_strategy: continue}}
connections: [start -> w]
`, "id: child\nnodes: [{key: start, type: manual.trigger}]\n"},
		Holds:   func(root bool) bool { return !root },
		Sides:   []Side{works(flow.ByChild, Takes, childs), works(timeout, Ends, own)},
		Winners: [][]string{{flow.ByChild, timeout}},
		Sees:    sawWait, Follows: familyAgrees,
	}
}

// childs is the task that completes the child of the execution that is raced for.
func childs(t *Trial) flow.Dispatch { return t.held[t.children[t.IDs[0]]] }

// familyAgrees checks that parent and child tell the same story.
func familyAgrees(t *Trial, ends []*flow.View) error {
	parent, winner := ends[0], t.state(ends[0].ID).Winner
	if err := wantEnd(parent, flow.Completed, "w"); err != nil {
		return err
	}
	child, err := t.Processes[0].Describe(context.Background(), t.children[parent.ID])
	if err != nil {
		return err
	}
	// A child that nobody waits for any more is cancelled, unless it ends before it hears of that.
	if winner == flow.ByChild && child.Status != flow.Completed || child.Status != flow.Completed && child.Status != flow.Cancelled {
		return fmt.Errorf("it was resumed by %s, and its child is %s", winner, child.Status)
	}
	return nil
}

// operators retry the same failed execution, each by a request of its own.
func operators() Race {
	return Race{
		Name: "two operators retry",
		Workflows: []string{`
id: broken
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: race.broken}
connections: [start -> w]
`},
		Sides:   []Side{retries("ann"), retries("bob")},
		Winners: [][]string{{"ann", "bob"}},
		Sees:    sawRetry, Follows: retriedOnce,
	}
}

func retries(who string) Side {
	return Side{Name: who, Run: func(ctx context.Context, t *Trial, e *desk.Process) []Told {
		told := Told{Execution: t.IDs[0], By: who}
		for {
			_, err := e.Retry(ctx, flow.RetryRequest{Execution: t.IDs[0], ID: t.Name + who})
			if away(err) {
				continue
			}
			if told = told.heard(err); told.Said == Lost {
				told.Who = nobody // it is told that it runs, and not who let it
			}
			return []Told{told}
		}
	}}
}

// sawRetry reads whether an execution was retried; who did it knows only who was told so.
func sawRetry(t *Trial, v *flow.View) State {
	if v.Generation == 0 {
		return State{}
	}
	return State{Winner: t.toldWinner()}
}

func retriedOnce(_ *Trial, ends []*flow.View) error {
	if v := ends[0]; v.Status != flow.Failed || v.Generation != 1 || len(runOf(v, "w").Attempts) != 1 {
		return fmt.Errorf("it is %s in generation %d, and node w failed %d times before", v.Status, v.Generation, len(runOf(v, "w").Attempts))
	}
	return nil
}
