package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"prana/engine/flow"
)

// folder makes the facts about one execution that meet in this process into one
// change: wide fan-outs then do not fight over the revision.
type folder struct {
	mu   sync.Mutex
	open map[string]*fold // executions with a leader
}

// fold is what waits while a leader commits.
type fold struct{ waiting []*submission }

// submission is a fact with the place where its answer goes.
type submission struct {
	fact     Fact
	children []*flow.Change // created with it, or not at all
	plan     *compiled
	loaded   *flow.Execution // the state it was found in, if it was all loaded that is needed
	done     chan error
	lead     chan []*submission // brings what it is to decide as the next leader; nil = it leads already
	ctx      context.Context    //nolint:containedctx // the caller's values, for spans and logs of what follows
	tried    []string           // operations whose fate was not learned
	counts   bool               // the fact changes something, and was not stored by an earlier try
	pulls    bool               // the commit pulls a task for the worker of its own
	task     *job               // whose task is over once the fact is stored; nil = it is no step's
	tell     []func(context.Context)
}

// maxFold bounds the facts of one change.
const maxFold = 64

// join adds a submission and tells whether the caller must lead.
func (f *folder) join(id string, s *submission) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		f.open = map[string]*fold{}
	}
	if w, led := f.open[id]; led {
		s.lead = make(chan []*submission, 1)
		w.waiting = append(w.waiting, s)
		return false
	}
	f.open[id] = &fold{}
	return true
}

// take gives what came meanwhile, of which the first is to lead; nothing ends the lead.
func (f *folder) take(id string) []*submission {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.open[id]
	if len(w.waiting) == 0 {
		delete(f.open, id)
		return nil
	}
	n := min(maxFold, len(w.waiting))
	batch := w.waiting[:n:n]
	w.waiting = w.waiting[n:]
	return batch
}

// apply has a fact judged, and what follows stored. loaded may hold the state
// in which the fact was found, to save a look. The answer is the fact's own error
// or that of the store; by then everything that follows is stored, or nothing.
func (e *Engine) apply(ctx context.Context, id string, p *compiled, loaded *flow.Execution, fact Fact, children ...*flow.Change) error {
	return e.submit(id, &submission{fact: fact, children: children, plan: p, loaded: loaded, done: make(chan error, 1), ctx: ctx})
}

// applyStep is apply for what the step of a task came to.
func (e *Engine) applyStep(ctx context.Context, j *job, fact Fact, children []*flow.Change) error {
	return e.submit(j.x.ID, &submission{fact: fact, children: children, plan: j.plan, loaded: j.x, task: j, done: make(chan error, 1), ctx: ctx})
}

func (e *Engine) submit(id string, s *submission) error {
	if e.folder.join(id, s) {
		e.leads(id, []*submission{s})
	}
	var err error
	select {
	case err = <-s.done:
	case batch := <-s.lead:
		e.leads(id, batch)
		err = <-s.done
	}
	for _, tell := range s.tell { // after the lead is given up: who is told may act on this execution
		tell(context.WithoutCancel(s.ctx))
	}
	return err
}

// leads decides a batch, and has the first of those that came meanwhile lead them: whose fact is stored is free, since its worker has the
// next task in hand.
func (e *Engine) leads(id string, batch []*submission) {
	e.decide(batch[0].ctx, id, batch)
	if next := e.folder.take(id); next != nil {
		next[0].lead <- next
	}
}

// patience is how long a decision waits for a store that cannot be reached. What
// a node did is worth waiting for: afterwards it would have to be done again.
const patience = 30 * time.Second

