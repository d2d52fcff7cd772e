package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"prana/engine/flow"
	"prana/engine/plan"
	"prana/engine/telemetry"
)

// Start begins an execution of a workflow. The same ID starts it once:
// repetitions are answered with the execution of the first, or
// flow.ErrMismatch when they bring another input, time or tags.
func (e *Engine) Start(ctx context.Context, r flow.StartRequest) (flow.StartResult, error) {
	p, err := e.planFor(ctx, r.Workflow, r.Version)
	if err != nil {
		return flow.StartResult{}, err
	}
	if err := e.checkStart(p, r); err != nil {
		return flow.StartResult{}, err
	}
	place, err := p.place(r.Input)
	if err != nil {
		return flow.StartResult{}, fmt.Errorf("starting workflow %s: %w", r.Workflow, err)
	}
	res := flow.StartResult{ExecutionID: flow.NewExecutionID(rand.IntN(e.cfg.Spread)), Workflow: p.Workflow.ID, Version: p.Version}
	id, err := e.bindStart(ctx, r.Workflow, r.ID, startDigest(r), &res)
	if err != nil {
		return flow.StartResult{}, fmt.Errorf("starting workflow %s as %q: %w", r.Workflow, flow.Cut(r.ID, 100), err)
	}
	if res, err = e.create(ctx, p, r, place, res); err == nil {
		err = id.still(ctx, e, &res)
	}
	if err != nil {
		return flow.StartResult{}, err
	}
	return res, nil
}

// create stores the execution, with the concurrency key that it has. When another start holds the id, it makes up for
// what that one may not have lived to do.
func (e *Engine) create(ctx context.Context, p *compiled, r flow.StartRequest, place string, res flow.StartResult) (flow.StartResult, error) {
	if res.Replayed {
		x, err := e.store.Load(ctx, res.ExecutionID, flow.Want{})
		if err == nil {
			res.Version = x.Version
			return res, repeats(x, r)
		}
		if !isNotFound(err) {
			return flow.StartResult{}, err
		}
	}
	ctx, end := telemetry.StartExecution(ctx, "prana.start", res.ExecutionID, p.Workflow.ID, p.Version, r.Trace)
	head := flow.Head{
		Workflow: p.Workflow.ID, Version: p.Version, StartID: r.ID, Tags: r.Tags, From: r.From, Only: r.Only,
		Timeout: timeout(p, start{at: r.StartAt}), Trace: telemetry.Inject(ctx), Place: place,
	}
	ch := begin(p, res.ExecutionID, head, orNull(r.Input), start{at: r.StartAt}, false)
	e.owe(p, nil, ch)
	err := e.commit(ctx, ch)
	if errors.Is(err, flow.ErrExists) { // a repetition of this start was faster, and told it
		end(nil)
		return res, nil
	}
	end(err)
	if err != nil {
		return flow.StartResult{}, fmt.Errorf("starting workflow %s: %w", r.Workflow, err)
	}
	e.told(ctx, p, nil, ch)
	return res, nil
}

// timeout is the time of a whole execution. It begins with the first step, be that
// planned for later; a clock that is a little off makes no difference to such a bound.
func timeout(p *compiled, when start) time.Duration {
	d := time.Duration(p.Workflow.TimeoutMS) * time.Millisecond
	if d == 0 || when == (start{}) {
		return d
	}
	return d + when.alarm()
}

// startDigest tells starts apart that came with the same id.
func startDigest(r flow.StartRequest) string {
	same := r.Input
	if len(r.Same) > 0 {
		same = r.Same
	}
	d := digest(same)
	if r.From != "" || r.Only {
		d += fmt.Sprintf(":%s:%t", r.From, r.Only)
	}
	if !r.StartAt.IsZero() {
		d += fmt.Sprintf(":at:%d", r.StartAt.UnixMilli())
	}
	return d
}

// repeats tells whether a start that came with the id of an execution has its tags, too. Its version may be another: who names one by
// himself, as a trigger does, takes the newest.
func repeats(x *flow.Execution, r flow.StartRequest) error {
	if maps.Equal(x.Tags, r.Tags) {
		return nil
	}
	return flow.Problemf(flow.ErrMismatch.Code, "start id %q of workflow %s was used with other tags, for execution %s; use another id", flow.Cut(r.ID, 100), r.Workflow, x.ID)
}

// checkStart judges where a start wants to begin, its tags and its input.
func (e *Engine) checkStart(p *compiled, r flow.StartRequest) error {
	if err := flow.CheckTags(r.Tags); err != nil {
		return err
	}
	n := p.Nodes[p.Start]
	if r.From != "" {
		var err error
		if n, err = p.named(r.From); err != nil {
			return err
		}
	}
	switch {
	case r.Only && n.Type.Body != "":
		return flow.Problemf(flow.ErrInvalid.Code, "node %s works by what follows it, so that it cannot run alone; start from it without only", n.Key)
	case !r.Only && len(n.Within) > 0:
		owner := p.Nodes[p.outermost(n)].Key
		return flow.Problemf(flow.ErrInvalid.Code, "node %s runs for the items of node %s; start from %s, or run %s alone (only)", n.Key, owner, owner, n.Key)
	case n.Index == p.Start:
		return e.checkInput(p, r.Input)
	}
	_, err := e.decodeInput(r.Input)
	return err
}

// named finds a node by its key.
func (c *compiled) named(key string) (*plan.Node, error) {
	if n, ok := c.Node(key); ok {
		return n, nil
	}
	var keys []string
	for _, n := range c.Nodes {
		keys = append(keys, n.Key)
	}
	p := flow.Problemf("node_not_found", "workflow %s has no node %q", c.Workflow.ID, flow.Cut(key, 64))
	if hint := plan.DidYouMean(flow.Cut(key, 64), keys); hint != "" {
		p.Message += "; " + hint
	}
	return nil, p
}

// outermost is the node whose items a node of a body belongs to in the end; the node itself outside of all bodies.
func (c *compiled) outermost(n *plan.Node) int {
	for _, f := range n.Within {
		if len(c.Nodes[f].Within) == 0 {
			return f
		}
	}
	return n.Index
}

func (e *Engine) checkInput(p *compiled, input json.RawMessage) error {
	v, err := e.decodeInput(input)
	if err != nil {
		return err
	}
	if problem := p.CheckInput(v); problem != nil {
		return problem
	}
	return nil
}

// decodeInput reads an input within its bound.
func (e *Engine) decodeInput(input json.RawMessage) (any, error) {
	if err := tooLarge("the input", input, e.limits.Payload); err != nil {
		return nil, err
	}
	v, err := flow.Decode(input)
	if err != nil {
		return nil, flow.Problemf(flow.ErrInvalid.Code, "the input is not JSON: %v", err)
	}
	return v, nil
}
