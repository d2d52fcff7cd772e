package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"pgregory.net/rapid"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// witness notes, commit by commit, what happens; and may break one off, as a process does that dies.
type witness struct {
	engine.Store
	mu    sync.Mutex
	seen  []event
	open  map[flow.StepID]bool
	crash bool
}

var errCrash = errors.New("the process died")

func (w *witness) Commit(ctx context.Context, changes ...*flow.Change) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crash {
		w.crash = false
		return errCrash
	}
	if err := w.Store.Commit(ctx, changes...); err != nil {
		return err
	}
	for _, ch := range changes {
		w.note(ch)
	}
	return nil
}

func (w *witness) note(ch *flow.Change) {
	for _, s := range ch.Steps {
		if f := ch.Fans[s.ID]; f != nil && f.Emit == "" && !w.open[s.ID] {
			w.open[s.ID] = true
			w.seen = append(w.seen, event{what: "open", step: stepName(s.ID)})
		}
	}
	for _, r := range ch.Records {
		switch r.Name {
		case flow.NodeSuspended, flow.NodeFailed:
			w.seen = append(w.seen, event{what: r.Name, step: stepName(r.Step.ID), of: ownerOf(r.Step)})
		case flow.NodeResumed:
			w.seen = append(w.seen, event{what: r.Name, step: stepName(r.Step.ID), by: r.Step.Resumed.By})
		case flow.NodeCompleted:
			w.seen = append(w.seen, event{what: r.Name, step: stepName(r.Step.ID), port: r.Step.Port, of: ownerOf(r.Step)})
		}
	}
}

// ownerOf names the step that a part belongs to.
func ownerOf(s *flow.Step) string {
	if s.Of == nil {
		return ""
	}
	return stepName(s.Of.Owner)
}

func stepName(id flow.StepID) string { return fmt.Sprintf("%s#%d", key(id.Node), id.Run) }

// driver works off an execution in any order: tasks are taken out of turn, run twice, by two
// processes at a time, by one that dies, or lost; waits end by hand, and time passes.
type driver struct {
	rt      *rapid.T
	env     *enginetest.Env
	witness *witness
	engines []*engine.Engine
	id      string
	done    []flow.Dispatch
	byTime  bool // only time ends waits
}

func newDriver(rt *rapid.T, source string, bound int) *driver {
	d := &driver{rt: rt, witness: &witness{open: map[flow.StepID]bool{}}}
	d.env = enginetest.Open(rt, enginetest.Options{Types: append(types(), mixType, pureType, pickType), Limits: engine.Limits{Transitions: bound}, Store: func(s engine.Store) engine.Store {
		d.witness.Store = s
		return d.witness
	}})
	d.engines = []*engine.Engine{d.env.Engine(), d.env.Process()}
	d.id = d.env.Start(d.env.Deploy(source), 1)
	return d
}

// mixType leaves a digest of everything that a step was given.
var mixType = node.Type{Name: string(mixes), Inputs: []string{"*"}, Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
	return node.Outcome{Output: digest(c.Node, c.Run, c.Inputs)}, nil
}}

// maxMoves is when a run is taken to hang.
const maxMoves = 5000

// toEnd drives until the execution is terminal.
func (d *driver) toEnd() *flow.View {
	for range maxMoves {
		if v := d.env.Execution(d.id); v.Status.Terminal() || v.Status == flow.Quarantined {
			d.rest()
			return d.env.Execution(d.id)
		}
		d.move()
	}
	d.rt.Fatalf("after %d moves it has not ended: %s, %v", maxMoves, d.env.Execution(d.id).Status, d.env.Path(d.id))
	return nil
}

func (d *driver) move() {
	pending := len(d.env.Store().Tasks(0))
	switch what := rapid.IntRange(0, 19).Draw(d.rt, "move"); {
	case what == 0 && pending > 0:
		d.env.Lose()
		d.env.Pass(flow.FreshDue + time.Millisecond)
		d.env.Sweep()
	case what <= 2:
		d.resume()
	case what == 3 && pending > 0:
		d.env.Pass(10 * time.Millisecond)
	case what == 4:
		d.pause()
	case pending == 0:
		d.wait()
	default:
		d.work(pending)
	}
}

