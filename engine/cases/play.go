package cases

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/sim"
)

// How a case ended.
const (
	Passed = "passed"
	Failed = "failed"
)

// Result is what a case came to.
type Result struct {
	File       string    `json:"file"`
	Name       string    `json:"name"`
	Line       int       `json:"line"`
	Status     string    `json:"status"` // Passed, Failed
	DurationMS int64     `json:"duration_ms"`
	Failures   []Failure `json:"failures"`
	Path       []string  `json:"path"` // what ran of the workflow under test, as far as it came

	taken map[string]bool
}

// play is a case under way.
type play struct {
	suite  *Suite
	sim    *sim.Simulation
	world  *world
	id     string       // of the execution
	others []*flow.View // executions that it started, as they stood at the last look
	result *Result
}

// Play plays one case.
func (s *Suite) Play(ctx context.Context, c definition.TestCase) Result {
	began := time.Now()
	r := Result{File: s.File, Name: c.Name, Line: s.Line(c), Status: Passed, Failures: []Failure{}, Path: []string{}, taken: map[string]bool{}}
	p := &play{suite: s, world: newWorld(s, c), result: &r}
	if err := p.bounded(ctx, c); err != nil {
		p.fail(c.Path, "", fmt.Sprintf("it cannot be played on: %v", err))
	}
	p.end(ctx, c)
	slices.SortStableFunc(r.Failures, func(a, b Failure) int { return a.Line - b.Line })
	if len(r.Failures) > 0 {
		r.Status = Failed
	}
	r.DurationMS = time.Since(began).Milliseconds()
	return r
}

// longest is how long a case may work. Most are over in milliseconds, whatever they sleep.
const longest = time.Minute

var errEndless = fmt.Errorf("after %v of work it is not over; does it go in circles?", longest)

