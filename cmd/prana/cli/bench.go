package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"

	"github.com/spf13/cobra"

	"prana/cmd/prana/bench"
)

// benchFlags are what bench alone takes.
type benchFlags struct {
	waiting            []int
	suspended, samples int
	profile            string
}

func (sh *shell) benchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the engine on this machine and a real Redis",
		Long: "Measure the engine on this machine and a real Redis, one thing after the other:\n\n" +
			"  resume       from resuming an execution until its next step has run, by a worker in the same process\n" +
			"  suspended    memory that an execution takes in Redis while it waits\n" +
			"  event_match  publishing an event that ends the wait of one execution among many, each of which waits for its own\n\n" +
			"Executions are brought to their waits by the engine itself, on the store of the product; only their tasks are handed\n" +
			"over in this process, not by asynq, which saves minutes. While times are taken, all runs as in `prana worker`. Each size\n" +
			"of event_match has a database of its own, and they take turns: what else the machine does meets all alike.\n\n" +
			"It starts a redis-server of its own (append-only file, written through every second), unless --redis names one. Of\n" +
			"that, it takes as many databases as --waiting has numbers, from the one that the URL names upwards. They must be\n" +
			"empty, and are again afterwards; a kill that cannot be caught leaves keys there. Only the flag counts, so that\n" +
			"nobody's Redis is measured by accident.",
		Args: takes(0, 0),
	}
	g := &given{cmd, map[string]string{}}
	g.flag("redis", "redis.url", "URL of the Redis to measure on: redis://, rediss:// or unix://, with empty databases (default: a redis-server of its own)")
	g.flag("log-level", "log.level", "debug, info, warn or error (default warn)")
	flags := cmd.Flags()
	flags.IntSliceVar(&f.waiting, "waiting", []int{1_000, 10_000, 100_000}, "numbers of executions among which an event finds its own")
	flags.IntVar(&f.suspended, "suspended", 10_000, "number of executions whose memory is taken")
	flags.IntVar(&f.samples, "samples", 300, "number of times that are taken for each p50 and p99")
	flags.StringVar(&f.profile, "cpuprofile", "", "write a CPU profile of this process to a file; its label measuring says which part (go tool pprof -tagfocus)")
	cmd.RunE = verb(func(ctx context.Context, _ []string) error { return sh.bench(ctx, g, f) })
	return cmd
}

func (sh *shell) bench(ctx context.Context, g *given, f benchFlags) error {
	o, err := sh.benchOptions(g, f)
	if err != nil {
		return err
	}
	stop, err := startProfile(f.profile)
	if err != nil {
		return err
	}
	report, err := bench.Run(ctx, o)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	return sh.print(report, func() { sh.printBench(report) })
}

func (sh *shell) benchOptions(g *given, f benchFlags) (bench.Options, error) {
	for _, n := range append([]int{f.suspended, f.samples}, f.waiting...) {
		if n < 1 {
			return bench.Options{}, usagef("%d is not a number of executions or samples; the least is 1", n)
		}
	}
	values := g.values()
	if !g.isGiven("redis") {
		values["redis.url"] = ""
	}
	if !g.isGiven("log-level") {
		values["log.level"] = "warn" // the log of each step would be measured on the terminal
	}
	cfg, err := sh.load(values)
	if err != nil {
		return bench.Options{}, err
	}
	return bench.Options{App: sh.options(cfg), Waiting: f.waiting, Suspended: f.suspended, Samples: f.samples, Say: sh.note}, nil
}

// startProfile begins a CPU profile, and gives what ends it; an empty path means none.
func startProfile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("writing the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// barWidth is the length of the longest bar.
const barWidth = 20

func (sh *shell) printBench(r bench.Report) {
	fmt.Fprintf(sh.stdout, "%s\n\n", r.Environment)
	t := newTable("MEASURED", "OF", "RESULT", "")
	for _, l := range r.Lines() {
		t.add(l.Name, l.Of, l.Result, strings.Repeat("█", int(l.Bar*barWidth+0.5)))
	}
	sh.printTable(t)
}
