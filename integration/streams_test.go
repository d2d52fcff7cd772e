package integration

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/integration/proc"
)

// streamFlow ends its first wait by the event of its entry, and stands at the second unless that came twice. streamStart
// is started by entries.
const (
	streamFlow = `
id: stream_flow
nodes:
  - {key: start, type: manual.trigger}
  - {key: first, type: wait.wait_for_event, params: {event_type: ordered, event_filter: {id: $input.id}, timeout_ms: 600000}}
  - {key: second, type: wait.wait_for_event, params: {event_type: ordered, event_filter: {id: $nodes.start.output.id}, timeout_ms: 600000}}
connections: [start -> first, first -> second]
`
	streamStart = `
id: stream_start
nodes:
  - {key: start, type: manual.trigger}
  - {key: effect, type: test.effect, params: {name: "stream{{ $input.i }}"}}
connections: [start -> effect]
`
)

// The streams of these tests.
var (
	orderEvents = stream{Key: "orders.events"}
	orderStarts = stream{Key: "orders.starts", Workflow: "stream_start"}
)

// write appends entries of field and value pairs to a stream, and gives their ids.
func (s *system) write(t *testing.T, to stream, entries ...[]string) []string {
	t.Helper()
	pipe := s.raw.Pipeline()
	for _, values := range entries {
		pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: to.Key, Values: values})
	}
	done, err := pipe.Exec(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, cmd := range done {
		ids = append(ids, cmd.(*redis.StringCmd).Val())
	}
	return ids
}

// ordered are the entries of executions from until to, a third of each: with an id of its own, with data, or whole.
func ordered(from, to int) [][]string {
	var all [][]string
	for i := from; i < to; i++ {
		id := fmt.Sprint("order-", i)
		all = append(all, [][]string{
			{"type", "ordered", "id", "evt-" + id, "data", `{"id":"` + id + `"}`},
			{"type", "ordered", "data", `{"id":"` + id + `"}`},
			{"type", "ordered", "id", id},
		}[i%3])
	}
	return all
}

// unsettled counts what the group has not read, or not acknowledged.
func (s *system) unsettled(t *testing.T, of stream) (unread, pending int64) {
	t.Helper()
	groups, err := s.raw.XInfoGroups(t.Context(), of.Key).Result()
	if err != nil || len(groups) != 1 {
		t.Fatalf("%v, %v", groups, err)
	}
	return groups[0].Lag, groups[0].Pending
}

func (s *system) awaitSettled(t *testing.T, of stream, within time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		unread, pending := s.unsettled(t, of)
		if unread == 0 && pending == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d entries of %s are unread and %d not acknowledged after %s", unread, of.Key, pending, within)
		}
	}
}

// killReaders kills all that read streams, as soon as they have something in hand, and gives how many entries that left behind.
func (s *system) killReaders(t *testing.T, readers []*proc.Process, of stream) int64 {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if _, pending := s.unsettled(t, of); pending > 0 {
			break
		}
	}
	for _, p := range readers {
		p.Kill()
	}
	_, pending := s.unsettled(t, of)
	return pending
}

// TestEveryEntryOfAStreamCountsOnceThroughKills: entries are written before anybody reads, while workers read, and while all
// of these are killed with entries in hand.
func TestEveryEntryOfAStreamCountsOnceThroughKills(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{Partitions: 2})
	s.deploy(t, streamFlow, streamStart)
	const n, before, each = 400, 100, 50
	ids := s.startMany(t, n, "stream_flow", func(i int) any { return map[string]any{"id": fmt.Sprint("order-", i)} })
	bad := s.write(t, orderEvents, []string{"data", "{}"}, []string{"type", "ordered", "data", "{"}, []string{"type", strings.Repeat("t", 129)})
	s.write(t, orderEvents, ordered(0, before)...)
	s.setup.Streams = []stream{orderEvents, orderStarts}
	readers := s.readers(t)
	var stranded int64
	for at := before; at < n; at += each {
		s.write(t, orderEvents, ordered(at, at+each)...)
		var starts [][]string
		for i := at; i < at+each; i++ {
			starts = append(starts, []string{"data", fmt.Sprintf(`{"i":%d}`, i)})
		}
		s.write(t, orderStarts, starts...)
		stranded += s.killReaders(t, readers, orderEvents)
		readers = s.readers(t)
	}
	t.Logf("%d entries were left behind by %d kills", stranded, 2*(n-before)/each)
	if stranded == 0 {
		t.Error("no worker died with an entry in hand: nothing was tested")
	}
	s.awaitSettled(t, orderEvents, 60*time.Second)
	s.awaitSettled(t, orderStarts, 60*time.Second)
	s.wantAtSecond(t, ids)
	s.wantRefused(t, orderEvents, bad)
	s.wantRefused(t, orderStarts, nil)
	s.wantStarted(t, before, n)
}

