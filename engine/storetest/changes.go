package storetest

import (
	"encoding/json"
	"time"

	"prana/engine/flow"
)

// edit makes a change say more.
type edit func(c *flow.Change)

// birth creates an execution in partition 0.
func birth(edits ...edit) *flow.Change {
	return apply(&flow.Change{
		Execution: flow.NewExecutionID(0), Op: flow.NewToken(),
		Head:  &flow.Head{Workflow: "order", Version: "v1"},
		Input: json.RawMessage(`{"n":1}`),
		Front: flow.Front{Status: flow.Running},
	}, edits)
}

// after changes an execution that stands as x says.
func after(x *flow.Execution, edits ...edit) *flow.Change {
	return apply(&flow.Change{
		Execution: x.ID, Op: flow.NewToken(), Prev: x.Rev, Front: x.Front, Was: x.Status, Workflow: x.Workflow,
	}, edits)
}

func apply(c *flow.Change, edits []edit) *flow.Change {
	for _, e := range edits {
		e(c)
	}
	return c
}

func step(node int, status flow.StepStatus) *flow.Step {
	return &flow.Step{ID: flow.StepID{Node: node}, Status: status, Token: flow.NewToken()}
}

// held has no token, since its execution is paused.
func held(s *flow.Step) *flow.Step {
	s.Token = ""
	return s
}

func waiting(node int, w flow.Wait) *flow.Step {
	s := step(node, flow.StepSuspended)
	s.Wait = &w
	return s
}

func eventWait(eventType string, filter map[string]any) flow.Wait {
	return flow.Wait{Type: flow.ExternalEvent, Event: &flow.Subscription{Type: eventType, Filter: filter}}
}

// steps writes steps, and nothing that follows from it.
func steps(list ...*flow.Step) edit {
	return func(c *flow.Change) { c.Steps = append(c.Steps, list...) }
}

// run writes steps and dispatches them.
func run(list ...*flow.Step) edit {
	return func(c *flow.Change) {
		c.Steps = append(c.Steps, list...)
		for _, s := range list {
			c.Dispatch = append(c.Dispatch, dispatch(c.Execution, s))
		}
	}
}

// ready writes steps that wait for their turn in a sequential execution.
func ready(list ...*flow.Step) edit {
	return func(c *flow.Change) {
		c.Steps = append(c.Steps, list...)
		for _, s := range list {
			c.Front.Ready = append(c.Front.Ready, s.ID)
		}
	}
}

// suspend writes steps that wait, and lists their waits.
func suspend(list ...*flow.Step) edit {
	return func(c *flow.Change) {
		c.Front.Status = flow.Suspended
		c.Steps = append(c.Steps, list...)
		for _, s := range list {
			c.Opened = append(c.Opened, suspensionID(c.Execution, s))
		}
	}
}

// resolve ends the wait of a step, which runs on or is over, as its new record says.
func resolve(old, next *flow.Step, alarm *flow.Dispatch) edit {
	return func(c *flow.Change) {
		c.Front.Status = flow.Running
		c.Steps = append(c.Steps, next)
		c.Closed = append(c.Closed, flow.Closed{
			ID: suspensionID(c.Execution, old), Type: old.Wait.Type, Event: old.Wait.Event, Alarm: alarm,
		})
	}
}

// end makes the execution terminal.
func end(status flow.Status) edit {
	return func(c *flow.Change) { c.Front.Status, c.Ended = status, true }
}

func revive(c *flow.Change) { c.Front.Status, c.Revived = flow.Running, true }

func owe(ids ...string) edit {
	return func(c *flow.Change) {
		for _, id := range ids {
			c.Outbox = append(c.Outbox, flow.Outgoing{
				ID: id, Kind: flow.SendAlert, To: "somebody", Data: json.RawMessage(`{"id":"` + id + `"}`),
			})
		}
	}
}

func value(ref flow.Ref, v flow.Value) edit {
	return func(c *flow.Change) {
		if c.Values == nil {
			c.Values = map[flow.Ref]flow.Value{}
		}
		c.Values[ref] = v
	}
}

func reply(s string) edit { return func(c *flow.Change) { c.Reply = json.RawMessage(s) } }

func raw(s string) flow.Value { return flow.Value{Raw: json.RawMessage(s)} }

func takes(event string, began, now int64) edit {
	return func(c *flow.Change) {
		c.Takes = append(c.Takes, flow.Taken{Event: event, Began: began, Now: now})
	}
}

func workflow(id string) edit { return func(c *flow.Change) { c.Head.Workflow = id } }

func childOf(parent string) edit {
	return func(c *flow.Change) {
		c.Head.Parent = &flow.Parent{Execution: parent, Step: flow.StepID{Node: 1}, Mode: "sync"}
		c.Head.Depth = 1
	}
}

func timeout(d time.Duration) edit { return func(c *flow.Change) { c.Head.Timeout = d } }

func dispatch(execution string, s *flow.Step) flow.Dispatch {
	return flow.Dispatch{Kind: flow.KindStep, Execution: execution, Step: s.ID, Token: s.Token, Workflow: "order@v1"}
}

func alarm(execution string, s *flow.Step, in time.Duration) flow.Dispatch {
	d := dispatch(execution, s)
	d.Kind, d.In = flow.KindResume, in
	return d
}

func suspensionID(execution string, s *flow.Step) flow.SuspensionID {
	return flow.SuspensionID{Execution: execution, Step: s.ID, Turn: s.Turn}
}

func lineOf(execution string, s *flow.Step) flow.DueEntry {
	return flow.DueEntry{Execution: execution, Kind: flow.DueStep, Step: s.ID}
}

func taskID(d flow.Dispatch) string { return d.Execution + ":" + d.Step.String() + ":" + d.Token }
