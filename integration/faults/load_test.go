package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/integration/faults/fleet"
	"prana/integration/faults/programs"
)

// loadOptions say how much is to be done.
type loadOptions struct {
	Executions int
	Programs   int                // different ones; 0 = one for eight executions
	Over       time.Duration      // the executions are started evenly over this time; 0 = as fast as they are taken
	Hold       func(run int) bool // a run is not started while this is so; nil = it never is
	Ledger     *ledger            // notes what was acknowledged; nil = nobody does
	Rewinds    bool               // the store may forget what was done: then an effect may be done under another key
	Stops      bool               // workers are stopped, and go on: what they were about to ask for may come after others have gone on
}

// load is executions of random programs, each with its events, on a fleet; and what each of them must come to.
type load struct {
	*part
	fleet    *fleet.Fleet
	options  loadOptions
	programs []*programs.Program
	runs     []*loadRun
	started  atomic.Int64 // executions that are under way
	begun    sync.WaitGroup
	failures chan error
}

// loadRun is one execution.
type loadRun struct {
	start   string // the id that it is started with, and its text
	program *programs.Program
	want    programs.Expected
	id      string
}

// load deploys random programs, and begins to start executions of them and to publish what they wait for.
func (p *part) load(f *fleet.Fleet, o loadOptions) *load {
	p.Helper()
	if o.Programs == 0 {
		o.Programs = max(1, o.Executions/8)
	}
	l := &load{part: p, fleet: f, options: o, failures: make(chan error, o.Executions)}
	for i := range o.Programs {
		g := programs.Generate(p.dice(uint64(1000+i)), fmt.Sprintf("p%d", i))
		l.programs = append(l.programs, g)
		if err := f.Deploy(p.Context(), g.Sources()...); err != nil {
			p.Fatal(err)
		}
	}
	for i := range o.Executions {
		r := &loadRun{start: fmt.Sprintf("x%d-%d", p.seed, i), program: l.programs[i%len(l.programs)]}
		r.want = r.program.Interpret(r.start)
		l.runs = append(l.runs, r)
	}
	l.begun.Go(l.begin)
	return l
}

// atOnce is how many executions are given their start and their events at a time.
const atOnce = 48

func (l *load) begin() {
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	began := time.Now()
	for i, r := range l.runs {
		due := began.Add(l.options.Over * time.Duration(i) / time.Duration(len(l.runs)))
		if !rest(l.Context(), time.Until(due)) {
			break
		}
		for l.options.Hold != nil && l.options.Hold(i) && rest(l.Context(), 20*time.Millisecond) {
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := l.drive(r, l.dice(uint64(1_000_000+i))); err != nil {
				l.failures <- fmt.Errorf("starting %s, or telling it of its events: %w", r.start, err)
			}
		})
	}
	wg.Wait()
}

// failed tells whether an execution could not be started, or told of its events.
func (l *load) failed() bool { return len(l.failures) > 0 }

// rest pauses; false when ctx was done first.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(max(0, d)):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// drive starts an execution and publishes its events: some before it is started, others when it may wait for them.
func (l *load) drive(r *loadRun, dice *rand.Rand) error {
	events := slices.Clone(r.want.Events)
	dice.Shuffle(len(events), func(a, b int) { events[a], events[b] = events[b], events[a] })
	early := dice.IntN(len(events) + 1)
	for _, e := range events[:early] {
		if err := l.publish(e); err != nil {
			return err
		}
	}
	if err := l.start(r); err != nil {
		return err
	}
	l.started.Add(1)
	for _, e := range events[early:] {
		if !rest(l.Context(), time.Duration(dice.IntN(400))*time.Millisecond) {
			break
		}
		if err := l.publish(e); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) start(r *loadRun) error {
	input, err := json.Marshal(map[string]string{"id": r.start})
	if err != nil {
		return err
	}
	err = l.fleet.Ask(l.Context(), func(ctx context.Context, c *client.Client) error {
		res, err := c.Start(ctx, flow.StartRequest{Workflow: r.program.Name, ID: r.start, Input: input})
		if err == nil {
			r.id = res.ExecutionID
		}
		return err
	})
	if err == nil {
		l.options.Ledger.started(r.id)
	}
	return err
}

func (l *load) publish(e programs.Event) error {
	data, err := json.Marshal(map[string]string{"at": e.At, "brought": e.Text})
	if err != nil {
		return err
	}
	err = l.fleet.Ask(l.Context(), func(ctx context.Context, c *client.Client) error {
		_, err := c.Publish(ctx, flow.Event{ID: e.At, Type: e.Type, Data: data})
		return err
	})
	if err == nil {
		l.options.Ledger.published(e.Type, e.At)
	}
	return err
}

// awaitStarted waits until all executions were started and told of all their events.
func (l *load) awaitStarted() {
	l.Helper()
	l.begun.Wait()
	close(l.failures)
	for err := range l.failures {
		l.Error(err)
	}
	if l.Failed() {
		l.FailNow()
	}
}

// await waits until all executions were started and have ended, children that nobody waits for included, and gives how long
// that took from now on.
func (l *load) await(within time.Duration) time.Duration {
	l.Helper()
	l.awaitStarted()
	began := time.Now()
	for {
		under, err := l.underWay()
		switch {
		case err == nil && under == 0:
			return time.Since(began)
		case time.Since(began) > within:
			living, lerr := l.living()
			l.dump(living)
			l.Fatalf("%d things have not ended within %s, %d executions or more among them (%v)", under, within, len(living), errors.Join(err, lerr))
		case !rest(l.Context(), 100*time.Millisecond):
			l.FailNow()
		}
	}
}

// underWay counts what is not over: all of it stands in the due index of its partition. The lists by status cannot tell, since an
// execution may go from one that is read later to one that was read before.
func (l *load) underWay() (n int64, err error) {
	for part := range max(1, l.fleet.Setup.Partitions) {
		due, err := l.fleet.Raw.ZCard(l.Context(), fmt.Sprintf("{prana-%d}:due", part)).Result()
		if err != nil {
			return 0, err
		}
		n += due
	}
	return n, nil
}

// living lists some of the executions that have not ended.
func (l *load) living() ([]flow.Summary, error) {
	var all []flow.Summary
	for _, s := range []flow.Status{flow.Pending, flow.Running, flow.Suspended, flow.Paused, flow.Cancelling, flow.Quarantined} {
		page, err := l.fleet.App.Store().Executions(l.Context(), flow.ExecutionFilter{Status: s})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
	}
	return all, nil
}

// awaitLife waits until an execution is under way, and gives 1; 0 = none came.
func (l *load) awaitLife() int {
	l.Helper()
	for give := time.Now().Add(20 * time.Second); time.Now().Before(give); {
		if living, err := l.living(); err == nil && len(living) > 0 {
			return 1
		}
		if !rest(l.Context(), 10*time.Millisecond) {
			break
		}
	}
	return 0
}

// dump tells all about some executions.
func (l *load) dump(of []flow.Summary) {
	l.Helper()
	for _, s := range of[:min(3, len(of))] {
		l.Log(l.whole(s.ID))
	}
}

func (l *load) whole(id string) string {
	v, err := l.fleet.Engine.Describe(l.Context(), id)
	raw, _ := json.MarshalIndent(v, "", " ")
	return fmt.Sprintf("%s (%v)", raw, err)
}
