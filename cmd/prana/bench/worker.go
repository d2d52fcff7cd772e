package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Worker is what a process of `prana worker` asks of Redis while there is nothing to do, and the memory that it takes.
type Worker struct {
	Seconds   float64            `json:"seconds"` // for which it was watched
	Commands  float64            `json:"idle_commands_per_s"`
	ByCommand map[string]float64 `json:"idle_by_command"` // in a second; those within scripts, and the scripts themselves
	IdleMiB   float64            `json:"idle_mib"`        // resident memory; 0 = this system does not tell
	BusyMiB   float64            `json:"busy_mib"`        // the most while it ran chains
}

var worker = measurement{
	name: "worker", measure: measureWorker, lines: workerLines,
	about: "a worker process: Redis commands a second while there is nothing to do, and memory then and at work",
}

// settled is after how long a worker that began is idle.
const settled = 2 * time.Second

func measureWorker(ctx context.Context, b *bench, r *Report) (err error) {
	if err := b.fresh(ctx); err != nil {
		return err
	}
	c, err := b.child(ctx)
	if err != nil {
		return err
	}
	defer c.Stop(patience)
	b.Say("worker: idle for %s", b.Idle)
	if err := pause(ctx, settled); err != nil {
		return err
	}
	w, err := b.watchIdle(ctx)
	if err != nil {
		return err
	}
	w.IdleMiB = memoryOf(c.Pid(), "VmRSS")
	b.Say("worker: %s chains", count(b.Executions))
	if err := b.keepBusy(ctx, c.Done()); err != nil {
		return errors.Join(err, b.gone(c.Done(), c.Failure))
	}
	w.BusyMiB = memoryOf(c.Pid(), "VmHWM")
	r.Worker = w
	return nil
}

// gone gives the failure of a process that ended by itself.
func (b *bench) gone(done <-chan struct{}, failure func() error) error {
	select {
	case <-done:
		return failure()
	default:
		return nil
	}
}

// watchIdle counts what Redis is asked for a while, without what we ask ourselves.
func (b *bench) watchIdle(ctx context.Context) (Worker, error) {
	before, err := b.dbs[0].calls(ctx)
	if err != nil {
		return Worker{}, err
	}
	began := time.Now()
	if err := pause(ctx, b.Idle); err != nil {
		return Worker{}, err
	}
	after, err := b.dbs[0].calls(ctx)
	took := time.Since(began).Seconds()
	w := Worker{Seconds: decimals(took, 2), ByCommand: map[string]float64{}}
	for name, n := range called(before, after) {
		w.ByCommand[name] = decimals(float64(n)/took, 2)
		w.Commands += float64(n) / took
	}
	w.Commands = decimals(w.Commands, 1)
	return w, err
}

// calls gives how often each command was called so far, also by scripts.
func (t *target) calls(ctx context.Context) (map[string]int, error) {
	stats, err := t.info(ctx, "commandstats")
	if err != nil {
		return nil, err
	}
	calls := map[string]int{}
	for name, stat := range stats { // cmdstat_get:calls=21,usec=175,…
		n, _, _ := strings.Cut(strings.TrimPrefix(stat, "calls="), ",")
		if calls[strings.TrimPrefix(name, "cmdstat_")], err = strconv.Atoi(n); err != nil {
			return nil, fmt.Errorf("reading how often %s was called: %w", name, err)
		}
	}
	return calls, nil
}

// called gives how often each command was called in between, but for those that only we call.
func called(before, after map[string]int) map[string]int {
	calls := map[string]int{}
	for name, n := range after {
		if n -= before[name]; n > 0 && name != "info" {
			calls[name] = n
		}
	}
	return calls
}

// keepBusy has the worker run chains, which are started while it does so.
func (b *bench) keepBusy(ctx context.Context, died <-chan struct{}) error {
	e, err := b.newEngine(b.dbs[0].store(b.App.Config.Partitions), nil)
	if err != nil {
		return err
	}
	l := b.chains(b.Executions)
	if err := b.startAll(ctx, e, l); err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(2 * patience)
	defer late.Stop()
	for {
		n, err := b.processed(ctx)
		if err != nil || n >= l.steps {
			return err
		}
		select {
		case <-tick.C:
		case <-died:
			return errors.New("the worker died")
		case <-late.C:
			return fmt.Errorf("%d of %d steps were made within %s", n, l.steps, 2*patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func workerLines(r Report) []Line {
	w := r.Worker
	names := slices.SortedFunc(maps.Keys(w.ByCommand), func(a, b string) int { return int(1000 * (w.ByCommand[b] - w.ByCommand[a])) })
	var most []string
	for _, name := range names[:min(3, len(names))] {
		most = append(most, fmt.Sprintf("%s %.1f", name, w.ByCommand[name]))
	}
	lines := []Line{{Of: "idle", Result: fmt.Sprintf("%.1f commands/s (%s)", w.Commands, strings.Join(most, ", "))}}
	if w.IdleMiB > 0 {
		lines = append(lines, Line{Of: "idle, then at work", Result: fmt.Sprintf("%.0f MiB, then at most %.0f MiB", w.IdleMiB, w.BusyMiB)})
	}
	return lines
}
