// Package bench measures the engine on a real Redis: a file for each measurement, and around them what they share.
package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/pprof"
	"slices"

	"prana/cmd/prana/app"
)

// Options say what is measured, and on what. All numbers are at least 1.
type Options struct {
	// App is the process that is measured; without a Redis.URL it gets a redis-server of its own.
	App app.Options
	// Waiting are the numbers of executions among which an event finds its own.
	Waiting []int
	// Suspended is the number of executions whose memory is taken.
	Suspended int
	// Samples is the number of times that are taken for each p50 and p99.
	Samples int
	// Say tells people what goes on.
	Say func(format string, args ...any)
}

// Report is what was measured, and on what.
type Report struct {
	Environment Environment  `json:"environment"`
	Resume      Resume       `json:"resume"`
	Suspended   Suspended    `json:"suspended"`
	EventMatch  []EventMatch `json:"event_match"`
}

// Line is one figure, for people.
type Line struct {
	Name, Of, Result string
	// Bar is the length of a bar from 0 to 1, by which lines of one name compare; 0 = none.
	Bar float64
}

// measurement is one thing that is measured. It finds empty databases, and what it leaves there is removed.
type measurement struct {
	name    string
	measure func(ctx context.Context, b *bench, r *Report) error
	lines   func(r Report) []Line
}

var measurements = []measurement{resume, suspended, eventMatch}

// bench is what measurements share.
type bench struct {
	Options
	dbs      []*target // one for each of Waiting; the first is for everything else, too
	workflow string    // the id of the one workflow; nobody else has it
}

// Run measures everything, one thing after the other. It needs as many databases as there are numbers in Waiting, from
// the one that the URL names upwards; one that is not empty is refused with flow.ErrConflict. Whatever happens, it leaves
// them as they were.
func Run(ctx context.Context, o Options) (r Report, err error) {
	o.Waiting = slices.Compact(slices.Sorted(slices.Values(o.Waiting)))
	dbs, err := open(ctx, o.App.Config.Redis.URL, len(o.Waiting))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, closeAll(dbs)) }()
	b := &bench{Options: o, dbs: dbs, workflow: fmt.Sprintf("bench_%016x", rand.Uint64())}
	if r.Environment, err = dbs[0].environment(ctx, o.App.Config.Partitions); err != nil {
		return r, err
	}
	b.Say("%s", r.Environment)
	for _, m := range measurements {
		if err := b.run(ctx, m, &r); err != nil {
			return r, fmt.Errorf("measuring %s: %w", m.name, err)
		}
	}
	return r, nil
}

func (b *bench) run(ctx context.Context, m measurement, r *Report) (err error) {
	for _, db := range b.dbs {
		if err := db.mustBeEmpty(ctx); err != nil {
			return err
		}
	}
	defer func() {
		for _, db := range b.dbs {
			err = errors.Join(err, db.clean(context.WithoutCancel(ctx), b.workflow))
		}
	}()
	// A profile can be looked at by what was measured: go tool pprof -tagfocus event_match.
	pprof.Do(ctx, pprof.Labels("measuring", m.name), func(ctx context.Context) { err = m.measure(ctx, b, r) })
	return err
}

// Lines gives all figures, for people.
func (r Report) Lines() []Line {
	var all []Line
	for _, m := range measurements {
		for _, l := range m.lines(r) {
			l.Name = m.name
			all = append(all, l)
		}
	}
	return all
}
