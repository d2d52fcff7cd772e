package bench

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/cmd/prana/app"
	"prana/config"
	"prana/config/localredis"
	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

// somebodys starts a Redis that is not the bench's own, and gives options that name it.
func somebodys(t *testing.T) (Options, *redis.Client) {
	t.Helper()
	s, err := localredis.Start(t.Context(), localredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c := redis.NewClient(&redis.Options{Network: s.Network(), Addr: s.Addr()})
	t.Cleanup(func() { _ = c.Close() })
	cfg, err := config.Load(config.Options{Environ: []string{}, Flags: map[string]any{"redis.url": s.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		App: app.Options{Config: cfg}, Executable: self, Environ: []string{}, Only: []string{"resume", "suspended", "event_match"},
		Rounds: 1, Executions: 4, Waiting: []int{4, 6}, Suspended: 5, Samples: 2, Branches: 3, Timers: 3, Idle: 100 * time.Millisecond, Say: t.Logf,
	}, c
}

func keys(t *testing.T, c *redis.Client) []string {
	t.Helper()
	found, err := c.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// wantEmpty looks at all databases.
func wantEmpty(t *testing.T, c *redis.Client) {
	t.Helper()
	if left, err := c.Info(t.Context(), "keyspace").Result(); err != nil || strings.Contains(left, "keys=") {
		t.Errorf("keys were left: %s, %v: %v", left, err, keys(t, c))
	}
}

func TestLeavesSomebodysRedisEmpty(t *testing.T) {
	t.Parallel()
	o, c := somebodys(t)
	o.Only = []string{"throughput", "idle_chain", "resume", "event_post", "worker", "fan", "timers", "suspended", "event_match"}
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, c)
}

func TestLeavesSomebodysRedisEmptyWhenInterrupted(t *testing.T) {
	t.Parallel()
	o, c := somebodys(t)
	ctx, cancel := context.WithCancel(t.Context())
	o.Say = func(format string, _ ...any) {
		if strings.HasPrefix(format, "event_match") { // some are made and wait
			cancel()
		}
	}
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantEmpty(t, c)
}

func TestTouchesNoDatabaseThatIsNotEmpty(t *testing.T) {
	t.Parallel()
	for db := range 2 { // one for each of two sizes
		o, c := somebodys(t)
		other := *c.Options()
		other.DB = db
		theirs := redis.NewClient(&other)
		defer func() { _ = theirs.Close() }()
		theirs.Set(t.Context(), "somebodys", "1", 0)
		if _, err := Run(t.Context(), o); !errors.Is(err, flow.ErrConflict) {
			t.Errorf("got %v", err)
		}
		if left := keys(t, theirs); !slices.Equal(left, []string{"somebodys"}) {
			t.Errorf("it is left with %v", left)
		}
		theirs.Del(t.Context(), "somebodys")
		wantEmpty(t, c)
	}
}

// TestRemovesNothingOfOthers: somebody begins to use the database while it is measured.
func TestRemovesNothingOfOthers(t *testing.T) {
	t.Parallel()
	o, c := somebodys(t)
	store := suspend.New(c, nil, suspend.Options{})
	o.Say = func(format string, _ ...any) {
		if strings.HasPrefix(format, "event_match") {
			c.Set(t.Context(), "cache", "1", 0)
			if _, err := store.PutWorkflow(t.Context(), &flow.Workflow{ID: "orders"}, "1"); err != nil {
				t.Error(err)
			}
		}
	}
	_, err := Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "orders") {
		t.Errorf("got %v", err)
	}
	if _, _, err := store.Workflow(t.Context(), "orders", ""); err != nil {
		t.Error(err)
	}
	if left := keys(t, c); !slices.Contains(left, "cache") {
		t.Errorf("it is left with %v", left)
	}
}

// newBench is a bench on a Redis of somebody, without any measurement.
func newBench(t *testing.T) *bench {
	t.Helper()
	o, c := somebodys(t)
	return &bench{Options: o, dbs: []*target{{url: o.App.Config.Redis.URL, client: c}}, workflow: "bench_test"}
}

// TestWaitersAreWhole: what is made without asynq is as a worker would have left it.
func TestWaitersAreWhole(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"", waitNode} {
		b := newBench(t)
		c, err := b.newCrowd(t.Context(), b.dbs[0], waitSource)
		if err != nil {
			t.Fatal(err)
		}
		waiters, err := c.fill(t.Context(), from, 40)
		if err != nil {
			t.Fatal(err)
		}
		store := b.dbs[0].store(1)
		a, err := store.Audit(t.Context(), 0, suspend.AuditOptions{})
		if err != nil || a.Executions != 40 || len(a.Findings) > 0 {
			t.Errorf("from %q: %+v, %v", from, a, err)
		}
		page, err := store.Suspensions(t.Context(), flow.SuspensionFilter{EventType: eventType, Limit: 100})
		if err != nil || len(page.Items) != len(waiters) {
			t.Errorf("from %q: %d wait for the event, %v", from, len(page.Items), err)
		}
	}
}

// TestEventsAreVerified: an event that ends two waits, or none, is no sample.
func TestEventsAreVerified(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c, err := b.newCrowd(t.Context(), b.dbs[0], waitSource)
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.fill(t.Context(), waitNode, 1)
	if err != nil {
		t.Fatal(err)
	}
	c.orders = 0 // so that another waits for the same
	if _, err := c.fill(t.Context(), waitNode, 1); err != nil {
		t.Fatal(err)
	}
	p, err := b.start(t.Context(), b.dbs[0], 10)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(t.Context(), p.App); err != nil {
			t.Error(err)
		}
	}()
	for _, w := range []waiter{first[0], {order: 7, execution: first[0].execution}} {
		if _, err := publishOne(t.Context(), p, w); err == nil || !strings.Contains(err.Error(), "matched") {
			t.Errorf("the event of order %d passed: %v", w.order, err)
		}
	}
}

