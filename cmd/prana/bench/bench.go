// Package bench measures the engine on a real Redis: a file for each measurement, and around them what they share.
package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"prana/cmd/prana/app"
)

// Options say what is measured, and on what. All numbers are at least 1.
type Options struct {
	// App is the process that is measured; without a Redis.URL it gets a redis-server of its own.
	App app.Options
	// Executable is the prana binary to run workers with, in the environment Environ.
	Executable string
	Environ    []string
	// Only names what is measured; empty = everything.
	Only []string
	// Rounds is how often each of two sides has its turn, where sides are compared.
	Rounds int
	// Executions is the number of chains that run in one round.
	Executions int
	// Waiting are the numbers of executions among which an event finds its own.
	Waiting []int
	// Suspended is the number of executions whose memory is taken.
	Suspended int
	// Samples is the number of times that are taken for each p50 and p99.
	Samples int
	// Branches is how wide one execution fans out.
	Branches int
	// Timers is the number of timers that are due at once.
	Timers int
	// Idle is for how long an idle worker is watched.
	Idle time.Duration
	// Say tells people what goes on.
	Say func(format string, args ...any)
}

// Report is what was measured, and on what. What was not measured is left out of it.
type Report struct {
	Environment Environment  `json:"environment"`
	BareAsynq   Rate         `json:"bare_asynq,omitzero"`
	Engine      Rate         `json:"engine,omitzero"`
	Ratio       float64      `json:"ratio,omitzero"` // engine / bare asynq
	IdleChain   IdleChain    `json:"idle_chain,omitzero"`
	Resume      Resume       `json:"resume,omitzero"`
	EventPost   EventPost    `json:"event_post,omitzero"`
	Worker      Worker       `json:"worker,omitzero"`
	Long        Long         `json:"long,omitzero"`
	Fan         Fan          `json:"fan,omitzero"`
	Workers     Workers      `json:"workers,omitzero"`
	Timers      Timers       `json:"timers,omitzero"`
	Suspended   Suspended    `json:"suspended,omitzero"`
	EventMatch  []EventMatch `json:"event_match,omitempty"`

	measured []measurement
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
	about   string
	measure func(ctx context.Context, b *bench, r *Report) error
	lines   func(r Report) []Line
}

var measurements = []measurement{throughput, idleChain, resume, eventPost, worker, long, fan, workers, timers, suspended, eventMatch}

// About tells what can be measured: pairs of a name and a line for people.
func About() [][2]string {
	var all [][2]string
	for _, m := range measurements {
		all = append(all, [2]string{m.name, m.about})
	}
	return all
}

// ErrUnknown says that Options name something that is not measured.
var ErrUnknown = errors.New("nothing that is measured")

// chosen gives what is to be measured, in the order of the list above.
func (o Options) chosen() ([]measurement, error) {
	var all []measurement
	left := slices.Clone(o.Only)
	for _, m := range measurements {
		if len(o.Only) == 0 || slices.Contains(o.Only, m.name) {
			all = append(all, m)
		}
		left = slices.DeleteFunc(left, func(name string) bool { return name == m.name })
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("%w is called %s", ErrUnknown, strings.Join(left, ", "))
	}
	return all, nil
}

// bench is what measurements share.
type bench struct {
	Options
	dbs      []*target // one for each of Waiting; the first is for everything else, too
	workflow string    // the id of the one workflow; nobody else has it
}

// Run measures one thing after the other. It needs as many databases as there are numbers in Waiting, from
// the one that the URL names upwards; one that is not empty is refused with flow.ErrConflict. Whatever happens, it leaves
// them as they were.
func Run(ctx context.Context, o Options) (r Report, err error) {
	if r.measured, err = o.chosen(); err != nil {
		return r, err
	}
	o.Waiting = slices.Compact(slices.Sorted(slices.Values(o.Waiting)))
	dbs, err := open(ctx, o.App.Config.Redis.URL, len(o.Waiting))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, closeAll(dbs)) }()
	b := &bench{Options: o, dbs: dbs, workflow: fmt.Sprintf("bench_%016x", rand.Uint64())}
	if r.Environment, err = dbs[0].environment(ctx, o.App.Config); err != nil {
		return r, err
	}
	b.Say("%s", r.Environment)
	for _, m := range r.measured {
		began := time.Now()
		if err := b.run(ctx, m, &r); err != nil {
			return r, fmt.Errorf("measuring %s: %w", m.name, err)
		}
		b.Say("%s took %s", m.name, time.Since(began).Round(100*time.Millisecond))
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
	for _, m := range r.measured {
		for _, l := range m.lines(r) {
			l.Name = m.name
			all = append(all, l)
		}
	}
	return all
}
