package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"prana/engine/flow"
	"prana/engine/telemetry"
)

// Start begins an execution of a workflow. The same ID starts it once:
// repetitions are answered with the execution of the first, or
// flow.ErrMismatch when they bring another input.
func (e *Engine) Start(ctx context.Context, r flow.StartRequest) (flow.StartResult, error) {
	p, err := e.planFor(ctx, r.Workflow, r.Version)
	if err != nil {
		return flow.StartResult{}, err
	}
	if err := e.checkInput(p, r.Input); err != nil {
		return flow.StartResult{}, err
	}
	place, err := p.place(r.Input)
	if err != nil {
		return flow.StartResult{}, fmt.Errorf("starting workflow %s: %w", r.Workflow, err)
	}
	res := flow.StartResult{ExecutionID: flow.NewExecutionID(rand.IntN(e.cfg.Spread)), Workflow: p.Workflow.ID, Version: p.Version}
	if r.ID != "" {
		same := r.Input
		if len(r.Same) > 0 {
			same = r.Same
		}
		holder, err := e.store.ReserveStart(ctx, r.Workflow, r.ID, res.ExecutionID, digest(same))
		if err != nil {
			return flow.StartResult{}, fmt.Errorf("starting workflow %s as %q: %w", r.Workflow, flow.Cut(r.ID, 100), err)
		}
		res.Replayed = holder != res.ExecutionID
		res.ExecutionID = holder
	}
	return e.create(ctx, p, r, place, res)
}

// create stores the execution, with the concurrency key that it has. When another start holds the id, it makes up for
// what that one may not have lived to do.
func (e *Engine) create(ctx context.Context, p *compiled, r flow.StartRequest, place string, res flow.StartResult) (flow.StartResult, error) {
	if res.Replayed {
		x, err := e.store.Load(ctx, res.ExecutionID, flow.Want{})
		if err == nil {
			res.Version = x.Version
			return res, nil
		}
		if !isNotFound(err) {
			return flow.StartResult{}, err
		}
	}
	ctx, end := telemetry.StartExecution(ctx, "prana.start", res.ExecutionID, p.Workflow.ID, p.Version, r.Trace)
	head := flow.Head{
		Workflow: p.Workflow.ID, Version: p.Version, StartID: r.ID, Tags: r.Tags,
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

func (e *Engine) checkInput(p *compiled, input json.RawMessage) error {
	if err := tooLarge("the input", input, e.limits.Payload); err != nil {
		return err
	}
	v, err := flow.Decode(input)
	if err != nil {
		return flow.Problemf(flow.ErrInvalid.Code, "the input is not JSON: %v", err)
	}
	if problem := p.CheckInput(v); problem != nil {
		return problem
	}
	return nil
}
