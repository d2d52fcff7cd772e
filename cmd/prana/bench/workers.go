package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"prana/cmd/prana/child"
)

// Workers compares two worker processes with one, where neither the machine nor Redis is the limit.
type Workers struct {
	One   float64 `json:"one_steps_per_s"`
	Two   float64 `json:"two_steps_per_s"`
	Ratio float64 `json:"ratio"`
}

var workers = measurement{
	name: "workers", measure: measureWorkers, lines: workersLines,
	about: "two worker processes and one, each with one step of 5 ms at a time",
}

const (
	partnerTakes = 5 * time.Millisecond
	workerSteps  = 150 // for each worker, that are timed
	workerMore   = 50  // for each worker, before these and after them
)

// callSource is a chain of calls of a partner that takes its time: workers are idle meanwhile.
func callSource(partner string) string {
	source, links, from := "", "", "start"
	for i := range chainSteps - 1 {
		to := fmt.Sprintf("n%d", i+1)
		source += fmt.Sprintf("  - { key: %s, type: http.request, params: { url: %q } }\n", to, partner)
		links += ", " + from + " -> " + to
		from = to
	}
	return "id: %s\nnodes:\n  - { key: start, type: manual.trigger }\n" + source + "connections: [" + links[2:] + "]\n"
}

func measureWorkers(ctx context.Context, b *bench, r *Report) error {
	rounds, err := b.rounds(ctx, "workers", b.workersOf(1), b.workersOf(2))
	if err != nil {
		return err
	}
	one, two := float64(workerSteps)/median(timesOf(rounds[0])).Seconds(), float64(2*workerSteps)/median(timesOf(rounds[1])).Seconds()
	r.Workers = Workers{One: decimals(one, 1), Two: decimals(two, 1), Ratio: decimals(two/one, 3)}
	return nil
}

// workersOf makes a side of n processes. The time is that of workerSteps for each, once all are at work.
func (b *bench) workersOf(n int) side {
	return func(ctx context.Context) (r round, err error) {
		p := newPartner(n)
		defer p.server.Close()
		e, err := b.newEngine(b.dbs[0].store(b.App.Config.Partitions), nil)
		if err != nil {
			return r, err
		}
		executions := n * (workerSteps + 2*workerMore) / (chainSteps - 1)
		if err := b.startAll(ctx, e, load{source: callSource(p.server.URL), input: []byte(left), executions: executions}); err != nil {
			return r, err
		}
		for range n {
			c, err := b.child(ctx, "PRANA_WORKER_CONCURRENCY=1", "PRANA_WORKER_SERVERS=1")
			if err != nil {
				return r, err
			}
			defer c.Stop(patience)
			go p.mourn(c)
		}
		r.took, err = p.wait(ctx)
		return r, err
	}
}

// partner serves the calls of workers, and takes the time that many of them need.
type partner struct {
	server  *httptest.Server
	workers int
	died    chan error
	over    chan time.Duration

	mu    sync.Mutex
	hosts map[string]bool // connections: each worker has one
	calls int             // since all workers are at work
	began time.Time
}

func newPartner(workers int) *partner {
	p := &partner{workers: workers, died: make(chan error, workers), over: make(chan time.Duration, 1), hosts: map[string]bool{}}
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	return p
}

func (p *partner) serve(w http.ResponseWriter, r *http.Request) {
	p.count(r.RemoteAddr)
	time.Sleep(partnerTakes)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(left)) // a worker that is gone needs no answer
}

func (p *partner) count(from string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hosts[from] = true
	if len(p.hosts) < p.workers {
		return
	}
	switch p.calls++; p.calls {
	case workerMore:
		p.began = time.Now()
	case workerMore + p.workers*workerSteps:
		p.over <- time.Since(p.began)
	}
}

func (p *partner) mourn(c *child.Process) {
	<-c.Done()
	p.died <- c.Failure()
}

func (p *partner) wait(ctx context.Context) (time.Duration, error) {
	late := time.NewTimer(2 * patience)
	defer late.Stop()
	select {
	case took := <-p.over:
		return took, nil
	case err := <-p.died:
		return 0, err
	case <-late.C:
		p.mu.Lock()
		defer p.mu.Unlock()
		return 0, fmt.Errorf("%d workers made %d calls within %s", p.workers, p.calls, 2*patience)
	case <-ctx.Done():
		return 0, errors.Join(ctx.Err())
	}
}

func workersLines(r Report) []Line {
	w := r.Workers
	return []Line{
		{Of: "one process", Result: fmt.Sprintf("%.0f steps/s", w.One), Bar: w.One / max(w.One, w.Two)},
		{Of: "two processes", Result: fmt.Sprintf("%.0f steps/s", w.Two), Bar: w.Two / max(w.One, w.Two)},
		{Result: fmt.Sprintf("two are %.2f times as fast as one", w.Ratio)},
	}
}
