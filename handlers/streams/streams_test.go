package streams_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/handlers/streams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// group is a stream with one consumer, whose entries are handed out again as soon as somebody asks. It calls changed after
// each acknowledgement and each refusal.
type group struct {
	mu      sync.Mutex
	fresh   []flow.StreamEntry
	pending []flow.StreamEntry
	acked   []string
	refused map[string]string // entry → reason
	left    bool
	lose    int // so many acknowledgements fail
	away    int // so many reads fail
	changed chan struct{}
}

func holding(entries ...flow.StreamEntry) *group {
	return &group{fresh: entries, refused: map[string]string{}, changed: make(chan struct{}, 1)}
}

func (g *group) change() {
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

func (g *group) Read(ctx context.Context, n int, wait time.Duration) ([]flow.StreamEntry, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.away > 0 {
		g.away--
		return nil, flow.ErrUnavailable
	}
	n = min(n, len(g.fresh))
	found := g.fresh[:n]
	g.fresh = g.fresh[n:]
	g.pending = append(g.pending, found...)
	if n == 0 && wait > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(time.Millisecond):
		}
	}
	return found, nil
}

func (g *group) TakeOver(_ context.Context, n int, _ time.Duration) ([]flow.StreamEntry, bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.pending[:min(n, len(g.pending))]), false, nil
}

func (g *group) Ack(ctx context.Context, ids ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.change()
	if g.lose > 0 {
		g.lose--
		return errors.New("the acknowledgement is lost")
	}
	g.acked = append(g.acked, ids...)
	g.pending = slices.DeleteFunc(g.pending, func(e flow.StreamEntry) bool { return slices.Contains(ids, e.ID) })
	return nil
}

func (g *group) Refuse(_ context.Context, e flow.StreamEntry, reason string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused[e.ID] = reason
	return nil
}

func (g *group) Leave(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = true
	return nil
}

// await waits until the condition holds after some acknowledgement.
func (g *group) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		g.mu.Lock()
		ok := holds()
		g.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-g.changed:
		case <-late:
			t.Fatalf("not within 10 s: %s; %+v", what, g)
		}
	}
}

// done tells whether nothing is left to do.
func (g *group) done() bool { return len(g.fresh) == 0 && len(g.pending) == 0 }

// spy notes what an engine is asked for, and may refuse it.
type spy struct {
	mu     sync.Mutex
	events []flow.Event
	starts []flow.StartRequest
	err    func(id string) error
	away   error // why the workflow cannot be started by anything
}

func (s *spy) Publish(_ context.Context, e flow.Event) (flow.PublishResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	return flow.PublishResult{}, s.verdict(e.ID)
}

func (s *spy) Start(_ context.Context, r flow.StartRequest) (flow.StartResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts = append(s.starts, r)
	return flow.StartResult{}, s.verdict(r.ID)
}

func (s *spy) verdict(id string) error {
	if s.err == nil {
		return nil
	}
	return s.err(id)
}