// decide finds one change for a batch and stores it, again and again while the
// execution moves under it. A fact that cannot be judged alone fails alone.
func (e *Engine) decide(ctx context.Context, id string, batch []*submission) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	loaded := batch[0].loaded
	if x := e.known.toDecide(batch); x != nil {
		loaded = x
	} else if len(batch) > 1 {
		loaded = nil
	}
	var more flow.Want
	errs, err := e.decideOnce(ctx, id, batch, loaded, more)
	var away error // why the store did nothing, as far as it said so
	for wait := time.Millisecond; again(err) && ctx.Err() == nil; wait = min(2*wait, time.Second) {
		if need, ok := errors.AsType[errNeed](err); ok {
			more = more.And(need.Want)
		}
		if errors.Is(err, flow.ErrUnavailable) {
			away = err
			pause(ctx, 20*wait)
		} else if errors.Is(err, flow.ErrStale) {
			e.known.drop(id)
			pause(ctx, time.Duration(rand.Int64N(int64(wait))))
		}
		errs, err = e.decideOnce(ctx, id, batch, nil, more)
	}
	if errors.Is(err, flow.ErrTaken) && len(batch) > 1 {
		e.decideApart(ctx, id, batch)
		return
	}
	if errors.Is(err, context.DeadlineExceeded) { // no caller's: it was our patience that ended
		err = impatient(cmp.Or(away, err))
	}
	for i, s := range batch {
		if err == nil && errs != nil {
			s.done <- errs[i]
			continue
		}
		s.done <- err
	}
}

// impatient says why a decision was not stored.
func impatient(why error) error {
	text := why.Error()
	if p, ok := errors.AsType[*flow.Problem](why); ok {
		text = p.Message
	}
	return flow.Problemf(flow.ErrUnavailable.Code, "the store confirmed nothing within %s: %s", patience, text)
}

// decideApart judges each fact of a batch for itself.
func (e *Engine) decideApart(ctx context.Context, id string, batch []*submission) {
	for _, s := range batch {
		e.decide(ctx, id, []*submission{s})
	}
}

func again(err error) bool {
	_, need := errors.AsType[errNeed](err)
	return need || errors.Is(err, flow.ErrStale) || errors.Is(err, flow.ErrUnavailable)
}

// decideOnce loads, decides and commits. A panic must not take the lead with it: others wait.
func (e *Engine) decideOnce(ctx context.Context, id string, batch []*submission, x *flow.Execution, more flow.Want) (errs []error, err error) {
	defer func() {
		if r := recover(); r != nil {
			e.log.ErrorContext(ctx, "deciding panicked", "execution", id, "panic", r, "stack", string(debug.Stack()))
			errs, err = nil, fmt.Errorf("deciding what follows for execution %s panicked: %v", id, r)
		}
	}()
	p, fresh := batch[0].plan, x != nil
	if !fresh {
		want := more
		for _, s := range batch {
			want = want.And(s.fact.wants(p))
		}
		if len(batch) > 1 {
			want = want.Once()
		}
		if x, err = e.store.Load(ctx, id, want); err != nil {
			return nil, err
		}
	}
	facts := make([]Fact, len(batch))
	for i, s := range batch {
		facts[i] = s.fact
	}
	ch, errs, err := advance(p, x, facts, e.limits, e.cfg.Alert)
	if err != nil {
		return nil, err
	}
	for i, s := range batch {
		s.counts = errs[i] == nil
		if errs[i] != nil && s.fact.done(x, s.tried) {
			errs[i] = nil // an earlier try was stored, and only its answer was lost
		}
		s.tried = append(s.tried, ch.Op)
	}
	if !moved(ch) {
		return errs, nil
	}
	e.pastQueue(ctx, batch, ch)
	tell, err := e.commitAll(ctx, move{p, x, ch}, born(batch))
	if err != nil {
		return errs, err
	}
	batch[0].tell = append(batch[0].tell, tell)
	e.known.learn(move{p, x, ch}, fresh && batch[0].task != nil)
	e.handOver(ctx, move{p, x, ch}, batch, fresh)
	return errs, nil
}

// born gives the children of the facts that count.
func born(batch []*submission) []*flow.Change {
	var all []*flow.Change
	for _, s := range batch {
		if s.counts {
			all = append(all, s.children...)
		}
	}
	return all
}

