package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"prana/cmd/prana/bench"
	"prana/config"
)

// benchFlags are what bench alone takes.
type benchFlags struct {
	bench.Options
	profile string
}

func (sh *shell) benchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the engine on this machine and a real Redis",
		Long:  benchLong(),
		Args:  takes(0, 0),
	}
	g, d := &given{cmd, map[string]string{}}, config.Default().Worker
	g.flag("redis", "redis.url", "URL of the Redis to measure on: redis://, rediss:// or unix://, with empty databases (default: a redis-server of its own)")
	g.flag("log-level", "log.level", "debug, info, warn or error (default warn)")
	g.flag("concurrency", "worker.concurrency", "how many steps run at once in each process, bare asynq's too"+defaultOf(d.Concurrency))
	g.flag("servers", "worker.servers", "how many asynq Servers each process has, bare asynq's too"+defaultOf(d.Servers))
	flags := cmd.Flags()
	flags.StringSliceVar(&f.Only, "only", nil, "measure only these, such as throughput,idle_chain")
	flags.IntVar(&f.Rounds, "rounds", 3, "how often each side has its turn where sides are compared; medians count")
	flags.IntVar(&f.Executions, "executions", 500, "chains of ten steps in a round of throughput, and for the memory of a worker")
	flags.IntVar(&f.Samples, "samples", 200, "number of times that are taken for each p50 and p99")
	flags.IntSliceVar(&f.Waiting, "waiting", []int{1_000, 10_000}, "numbers of executions among which an event finds its own")
	flags.IntVar(&f.Suspended, "suspended", 2_000, "number of executions whose memory is taken")
	flags.IntVar(&f.Branches, "branches", 1_000, "how wide one execution fans out")
	flags.IntVar(&f.Timers, "timers", 10_000, "number of timers that are due at once")
	flags.DurationVar(&f.Idle, "idle", 5*time.Second, "for how long an idle worker is watched")
	flags.StringVar(&f.profile, "cpuprofile", "", "write a CPU profile of this process to a file; its label measuring says which part (go tool pprof -tagfocus)")
	cmd.RunE = verb(func(ctx context.Context, _ []string) error { return sh.bench(ctx, g, f) })
	return cmd
}

func benchLong() string {
	var list strings.Builder
	for _, m := range bench.About() {
		fmt.Fprintf(&list, "  %-12s %s\n", m[0], m[1])
	}
	return "Measure the engine on this machine and a real Redis, one thing after the other:\n\n" + list.String() + "\n" +
		"What is compared takes turns, several rounds of them, and medians count: whatever else the machine does meets all alike.\n" +
		"Both sides of throughput start all their chains before their workers begin, and the time is that from the first step to\n" +
		"the end of the last chain; starting is not measured. Bare asynq is a handler that stores the same result with HSET and\n" +
		"enqueues the next step, with a payload as long, as many Servers and steps at a time, and its best plain settings. Every\n" +
		"step of ours is a task of asynq's, which is counted.\n\n" +
		"For resume, event_post, suspended, event_match and timers, executions are brought to their waits by the engine itself, on\n" +
		"the store of the product; only their tasks are handed over in this process, not by asynq, which saves minutes. While times\n" +
		"are taken, all runs as in `prana worker`. Each size of event_match has a database of its own, and they take turns; try\n" +
		"--only event_match --waiting 1000,100000,1000000 when there is time.\n\n" +
		"It starts a redis-server of its own (append-only file, written through every second), unless --redis names one. Of\n" +
		"that, it takes as many databases as --waiting has numbers, from the one that the URL names upwards. They must be\n" +
		"empty, and are again afterwards; a kill that cannot be caught leaves keys there. Only the flag counts, so that\n" +
		"nobody's Redis is measured by accident."
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
	for _, n := range append([]int{f.Rounds, f.Executions, f.Samples, f.Suspended, f.Branches, f.Timers}, f.Waiting...) {
		if n < 1 {
			return bench.Options{}, usagef("%d is not a number of executions, rounds or samples; the least is 1", n)
		}
	}
	if f.Idle <= 0 {
		return bench.Options{}, usagef("an idle worker cannot be watched for %s", f.Idle)
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
	o := f.Options
	if o.Executable, err = os.Executable(); err != nil {
		return bench.Options{}, fmt.Errorf("finding the own binary: %w", err)
	}
	o.Environ, o.App, o.Say = sh.environ, sh.options(cfg), sh.note
	if sh.config != "" {
		o.Environ = append(slices.Clip(o.Environ), "PRANA_CONFIG="+sh.config)
	}
	return o, nil
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
