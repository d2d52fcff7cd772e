package faults

import (
	"flag"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"prana/config/localredis"
	"prana/integration/faults/modeltest"
)

// TestModel does random things to a store and to a model of it, and holds one against the other, and the store against its own
// audit, after each. What fails is made as short as it can be, and is the same with the same seed.
func TestModel(t *testing.T) {
	p := begin(t)
	server, err := localredis.Start(t.Context(), localredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	p.rapid(p.size(40, 500), 100)
	var counts modeltest.Counts
	rapid.Check(t, func(r *rapid.T) {
		m, err := modeltest.New(t.Context(), server, 0, &counts)
		if err != nil {
			r.Fatal(err)
		}
		defer func() {
			if err := m.Close(); err != nil {
				r.Error(err)
			}
		}()
		r.Repeat(m.Actions())
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

// rapid has rapid draw from the seed of the part, unless it was told another one or a case to repeat.
func (p *part) rapid(runs, actions int) {
	p.Helper()
	for name, value := range map[string]string{
		"rapid.checks": strconv.Itoa(runs), "rapid.steps": strconv.Itoa(actions), "rapid.seed": strconv.FormatUint(p.seed, 10), "rapid.nofailfile": "true",
	} {
		if f := flag.Lookup(name); f.Value.String() != f.DefValue {
			continue
		}
		if err := flag.Set(name, value); err != nil {
			p.Fatal(err)
		}
	}
}
