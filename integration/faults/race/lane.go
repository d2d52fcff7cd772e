package race

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"prana/engine/flow"
	"prana/integration/faults/desk"
)

// processes work in one lane; each has an engine and connections of its own.
const processes = 3

// Lane is a desk at which races are held.
type Lane struct {
	*desk.Desk
	jobs string // URL of the service that has jobs
	dice *rand.Rand
	held map[string]flow.Dispatch // tasks that are kept for a side, by execution
	next int                      // name of the next trial
}

// Lane makes one of an empty database.
func (a *Arena) Lane(db int, dice *rand.Rand) (*Lane, error) {
	d, err := desk.New(a.redis, db, a.registry, processes)
	if err != nil {
		return nil, err
	}
	return &Lane{Desk: d, jobs: a.jobs.URL, dice: dice}, nil
}

// some is one of the processes.
func (l *Lane) some() *desk.Process { return l.Processes[l.dice.IntN(processes)] }

// Lost is how many replies were lost so far.
func (l *Lane) Lost() (n int64) {
	for _, p := range l.Processes {
		n += p.Replies.Losses()
	}
	return n
}

// empty begins anew.
func (l *Lane) empty(ctx context.Context, sources []string) error {
	l.held = map[string]flow.Dispatch{}
	filled := make([]string, len(sources))
	for i, src := range sources {
		filled[i] = strings.ReplaceAll(src, "JOBS", l.jobs)
	}
	return l.Empty(ctx, filled...)
}

// work works off all tasks but those that are held.
func (l *Lane) work(ctx context.Context, holds func(root bool) bool) error {
	for {
		l.Rest()
		all, err := l.Pop(ctx, 100)
		if err != nil || len(all) == 0 {
			return err
		}
		for _, d := range all {
			if holds != nil && holds(l.Ref(d.Execution) != "") {
				l.held[d.Execution] = d
				continue
			}
			if err := l.some().RunStep(ctx, d); err != nil {
				return err
			}
		}
	}
}

// looks bounds how often everything that is left is looked at.
const looks = 20

// finish works everything off until nothing is left to be looked at: every execution is over, and owes nothing to others.
func (l *Lane) finish(ctx context.Context) error {
	for range looks {
		if err := l.work(ctx, nil); err != nil {
			return err
		}
		left, err := l.Redis.ZCard(ctx, desk.Due).Result()
		if left == 0 || err != nil {
			return err
		}
		if err := l.Age(ctx, desk.Due); err != nil {
			return err
		}
		if _, err := l.some().Sweep(ctx, 0); err != nil {
			return err
		}
	}
	return fmt.Errorf("after %d looks something is still due", looks)
}
