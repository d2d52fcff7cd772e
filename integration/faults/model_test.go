package faults

import (
	"flag"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"prana/config/localredis"
	"prana/integration/faults/flowtest"
	"prana/integration/faults/modeltest"
)

// TestModel does random things to a store and to a model of it, and holds one against the other, and the store against its own
// audit, after each. What fails is made as short as it can be, and is the same with the same seed.
func TestModel(t *testing.T) {
	p := begin(t)
	server := p.redis()
	p.rapid(p.size(70, 500), 100)
	var counts modeltest.Counts
	rapid.Check(t, func(r *rapid.T) {
		m, err := modeltest.New(t.Context(), server, 0, &counts)
		p.machine(r, m, err)
	})
	p.Logf("calls: %v", counts.Calls)
	p.tell("runs of the model of the store", float64(counts.Runs), "")
	p.tell("audits", float64(counts.Audits), "")
	p.want("actions, each audited", float64(counts.Actions), "", "≥", float64(p.size(3_000, 30_000)))
	p.want("calls repeated", float64(counts.Repeated), "", "≥", float64(p.size(50, 500)))
	p.want("replies lost", float64(counts.Lost), "", "≥", float64(p.size(100, 1_000)))
	p.want("commits refused", float64(counts.Refused), "", "≥", float64(p.size(100, 1_000)))
	p.want("processes crashed", float64(counts.Crashes), "", "≥", float64(p.size(50, 500)))
}

// TestFlowModel does the same with the engine and a model of executions: tasks run, run twice and are lost, events, people and
// cancels come, replies are lost, processes crash.
func TestFlowModel(t *testing.T) {
	p := begin(t)
	server := p.redis()
	p.rapid(p.size(60, 400), 80)
	var counts flowtest.Counts
	rapid.Check(t, func(r *rapid.T) {
		m, err := flowtest.New(t.Context(), server, 0, &counts)
		p.machine(r, m, err)
	})
	p.Logf("executions were, in the end: %v", counts.Ends)
	p.tell("runs of the model of executions", float64(counts.Runs), "")
	p.want("actions, each audited", float64(counts.Actions), "", "≥", float64(p.size(2_000, 20_000)))
	p.tell("tasks run", float64(counts.Tasks), "")
	p.want("tasks run twice", float64(counts.Doubled), "", "≥", float64(p.size(50, 500)))
	p.want("tasks lost", float64(counts.Dropped), "", "≥", float64(p.size(30, 300)))
	p.want("requests repeated", float64(counts.Repeated), "", "≥", float64(p.size(50, 500)))
	p.want("replies lost", float64(counts.Lost), "", "≥", float64(p.size(50, 500)))
	p.want("processes crashed", float64(counts.Crashes), "", "≥", float64(p.size(20, 200)))
	for _, end := range []string{"completed, event", "completed, manual", "completed, timeout", "failed, event", "cancelled"} {
		p.want("executions that were "+end, float64(counts.Ends[end]), "", "≥", 1)
	}
}

// machine runs actions, and closes what does them.
func (p *part) machine(r *rapid.T, m interface {
	Actions() map[string]func(*rapid.T)
	Close() error
}, err error,
) {
	if err != nil {
		r.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			r.Error(err)
		}
	}()
	r.Repeat(m.Actions())
}

// redis starts a server that keeps nothing, and ends with the test.
func (p *part) redis() *localredis.Server {
	p.Helper()
	server, err := localredis.Start(p.Context(), localredis.Options{})
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		if err := server.Close(); err != nil {
			p.Error(err)
		}
	})
	return server
}

// drawn are the settings of rapid that came from the programme; others came from the command line.
var drawn = map[string]bool{}

// rapid has rapid draw from the seed of the part, unless it was told another one or a case to repeat.
func (p *part) rapid(runs, actions int) {
	p.Helper()
	for name, value := range map[string]string{
		"rapid.checks": strconv.Itoa(runs), "rapid.steps": strconv.Itoa(actions), "rapid.seed": strconv.FormatUint(p.seed, 10), "rapid.nofailfile": "true",
	} {
		f := flag.Lookup(name)
		if !drawn[name] && f.Value.String() != f.DefValue {
			continue
		}
		drawn[name] = true
		if err := flag.Set(name, value); err != nil {
			p.Fatal(err)
		}
	}
}