func (s *spy) Startable(context.Context, string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

// run reads the stream until the test ends, or until the function that it gives is called.
func run(t *testing.T, s streams.Stream) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := start(ctx, s)
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Error("the reader does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

func start(ctx context.Context, s streams.Stream) (ended chan struct{}) {
	s.Name, s.Key, s.Data, s.ID = "orders", "orders.events", "data", "id"
	s.Idle, s.Pause = 3*time.Millisecond, time.Millisecond
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	return ended
}

func entry(id string, fields ...string) flow.StreamEntry {
	e := flow.StreamEntry{ID: id, Fields: map[string]string{}}
	for i := 0; i < len(fields); i += 2 {
		e.Fields[fields[i]] = fields[i+1]
	}
	return e
}

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestWhatAnEntrySays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stream streams.Stream
		entry  flow.StreamEntry
		want   flow.Event
	}{
		"everything": {streams.Stream{}, entry("1-0", "type", "paid", "id", "p1", "data", `{"n":1}`, "traceparent", trace, "tracestate", "a=b"), flow.Event{
			Type: "paid", ID: "p1", Data: json.RawMessage(`{"n":1}`), Trace: map[string]string{"traceparent": trace, "tracestate": "a=b"},
		}},
		"nothing but a type":  {streams.Stream{}, entry("1-0", "type", "paid"), flow.Event{Type: "paid", ID: "orders.events:1-0", Data: json.RawMessage(`{"type":"paid"}`)}},
		"no data":             {streams.Stream{Event: "paid"}, entry("1-0", "id", "p1", "n", "<1>"), flow.Event{Type: "paid", ID: "p1", Data: json.RawMessage(`{"id":"p1","n":"<1>"}`)}},
		"the type is decided": {streams.Stream{Event: "paid"}, entry("1-0", "type", "other", "data", "[1]"), flow.Event{Type: "paid", ID: "orders.events:1-0", Data: json.RawMessage(`[1]`)}},
		"a wrong trace":       {streams.Stream{}, entry("1-0", "type", "paid", "data", "1", "traceparent", "x"), flow.Event{Type: "paid", ID: "orders.events:1-0", Data: json.RawMessage(`1`)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, workflow := range []string{"", "order"} {
				g, e := holding(c.entry), &spy{}
				c.stream.Source, c.stream.Engine, c.stream.Workflow = g, e, workflow
				if workflow != "" {
					c.stream.Event = ""
				}
				stop := run(t, c.stream)
				g.await(t, "the entry is acknowledged", g.done)
				stop()
				if workflow == "" {
					equal(t, e.events, []flow.Event{c.want})
				} else {
					equal(t, e.starts, []flow.StartRequest{{Workflow: workflow, ID: c.want.ID, Input: c.want.Data, Trace: c.want.Trace}})
				}
				if len(g.refused) > 0 || !g.left {
					t.Errorf("got %+v", g)
				}
			}
		})
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%s", got), fmt.Sprintf("%s", want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

var trigger = node.Type{Name: "acme.trigger", Trigger: true, Run: func(context.Context, *node.Call) (node.Outcome, error) {
	return node.Outcome{PassInput: true}, nil
}}

// real is an engine with its store in memory.
func real(t *testing.T) (*enginetest.Env, *engine.Engine) {
	t.Helper()
	env := enginetest.New(t, trigger)
	return env, env.Engine()
}

// TestWhatCanNeverBeServedIsRefused lets a real engine judge. Each is acknowledged, and kept with its reason; the good one between them is served.
func TestWhatCanNeverBeServedIsRefused(t *testing.T) {
	t.Parallel()
	_, e := real(t)
	want := map[string]string{
		"no-type": "needs a type", "long-type": "needs a type", "no-json": "is not JSON", "two-values": "is not JSON", "long-id": "at most 256", "no-text": "not UTF-8",
		"large": "payload_too_large", "deleted": "gone: ",
	}
	g := holding(
		entry("no-type", "data", "1"), entry("long-type", "type", strings.Repeat("t", 129)), entry("no-json", "type", "a", "data", "{"),
		entry("good", "type", "a", "id", "good"),
		entry("two-values", "type", "a", "data", "1 2"), entry("long-id", "type", "a", "id", strings.Repeat("i", 257)), entry("no-text", "type", "a", "n", "\xff"),
		entry("large", "type", "a", "data", `"`+strings.Repeat("x", 300<<10)+`"`), flow.StreamEntry{ID: "deleted"},
	)
	stop := run(t, streams.Stream{Source: g, Engine: e})
	g.await(t, "all are acknowledged", g.done)
	stop()
	for id, part := range want {
		if !strings.Contains(g.refused[id], part) {
			t.Errorf("%s was refused because of %q, not of %q", id, g.refused[id], part)
		}
	}
	if len(g.refused) != len(want) {
		t.Errorf("refused are %v", g.refused)
	}
	if r, err := e.Publish(t.Context(), flow.Event{Type: "a", ID: "good"}); err != nil || !r.Repeated {
		t.Errorf("the good one was not published: %+v, %v", r, err)
	}
}

// TestAStoreThatIsAwayCostsNoEntry: an entry is acknowledged only once the engine has it, and the others do not wait for it.
func TestAStoreThatIsAwayCostsNoEntry(t *testing.T) {
	t.Parallel()
	g := holding(entry("1-0", "type", "a", "id", "bad"), entry("2-0", "type", "a", "id", "good"))
	failures, healed := 0, false
	e := &spy{}
	e.err = func(id string) error {
		if id == "good" || healed {
			return nil
		}
		failures++
		return fmt.Errorf("publishing: %w", flow.ErrUnavailable)
	}
	stop := run(t, streams.Stream{Source: g, Engine: e})
	g.await(t, "the good one is acknowledged", func() bool { return slices.Contains(g.acked, "2-0") })
	g.mu.Lock()
	g.fresh = append(g.fresh, entry("3-0", "type", "a", "id", "good"))
	g.mu.Unlock()
	g.await(t, "one that came later is, too", func() bool { return slices.Contains(g.acked, "3-0") })
	e.mu.Lock()
	tried := failures
	healed = true
	e.mu.Unlock()
	g.await(t, "the bad one is in the end", g.done)
	stop()
	if tried < 4 || len(g.refused) > 0 || len(g.acked) != 3 {
		t.Errorf("%d tries failed; %+v", tried, g)
	}
}

// TestAnEntryWaitsForRoom: where too many events of a type are kept, entries wait until others are consumed, and none is lost.
func TestAnEntryWaitsForRoom(t *testing.T) {
	t.Parallel()
	g := holding(entry("1-0", "type", "a"))
	tries, e := 0, &spy{}
	e.err = func(string) error {
		if tries++; tries > 6 { // more than a round has
			return nil
		}
		return fmt.Errorf("publishing: %w", flow.TooManyEvents("a", 100))
	}
	stop := run(t, streams.Stream{Source: g, Engine: e})
	g.await(t, "it is acknowledged", g.done)
	stop()
	if len(g.refused) > 0 || !slices.Equal(g.acked, []string{"1-0"}) {
		t.Errorf("got %+v", g)
	}
}

// TestAReaderSurvivesItsRedis: reads that fail are tried again, and what was taken over with them is not forgotten.
func TestAReaderSurvivesItsRedis(t *testing.T) {
	t.Parallel()
	g := holding(entry("2-0", "type", "a"))
	g.pending, g.away = []flow.StreamEntry{entry("1-0", "type", "a")}, 3
	stop := run(t, streams.Stream{Source: g, Engine: &spy{}})
	g.await(t, "both are acknowledged", g.done)
	stop()
	if !slices.Contains(g.acked, "1-0") || !slices.Contains(g.acked, "2-0") || g.away != 0 {
		t.Errorf("got %+v", g)
	}
}

// TestAWorkflowThatIsMissingIsWaitedFor: that nobody published it is not the entry's fault.
func TestAWorkflowThatIsMissingIsWaitedFor(t *testing.T) {
	t.Parallel()
	env, e := real(t)
	g := holding(entry("1-0", "data", `{"n":1}`, "id", "o1"))
	seen := make(chan struct{}, 1)
	stop := run(t, streams.Stream{Source: g, Engine: noted{e, seen}, Workflow: "order"})
	late := time.After(10 * time.Second)
	for range 6 { // more often than a reader tries without taking over
		select {
		case <-seen:
		case <-late:
			t.Fatal("the entry is not tried any more")
		}
	}
	env.Deploy("id: order\nnodes: [{key: start, type: acme.trigger}]\n")
	g.await(t, "the entry is acknowledged", g.done)
	stop()
	r, err := e.Start(t.Context(), flow.StartRequest{Workflow: "order", ID: "o1", Input: json.RawMessage(`{"n":1}`)})
	if err != nil || !r.Replayed || len(g.refused) > 0 {
		t.Errorf("got %+v, %v; %+v", r, err, g)
	}
}

// noted tells of each start.
type noted struct {
	*engine.Engine
	seen chan struct{}
}

func (n noted) Start(ctx context.Context, r flow.StartRequest) (flow.StartResult, error) {
	select {
	case n.seen <- struct{}{}:
	default: // nobody counts any more
	}
	return n.Engine.Start(ctx, r)
}

// TestAStartThatDiffersFromItsFirstIsRefused: the same id with another input can never be served.
func TestAStartThatDiffersFromItsFirstIsRefused(t *testing.T) {
	t.Parallel()
	env, e := real(t)
	env.Deploy("id: order\nnodes: [{key: start, type: acme.trigger}]\n")
	if _, err := e.Start(t.Context(), flow.StartRequest{Workflow: "order", ID: "o1", Input: json.RawMessage(`1`)}); err != nil {
		t.Fatal(err)
	}
	g := holding(entry("1-0", "data", `1`, "id", "o1"), entry("2-0", "data", `2`, "id", "o1"))
	stop := run(t, streams.Stream{Source: g, Engine: e, Workflow: "order"})
	g.await(t, "both are acknowledged", g.done)
	stop()
	if len(g.refused) != 1 || !strings.Contains(g.refused["2-0"], flow.ErrMismatch.Code) {
		t.Errorf("refused are %v", g.refused)
	}
}

// TestALostAcknowledgementCountsOnce: the event was published, its acknowledgement was not: as after a crash between the two.
func TestALostAcknowledgementCountsOnce(t *testing.T) {
	t.Parallel()
	_, e := real(t)
	g := holding(entry("1-0", "type", "a"))
	g.lose = 2
	results := &results{Engine: e}
	stop := run(t, streams.Stream{Source: g, Engine: results})
	g.await(t, "the entry is acknowledged", g.done)
	stop()
	if len(results.all) != 3 || results.all[0].Repeated || !results.all[1].Repeated || !results.all[2].Repeated {
		t.Errorf("got %+v", results.all)
	}
}

// results keeps what came of each event.
type results struct {
	*engine.Engine
	all []flow.PublishResult
}

func (r *results) Publish(ctx context.Context, e flow.Event) (flow.PublishResult, error) {
	res, err := r.Engine.Publish(ctx, e)
	r.all = append(r.all, res) // one entry: one call at a time
	return res, err
}

// TestTheEndSettlesWhatIsInHand: the process is told to end in the middle of an event. That one is published and
// acknowledged; what was not read stays.
func TestTheEndSettlesWhatIsInHand(t *testing.T) {
	t.Parallel()
	g, began, goOn := holding(entry("1-0", "type", "a")), make(chan struct{}), make(chan struct{})
	e := &spy{err: func(string) error {
		close(began)
		<-goOn
		return nil
	}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := start(ctx, streams.Stream{Source: g, Engine: e})
	<-began
	cancel()
	g.mu.Lock()
	g.fresh = append(g.fresh, entry("2-0", "type", "a"))
	g.mu.Unlock()
	close(goOn)
	<-ended
	if !g.left || !slices.Equal(g.acked, []string{"1-0"}) || len(g.fresh) != 1 {
		t.Errorf("got %+v", g)
	}
}
