package integration

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/handlers/nodes"
)

// TestEveryBuiltInTypeIsRestarted has a new type fail until a row of the table runs it.
func TestEveryBuiltInTypeIsRestarted(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, r := range restartRows {
		for _, src := range r.sources() {
			w, _, found := definition.Read("row.yaml", []byte(src))
			if w == nil {
				t.Fatalf("row %s: %v", r.name, found)
			}
			for _, n := range w.Nodes {
				used[n.Type] = true
			}
		}
	}
	for _, typ := range nodes.Builtin(nodes.Options{}) {
		if !used[typ.Name] {
			t.Errorf("no row of restartRows has a node of type %s", typ.Name)
		}
	}
}

// TestRestartInTheMiddleOfEveryNodeType runs every row undisturbed, once for each moment of it with all workers killed at
// that moment, once with all of them killed while it sleeps, and a few times with all of them killed at random. What comes
// of it is the same.
func TestRestartInTheMiddleOfEveryNodeType(t *testing.T) {
	t.Parallel()
	r := beginRestarts(t)
	r.undisturbed(t)
	r.stopEverywhere(t)
	r.startSleepers(t)
	r.killAll(t)
	r.wakeSleepers()
	r.addWorkers(t)
	r.killAtRandom(t, 3)
	r.compare(t, time.Minute)
	if r.onlyKillsExplainRepetitions(t, r.killed) == 0 {
		t.Error("no kill hit an effect")
	}
}

// TestRedisRestartInTheMiddleOfEveryNodeType has Redis killed instead, while a worker stands at each moment; they go on
// while it is away. Nobody died, so nothing is run again.
func TestRedisRestartInTheMiddleOfEveryNodeType(t *testing.T) {
	t.Parallel()
	r := beginRestarts(t)
	r.undisturbed(t)
	r.stopEverywhere(t)
	r.startSleepers(t)
	r.writeThrough(t)
	r.redis.Kill()
	close(r.gate.goOn)
	time.Sleep(time.Second)
	if err := r.redis.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wakeSleepers()
	r.compare(t, time.Minute)
	r.onlyKillsExplainRepetitions(t, nil)
}

// restarts is a system in which executions of all rows are caught.
type restarts struct {
	*system
	gate   *turnstile
	cases  []*restarted
	calm   map[string]result // what came of the undisturbed case, by row
	killed map[int]bool

	mu    sync.Mutex
	sleep bool // sleepers are not answered
}

// restarted is one execution of a row.
type restarted struct {
	row
	start string // its start id and case
	why   string
	id    string // of the execution
}

