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

// crowd is a store with executions that wait.
type crowd struct {
	*zoo
	meter       *meter
	few, many   string    // a parent with 100 children, and that of all others
	middle      time.Time // when half of the children of few were created
	one, child  string
	soon, later time.Time // around the end of half of the waits
}

// gather makes 100 executions of workflow "mine" that wait for the event "paid", an hour and some, and as many others as
// are asked for: each has all of that in common with them but one thing.
func gather(t *testing.T, c *redis.Client, others int) *crowd {
	t.Helper()
	w := &crowd{zoo: newZoo(t, c), meter: new(meter), few: animal("few"), many: animal("many")}
	w.commit(w.birth("few", stepOf(0, flow.StepPending)), w.birth("many", stepOf(0, flow.StepPending)))
	mine := grouped{"mine", flow.ExternalEvent, "paid", 90 * time.Minute, w.few}
	for i := range 2 {
		w.fill(mine, 50)
		if i == 0 {
			w.middle = c.Time(t.Context()).Val()
		}
	}
	kinds := []grouped{
		{"other", flow.ExternalEvent, "paid", 90 * time.Minute, w.many},
		{"mine", flow.CustomWait, "paid", 90 * time.Minute, w.many},
		{"mine", flow.ExternalEvent, "shipped", 90 * time.Minute, w.many},
		{"mine", flow.ExternalEvent, "paid", 10 * time.Minute, w.many},
		{"mine", flow.ExternalEvent, "paid", 0, w.many},
		{"mine", flow.Delay, "", 90 * time.Minute, w.many},
		{"mine", flow.Delay, "", 10 * time.Minute, w.many},
		{"other", flow.Delay, "", 90 * time.Minute, w.many},
		{"mine", "", "", 0, w.many},
		{"other", "", "", 0, w.many},
	}
	for _, k := range kinds {
		w.fill(k, others/len(kinds))
	}
	w.soon, w.later = c.Time(t.Context()).Val().Add(time.Hour), c.Time(t.Context()).Val().Add(2*time.Hour)
	c.AddHook(w.meter)
	return w
}

// grouped says what the members of a group have in common; without a type they do not wait.
type grouped struct {
	workflow, kind, event string
	in                    time.Duration
	parent                string
}

func (w *crowd) fill(g grouped, n int) {
	w.Helper()
	for n > 0 {
		var changes []*flow.Change
		for range min(n, 250) {
			changes = append(changes, w.member(g))
		}
		n -= len(changes)
		w.commit(changes...)
	}
}

