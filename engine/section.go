package engine

import (
	"context"
	"encoding/json"
	"time"

	"prana/engine/eval"
	"prana/engine/flow"
)

// place is what somebody asks for: one of limit places of a concurrency key.
type place struct {
	key    string
	limit  int
	holder flow.Holder
}

// place computes the key of which a whole execution will hold a place; empty = none.
func (c *compiled) place(input json.RawMessage) (string, error) {
	if c.Section == nil {
		return "", nil
	}
	v, err := flow.Decode(input)
	if err != nil {
		return "", err
	}
	key, err := c.Section.Key(eval.Env{
		"vars": c.Workflow.Variables, "input": v, "inputs": map[string]any{flow.PortMain: v}, "trigger": v,
		"workflow": map[string]any{"id": c.Workflow.ID, "name": c.Workflow.Name, "version": c.Version}, "now": time.Now(),
	})
	if err != nil {
		return "", flow.Problemf(flow.ErrInvalid.Code, "the input does not fit the workflow: %s", flow.AsProblem(err).Message)
	}
	return key, nil
}

// wholePlace is what the execution needs before its first step.
func (c *compiled) wholePlace(x *flow.Execution) place {
	p := place{key: x.Place, limit: 1, holder: flow.Holder{Execution: x.ID, Whole: true}}
	if c.Section != nil {
		p.limit = c.Section.Limit
	}
	return p
}

// stepPlace is what a step needs that noted its key.
func (c *compiled) stepPlace(x *flow.Execution, s *flow.Step) place {
	p := place{key: s.Place, limit: 1, holder: flow.Holder{Execution: x.ID, Step: s.ID}}
	if section := c.Nodes[s.ID.Node].Section; section != nil {
		p.limit = section.Limit
	}
	return p
}

// awaited is the place that a suspended step waits for: its own, or before that of the whole execution.
func (c *compiled) awaited(x *flow.Execution, s *flow.Step) place {
	if s.Place != "" {
		return c.stepPlace(x, s)
	}
	return c.wholePlace(x)
}

// enter takes the places that a run needs before its node is called. Without all of them f says what
// comes of the run instead: a wait, or a failure of the key.
func (e *Engine) enter(ctx context.Context, j *job, f *stepEnded) (bool, error) {
	if j.asksForAll() {
		if ok, err := e.take(ctx, j, j.plan.wholePlace(j.x), f); !ok || err != nil {
			return false, err
		}
	}
	if j.node.Section == nil || j.step.Place != "" || j.step.Of != nil {
		return true, nil // it has it: a step that waits for its place is not run, and the parts of one share it
	}
	key, err := e.sectionKey(j)
	if err != nil {
		f.err = flow.AsProblem(err)
		return false, nil
	}
	if key == "" {
		return true, nil
	}
	f.place = key
	return e.take(ctx, j, place{key: key, limit: j.node.Section.Limit, holder: flow.Holder{Execution: j.x.ID, Step: j.Step}}, f)
}

// asksForAll tells whether the step needs the place of the whole execution before its first turn: the first step, and each
// step of an execution that begins in the middle, or again, where none of them is the first.
func (j *job) asksForAll() bool {
	first := j.Step == flow.StepID{Node: j.plan.first(j.x.Head)}
	return j.x.Place != "" && j.firstTurn() && (first || j.x.Generation > 0 || j.x.RerunOf != "")
}

func (e *Engine) sectionKey(j *job) (string, error) {
	env, _, err := e.env(j, j.scope())
	if err != nil {
		return "", err
	}
	return j.node.Section.Key(env)
}

// take asks for one place; when it is not free, f becomes the wait for it.
func (e *Engine) take(ctx context.Context, j *job, p place, f *stepEnded) (bool, error) {
	j.places = append(j.places, p)
	position, promoted, err := e.store.Acquire(ctx, p.key, p.holder, p.limit)
	if err != nil {
		return false, err
	}
	e.wakeLater(ctx, p.key, promoted)
	if position == 0 {
		return true, nil
	}
	data, err := flow.Encode(map[string]any{"key": p.key, "limit": p.limit, "position": position})
	if err != nil {
		return false, err
	}
	f.out.wait = &flow.Wait{Type: flow.Concurrency, Data: data}
	return false, nil
}

// abandon gives up what a run took whose step was ended meanwhile by somebody who could not know of it.
func (e *Engine) abandon(ctx context.Context, j *job) {
	ctx = context.WithoutCancel(ctx)
	for _, p := range j.places {
		e.background(func() {
			if err := e.leave(ctx, p.key, p.holder); err != nil {
				e.log.WarnContext(ctx, "a place was not given up; those who wait for it find out", "holder", p.holder.String(), "error", err)
			}
		})
	}
}

// release gives up the place of a step that is over.
func (t *transition) release(s *flow.Step) {
	if s.Place == "" {
		return
	}
	t.sendRelease(s.Place, flow.Holder{Execution: t.x.ID, Step: s.ID})
	s.Place = ""
}

func (t *transition) sendRelease(key string, h flow.Holder) {
	t.send(flow.SendRelease, key, []byte(`"`+h.String()+`"`))
}

// onlyPlace refuses to end a wait for a place otherwise than by the place.
func onlyPlace(id flow.SuspensionID) error {
	return flow.Problemf(flow.ErrConflict.Code, "suspension %s waits for a place of its concurrency_key and goes on when it gets one; cancel who holds it to have it sooner", id)
}
