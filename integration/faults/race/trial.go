package race

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"prana/engine/flow"
	"prana/suspend"
)

// Trial is one race under way.
type Trial struct {
	*Lane
	Name  string
	IDs   []string                 // the executions that are raced for
	Tasks map[string]flow.Dispatch // of each of them: that of the step which waits, or the one that was held
	// children are those that the executions wait for.
	children map[string]string
	URL      string // token that ends the wait; empty = there is none
	past     history
}

// Result is what came of trials.
type Result struct {
	Trials   int
	Winners  []map[string]int // of each execution that is raced for
	Unsound  []string         // what was wrong
	Checked  int              // histories that the register accepted
	Findings []suspend.Finding
}

// batch is how many trials are prepared at once.
const batch = 48

// Runner runs the trials of one race in one lane.
type Runner struct {
	race   Race
	lane   *Lane
	tuner  *tuner
	result Result
}

// NewRunner prepares a race.
func NewRunner(r Race, l *Lane) *Runner {
	r.Executions = max(1, r.Executions)
	run := &Runner{race: r, lane: l, tuner: newTuner(len(r.Sides))}
	for range r.Winners {
		run.result.Winners = append(run.result.Winners, map[string]int{})
	}
	return run
}

// Run runs trials, and ends with the first batch in which something was wrong.
func (r *Runner) Run(ctx context.Context, trials int) (Result, error) {
	for left := trials; left > 0 && len(r.result.Unsound) == 0; left -= batch {
		if err := r.batch(ctx, min(batch, left)); err != nil {
			return r.result, fmt.Errorf("race %s: %w", r.race.Name, err)
		}
	}
	return r.result, nil
}

func (r *Runner) batch(ctx context.Context, n int) error {
	trials, err := r.prepare(ctx, n)
	if err != nil {
		return fmt.Errorf("preparing: %w", err)
	}
	for _, t := range trials {
		if err := r.trial(ctx, t); err != nil {
			return err
		}
	}
	if err := r.lane.finish(ctx); err != nil {
		return err
	}
	for _, t := range trials {
		if err := r.judge(ctx, t); err != nil {
			return err
		}
	}
	found, err := r.lane.Store.Audit(ctx, 0, suspend.AuditOptions{})
	r.result.Findings = append(r.result.Findings, found.Findings...)
	for _, f := range found.Findings {
		r.result.Unsound = append(r.result.Unsound, fmt.Sprintf("the audit finds %+v", f))
	}
	return err
}

// prepare brings executions to where the race begins.
func (r *Runner) prepare(ctx context.Context, n int) ([]*Trial, error) {
	l := r.lane
	if err := l.empty(ctx, r.race.Workflows); err != nil {
		return nil, err
	}
	workflow, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(r.race.Workflows[0]), "id: "), "\n")
	trials := make([]*Trial, n)
	for i := range trials {
		l.next++
		t := &Trial{Lane: l, Name: fmt.Sprintf("race-%d", l.next), Tasks: map[string]flow.Dispatch{}, children: map[string]string{}}
		for range r.race.Executions {
			id, err := l.Start(ctx, workflow, []byte(`{"id":"`+t.Name+`"}`))
			if err != nil {
				return nil, err
			}
			t.IDs = append(t.IDs, id)
		}
		trials[i] = t
	}
	if err := l.work(ctx, r.race.Holds); err != nil {
		return nil, err
	}
	l.Rest()
	for _, t := range trials {
		if err := t.ready(ctx); err != nil {
			return nil, err
		}
	}
	return trials, nil
}

// ready finds the tasks of the steps that are raced for, and puts the executions into the order in which their waits began.
func (t *Trial) ready(ctx context.Context) error {
	since := map[string]int64{}
	for _, id := range t.IDs {
		x, err := t.Store.Load(ctx, id, flow.Want{All: true})
		if err != nil {
			return err
		}
		for _, s := range x.Steps {
			t.know(x, s)
			if s.Wait != nil {
				since[id] = s.Wait.Since.UnixMilli()
				awaitDue(x.Now, s.Wait.Due)
			}
		}
	}
	slices.SortFunc(t.IDs, func(a, b string) int { return cmp.Or(cmp.Compare(since[a], since[b]), cmp.Compare(a, b)) })
	return nil
}

// awaitDue waits until time may end a wait, if that is soon: a worker that comes before has lost no race.
func awaitDue(now, due time.Time) {
	if soon := due.Sub(now); !due.IsZero() && soon < time.Second {
		time.Sleep(soon + time.Millisecond)
	}
}

