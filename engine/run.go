package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/engine/telemetry"
)

// RunStep does what a task asks for: it runs a step, if the step still carries
// the task's token, and stores what follows. nil means that the task is settled, also
// when there was nothing to do for it; an error, that it should be brought again soon.
func (e *Engine) RunStep(ctx context.Context, d flow.Dispatch) error {
	j, err := e.find(ctx, d)
	if j == nil || err != nil {
		return err
	}
	if j.step.Deaths < suspectDeaths {
		return e.run(ctx, j)
	}
	select { // workers died of it: one such step at a time
	case e.suspect <- struct{}{}:
		defer func() { <-e.suspect }()
		return e.run(ctx, j)
	default: // it does not wait in a slot: the sweeper brings it up again
		return e.postpone(ctx, d, lookAgain)
	}
}

// postpone has a step looked at again after a while, and gives up our claim of it: nobody died.
func (e *Engine) postpone(ctx context.Context, d flow.Dispatch, wait time.Duration) error {
	entry := flow.DueEntry{Execution: d.Execution, Kind: flow.DueStep, Step: d.Step, Token: d.Token}
	return e.store.Settle(context.WithoutCancel(ctx), entry, wait, lookNote)
}

// job is a step that may be run now.
type job struct {
	flow.Dispatch
	plan    *compiled
	x       *flow.Execution
	step    *flow.Step
	node    *plan.Node
	woke    string // how its wait ended, when time alone ended it
	attempt int
	key     signer  // of the store; nil unless the step names resume URLs
	places  []place // that this run asked for, and that may stand in no record yet
	late    bool    // time ended its wait, and others must be overdue, too
	turns   int     // steps of the execution that this process ran in a row before it
}

// find loads the step of a dispatch; nil when nobody asks for it any more, or
// another process runs it: if that one dies, the sweeper finds out.
func (e *Engine) find(ctx context.Context, d flow.Dispatch) (*job, error) {
	carried := e.carried.take(d)
	if carried.x != nil {
		return e.jobOf(ctx, d, carried.p, carried.x, "", carried.turns)
	}
	if p, x := e.known.toRun(d); x != nil {
		return e.jobOf(ctx, d, p, x, "", carried.turns)
	}
	p, x, err := e.loadStep(ctx, d)
	if isNotFound(err) {
		return nil, nil // purged, or rewound with the store
	}
	if err != nil {
		return nil, wrap("running a step of", d.Execution, err)
	}
	e.known.confirm(x)
	s := x.Steps[d.Step]
	woke, ok := runnable(x, s, d.Token)
	if c := x.Claims[d.Step]; !ok || c != "" && !strings.HasPrefix(c, lookNote) {
		return nil, nil
	}
	if x.Status == flow.Paused {
		return nil, e.redispatch(ctx, p, x, s, false) // which holds it
	}
	return e.jobOf(ctx, d, p, x, woke, carried.turns)
}

// jobOf makes the job of a loaded step; woke is how its wait ended, if time alone ended it.
func (e *Engine) jobOf(ctx context.Context, d flow.Dispatch, p *compiled, x *flow.Execution, woke string, turns int) (*job, error) {
	s := x.Steps[d.Step]
	j := &job{Dispatch: d, plan: p, x: x, step: s, node: p.Nodes[s.ID.Node], woke: woke, attempt: s.Attempt, turns: turns}
	var err error
	j.late = woke != "" && x.Now.Sub(s.Wait.Due) >= lateFor
	if woke != "" && s.Wait.Type == flow.Retry {
		j.attempt++
	}
	if needs := j.node.Needs; needs.ResumeURL || len(needs.ResumeURLs) > 0 {
		j.key, err = e.signer(ctx)
	}
	return j, wrap("finding the key of the store for", d.Execution, err)
}

// loadStep reads what the step needs before it runs.
func (e *Engine) loadStep(ctx context.Context, d flow.Dispatch) (*compiled, *flow.Execution, error) {
	id, version, _ := strings.Cut(d.Workflow, "@")
	p, err := e.planFor(ctx, id, version)
	if err != nil {
		return nil, nil, err
	}
	if d.Step.Node >= len(p.Nodes) {
		return nil, nil, flow.NotFound("step", d.Step.String())
	}
	want := p.toRun[d.Step.Node]
	want.Steps = []flow.StepID{d.Step}
	x, err := e.store.Load(ctx, d.Execution, want)
	if err != nil {
		return nil, nil, err
	}
	more, any := wantsInParts(p, x, d.Step)
	want = want.And(more)
	last := lastRuns(p, x, d.Step)
	for err == nil && (any || len(last) > 0) { // again when a node ran once more meanwhile
		want.Steps = append(want.Steps, last...)
		if x, err = e.store.Load(ctx, d.Execution, want); err == nil {
			any, last = false, lastRuns(p, x, d.Step)
		}
	}
	return p, x, err
}

