package suspend_test

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
)

// cost is what a store asked of Redis, and how much came back.
type cost struct{ commands, values int }

// meter counts what passes a client.
type meter struct{ commands, values atomic.Int64 }

func (m *meter) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (m *meter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		m.count(cmd)
		return err
	}
}

func (m *meter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			m.count(cmd)
		}
		return err
	}
}

func (m *meter) count(cmd redis.Cmder) {
	m.commands.Add(1)
	switch c := cmd.(type) {
	case *redis.Cmd:
		m.values.Add(leaves(c.Val()))
	case *redis.SliceCmd:
		m.values.Add(leaves(c.Val()))
	case *redis.MapStringStringCmd:
		m.values.Add(int64(2 * len(c.Val())))
	case *redis.StringSliceCmd:
		m.values.Add(int64(len(c.Val())))
	default:
		m.values.Add(1)
	}
}

func leaves(v any) int64 {
	list, ok := v.([]any)
	if !ok {
		return 1
	}
	n := int64(0)
	for _, e := range list {
		n += leaves(e)
	}
	return n
}

func (m *meter) reset() cost {
	return cost{int(m.commands.Swap(0)), int(m.values.Swap(0))}
}

// crowd is a store with executions.
type crowd struct {
	*zoo
	meter       *meter
	few, many   string    // the parent of mine, and that of all others
	from, until time.Time // when mine were created
	one         string    // of mine
	soon, later time.Time // around the time that ends the waits of mine
}

// grouped says what the members of a group have in common; those without a type do not wait. Each execution of it has one
// wait, or as many as wide says.
type grouped struct {
	workflow, kind, event string
	in                    time.Duration
	wide                  int
}

// What all questions are about.
var (
	mine       = grouped{"mine", flow.ExternalEvent, "paid", 90 * time.Minute, 1}
	mineAsleep = grouped{"mine", flow.Delay, "", 90 * time.Minute, 1}
)

// but gives a group that has all in common with another but one thing.
func (g grouped) but(edit func(*grouped)) grouped {
	g.wide = 200
	edit(&g)
	return g
}

// What that one thing may be.
var (
	otherType  = func(g *grouped) { g.kind = flow.CustomWait }
	otherEvent = func(g *grouped) { g.event = "shipped" }
	elsewhere  = func(g *grouped) { g.workflow = "other" }
	sooner     = func(g *grouped) { g.in = 10 * time.Minute }
	never      = func(g *grouped) { g.in = 0 }
)

// gather makes 100 of mine and, half before and half after them, as many waits (or executions) of others as asked for.
func gather(t *testing.T, c *redis.Client, others int, groups ...grouped) *crowd {
	t.Helper()
	w := &crowd{zoo: newZoo(t, c), meter: new(meter), few: animal("few"), many: animal("many")}
	w.commit(w.birth("few", stepOf(0, flow.StepPending)), w.birth("many", stepOf(0, flow.StepPending)))
	half := func() {
		for _, g := range groups {
			w.fill(g, others/len(groups)/2, w.many)
		}
	}
	now := func() time.Time { return c.Time(t.Context()).Val() }
	half()
	w.from = now()
	w.fill(mineAsleep, 100, w.few)
	w.fill(mine, 100, w.few)
	w.until = now().Add(time.Millisecond)
	for now().Before(w.until.Add(time.Millisecond)) {
		continue // the next are of a later millisecond
	}
	half()
	w.soon, w.later = now().Add(time.Hour), now().Add(2*time.Hour)
	c.AddHook(w.meter)
	return w
}

func (w *crowd) fill(g grouped, n int, parent string) {
	w.Helper()
	for n > 0 {
		var changes []*flow.Change
		for waits := 0; waits < min(n, 200); waits += g.wide {
			changes = append(changes, w.member(g, parent))
		}
		n -= len(changes) * g.wide
		w.commit(changes...)
	}
}

func (w *crowd) member(g grouped, parent string) *flow.Change {
	id := flow.NewExecutionID(0)
	var steps []*flow.Step
	for i := range g.wide {
		steps = append(steps, g.step(i, id))
	}
	ch := w.birth("member", steps...)
	ch.Execution, ch.Dispatch = id, nil
	ch.Head.Tags = map[string]string{"of": g.workflow}
	ch.Head.Workflow, ch.Head.Parent = g.workflow, &flow.Parent{Execution: parent, Step: step1, Mode: "async"}
	for i := range ch.Opened {
		ch.Opened[i].Execution = id
	}
	if len(ch.Opened) > 0 {
		suspended(ch)
	}
	if parent == w.few {
		w.one = id
	}
	return ch
}

func (g grouped) step(node int, unlike string) *flow.Step {
	if g.kind == "" {
		return stepOf(node, flow.StepPending)
	}
	wait := flow.Wait{Type: g.kind, In: g.in, Timer: g.kind == flow.Delay}
	if g.event != "" {
		wait.Event = &flow.Subscription{Type: g.event, Filter: map[string]any{"id": unlike}}
	}
	return waits(node, wait)
}

// ask is a list with a filter; it reads the page after a cursor.
type ask func(s *suspend.Store, cursor string) (items any, next string, err error)