// know notes what sides need of a step.
func (t *Trial) know(x *flow.Execution, s *flow.Step) {
	if d, held := t.held[x.ID]; held {
		t.Tasks[x.ID] = d
	}
	if s.Status == flow.StepSuspended {
		t.Tasks[x.ID] = flow.Dispatch{Kind: flow.KindResume, Execution: x.ID, Step: s.ID, Token: s.Token, Workflow: t.Ref(x.ID)}
	}
	for _, child := range s.Children {
		t.children[x.ID] = child
	}
	if _, token, found := strings.Cut(string(x.Values[flow.OutputRef(s.ID)]), "/resume/"); found {
		t.URL = token[:strings.IndexByte(token, '"')]
	}
}

// loss is among how many trials one has a reply lost.
const loss = 12

// trial lets all sides go at once, and looks at once what came of it.
func (r *Runner) trial(ctx context.Context, t *Trial) error {
	l := r.lane
	unlucky := l.some().Replies
	if l.dice.IntN(loss) == 0 {
		unlucky.Lose(1 + l.dice.Int64N(6))
	}
	barrier := make(chan struct{})
	var sides sync.WaitGroup
	for i, delay := range r.tuner.next(l.dice) {
		e := l.some()
		sides.Go(func() {
			<-barrier
			time.Sleep(delay)
			call := time.Now().UnixNano()
			told := r.race.Sides[i].Run(ctx, t, e)
			t.past.add(i, call, time.Now().UnixNano(), told)
		})
	}
	close(barrier)
	sides.Wait()
	unlucky.Lose(0)
	return r.look(ctx, t)
}

// look reads who won, before anything follows from it.
func (r *Runner) look(ctx context.Context, t *Trial) error {
	r.result.Trials++
	for i, id := range t.IDs {
		call := time.Now().UnixNano()
		v, err := r.lane.Processes[0].Describe(ctx, id)
		if err != nil {
			return err
		}
		s := r.race.Sees(t, v)
		t.past.add(len(r.race.Sides), call, time.Now().UnixNano(), []Told{{Execution: id, Kind: Reads, Sees: s}})
		if i < len(r.race.Winners) {
			r.won(i, s.Winner)
		}
	}
	return nil
}

// won counts a winner, and holds it back in the trials that come.
func (r *Runner) won(i int, winner string) {
	r.result.Winners[i][winner]++
	first := -1
	var others []int
	for n, s := range r.race.Sides {
		switch {
		case s.Name == winner && first < 0:
			first = n
		case s.Name != winner && slices.Contains(r.race.Winners[i], s.Name):
			others = append(others, n)
		}
	}
	if first >= 0 && len(others) > 0 {
		r.tuner.won(first, others, r.result.Trials)
	}
}

// judge holds the history against the register, and what followed against the winner.
func (r *Runner) judge(ctx context.Context, t *Trial) error {
	if !porcupine.CheckOperations(register, t.past.ops) {
		r.result.Unsound = append(r.result.Unsound, fmt.Sprintf("%s: no register gives these answers:%s", r.race.Name, t.past.String()))
		return nil
	}
	r.result.Checked++
	var ends []*flow.View
	for _, id := range t.IDs {
		v, err := r.lane.Processes[0].Describe(ctx, id)
		if err != nil {
			return err
		}
		ends = append(ends, v)
	}
	if err := r.race.Follows(t, ends); err != nil {
		r.result.Unsound = append(r.result.Unsound, fmt.Sprintf("%s: %v; it went like this:%s", r.race.Name, err, t.past.String()))
	}
	return nil
}

// state is what the look after the race saw of an execution.
func (t *Trial) state(id string) State {
	for _, op := range t.past.ops {
		if told := op.Output.(Told); told.Kind == Reads && told.Execution == id {
			return told.Sees
		}
	}
	return State{}
}

// toldWinner is who was told to have won.
func (t *Trial) toldWinner() string {
	for _, op := range t.past.ops {
		if told := op.Output.(Told); told.Said == Won {
			return told.By
		}
	}
	return "nobody who was told so"
}

// Add sums up results of the same race.
func (r *Result) Add(other Result) {
	r.Trials += other.Trials
	r.Checked += other.Checked
	r.Unsound = append(r.Unsound, other.Unsound...)
	for i, winners := range other.Winners {
		if i == len(r.Winners) {
			r.Winners = append(r.Winners, map[string]int{})
		}
		for w, n := range winners {
			r.Winners[i][w] += n
		}
	}
}