func (w *crowd) member(g grouped) *flow.Change {
	id := flow.NewExecutionID(0)
	s := stepOf(1, flow.StepPending)
	if g.kind != "" {
		wait := flow.Wait{Type: g.kind, In: g.in, Timer: g.kind == flow.Delay}
		if g.event != "" {
			wait.Event = &flow.Subscription{Type: g.event, Filter: map[string]any{"id": id}}
		}
		s = waits(1, wait)
	}
	ch := w.birth("member", s)
	ch.Execution, ch.Dispatch = id, nil
	ch.Head.Workflow, ch.Head.Parent = g.workflow, &flow.Parent{Execution: g.parent, Step: step1, Mode: "async"}
	if g.kind != "" {
		ch.Opened[0].Execution = id
		suspended(ch)
	}
	if g.parent == w.few {
		w.child, w.one = id, id
	}
	return ch
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

// asks gives every filter that is answered from an index or from one execution.
func (w *crowd) asks() map[string]ask {
	const kind, event, mine = flow.ExternalEvent, "paid", "mine"
	before, after := w.later, w.soon
	return map[string]ask{
		"suspensions":                               suspensionsBy(flow.SuspensionFilter{}),
		"suspensions by type":                       suspensionsBy(flow.SuspensionFilter{Type: kind}),
		"suspensions by event type":                 suspensionsBy(flow.SuspensionFilter{EventType: event}),
		"suspensions by workflow":                   suspensionsBy(flow.SuspensionFilter{Workflow: mine}),
		"suspensions by end":                        suspensionsBy(flow.SuspensionFilter{ExpiresBefore: before}),
		"suspensions by end, the later":             suspensionsBy(flow.SuspensionFilter{ExpiresAfter: after}),
		"suspensions by type and event type":        suspensionsBy(flow.SuspensionFilter{Type: kind, EventType: event}),
		"suspensions by rare type and event type":   suspensionsBy(flow.SuspensionFilter{Type: flow.CustomWait, EventType: event}),
		"suspensions by type and no event type":     suspensionsBy(flow.SuspensionFilter{Type: flow.Delay, EventType: event}),
		"suspensions by type and workflow":          suspensionsBy(flow.SuspensionFilter{Type: kind, Workflow: mine}),
		"suspensions by type and end":               suspensionsBy(flow.SuspensionFilter{Type: kind, ExpiresBefore: before, ExpiresAfter: after}),
		"suspensions by event type and end":         suspensionsBy(flow.SuspensionFilter{EventType: event, ExpiresBefore: before, ExpiresAfter: after}),
		"suspensions by workflow and end":           suspensionsBy(flow.SuspensionFilter{Workflow: mine, ExpiresBefore: before, ExpiresAfter: after}),
		"suspensions by type, event type and end":   suspensionsBy(flow.SuspensionFilter{Type: kind, EventType: event, ExpiresBefore: before, ExpiresAfter: after}),
		"suspensions by type, workflow and end":     suspensionsBy(flow.SuspensionFilter{Type: kind, Workflow: mine, ExpiresBefore: before, ExpiresAfter: after}),
		"suspensions of one execution":              suspensionsBy(flow.SuspensionFilter{Execution: w.one}),
		"delays":                                    delaysBy(flow.DelayFilter{}),
		"delays by workflow":                        delaysBy(flow.DelayFilter{Workflow: mine}),
		"delays by end":                             delaysBy(flow.DelayFilter{From: after, Until: before}),
		"delays by workflow and end":                delaysBy(flow.DelayFilter{Workflow: mine, From: after, Until: before}),
		"delays of one execution":                   delaysBy(flow.DelayFilter{Execution: w.one}),
		"executions":                                executionsBy(flow.ExecutionFilter{}),
		"executions by time":                        executionsBy(flow.ExecutionFilter{Until: w.middle}),
		"executions by status":                      executionsBy(flow.ExecutionFilter{Status: flow.Suspended}),
		"executions by workflow":                    executionsBy(flow.ExecutionFilter{Workflow: mine}),
		"executions by status and workflow":         executionsBy(flow.ExecutionFilter{Status: flow.Running, Workflow: mine}),
		"executions by status and time":             executionsBy(flow.ExecutionFilter{Status: flow.Suspended, Until: w.middle}),
		"executions by workflow and time":           executionsBy(flow.ExecutionFilter{Workflow: mine, Until: w.middle}),
		"executions by status, workflow and time":   executionsBy(flow.ExecutionFilter{Status: flow.Suspended, Workflow: mine, Until: w.middle}),
		"one execution":                             executionsBy(flow.ExecutionFilter{ID: w.one}),
		"relations":                                 relationsBy(flow.RelationFilter{}),
		"relations by parent":                       relationsBy(flow.RelationFilter{Parent: w.few}),
		"relations by the parent of all others":     relationsBy(flow.RelationFilter{Parent: w.many}),
		"relations by child":                        relationsBy(flow.RelationFilter{Child: w.child}),
		"relations by both ends":                    relationsBy(flow.RelationFilter{Parent: w.few, Child: w.child}),
		"relations by a child and another's parent": relationsBy(flow.RelationFilter{Parent: w.many, Child: w.child}),
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
		all = append(all, fmt.Sprintf("%d items for %d commands and %d values", reflect.ValueOf(items).Len(), c.commands, c.values))
		if cursor = next; cursor == "" {
			break
		}
	}
	return all
}

// TestListsCostWhatTheyTell: a page of every list is read by as many commands, and as many values come back, be what it
// does not tell little or much.
func TestListsCostWhatTheyTell(t *testing.T) {
	t.Parallel()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		sameCosts(t, gather(t, real(t), 100), gather(t, real(t), 20_000))
	})
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		sameCosts(t, gather(t, inMemory(t, miniredis.RunT(t)), 100), gather(t, inMemory(t, miniredis.RunT(t)), 1_000))
	})
}

func sameCosts(t *testing.T, small, large *crowd) {
	t.Helper()
	inLarge := large.asks()
	for name, read := range small.asks() {
		small.costs(name, read) // definitions and scripts are read once
		large.costs(name, inLarge[name])
		a, b := small.costs(name, read), large.costs(name, inLarge[name])
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: among few %q, among many %q", name, a, b)
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
		w.fill(grouped{"mine", flow.CustomWait, "", 0, w.few}, 2000)
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
	w := gather(t, real(t), 2000)
	f := flow.SuspensionFilter{Workflow: "other", EventType: "paid", Limit: 4}
	found := 0
	for range 1000 {
		w.meter.reset()
		page, err := w.store.Suspensions(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if c := w.meter.reset(); c.commands > 200 || c.values > 2000 {
			t.Fatalf("a page of %d cost %+v", len(page.Items), c)
		}
		found += len(page.Items)
		if f.Cursor = page.Cursor; f.Cursor == "" {
			break
		}
	}
	if found != 200 {
		t.Errorf("found %d, want 200", found)
	}
}