// pause has the execution stand still for a few moves, or goes on at once when nothing else moves.
func (d *driver) pause() {
	r := flow.PauseRequest{Execution: d.id, Reason: "to see"}
	if err := d.engine().Pause(d.rt.Context(), r); errors.Is(err, flow.ErrConflict) {
		return // it is over
	} else if err != nil {
		d.rt.Fatal(err)
	}
	for range rapid.IntRange(0, 5).Draw(d.rt, "paused for") {
		switch pending := len(d.env.Store().Tasks(0)); {
		case pending > 0:
			d.work(pending)
		default:
			d.wait()
		}
	}
	if err := d.engine().Unpause(d.rt.Context(), r); err != nil && !errors.Is(err, flow.ErrConflict) {
		d.rt.Fatal(err)
	}
}

// resume ends one of the waits by hand.
func (d *driver) resume() {
	waits := d.env.Execution(d.id).Suspensions
	if d.byTime || len(waits) == 0 {
		return
	}
	w := rapid.SampledFrom(waits).Draw(d.rt, "wait")
	_, err := d.engine().Resume(d.rt.Context(), flow.ResumeRequest{Execution: d.id, Token: w.ID, Data: []byte(`"hi"`)})
	if err != nil && !errors.Is(err, flow.ErrConflict) {
		d.rt.Fatalf("resuming %s: %v", w.ID, err)
	}
}

// wait lets time pass until something is due, or ends a wait where only that helps.
func (d *driver) wait() {
	if found, next := d.env.Sweep(); !found && next >= 0 && next < time.Hour {
		d.env.Pass(next)
	}
	if len(d.env.Store().Tasks(0)) == 0 {
		d.resume()
	}
}

func (d *driver) engine() *engine.Engine {
	return rapid.SampledFrom(d.engines).Draw(d.rt, "engine")
}

// work runs one of the tasks, in one of the ways in which that happens.
func (d *driver) work(pending int) {
	task, ok := d.env.Store().Take(0, rapid.IntRange(0, pending-1).Draw(d.rt, "task"))
	if !ok {
		return
	}
	switch rapid.IntRange(0, 9).Draw(d.rt, "how") {
	case 0: // it dies, and the queue brings it again
		d.witness.crash = true
		if err := d.engine().RunStep(d.rt.Context(), task); err != nil && !errors.Is(err, errCrash) {
			d.rt.Fatal(err)
		}
		d.witness.crash = false
	case 1: // with one that ran before
		if len(d.done) > 0 {
			d.run(rapid.SampledFrom(d.done).Draw(d.rt, "again"))
		}
	case 2: // by two processes
		d.both(task, task)
	case 3:
		if other, ok := d.env.Store().Take(0, 0); ok {
			d.both(task, other)
			d.settled(other)
		}
	}
	d.run(task)
	d.settled(task)
}

func (d *driver) run(task flow.Dispatch) {
	if err := d.engine().RunStep(d.rt.Context(), task); err != nil {
		d.rt.Fatalf("running %s: %v", task.Step, err)
	}
}

// both runs two tasks at the same time, in two processes.
func (d *driver) both(tasks ...flow.Dispatch) {
	var wg sync.WaitGroup
	errs := make([]error, len(tasks))
	for i, task := range tasks {
		wg.Go(func() { errs[i] = d.engines[i].RunStep(d.rt.Context(), task) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		d.rt.Fatalf("running %v: %v", tasks, err)
	}
}

func (d *driver) settled(task flow.Dispatch) {
	d.env.Store().Done(task)
	d.done = append(d.done, task)
}

// rest runs what is left in the queue: nothing comes of it.
func (d *driver) rest() {
	for task, ok := d.env.Store().Pop(0); ok; task, ok = d.env.Store().Pop(0) {
		d.run(task)
		d.settled(task)
	}
}
