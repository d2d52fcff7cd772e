package integration

import (
	"context"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

// ferry leads to one of several servers, another one for each request, and lets connections break when it is told to.
type ferry struct {
	url string

	mu      sync.Mutex
	servers []string
	turn    int
	breaks  bool // after some bytes of an answer
}

func newFerry(t *testing.T, servers ...string) (*ferry, *client.Client) {
	t.Helper()
	f := &ferry{servers: servers}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	f.url = s.URL
	c, err := client.New(f.url, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return f, c
}

// leads says where it leads from now on, and whether connections break.
func (f *ferry) leads(breaks bool, servers ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.breaks, f.servers = breaks, servers
}

func (f *ferry) next() (server *url.URL, breaks bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn++
	server, _ = url.Parse(f.servers[f.turn%len(f.servers)])
	return server, f.breaks
}

func (f *ferry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to, breaks := f.next()
	proxy := httputil.ReverseProxy{
		FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			p.Out.Host = to.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	if breaks {
		proxy.ModifyResponse = func(res *http.Response) error {
			res.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(res.Body, int64(100+rand.IntN(20_000))), res.Body} // an end anywhere
			return nil
		}
	}
	proxy.ServeHTTP(w, r)
}

const followed = `
id: followed
nodes:
  - {key: start, type: manual.trigger}
  - {key: left, type: core.log, params: {message: left}}
  - {key: right, type: time.delay, params: {duration_ms: $input.ms}}
  - {key: both, type: data.merge}
  - {key: end, type: core.log, params: {message: end}}
connections: [start -> left, start -> right, left -> both, right -> both, both -> end]
`

// TestStreamTellsEveryEventOnce: two servers, of which one is killed, two workers, three partitions, and connections that break
// anywhere: whoever listens hears every event of every execution once, in order.
func TestStreamTellsEveryEventOnce(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{Partitions: 3})
	s.deploy(t, followed)
	doomed, there := s.addServer(t)
	f, c := newFerry(t, s.app.URL(), there.URL(""))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const executions = 150
	var started sync.WaitGroup
	last, completed, resets := map[string]int64{}, map[string]bool{}, 0
	for e, err := range c.Stream(ctx, client.StreamFilter{Workflow: "followed"}) {
		switch {
		case err != nil:
			t.Fatalf("after the end of %d executions: %v", len(completed), err)
		case e.Name == "":
			f.leads(true, s.app.URL(), there.URL(""))
			started.Go(func() {
				s.startMany(t, executions, "followed", func(i int) any { return map[string]any{"ms": 5 * (i + 1)} })
			})
			continue
		case e.Name == client.StreamReset:
			resets++
			continue
		case e.Seq != last[e.Execution]+1:
			t.Errorf("%s: event %d (%s) after %d", e.Execution, e.Seq, e.Name, last[e.Execution])
		}
		last[e.Execution] = e.Seq
		if e.Name == flow.ExecutionCompleted {
			completed[e.Execution] = true
		}
		switch len(completed) {
		case executions / 2:
			doomed.Kill()
		case executions:
			cancel()
		}
		if len(completed) == executions {
			break
		}
	}
	started.Wait()
	if resets > 0 {
		t.Errorf("%d times events may have been missing", resets)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t.Logf("%d executions over %d connections", len(last), f.turn)
	if f.turn < 5 {
		t.Errorf("only %d connections", f.turn)
	}
}

// TestFollowOutlivesARestart: the server that tells is killed amid a wait, and another one takes its place.
func TestFollowOutlivesARestart(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, `
id: patient
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: patient_go}}
  - {key: end, type: core.log, params: {message: end}}
connections: [start -> wait, wait -> end]
`)
	doomed, first := s.addServer(t)
	f, c := newFerry(t, first.URL(""))
	id := s.start(t, "patient", nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := map[string]flow.StepStatus{}
	var status flow.Status
	restarted := false
	for u, err := range c.Follow(ctx, id) {
		if err != nil {
			t.Fatal(err)
		}
		status = u.Status
		if u.Run != nil {
			seen[u.Run.Node] = u.Run.Status
		}
		if u.Status == flow.Suspended && u.Run == nil && !restarted {
			restarted = true
			doomed.Kill()
			if _, err := s.engine.Publish(t.Context(), flow.Event{Type: "patient_go"}); err != nil {
				t.Fatal(err)
			}
			_, second := s.addServer(t)
			f.leads(false, second.URL(""))
		}
	}
	if status != flow.Completed || seen["wait"] != flow.StepCompleted || seen["end"] != flow.StepCompleted {
		t.Errorf("it ended %s, having seen %v", status, seen)
	}
}
