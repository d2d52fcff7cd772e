package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"

	"prana/engine/flow"
	"prana/engine/telemetry"
)

// Rerun starts a new execution that runs another one again: from the beginning, or from a node. From a node, whatever cannot
// be reached from it keeps what was recorded: its results count as if they had come in the new execution, and nobody is told of
// them anew. The node itself, all that follows it, and what had not completed, run again, under the new execution's
// idempotency keys.
//
//   - A node that works on an item of another runs again with the whole loop.
//   - Children that kept steps started stay those of the old execution: its end closed them, and that of the new one does not.
//   - The shared state begins as it was when the old execution ended; the contexts of kept nodes are exactly theirs.
//   - The new execution undoes (on_cancel) only what it did itself.
//   - The new execution has no parent, whatever the old one had.
//
// Another version of the workflow is accepted if the nodes that are kept are the same in it, and lead to one another as before.
// flow.ErrConflict says why an execution cannot be run again like this.
func (e *Engine) Rerun(ctx context.Context, r flow.RerunRequest) (flow.RerunResult, error) {
	a, err := e.rerunOf(ctx, r)
	if err != nil {
		return flow.RerunResult{}, err
	}
	res := flow.RerunResult{RerunOf: a.old.ID, StartResult: flow.StartResult{
		ExecutionID: flow.NewExecutionID(rand.IntN(e.cfg.Spread)), Workflow: a.plan.Workflow.ID, Version: a.plan.Version,
	}}
	if _, err := a.begin(e, res.ExecutionID, nil); err != nil { // before the id is taken
		return flow.RerunResult{}, err
	}
	id, err := e.bindStart(ctx, res.Workflow, r.ID, rerunDigest(r), &res.StartResult)
	if err != nil {
		return flow.RerunResult{}, fmt.Errorf("rerunning execution %s as %q: %w", r.Execution, flow.Cut(r.ID, 100), err)
	}
	if res, err = e.createAgain(ctx, a, res); err == nil {
		err = id.still(ctx, e, &res.StartResult)
	}
	if err != nil {
		return flow.RerunResult{}, err
	}
	return res, nil
}

// createAgain stores the new execution, unless a former request of the same id did.
func (e *Engine) createAgain(ctx context.Context, a *rerun, res flow.RerunResult) (flow.RerunResult, error) {
	if res.Replayed {
		x, err := e.store.Load(ctx, res.ExecutionID, flow.Want{})
		if err == nil {
			res.Version = x.Version
			return res, nil
		}
		if !isNotFound(err) {
			return flow.RerunResult{}, err
		}
	}
	ctx, end := telemetry.StartExecution(ctx, "prana.rerun", res.ExecutionID, res.Workflow, res.Version, a.Trace)
	born, err := a.begin(e, res.ExecutionID, telemetry.Inject(ctx))
	if err == nil {
		e.owe(a.plan, nil, born.ch)
		err = e.commit(ctx, born.ch)
	}
	if errors.Is(err, flow.ErrExists) {
		end(nil)
		return res, nil
	}
	end(err)
	if err != nil {
		return flow.RerunResult{}, wrap("rerunning", a.old.ID, err)
	}
	e.told(ctx, a.plan, nil, born.ch)
	return res, nil
}

// PlanRerun says what a rerun would keep and what would run again; it starts nothing.
func (e *Engine) PlanRerun(ctx context.Context, r flow.RerunRequest) (flow.RerunPlan, error) {
	a, err := e.rerunOf(ctx, r)
	if err != nil {
		return flow.RerunPlan{}, err
	}
	born, err := a.begin(e, a.old.ID, nil)
	if err != nil {
		return flow.RerunPlan{}, err
	}
	return a.describe(born)
}

// rerun is a request with everything that it concerns.
type rerun struct {
	flow.RerunRequest
	old   *flow.Execution
	was   *compiled // what it ran
	plan  *compiled // what runs now
	from  int       // the node that runs again first
	whole bool      // from the beginning: nothing is kept
}

func (e *Engine) rerunOf(ctx context.Context, r flow.RerunRequest) (*rerun, error) {
	x, was, err := e.whole(ctx, r.Execution)
	if err != nil {
		return nil, err
	}
	a := &rerun{RerunRequest: r, old: x, was: was, plan: was}
	if r.Version != "" {
		version := r.Version
		if version == flow.LatestVersion {
			version = ""
		}
		if a.plan, err = e.planFor(ctx, x.Workflow, version); err != nil {
			return nil, err
		}
	}
	if err := a.choose(); err != nil {
		return nil, err
	}
	return a, e.checkRerun(a)
}

// choose finds the node that runs again first.
func (a *rerun) choose() error {
	first := a.plan.Nodes[a.plan.Start]
	if a.old.From != "" {
		var err error
		if first, err = a.plan.named(a.old.From); err != nil {
			return err
		}
	}
	a.from, a.whole = first.Index, true
	if a.From == "" || a.From == first.Key {
		return nil
	}
	n, err := a.plan.named(a.From)
	if err == nil {
		a.from, a.whole = a.plan.outermost(n), false
	}
	return err
}

func (e *Engine) checkRerun(a *rerun) error {
	if a.whole {
		return e.checkStart(a.plan, flow.StartRequest{Input: a.input(), From: a.old.From, Only: a.old.Only})
	}
	if s := a.old.Status; !s.Terminal() && s != flow.Quarantined {
		return a.cannot("it is %s; wait for its end, so that what is kept stands still", s)
	}
	_, err := e.decodeInput(a.Input)
	return err
}

// input is that of the new execution.
func (a *rerun) input() json.RawMessage {
	if a.whole && a.Input != nil {
		return a.Input
	}
	return orNull(a.old.Input)
}

func (a *rerun) cannot(why string, args ...any) *flow.Problem {
	p := flow.Problemf(flow.ErrConflict.Code, "execution %s cannot be run again from node %s: "+why, append([]any{a.old.ID, a.plan.Nodes[a.from].Key}, args...)...)
	p.Details = map[string]any{"execution_status": string(a.old.Status)}
	return p
}

// begin makes the change that creates the new execution, with everything that is kept.
func (a *rerun) begin(e *Engine, id string, trace map[string]string) (*transition, error) {
	place, err := a.plan.place(a.input())
	if err != nil {
		return nil, err
	}
	head := flow.Head{
		Workflow: a.plan.Workflow.ID, Version: a.plan.Version, StartID: a.ID, Tags: a.old.Tags, Trace: trace,
		Timeout: timeout(a.plan, start{}), From: a.old.From, Only: a.old.Only, RerunOf: a.old.ID,
		Place: place, Queue: a.old.Queue,
	}
	ch := begin(a.plan, id, head, a.input(), start{}, false)
	ch.Values = map[flow.Ref]flow.Value{}
	t := &transition{plan: a.plan, ch: ch, limits: e.limits, x: &flow.Execution{
		ID: id, Head: head, Front: ch.Front, Input: ch.Input, Steps: map[flow.StepID]*flow.Step{}, Nodes: ch.Nodes,
		Values: map[flow.Ref]json.RawMessage{}, State: a.old.State, Now: a.old.Now, Whole: true,
	}}
	for _, s := range ch.Steps {
		t.x.Steps[s.ID] = s
	}
	if a.whole {
		return t, nil
	}
	return t, a.keep(t)
}

func rerunDigest(r flow.RerunRequest) string {
	raw, _ := flow.Encode([]any{r.Execution, r.From, r.Version, r.Input != nil})
	return digest(raw) + digest(r.Input)
}