// bounded plays, and does not wait for what never ends.
func (p *play) bounded(ctx context.Context, c definition.TestCase) error {
	ctx, cancel := context.WithTimeoutCause(ctx, longest, errEndless)
	defer cancel()
	if err := p.play(ctx, c); ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

func (p *play) play(ctx context.Context, c definition.TestCase) error {
	if err := p.open(ctx, c); err != nil {
		return err
	}
	began, err := p.start(ctx, c)
	if err != nil || !began {
		return err
	}
	for _, step := range c.Steps {
		if err := p.step(ctx, step); err != nil {
			return err
		}
		if len(p.result.Failures) > 0 {
			return nil // what follows would fail because of it
		}
	}
	if c.Want == nil {
		return nil
	}
	if err := p.sim.AdvanceUntil(ctx, p.id, nil); err != nil {
		return err
	}
	return p.look(ctx, c.Want)
}

// open makes the simulation, and publishes the workflows in it.
func (p *play) open(ctx context.Context, c definition.TestCase) (err error) {
	begin := c.Now
	if begin.IsZero() {
		begin = p.suite.tests.Now
	}
	p.sim, err = sim.New(sim.Options{
		Types: p.world.types(), NoSchedules: true, Begin: begin, Secrets: p.suite.tests.Secrets, Env: p.suite.env,
	})
	if err != nil {
		return err
	}
	for _, w := range p.suite.workflows {
		d := *w.definition
		d.Variables = p.suite.variables(w.definition)
		if _, _, err := p.sim.Engine().Deploy(ctx, &d); err != nil {
			return err
		}
	}
	return nil
}

// start begins the execution, unless it is refused.
func (p *play) start(ctx context.Context, c definition.TestCase) (began bool, err error) {
	input, err := flow.Encode(c.Input)
	if err != nil {
		return false, err
	}
	r, refused := p.sim.Engine().Start(ctx, flow.StartRequest{Workflow: p.suite.workflows[0].definition.ID, Input: input})
	at, want := c.Path+".input", ""
	if c.Want != nil && c.Want.Refused != "" {
		at, want = c.Want.Path+".refused", c.Want.Refused
	}
	if p.refused(at, want, refused) {
		return false, nil
	}
	p.id = r.ExecutionID
	return true, p.sim.Run(ctx)
}

// refused compares the answer to what was done with the code that is wanted, and tells whether it was refused, or should have been.
func (p *play) refused(at, want string, got error) bool {
	switch code := codeOf(got); {
	case code == want:
		return code != ""
	case want == "":
		p.fail(at, "", "it is refused: "+got.Error())
	default:
		p.differ(at, "refused", want, orNothing(code), got)
	}
	return true
}

func codeOf(err error) string {
	if p := flow.AsProblem(err); p != nil {
		return p.Code
	}
	return ""
}

func (p *play) step(ctx context.Context, s definition.TestStep) error {
	if s.Want != nil {
		return p.look(ctx, s.Want)
	}
	did, err := p.do(ctx, s)
	if err != nil {
		return err
	}
	p.refused(s.Path, s.Refused, did)
	return p.sim.Run(ctx)
}

// look compares the execution as it stands with what is wanted.
func (p *play) look(ctx context.Context, w *definition.Want) error {
	v, err := p.sim.Engine().Describe(ctx, p.id)
	if err != nil {
		return err
	}
	if p.others, err = p.descendants(ctx, v); err != nil {
		return err
	}
	p.wanted(v, w)
	return nil
}

// descendants are the executions that an execution started, and those that they started.
func (p *play) descendants(ctx context.Context, v *flow.View) ([]*flow.View, error) {
	var all []*flow.View
	for _, c := range v.Children {
		child, err := p.sim.Engine().Describe(ctx, c.ChildID)
		if err != nil {
			return nil, err
		}
		below, err := p.descendants(ctx, child)
		if err != nil {
			return nil, err
		}
		all = append(append(all, child), below...)
	}
	return all, nil
}

// do does what a step says: refused is the answer to it, err that it could not be done.
func (p *play) do(ctx context.Context, s definition.TestStep) (refused, err error) {
	switch {
	case s.Publish != nil:
		data, err := flow.Encode(s.Publish.Data)
		if err != nil {
			return nil, err
		}
		_, refused = p.sim.Engine().Publish(ctx, flow.Event{Type: s.Publish.Type, Data: data})
		return refused, nil
	case s.Resume != nil:
		return p.resume(ctx, *s.Resume)
	case s.Cancel != nil:
		return p.sim.Engine().Cancel(ctx, flow.CancelRequest{Execution: p.id, Reason: *s.Cancel}), nil
	}
	return nil, p.sim.Advance(ctx, s.Advance)
}

// resume lets time pass until the wait is there that it is to end.
func (p *play) resume(ctx context.Context, r definition.TestResume) (refused, err error) {
	data, err := flow.Encode(r.Data)
	if err != nil {
		return nil, err
	}
	of, key := p.suite.named(r.Node)
	target := p.id
	err = p.sim.AdvanceUntil(ctx, p.id, func(v *flow.View) bool {
		x := p.waiter(ctx, v, of, key)
		if x != "" {
			target = x
		}
		return x != ""
	})
	if err != nil {
		return nil, err
	}
	if target == p.id && of != p.suite.workflows[0] {
		return flow.Problemf(flow.ErrConflict.Code, "no execution of %s waits at %s", of.definition.ID, key), nil
	}
	_, refused = p.sim.Engine().Resume(ctx, flow.ResumeRequest{Execution: target, Node: key, Data: data, Error: r.Error})
	return refused, nil
}

// waiter finds the execution of a workflow, the one that is looked at or one below it, whose node waits, or, without a node, in
// which something waits.
func (p *play) waiter(ctx context.Context, v *flow.View, of *workflow, key string) (execution string) {
	all := []*flow.View{v}
	if of != p.suite.workflows[0] {
		all, _ = p.descendants(ctx, v) // what cannot be read is looked for again
	}
	for _, x := range all {
		waits := slices.ContainsFunc(x.Suspensions, func(s flow.Suspension) bool { return key == s.Node || key == "" && !isPause(s) })
		if waits && x.Workflow == of.definition.ID {
			return x.ID
		}
	}
	return ""
}

// isPause tells a wait that only time ends.
func isPause(s flow.Suspension) bool { return s.Type == flow.Retry || s.Type == flow.Delay }

// shownAddresses is how many that nobody answers are told: a loop may ask for thousands.
const shownAddresses = 10

func (p *play) tellUnanswered(at string) {
	all := sortedKeys(p.world.unanswered)
	for _, to := range all[:min(len(all), shownAddresses)] {
		p.fail(at, "", fmt.Sprintf("%s was asked, and the case does not answer it: name it under http, or stub the node", to))
	}
	if more := len(all) - shownAddresses; more > 0 {
		p.fail(at, "", fmt.Sprintf("%d more addresses were asked that the case does not answer", more))
	}
}

// end tells what was asked and not answered, and notes what ran.
func (p *play) end(ctx context.Context, c definition.TestCase) {
	p.tellUnanswered(c.Path)
	if p.sim == nil {
		return
	}
	maps.Copy(p.result.taken, p.world.taken)
	for _, n := range p.sim.Notices() {
		p.result.taken[branch(n.Workflow, n.Node, "")] = true
		p.result.taken[branch(n.Workflow, n.Node, n.Port)] = true
	}
	if v, err := p.sim.Engine().Describe(ctx, p.id); err == nil {
		p.result.Path = p.sim.Path(v)
	}
}