// readers starts two workers that read streams.
func (s *system) readers(t *testing.T) []*proc.Process {
	t.Helper()
	var all []*proc.Process
	for range 2 {
		p, err := s.addWorkerOf()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// wantAtSecond checks that the event of each execution came, and came once.
func (s *system) wantAtSecond(t *testing.T, ids []string) {
	t.Helper()
	together(t, len(ids), 8, func(i int) error {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			v, err := s.engine.Describe(t.Context(), ids[i])
			if err != nil {
				return err
			}
			if v.Status == flow.Suspended && ran(v, "second") {
				return nil
			}
			if v.Status.Terminal() || time.Now().After(deadline) {
				return fmt.Errorf("execution %d is %s at %+v: want it at its second wait", i, v.Status, v.Nodes)
			}
		}
	})
}

// wantRefused checks which entries are kept as refused. After a crash one may be kept twice.
func (s *system) wantRefused(t *testing.T, of stream, want []string) {
	t.Helper()
	found, err := s.raw.XRange(t.Context(), of.Key+":refused", "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, e := range found {
		id, _ := e.Values["prana:entry"].(string)
		if got[id] = true; e.Values["prana:reason"] == "" {
			t.Errorf("entry %s was refused without a reason", id)
		}
	}
	slices.Sort(want)
	if ids := slices.Sorted(maps.Keys(got)); !slices.Equal(ids, want) {
		t.Errorf("refused are %v, not %v", ids, want)
	}
}

// wantStarted checks that each entry started one execution.
func (s *system) wantStarted(t *testing.T, from, to int) {
	t.Helper()
	count := func(list string) (n int64) {
		for part := range 2 {
			found, err := s.raw.ZCard(t.Context(), fmt.Sprintf("{prana-%d}:%s", part, list)).Result()
			if err != nil {
				t.Fatal(err)
			}
			n += found
		}
		return n
	}
	if n := count("wf:stream_start"); n != int64(to-from) {
		t.Fatalf("%d executions were started by %d entries", n, to-from)
	}
	for deadline := time.Now().Add(60 * time.Second); count("wfst:stream_start:completed") < int64(to-from); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d executions completed", count("wfst:stream_start:completed"), to-from)
		}
	}
	seen := map[string]bool{}
	for _, c := range s.world.calls("/effect/stream") {
		seen[c.Path] = true
	}
	for i := from; i < to; i++ {
		if !seen[fmt.Sprint("/effect/stream", i)] {
			t.Errorf("entry %d started nothing", i)
		}
	}
}

// TestACrashBetweenPublishAndAckCountsOnce is that crash: the event was published, and its reader never acknowledges it.
func TestACrashBetweenPublishAndAckCountsOnce(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, streamFlow)
	ids := s.startMany(t, 3, "stream_flow", func(i int) any { return map[string]any{"id": fmt.Sprint("order-", i)} })
	entries := s.write(t, orderEvents, ordered(0, 3)...)
	if err := s.raw.XGroupCreate(t.Context(), orderEvents.Key, "prana", "0").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.raw.XReadGroup(t.Context(), &redis.XReadGroupArgs{Group: "prana", Consumer: "crashed", Streams: []string{orderEvents.Key, ">"}}).Result(); err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"evt-order-0", orderEvents.Key + ":" + entries[1], "order-2"} {
		e := flow.Event{Type: "ordered", ID: id, Data: raw(map[string]any{"id": fmt.Sprint("order-", i)})}
		if r, err := s.engine.Publish(t.Context(), e); err != nil || r.Repeated {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	s.setup.Streams = []stream{orderEvents}
	s.readers(t)
	s.awaitSettled(t, orderEvents, 20*time.Second)
	s.wantAtSecond(t, ids)
	s.wantRefused(t, orderEvents, nil)
}

// TestReadersLeaveTheirGroupInOrder: SIGTERM ends a worker that waits for entries at once, and it leaves no consumer behind.
func TestReadersLeaveTheirGroupInOrder(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.setup.Streams = []stream{orderEvents}
	readers := s.readers(t)
	s.write(t, orderEvents, []string{"type", "nobody", "traceparent", "x"})
	s.awaitSettled(t, orderEvents, 20*time.Second)
	for _, p := range readers {
		p.Terminate()
	}
	for _, p := range readers {
		if code := ended(t, p, 5*time.Second); code != 0 {
			t.Errorf("worker %d left with %d:\n%s", p.Pid, code, p.Log())
		}
	}
	left, err := s.raw.XInfoConsumers(context.WithoutCancel(t.Context()), orderEvents.Key, "prana").Result()
	if err != nil || len(left) > 0 {
		t.Errorf("%+v are left, %v", left, err)
	}
}
