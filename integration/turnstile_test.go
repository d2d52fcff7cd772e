package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

// moment is a place in an execution at which its worker can be caught: one turn of one step, before or after what the
// node does, or once what came of it is stored and nobody else was told.
type moment struct {
	Workflow, Node string
	Run, Part      int // Part is -1 for the step itself
	Attempt        int
	Resumed        bool   // the turn after a wait
	When           string // before, after, or the name of a notice
}

func (m moment) String() string { return string(raw(m)) }

// passing is what a worker tells the gate.
type passing struct {
	Execution string
	Moment    moment
}

// gated asks at the turnstile before and after what a node does.
func gated(own node.Func, url string) node.Func {
	return func(ctx context.Context, c *node.Call) (node.Outcome, error) {
		m := moment{Workflow: c.Workflow, Node: c.Node, Run: c.Run, Part: -1, Attempt: c.Attempt, Resumed: c.Resume != nil, When: "before"}
		if c.Part != nil {
			m.Part = c.Part.Index
		}
		if err := pass(ctx, url, passing{c.Execution, m}); err != nil {
			return node.Outcome{}, err
		}
		out, err := own(ctx, c)
		m.When = "after"
		if gone := pass(ctx, url, passing{c.Execution, m}); gone != nil {
			return node.Outcome{}, gone
		}
		return out, err
	}
}

// stored asks at the turnstile after every commit that a step of a worker led to.
func stored(url string) flow.Middleware {
	return func(ctx context.Context, n flow.Notice, next flow.Next) {
		switch n.Name {
		case flow.NodeCompleted, flow.NodeFailed, flow.NodeSuspended, flow.NodeRetryScheduled:
			// Its only failure is that the test is over.
			_ = pass(ctx, url, passing{n.Execution, moment{Workflow: n.Workflow, Node: n.Node, Run: n.Run, Part: -1, Attempt: n.Attempt, When: n.Name}})
		}
		next(ctx, n)
	}
}

// turnstileClient keeps connections: every step asks twice.
var turnstileClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

func pass(ctx context.Context, url string, p passing) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(raw(p)))
	if err != nil {
		return err
	}
	res, err := turnstileClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// turnstile knows all moments of all executions, by the start id of the execution that nobody else started. It stops
// each at most once, until its worker is killed or all may go on.
type turnstile struct {
	*httptest.Server
	startOf func(ctx context.Context, execution string) (start string, err error)
	goOn    chan struct{} // closed when all may go on

	mu        sync.Mutex
	starts    map[string]string // start ids, by execution
	seen      map[string]map[moment]bool
	targets   map[string]moment // where to stop, by start id
	completed map[passing]bool  // steps whose result is stored
	again     []passing         // those of them that were run again
	news      *sync.Cond
}

func newTurnstile(t testing.TB) *turnstile {
	t.Helper()
	g := &turnstile{
		goOn: make(chan struct{}), starts: map[string]string{}, seen: map[string]map[moment]bool{}, targets: map[string]moment{}, completed: map[passing]bool{},
	}
	g.news = sync.NewCond(&g.mu)
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *turnstile) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var p passing
	err := json.NewDecoder(r.Body).Decode(&p)
	start := ""
	if err == nil {
		start, err = g.start(r.Context(), p.Execution)
	}
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	g.note(p)
	if !g.stops(start, p.Moment) {
		return
	}
	select {
	case <-g.goOn:
	case <-r.Context().Done(): // its worker is dead
	}
}

// note finds steps that are run though their result is stored.
func (g *turnstile) note(p passing) {
	g.mu.Lock()
	defer g.mu.Unlock()
	step := passing{p.Execution, moment{Node: p.Moment.Node, Run: p.Moment.Run}}
	switch p.Moment.When {
	case flow.NodeCompleted:
		g.completed[step] = true
	case "before":
		if g.completed[step] {
			g.again = append(g.again, p)
		}
	}
}

// ranAgain gives the steps that were run though their result was stored.
func (g *turnstile) ranAgain() []passing {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.again)
}

// start gives the start id behind an execution.
func (g *turnstile) start(ctx context.Context, execution string) (string, error) {
	g.mu.Lock()
	start, known := g.starts[execution]
	g.mu.Unlock()
	if known {
		return start, nil
	}
	start, err := g.startOf(ctx, execution)
	if err != nil {
		return "", err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.starts[execution] = start
	return start, nil
}

func (g *turnstile) stops(start string, m moment) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen[start] == nil {
		g.seen[start] = map[moment]bool{}
	}
	g.seen[start][m] = true
	if target, ok := g.targets[start]; !ok || target != m {
		return false
	}
	delete(g.targets, start)
	g.news.Broadcast()
	return true
}

// stopAt has the execution of that start id stop at the moment.
func (g *turnstile) stopAt(start string, m moment) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.targets[start] = m
}

// moments lists those that an execution passed.
func (g *turnstile) moments(start string) []moment {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.SortedFunc(maps.Keys(g.seen[start]), func(a, b moment) int { return bytes.Compare(raw(a), raw(b)) })
}

// awaitStopped waits until every execution that is to stop has stopped, or none did for a while. It forgets those
// that did not, and gives them by start id.
func (g *turnstile) awaitStopped(quiet time.Duration) map[string]moment {
	late := false
	timer := time.AfterFunc(quiet, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		late = true
		g.news.Broadcast()
	})
	defer timer.Stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.targets) > 0 && !late {
		g.news.Wait()
		timer.Reset(quiet)
	}
	missed := g.targets
	g.targets = map[string]moment{}
	return missed
}