func suspensionsBy(f flow.SuspensionFilter) ask {
	return func(s *suspend.Store, cursor string) (any, string, error) {
		f.Limit, f.Cursor = 4, cursor
		page, err := s.Suspensions(context.Background(), f)
		return page.Items, page.Cursor, err
	}
}

func delaysBy(f flow.DelayFilter) ask {
	return func(s *suspend.Store, cursor string) (any, string, error) {
		f.Limit, f.Cursor = 4, cursor
		page, err := s.Delays(context.Background(), f)
		return page.Items, page.Cursor, err
	}
}

func executionsBy(f flow.ExecutionFilter) ask {
	return func(s *suspend.Store, cursor string) (any, string, error) {
		f.Limit, f.Cursor = 4, cursor
		page, err := s.Executions(context.Background(), f)
		return page.Items, page.Cursor, err
	}
}

func relationsBy(f flow.RelationFilter) ask {
	return func(s *suspend.Store, cursor string) (any, string, error) {
		f.Limit, f.Cursor = 4, cursor
		page, err := s.Relations(context.Background(), f)
		return page.Items, page.Cursor, err
	}
}

// costs reads the first two pages of a list, and tells what each cost for how many items.
func (w *crowd) costs(name string, read ask) (all []string) {
	w.Helper()
	cursor := ""
	for range 2 {
		w.meter.reset()
		items, next, err := read(w.store, cursor)
		c := w.meter.reset()
		if err != nil {
			w.Fatalf("%s: %v", name, err)
		}
		n := reflect.ValueOf(items).Len()
		all = append(all, fmt.Sprintf("%d items for %d commands and %d values", n, c.commands, c.values))
		if cursor = next; cursor == "" {
			break
		}
		if n < 4 {
			w.Errorf("%s: there are more, but a page has %s", name, all[len(all)-1])
		}
	}
	return all
}

// TestListsCostWhatTheyTell: a page of every list is read by as many commands, and as many values come back, be what it
// does not tell little or much.
func TestListsCostWhatTheyTell(t *testing.T) {
	t.Parallel()
	for name, q := range costQuestions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("redis", func(t *testing.T) {
				t.Parallel()
				sameCosts(t, q, 20_000, real(t))
			})
			t.Run("miniredis", func(t *testing.T) {
				t.Parallel()
				sameCosts(t, q, 1000, inMemory(t, miniredis.RunT(t)))
			})
		})
	}
}

func sameCosts(t *testing.T, q questions, many int, c *redis.Client) {
	t.Helper()
	costs := func(others int) map[string][]string {
		if err := c.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		w, all := gather(t, c, others, q.others...), map[string][]string{}
		for name, read := range q.asks(w) {
			w.costs(name, read) // definitions and scripts are read once
			all[name] = w.costs(name, read)
		}
		return all
	}
	few := costs(100 * len(q.others))
	for name, got := range costs(many) {
		if !reflect.DeepEqual(got, few[name]) {
			t.Errorf("%s: among few %q, among many %q", name, few[name], got)
		}
	}
}

// TestPagesCostTheSameAnywhere: among very many waits that never end, and so have one place but for their names, a page
// far back costs what the first one costs; also when the row that the cursor names is gone.
func TestPagesCostTheSameAnywhere(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		w := &crowd{zoo: newZoo(t, c), meter: new(meter), few: animal("few")}
		w.commit(w.birth("few", stepOf(0, flow.StepPending)))
		w.fill(grouped{"mine", flow.CustomWait, "", 0, 1}, 2000, w.few)
		c.AddHook(w.meter)
		read := suspensionsBy(flow.SuspensionFilter{Workflow: "mine"})
		w.costs("to know the definition", read)
		first := w.costs("first", read)[1]
		f := flow.SuspensionFilter{Workflow: "mine", Limit: 900}
		for range 2 {
			page, err := w.store.Suspensions(t.Context(), f)
			w.must(err)
			f.Cursor = page.Cursor
		}
		far := func(s *suspend.Store, cursor string) (any, string, error) { return read(s, f.Cursor) }
		if got := w.costs("far", far)[1]; got != first {
			t.Errorf("the first page: %s; a page far back: %s", first, got)
		}
		here := w.redis.ZRange(t.Context(), "{prana-0}:wfsus:mine:custom", 1799, 1799).Val()
		w.must(w.redis.ZRem(t.Context(), "{prana-0}:wfsus:mine:custom", here).Err())
		if got := w.costs("gone", far)[1]; got != first {
			t.Errorf("the first page: %s; after a row that is gone: %s", first, got)
		}
	})
}

// TestListsAreBounded: what two indexes would have to be joined for costs no more than its bound, and misses nothing.
func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	w := gather(t, real(t), 8000, mine.but(elsewhere), mine.but(otherEvent))
	f := flow.SuspensionFilter{Workflow: "mine", EventType: eventType, Limit: 4}
	found := 0
	for range 1000 {
		w.meter.reset()
		page, err := w.store.Suspensions(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if c := w.meter.reset(); c.commands > 4100 || c.values > 11_000 { // with definitions, which are not there
			t.Fatalf("a page of %d cost %+v", len(page.Items), c)
		}
		found += len(page.Items)
		if f.Cursor = page.Cursor; f.Cursor == "" {
			break
		}
	}
	if found != 100 {
		t.Errorf("found %d, want 100", found)
	}
}