// wantsInParts says what a step needs that belongs to parts of fans, and can be named only once the step is known.
func wantsInParts(p *compiled, x *flow.Execution, id flow.StepID) (w flow.Want, any bool) {
	s := x.Steps[id]
	if s == nil || s.Part == nil {
		return w, false
	}
	needs := p.Nodes[id.Node].Needs
	parts := partsAround(x, s.Part)
	w.Values = itemsOf(needs, s, parts)
	sc := &scope{p: p, x: x, around: parts}
	for _, n := range slices.Concat(needs.Outputs, needs.Records) {
		if run, ok := sc.last(n); ok && run != x.Nodes[n].Last {
			own := flow.StepID{Node: n, Run: run}
			w.Values, w.Steps = append(w.Values, flow.OutputRef(own)), append(w.Steps, own)
		}
	}
	return w, len(w.Values) > 0
}

// itemsOf names the items that a step works on: its own, and those of all loops around it if it reads $loop.
func itemsOf(needs plan.Needs, s *flow.Step, around []around) (refs []flow.Ref) {
	for i, a := range around {
		if needs.Loop || i == 0 && s.Of != nil {
			refs = append(refs, flow.ItemRef(a.owner, a.part.Index))
		}
	}
	return refs
}

// wantsToRun says what a step of the node needs before it runs, but for the step itself. How far the nodes came is known of all of
// them, unless there are too many: then the next step can be carried on without a look.
func (c *compiled) wantsToRun(n int) flow.Want {
	needs := c.Nodes[n].Needs
	w := flow.Want{Inputs: true, Outputs: needs.Outputs, Records: needs.Records, Input: needs.Trigger, State: needs.State}
	w = w.And(c.after(n)).And(flow.Want{Nodes: needs.ResumeURLs})
	if len(c.Nodes) <= maxCarried {
		w.Nodes = c.all
	}
	w.Nodes, w.Values, w.Outputs, w.Records = slices.Clip(w.Nodes), slices.Clip(w.Values), slices.Clip(w.Outputs), slices.Clip(w.Records)
	return w
}

// runnable tells whether a task with this token may run the step now, and what woke
// it when time ended its wait.
func runnable(x *flow.Execution, s *flow.Step, token string) (woke string, ok bool) {
	switch {
	case s == nil || s.Token != token || x.Status.Terminal() || x.Status == flow.Quarantined:
		return "", false
	case s.Status == flow.StepPending:
		return "", true
	case s.Status != flow.StepSuspended || s.Wait == nil || s.Wait.Due.IsZero() || s.Wait.Due.After(x.Now):
		return "", false // an alarm that rang early, or for a wait that is over
	case s.Wait.Timer:
		return flow.ByTimer, true
	}
	return flow.ByTimeout, true
}

// run runs the node and has its outcome judged.
func (e *Engine) run(ctx context.Context, j *job) error {
	ctx, endSpan := telemetry.StartStep(ctx, telemetry.Step{
		Execution: j.x.ID, Workflow: j.x.Workflow, Version: j.x.Version, Node: j.node.Key, NodeType: j.node.Type.Name,
		Run: j.Step.Run, Attempt: j.attempt, Kind: j.Kind, Root: j.x.Trace, Previous: j.step.Trace,
	})
	f, children, err := e.try(ctx, j)
	if err != nil {
		endSpan(err)
		e.abandon(ctx, j)
		return e.giveBack(ctx, j, err)
	}
	err = e.applyStep(ctx, j, f, children)
	if f.err != nil {
		endSpan(f.err)
	} else {
		endSpan(nil)
	}
	if errors.Is(err, errFenced) {
		e.abandon(ctx, j)
		e.cfg.Counters.Fenced(ctx)
		e.log.InfoContext(ctx, "a late result was refused", "execution", j.x.ID, "node", j.node.Key, "step", j.Step.String())
		return nil
	}
	if err != nil {
		return e.giveBack(ctx, j, wrap("storing a step of", j.x.ID, err))
	}
	return nil
}