// TestEachStepIsATask: nothing is inlined. What is counted here is what asynq does with every task, once.
func TestEachStepIsATask(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]func(b *bench) load{
		"chains": func(b *bench) load { return b.chains(30) },
		"loops":  func(*bench) load { return loops(4, 5) },
	} {
		b := newBench(t)
		load := l(b)
		if _, err := b.drain(t.Context(), load); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		calls, err := b.dbs[0].calls(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"chains": 30 * 10, "loops": 5 * (1 + 4*9)}[name]
		if calls["lrem"] != want || load.steps != want {
			t.Errorf("%s: %d steps were %d tasks, want %d", name, load.steps, calls["lrem"], want)
		}
		load.steps++
		if _, err := b.drain(t.Context(), load); err == nil || !strings.Contains(err.Error(), "tasks of asynq's") {
			t.Errorf("%s: another number of tasks passed: %v", name, err)
		}
	}
}

// TestBareIsLikeOurs: a payload of bare asynq is as long as ours, and a result is what ours leaves.
func TestBareIsLikeOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e, err := b.newEngine(b.dbs[0].store(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.startAll(t.Context(), e, b.chains(1)); err != nil {
		t.Fatal(err)
	}
	s, err := b.newBare(1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.redis.Close() }()
	if err := s.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	ours, bares := pending(t, b, tasks.QueueOf(0)), pending(t, b, bareQueue)
	if len(ours.Payload) != len(bares.Payload) {
		t.Errorf("ours %s, and that of bare asynq %s", ours.Payload, bares.Payload)
	}
	if _, err := tasks.ReadStep(asynq.NewTask(ours.Type, bares.Payload)); err != nil {
		t.Errorf("that of bare asynq is no step: %v", err)
	}
}

// pending gives the one task of a queue.
func pending(t *testing.T, b *bench, queue string) *asynq.TaskInfo {
	t.Helper()
	if err := tasks.Ensure(t.Context(), b.dbs[0].client, queue); err != nil {
		t.Fatal(err)
	}
	all, err := asynq.NewInspectorFromRedisClient(b.dbs[0].client).ListPendingTasks(queue)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d tasks in %s, %v", len(all), queue, err)
	}
	return all[0]
}

// TestFailuresEndARound: an execution that fails is not waited for.
func TestFailuresEndARound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := loops(1, 3)
	l.input = []byte(`{"rounds":"many"}`)
	if _, err := b.drain(t.Context(), l); err == nil || !strings.Contains(err.Error(), "failed") {
		t.Errorf("got %v", err)
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Rounds = 3
	var order []string
	turn := func(name string) func(context.Context) error {
		return func(context.Context) error { order = append(order, name); return nil }
	}
	if err := b.turns(t.Context(), "test", turn("a"), turn("b")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "b", "a", "a", "b"}; !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for want, of := range map[float64][]float64{3: {3}, 5: {9, 1, 5}, 2: {4, 1, 3, 2}} {
		if got := median(of); got != want {
			t.Errorf("of %v: %v, want %v", of, got, want)
		}
	}
}

func TestOnly(t *testing.T) {
	t.Parallel()
	all, err := Options{Only: []string{"suspended", "throughput"}}.chosen()
	if err != nil || len(all) != 2 || all[0].name != "throughput" || all[1].name != "suspended" {
		t.Errorf("got %d, %v", len(all), err)
	}
	if _, err := (Options{Only: []string{"suspended", "speed"}}).chosen(); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "speed") {
		t.Errorf("got %v", err)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("this system does not tell")
	}
	if now, most := memoryOf(os.Getpid(), "VmRSS"), memoryOf(os.Getpid(), "VmHWM"); now < 1 || most < now || most > 100_000 {
		t.Errorf("%v MiB now, at most %v MiB", now, most)
	}
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	var times []time.Duration
	for i := 200; i > 0; i-- {
		times = append(times, time.Duration(i))
	}
	if got := percentilesOf(times); got != (percentiles{100, 198}) {
		t.Errorf("of 1 to 200: %+v", got)
	}
	if got := percentilesOf([]time.Duration{7}); got != (percentiles{7, 7}) {
		t.Errorf("of one: %+v", got)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{7: "7", 999: "999", 1000: "1,000", 100000: "100,000", 1234567: "1,234,567"} {
		if got := count(n); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
