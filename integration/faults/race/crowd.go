package race

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"prana/engine/flow"
	"prana/integration/faults/desk"
)

// twoEvents race for a wait that takes one; the other is kept for the wait that follows.
func twoEvents() Race {
	return Race{
		Name: "two events for one wait",
		Workflows: []string{`
id: taker
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: wait.wait_for_event, params: {event_type: race, event_filter: {id: $input.id}, takers: "1"}}
  - {key: again, type: wait.wait_for_event, params: {event_type: race, event_filter: {id: $nodes.start.output.id}, takers: "1"}}
connections: [start -> w, w -> again]
`},
		Sides:   []Side{publishes("first", flow.Event{}), publishes("second", flow.Event{})},
		Winners: [][]string{{"first", "second"}},
		Sees:    sawEvent, Follows: tookBoth,
	}
}

// sawEvent reads whether an event ended the wait; which one knows until it goes on only who was told so.
func sawEvent(t *Trial, v *flow.View) State {
	if runOf(v, "w").ResumedBy == "" {
		return State{}
	}
	return State{Winner: t.toldWinner()}
}

// tookBoth checks that the other event came to the next wait.
func tookBoth(t *Trial, ends []*flow.View) error {
	first, second := string(runOf(ends[0], "w").Output), string(runOf(ends[0], "again").Output)
	winner := t.state(ends[0].ID).Winner
	if !strings.Contains(first, winner) || strings.Contains(second, winner) || !strings.Contains(second, `"by":"`) {
		return fmt.Errorf("%s won, and the waits took %s and %s", winner, first, second)
	}
	return wantEnd(ends[0], flow.Completed, "again", "w")
}

// Of many waits, few may take the event.
const (
	many = 4
	few  = 2
)

// fewOfMany sends an event to two of four waits, from two processes at once, while the first two of them may end otherwise: so
// exactly two take it, whichever.
func fewOfMany() Race {
	return Race{
		Name:       "one event for two of four waits, the same again, cancel of one, hand for one",
		Executions: many,
		Workflows:  []string{waiter},
		Sides:      []Side{publishesToFew(event), publishesToFew("again"), cancels(0), resumes(1)},
		Winners:    [][]string{{event, cancel}, {event, hand}},
		Sees:       sawWait, Follows: fewTook,
	}
}

// publishesToFew publishes one event; both sides send the same.
func publishesToFew(name string) Side {
	return Side{Name: name, Run: func(ctx context.Context, t *Trial, e *desk.Process) []Told {
		ev := t.event(event, flow.Event{TTL: -1, Limit: few})
		r, err := t.Publish(ctx, e, ev)
		if err != nil {
			return []Told{Told{Execution: t.IDs[0]}.failed(err)}
		}
		if r.Matched != few || len(r.Executions) != few {
			return []Told{Told{Execution: t.IDs[0]}.failed(fmt.Errorf("it matched %d: %v", r.Matched, r.Executions))}
		}
		var all []Told
		for _, id := range r.Executions {
			all = append(all, Told{Execution: id, By: event, Said: Settled, Who: name})
		}
		return all
	}}
}

// fewTook checks that as many took the event as may, and that the others went on otherwise.
func fewTook(t *Trial, ends []*flow.View) error {
	var took []string
	for _, v := range ends {
		s := t.state(v.ID)
		if s.Winner == event {
			took = append(took, v.ID)
		}
		if s.Winner == "" {
			s.Winner = timeout // the race passed it by, and its time is up
		}
		if err := oneWay(v, s); err != nil {
			return fmt.Errorf("execution %s: %w", v.ID, err)
		}
	}
	slices.Sort(took)
	named := t.named()
	if len(took) != few || !slices.Equal(took, named) {
		return fmt.Errorf("%v took the event, and its publishers were told of %v", took, named)
	}
	return nil
}

// named lists the executions that the publishers of the trial were told of.
func (t *Trial) named() []string {
	var ids []string
	for _, op := range t.past.ops {
		if told := op.Output.(Told); told.By == event && !slices.Contains(ids, told.Execution) {
			ids = append(ids, told.Execution)
		}
	}
	slices.Sort(ids)
	return ids
}
