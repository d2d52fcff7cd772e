package faults

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"prana/cmd/prana/app"
	"prana/integration/faults/fleet"
)

// TestRedisWithDangerousSettings: a Redis that evicts is refused by those who start, and a server on which it comes to be so is not
// ready; one that keeps nothing on disk is used, and everybody is told. The doctor has findings in both cases.
func TestRedisWithDangerousSettings(t *testing.T) {
	t.Parallel()
	p := begin(t)
	f := p.fleet(fleet.Options{Servers: 1})
	p.want("ready to begin with", float64(p.ready(f)), "", "=", http.StatusOK)
	p.set(f, "maxmemory-policy", "allkeys-lru")
	refused := 0
	for _, start := range []func() error{func() error { return f.Add(1, 0) }, func() error { return f.Add(0, 1) }} {
		if err := start(); err != nil && strings.Contains(err.Error(), "maxmemory-policy is allkeys-lru") {
			refused++
		} else {
			t.Errorf("a process starts on a Redis that evicts: %v", err)
		}
	}
	p.want("processes that refuse to start where keys are evicted", float64(refused), "", "=", 2)
	p.want("a server whose Redis begins to evict answers at /readyz", float64(p.ready(f)), "", "=", http.StatusServiceUnavailable)
	p.want("findings of doctor where keys are evicted", float64(p.failures(f, "eviction")), "", "=", 1)
	p.set(f, "maxmemory-policy", "noeviction")
	p.want("ready again", float64(p.ready(f)), "", "=", http.StatusOK)

	p.set(f, "appendonly", "no")
	p.want("findings of doctor where nothing is kept on disk", float64(p.failures(f, "persistence")), "", "=", 1)
	w, err := f.AddWorker()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(w.Log(), "a restart of Redis loses everything") {
		t.Errorf("a worker that starts where nothing is kept on disk says\n%s", w.Log())
	}
}

func (p *part) set(f *fleet.Fleet, name, value string) {
	p.Helper()
	if err := f.Raw.ConfigSet(p.Context(), name, value).Err(); err != nil {
		p.Fatal(err)
	}
}

// ready is what a server answers to those who ask whether it can be used.
func (p *part) ready(f *fleet.Fleet) int {
	p.Helper()
	res, err := http.Get(f.Servers()[0].URL + "/readyz")
	if err != nil {
		p.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		p.Error(err)
	}
	return res.StatusCode
}

// failures counts what the doctor finds in checks of a name; with any, it ends with 1.
func (p *part) failures(f *fleet.Fleet, name string) (n int) {
	p.Helper()
	r, err := app.Doctor(context.WithoutCancel(p.Context()), f.Setup.Options())
	if err != nil {
		p.Fatal(err)
	}
	for _, c := range r.Checks {
		if c.Name == name && c.Status == app.Failed && c.Hint != "" {
			n++
		}
	}
	if r.OK != (n == 0) {
		p.Errorf("the doctor says ok: %v, and finds %+v", r.OK, r.Checks)
	}
	return n
}
