// Package faults is the fault programme: it breaks what the product stands on, in every way that is known, and holds what
// comes of it against answers that were computed apart from it. ../RELIABILITY.md says what came of the runs.
package faults

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"prana/handlers/api/client"
	"prana/integration/faults/figures"
	"prana/integration/faults/fleet"
	"prana/suspend"
)

// What a run is told.
var (
	tier    = flag.String("tier", "quick", "how much of everything: quick (minutes) or full (up to an hour)")
	seed    = flag.Uint64("seed", 0, "repeats the random choices of a run; 0 = new ones")
	results = flag.String("results", "", "a file to which the figures are added")
)

// TestMain makes one binary play two parts: a process of a fleet, or the tests.
func TestMain(m *testing.M) {
	if raw := os.Getenv(fleet.Variable); raw != "" {
		os.Exit(fleet.Main(raw))
	}
	flag.Parse()
	if *tier != "quick" && *tier != "full" {
		fmt.Fprintf(os.Stderr, "-tier %s: it is quick or full\n", *tier)
		os.Exit(2)
	}
	goleak.VerifyTestMain(m)
}

// part is one test of the programme under way.
type part struct {
	*testing.T
	seed  uint64
	began time.Time

	complaints atomic.Int64

	mu      sync.Mutex
	figures []figures.Figure
	looked  bool
	told    string
}

// begin makes a part of the programme of a test. Its figures are kept with the end of the test.
func begin(t *testing.T) *part {
	t.Helper()
	p := &part{T: t, seed: *seed, began: time.Now()}
	if p.seed == 0 {
		p.seed = uint64(p.began.UnixNano())
	}
	t.Logf("seed %d replays it: go test -run '^%s$' -tier %s -seed %d", p.seed, t.Name(), *tier, p.seed)
	t.Cleanup(p.end)
	return p
}

// size chooses by the tier.
func (p *part) size(quick, full int) int {
	if *tier == "full" {
		return full
	}
	return quick
}

// tell notes what was measured.
func (p *part) tell(what string, got float64, unit string) {
	p.Helper()
	p.note(figures.Figure{What: what, Got: got, Unit: unit})
}

// onlyLooked notes that the part does not run in this tier: it only saw that what it needs is there.
func (p *part) onlyLooked() { p.looked = true }

// say notes what else is to be known of the run.
func (p *part) say(format string, args ...any) {
	p.Helper()
	p.told = fmt.Sprintf(format, args...)
	p.Log(p.told)
}

// want notes what was measured, and fails the test unless it reaches its goal; than is "=", "≤" or "≥".
func (p *part) want(what string, got float64, unit, than string, goal float64) {
	p.Helper()
	p.note(figures.Figure{What: what, Got: got, Unit: unit, Goal: &figures.Goal{Than: than, Value: goal}})
}

// admit notes what is known to miss its goal: the page says so, and the test does not fail of it.
func (p *part) admit(what string, got float64, unit, than string, goal float64) {
	p.Helper()
	p.keep(figures.Figure{What: what, Got: got, Unit: unit, Goal: &figures.Goal{Than: than, Value: goal}})
}

func (p *part) note(f figures.Figure) {
	p.Helper()
	if p.keep(f); !f.Reached() {
		p.Errorf("not reached: %s", f)
	}
}

func (p *part) keep(f figures.Figure) {
	p.Helper()
	p.Log(f)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.figures = append(p.figures, f)
}

// writing keeps parts that end together from writing over one another.
var writing sync.Mutex

func (p *part) end() {
	if *results == "" {
		return
	}
	writing.Lock()
	defer writing.Unlock()
	err := figures.Add(*results, p.Name(), figures.Part{
		Tier: *tier, Seed: p.seed, Commit: commit(), Product: product(), Began: p.began.UTC().Truncate(time.Second), Took: time.Since(p.began),
		Passed: !p.Failed(), Looked: p.looked, Told: p.told, Figures: p.figures, Redis: fleet.RedisVersion(), Machine: machine(),
	})
	if err != nil {
		p.Errorf("keeping the figures: %v", err)
	}
}

// commit names what was tested, with a plus when it was changed since.
var commit = sync.OnceValue(func() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty=+", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
})

// product is what was tested, whatever the commits say.
var product = sync.OnceValue(func() string {
	digest, err := figures.Product("../..")
	if err != nil {
		return "" // the page says that it is unknown
	}
	return digest
})

func machine() string {
	return fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// fleet starts a fleet that ends with the test.
func (p *part) fleet(o fleet.Options) *fleet.Fleet {
	p.Helper()
	o.Client = func(c *client.Client) { c.Patience = 0 } // the programme repeats its requests itself, and counts them
	f, err := fleet.Start(p.Context(), o)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		if p.Failed() {
			p.Log(f.Logs())
		}
		if err := f.Close(); err != nil {
			p.Errorf("ending the fleet: %v", err)
		}
	})
	return f
}

// dice gives random choices of the part's seed; each stream is apart from the others.
func (p *part) dice(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(p.seed, stream)) }

// wantSound audits the store at the end, as prana doctor does: nothing moves any more, so it must have judged everything.
func (p *part) wantSound(f *fleet.Fleet) {
	p.Helper()
	ctx := context.WithoutCancel(p.Context())
	there, err := f.Executions(ctx)
	if err != nil {
		p.Fatal(err)
	}
	var a suspend.Audited
	if err := f.Audit(ctx, &a); err != nil {
		p.Fatal(err)
	}
	for _, x := range a.Findings {
		p.Errorf("doctor finds: %+v", x)
	}
	p.want("executions that doctor looked at, at the end", float64(a.Executions), "", "≥", float64(max(1, there)))
	p.want("of these such as moved all the time", float64(a.Moving), "", "=", 0)
	p.want("findings of doctor at the end", float64(len(a.Findings)), "", "=", 0)
	if a.More {
		p.Error("doctor stopped at its limit")
	}
}