func beginRestarts(t *testing.T) *restarts {
	t.Helper()
	r := &restarts{gate: newTurnstile(t), calm: map[string]result{}, killed: map[int]bool{}, sleep: true}
	r.system = begin(t, setup{Turnstile: r.gate.URL, Slots: 1000, Partitions: 2})
	r.gate.startOf = r.startOf
	for _, row := range restartRows {
		sources := row.sources()
		slices.Reverse(sources) // a child before its parent
		r.deploy(t, sources...)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var outside sync.WaitGroup
	outside.Go(func() { r.answer(ctx) })
	t.Cleanup(func() { cancel(); outside.Wait() })
	return r
}

// startOf gives the start id of an execution, or of the ancestor that has one.
func (r *restarts) startOf(ctx context.Context, execution string) (string, error) {
	x, err := r.app.Store().Load(ctx, execution, flow.Want{})
	if err != nil {
		return "", err
	}
	if x.Parent != nil {
		return r.gate.start(ctx, x.Parent.Execution)
	}
	return x.StartID, nil
}

// begin starts executions.
func (r *restarts) begin(t *testing.T, cases []*restarted) {
	t.Helper()
	together(t, len(cases), 16, func(i int) error {
		c := cases[i]
		r.world.open(c.start + "/room")
		if c.early != "" {
			if _, err := r.engine.Publish(t.Context(), flow.Event{Type: c.early, Data: raw(map[string]any{"case": c.start, "early": true})}); err != nil {
				return err
			}
		}
		input := map[string]any{"case": c.start, "list": []int{1, 2, 3}, "n": 7, "soon": time.Now().Add(3 * time.Second).UTC().Format(time.RFC3339Nano)}
		res, err := r.engine.Start(t.Context(), flow.StartRequest{Workflow: c.name, ID: c.start, Input: raw(input)})
		c.id = res.ExecutionID
		return err
	})
}

// beginRows starts an execution of each row.
func (r *restarts) beginRows(t *testing.T, name, why string) []*restarted {
	t.Helper()
	all := make([]*restarted, len(restartRows))
	for i, row := range restartRows {
		all[i] = &restarted{row: row, start: row.name + "-" + name, why: why}
	}
	r.begin(t, all)
	return all
}

// undisturbed runs every row once, and compares with what was worked out by hand.
func (r *restarts) undisturbed(t *testing.T) {
	t.Helper()
	began := time.Now()
	all := r.beginRows(t, "calm", "was not disturbed")
	results := make([]result, len(all))
	together(t, len(all), 16, func(i int) (err error) {
		results[i], err = r.result(t.Context(), all[i], 30*time.Second)
		return err
	})
	for i, c := range all {
		c.check(t, results[i])
		r.calm[c.name] = results[i]
	}
	t.Logf("%d rows took %s undisturbed", len(all), time.Since(began).Round(time.Millisecond))
}

// stopEverywhere has an execution stop at every moment of every row, last of those that cannot wait.
func (r *restarts) stopEverywhere(t *testing.T) {
	t.Helper()
	r.stopAll(t, func(row row) bool { return !row.clock })
	r.stopAll(t, func(row row) bool { return row.clock })
}

func (r *restarts) stopAll(t *testing.T, these func(row) bool) {
	t.Helper()
	began := time.Now()
	var all []*restarted
	for _, row := range restartRows {
		if these(row) {
			all = append(all, r.stops(row)...)
		}
	}
	r.begin(t, all)
	r.cases = append(r.cases, all...)
	missed := r.gate.awaitStopped(6 * time.Second)
	t.Logf("%d executions stopped within %s", len(all)-len(missed), time.Since(began).Round(time.Millisecond))
	for start, m := range missed {
		t.Logf("%s did not come to %s", start, m)
	}
	if len(missed) > max(5, len(all)/20) { // a few depend on what comes first
		t.Errorf("%d of %d executions did not stop where they should", len(missed), len(all))
	}
}

// stops gives an execution for each moment of a row, which is to stop there.
func (r *restarts) stops(row row) []*restarted {
	var all []*restarted
	for i, m := range r.gate.moments(row.name + "-calm") {
		if m.Node == "start" && row.name != "trigger_manual" {
			continue // they are all alike
		}
		c := &restarted{row: row, start: fmt.Sprint(row.name, "-at-", i), why: "was stopped at " + m.String()}
		r.gate.stopAt(c.start, m)
		all = append(all, c)
	}
	return all
}

// startSleepers begins executions that nobody answers until they are to wake.
func (r *restarts) startSleepers(t *testing.T) {
	t.Helper()
	r.cases = append(r.cases, r.beginRows(t, "asleep", "slept")...)
	time.Sleep(500 * time.Millisecond) // until they do
}

func (r *restarts) wakeSleepers() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sleep = false
}

// killAtRandom kills all workers some time after every row was started, again and again.
func (r *restarts) killAtRandom(t *testing.T, times int) {
	t.Helper()
	d := dice(t)
	for i := range times {
		r.cases = append(r.cases, r.beginRows(t, fmt.Sprint("storm-", i), "was killed at random")...)
		time.Sleep(d.upTo(1200 * time.Millisecond))
		r.killAll(t)
		r.addWorkers(t)
	}
}

func (r *restarts) killAll(t *testing.T) {
	t.Helper()
	all := r.living()
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(p.Kill)
		r.killed[p.Pid] = true
	}
	wg.Wait()
}

func (r *restarts) addWorkers(t *testing.T) {
	t.Helper()
	for range 2 {
		if err := r.addWorker(); err != nil {
			t.Fatal(err)
		}
	}
}

// compare waits for all executions, and looks for what is not as in the undisturbed one.
func (r *restarts) compare(t *testing.T, within time.Duration) {
	t.Helper()
	began := time.Now()
	errs := make([]string, len(r.cases))
	together(t, len(r.cases), 32, func(i int) error {
		c := r.cases[i]
		got, err := r.result(t.Context(), c, max(time.Second, within-time.Since(began)))
		if err != nil {
			errs[i] = err.Error()
			return nil
		}
		errs[i] = got.differs(r.calm[c.name], c.loose)
		return nil
	})
	t.Logf("%d executions ended within %s", len(r.cases), time.Since(began).Round(time.Millisecond))
	for i, c := range r.cases {
		if errs[i] != "" {
			t.Errorf("%s (%s), which %s:\n%s", c.start, c.id, c.why, errs[i])
		}
	}
	for _, p := range r.gate.ranAgain() {
		t.Errorf("a step was run again whose result was stored: %+v", p)
	}
}