// giveBack gives up the claim of a step that is to be brought again, unless it is not ours any more.
func (e *Engine) giveBack(ctx context.Context, j *job, cause error) error {
	switch {
	case errors.Is(cause, errLost):
		e.log.InfoContext(ctx, "a running step was broken off", "execution", j.x.ID, "node", j.node.Key, "step", j.Step.String(), "reason", errLost)
		return nil // the task is settled: who ended the step, or has it, sees to what follows
	case errors.Is(cause, errCutOff):
		return cause
	}
	if err := e.postpone(ctx, j.Dispatch, flow.FreshDue); err != nil {
		e.log.WarnContext(ctx, "a claim was not given up; it expires by itself", "execution", j.x.ID, "step", j.Step.String(), "error", err)
	}
	return cause
}

// try makes one attempt. An error means that it does not count: it was broken off, or something beside the node was away.
func (e *Engine) try(ctx context.Context, j *job) (stepEnded, []*flow.Change, error) {
	runCtx, r, stop := e.running.start(ctx, j.Dispatch, attemptTimeout(j.node))
	defer stop()
	f := stepEnded{step: j.Step, token: j.Token, woke: j.woke, random: rand.Float64(), span: j.step.Trace}
	if j.step.Deaths >= suspectDeaths {
		e.claim(ctx, []*run{r}) // so that its death is counted, and only its own
		if cause := context.Cause(runCtx); cause != nil {
			return f, nil, j.stopped(cause)
		}
	}
	if ok, err := e.enter(ctx, j, &f); !ok || err != nil {
		return f, nil, wrap("finding a place for a step of", j.x.ID, err)
	}
	e.noticeStarting(ctx, j)
	began := time.Now()
	out, children, err := e.invoke(runCtx, j)
	f.ran, f.out = time.Since(began), out
	if span := telemetry.Inject(ctx); span != nil {
		f.span = span
	}
	if err == nil {
		return f, children, nil
	}
	if cause := context.Cause(runCtx); ctx.Err() != nil || errors.Is(cause, errLost) || errors.Is(cause, errCutOff) {
		return f, nil, j.stopped(cause)
	}
	if away := (errAway{}); errors.As(err, &away) {
		return f, nil, wrap("finding what a step starts in", j.x.ID, err)
	}
	f.out, f.err, f.retryable = outcome{}, problemOf(runCtx, j.node, err), j.retryable(err)
	return f, nil, nil
}

// stopped says that the attempt was broken off by us, so that it never counts.
func (j *job) stopped(cause error) error {
	return fmt.Errorf("step %s of execution %s was stopped: %w", j.Step, j.x.ID, cause)
}

func attemptTimeout(n *plan.Node) time.Duration {
	if n.Timeout > 0 {
		return n.Timeout
	}
	return node.DefaultTimeout
}

// errAway marks that the store could not be reached beside the node: no failure of the node's, the step is run again.
type errAway struct{ error }

func (e errAway) Unwrap() error { return e.error }

// errBefore marks failures before the node was called: they are never retried.
type errBefore struct{ error }

func (e errBefore) Unwrap() error { return e.error }

// retryable tells whether a failure came from the action itself, on its first turn.
func (j *job) retryable(err error) bool {
	var before errBefore
	return j.firstTurn() && !errors.As(err, &before)
}

// firstTurn tells whether the node is called for the first time in its attempt.
func (j *job) firstTurn() bool {
	return j.woke == "" && j.step.Resumed == nil || j.woke != "" && holdsBack(j.x, j.step.Wait)
}

// problemOf gives a failure its stored form; an attempt that ran out of its time says so.
func problemOf(ctx context.Context, n *plan.Node, err error) *flow.Problem {
	if errors.Is(context.Cause(ctx), errAttemptTime) {
		return flow.Problemf("timeout", "the attempt took longer than %s", attemptTimeout(n))
	}
	p := *flow.AsProblem(err)
	p.Message = flow.Cut(p.Message, 4096)
	return &p
}

// invoke evaluates the parameters, calls the node and judges what it brought. A panic in any of it is only its own failure.
func (e *Engine) invoke(ctx context.Context, j *job) (out outcome, children []*flow.Change, err error) {
	defer func() {
		if r := recover(); r != nil {
			e.log.ErrorContext(ctx, "a node panicked", "execution", j.x.ID, "node", j.node.Key, "panic", r, "stack", panicFrames(".(*Engine).invoke"))
			err = &flow.Problem{Code: "panic", Message: flow.Cut(fmt.Sprintf("node type %s panicked: %v", j.node.Type.Name, r), 512)}
		}
	}()
	call, err := e.call(j)
	if err != nil {
		return outcome{}, nil, errBefore{err}
	}
	o, err := j.node.Type.Run(ctx, call)
	if err != nil {
		return outcome{}, nil, err
	}
	return e.outcome(ctx, j, o)
}