// commitAll stores a change together with its children, and with what it means to
// its ancestors. The answer tells whoever must know.
func (e *Engine) commitAll(ctx context.Context, m move, children []*flow.Change) (func(context.Context), error) {
	moves, err := e.upwards(ctx, m)
	if err != nil {
		return nil, err
	}
	var changes []*flow.Change
	for _, m := range moves {
		e.owe(m.p, m.x, m.ch)
		changes = append(changes, m.ch)
	}
	if err := e.commit(ctx, append(changes, children...)...); err != nil {
		return nil, err
	}
	for _, up := range moves[1:] {
		e.known.drop(up.x.ID)
	}
	return func(ctx context.Context) {
		e.told(ctx, m.p, m.x, m.ch)
		for _, c := range children {
			e.toldChild(ctx, c)
		}
		for _, up := range moves[1:] {
			e.told(ctx, up.p, up.x, up.ch)
		}
	}, nil
}

// move is a change with what it was decided from.
type move struct {
	p  *compiled
	x  *flow.Execution
	ch *flow.Change
}

// commit stores changes, enqueues what the store leaves to us, and wakes who must know.
func (e *Engine) commit(ctx context.Context, changes ...*flow.Change) error {
	if err := e.store.Commit(ctx, changes...); err != nil {
		return err
	}
	part, _ := flow.PartitionOf(changes[0].Execution)
	var named []flow.Dispatch
	for _, ch := range changes {
		e.carried.drop(ch.Execution)
		own, others := byQueue(ch.Dispatch)
		if h := ch.Handover; h != nil && h.Taken {
			own--
		}
		if named = append(named, others...); own > 0 {
			e.cfg.Woken(part, "")
		}
		if dueSoon(ch) {
			e.nudgeSweep(part)
		}
	}
	e.enqueueSoon(ctx, named)
	return nil
}

// dueSoon tells whether the sweeper must look sooner than it does anyway: for a
// wait that ends within its shortest sleep, or steps beyond the bound of one commit.
func dueSoon(ch *flow.Change) bool {
	for _, s := range ch.Steps {
		if w := s.Wait; w != nil && w.HasDue() && w.In < sweepAtLeast {
			return true
		}
	}
	return len(ch.Dispatch) >= flow.MaxDispatch
}

func pause(ctx context.Context, d time.Duration) { sleep(ctx, d, nil) }

// done tells whether one of the operations ended the wait. The end of a wait that
// held back an attempt is not remembered: then only who wrote the step last is known.
func (f waitEnded) done(x *flow.Execution, ops []string) bool {
	s := x.Steps[f.wait.Step]
	return wrote(s, ops) || s != nil && s.Resumed != nil && s.Resumed.Ended(f.wait.Turn) && slices.Contains(ops, s.Resumed.Op)
}

func (f stepEnded) done(x *flow.Execution, ops []string) bool { return wrote(x.Steps[f.step], ops) }
func (f childSlept) done(x *flow.Execution, ops []string) bool {
	return wrote(x.Steps[f.wait.Step], ops)
}

func (f redispatched) done(x *flow.Execution, ops []string) bool { return wrote(x.Steps[f.step], ops) }

// done tells whether one of the operations ended the execution: it withdrew every live step, and there was one.
func (f ended) done(x *flow.Execution, ops []string) bool {
	for _, s := range x.Steps {
		if s.Status == flow.StepCancelled && wrote(s, ops) {
			return true
		}
	}
	return false
}

func (f retried) done(x *flow.Execution, _ []string) bool { return slices.Contains(x.Retries, f.name) }

func wrote(s *flow.Step, ops []string) bool { return s != nil && slices.Contains(ops, s.Op) }

// wrap names the execution in an error of the store.
func wrap(doing, id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s execution %s: %w", doing, id, err)
}
