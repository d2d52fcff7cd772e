package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/cmd/prana/app"
	"prana/config/localredis"
	"prana/engine"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/api/client"
	"prana/integration/proc"
)

// system is one Redis, the world around, worker processes, and this process as
// API and client of all of them.
type system struct {
	setup   setup
	redis   *localredis.Server
	raw     redis.UniversalClient
	world   *world
	app     *app.App
	engine  *engine.Engine
	reg     *node.Registry
	mu      sync.Mutex
	workers []*proc.Process
}

// begin makes a system with two workers that ends with the test.
func begin(t testing.TB, s setup) *system {
	t.Helper()
	needRedis(t)
	sys, err := newSystem(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			sys.dumpLogs(t)
		}
		if err := sys.close(); err != nil {
			t.Errorf("ending the system: %v", err)
		}
	})
	return sys
}

func newSystem(s setup) (*system, error) {
	sys := &system{world: newWorld()}
	var err error
	if sys.redis, err = localredis.Start(context.Background(), localredis.Options{Persist: true}); err != nil {
		return nil, errors.Join(err, sys.close())
	}
	s.Redis, s.World = sys.redis.URL(), sys.world.URL
	if s.Grace == 0 {
		s.Grace = 5 * time.Second
	}
	sys.setup = s
	if sys.raw, err = app.Connect(s.Redis); err != nil {
		return nil, errors.Join(err, sys.close())
	}
	if err := sys.boot(); err != nil {
		return nil, errors.Join(err, sys.close())
	}
	return sys, nil
}

// boot starts this process' part of the system, and its workers.
func (s *system) boot() error {
	o := s.setup.options()
	o.API, o.Worker = true, s.setup.Inside
	app.TestSecret(&o.Config, "HOOK_KEY", hookKey)
	a, err := app.Start(context.Background(), o)
	if err != nil {
		return err
	}
	s.app, s.engine, s.reg = a, a.Engine(), a.Registry()
	if s.setup.Inside {
		return nil
	}
	return errors.Join(s.addWorker(), s.addWorker())
}

func (s *system) addWorker() error {
	_, err := s.addWorkerOf()
	return err
}

// addWorkerOf starts a worker that serves these queues; none = those of the setup.
func (s *system) addWorkerOf(queues ...string) (*proc.Process, error) {
	set := s.setup
	if len(queues) > 0 {
		set.Queues = queues
	}
	p, err := spawn(set)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers = append(s.workers, p)
	return p, nil
}

// addServer starts an API server in a process of its own, and gives a client of it.
func (s *system) addServer(t testing.TB) (*proc.Process, *client.Client) {
	t.Helper()
	set := s.setup
	set.Server = true
	p, err := spawn(set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	c, err := client.New(p.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Patience = 0 // tests want to see what is lost
	return p, c
}

// living lists the workers that run.
func (s *system) living() []*proc.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*proc.Process
	for _, p := range s.workers {
		if p.Alive() {
			out = append(out, p)
		}
	}
	return out
}

// worker finds a worker by its process id.
func (s *system) worker(t testing.TB, pid int) *proc.Process {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.workers {
		if p.Pid == pid {
			return p
		}
	}
	t.Fatalf("no worker has process id %d", pid)
	return nil
}

// close ends everything by its process id, workers first.
func (s *system) close() error {
	var wg sync.WaitGroup
	for _, p := range s.living() {
		wg.Go(p.Stop)
	}
	wg.Wait()
	var errs []error
	if s.app != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		errs = append(errs, s.app.Shutdown(ctx))
	}
	if s.raw != nil {
		errs = append(errs, s.raw.Close())
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Close())
	}
	s.world.Close()
	return errors.Join(errs...)
}

func (s *system) dumpLogs(t testing.TB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.workers {
		t.Logf("the end of the log of worker %d:\n%s", p.Pid, p.Log())
	}
}

// shared are the systems of the tests that disturb nobody: one, or one for each
// round of "go test -count", since what a round leaves would disturb the next.
var shared struct {
	mu     sync.Mutex
	rounds []*system
	asked  map[string]int // by name of the test
}

func sharedSystem(t testing.TB) *system {
	t.Helper()
	needRedis(t)
	sys, err := sharedRound(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			sys.dumpLogs(t)
		}
	})
	return sys
}

func sharedRound(test string) (*system, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.asked == nil {
		shared.asked = map[string]int{}
	}
	round := shared.asked[test]
	for len(shared.rounds) <= round {
		sys, err := newSystem(setup{})
		if err != nil {
			return nil, err
		}
		shared.rounds = append(shared.rounds, sys)
	}
	shared.asked[test]++
	return shared.rounds[round], nil
}

func closeShared() error {
	var errs []error
	for _, sys := range shared.rounds {
		errs = append(errs, sys.close())
	}
	if desks.server != nil {
		errs = append(errs, desks.server.Close())
	}
	return errors.Join(errs...)
}

// deploy publishes definitions; WORLD in them is the world's address.
func (s *system) deploy(t testing.TB, sources ...string) {
	t.Helper()
	for _, src := range sources {
		src = strings.ReplaceAll(src, "WORLD", s.world.URL)
		w, _, found := definition.Check("test.yaml", []byte(src), s.reg, plan.Options{})
		if plan.HasErrors(found) {
			t.Fatalf("a definition of the test is wrong: %v\n%s", found, src)
		}
		if _, _, err := s.engine.Deploy(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
}

// start begins an execution with the input, and gives its id.
func (s *system) start(t testing.TB, workflow string, input any) string {
	t.Helper()
	r, err := s.engine.Start(t.Context(), flow.StartRequest{Workflow: workflow, Input: raw(input)})
	if err != nil {
		t.Fatalf("starting %s: %v", workflow, err)
	}
	return r.ExecutionID
}

// startMany begins n executions, eight at a time; input is asked for each.
func (s *system) startMany(t testing.TB, n int, workflow string, input func(i int) any) []string {
	t.Helper()
	ids := make([]string, n)
	together(t, n, 8, func(i int) error {
		r, err := s.engine.Start(t.Context(), flow.StartRequest{Workflow: workflow, Input: raw(input(i))})
		ids[i] = r.ExecutionID
		return err
	})
	return ids
}

// await waits until the execution has the status, and gives it.
func (s *system) await(t testing.TB, id string, want flow.Status, within time.Duration) *flow.View {
	t.Helper()
	v, err := s.reaches(t.Context(), id, want, within)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// reaches is await for goroutines that must not end the test.
func (s *system) reaches(ctx context.Context, id string, want flow.Status, within time.Duration) (*flow.View, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for pause := 3 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		x, err := s.app.Store().Load(ctx, id, flow.Want{})
		if err == nil && x.Status == want {
			return s.engine.Describe(ctx, id)
		}
		if ctx.Err() != nil || err == nil && x.Status.Terminal() {
			return nil, s.missed(id, want, within, err)
		}
		time.Sleep(pause)
	}
}

// ends waits until an execution is over, however.
func (s *system) ends(ctx context.Context, id string, within time.Duration) (*flow.View, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return s.engine.Await(ctx, id)
}

// missed tells all about an execution that did not get where it should.
func (s *system) missed(id string, want flow.Status, within time.Duration, err error) error {
	v, derr := s.engine.Describe(context.Background(), id)
	text, _ := json.MarshalIndent(v, "", "  ")
	return fmt.Errorf("execution %s is not %s within %s (%s): %s", id, want, within, fmt.Sprint(errors.Join(err, derr)), text)
}

// awaitAll waits for many.
func (s *system) awaitAll(t testing.TB, ids []string, want flow.Status, within time.Duration) []*flow.View {
	t.Helper()
	views := make([]*flow.View, len(ids))
	began := time.Now()
	together(t, len(ids), 16, func(i int) (err error) {
		views[i], err = s.reaches(t.Context(), ids[i], want, max(time.Second, within-time.Since(began)))
		return err
	})
	return views
}

// asynq gives a plain asynq client and inspector on the same Redis.
func (s *system) asynq(t testing.TB) (*asynq.Client, *asynq.Inspector) {
	t.Helper()
	o := asynq.RedisClientOpt{Network: s.redis.Network(), Addr: s.redis.Addr()}
	c, i := asynq.NewClient(o), asynq.NewInspector(o)
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), i.Close()); err != nil {
			t.Error(err)
		}
	})
	return c, i
}

// together calls f for 0..n-1, width at a time, and fails the test with the first errors.
func together(t testing.TB, n, width int, f func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	slots := make(chan struct{}, width)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = f(i)
		})
	}
	wg.Wait()
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) > 0 {
		t.Fatalf("%d of %d failed; the first: %v", len(errs), n, errs[0])
	}
}

// atOnce calls the functions at the same instant, as nearly as one machine can.
func atOnce(fs ...func()) {
	barrier := make(chan struct{})
	var wg sync.WaitGroup
	for _, f := range fs {
		wg.Go(func() {
			<-barrier
			f()
		})
	}
	close(barrier)
	wg.Wait()
}

// dice gives random choices that can be repeated: the seed is logged.
func dice(t testing.TB) *safeDice {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return &safeDice{r: rand.New(rand.NewPCG(seed, 0))}
}

// safeDice may be thrown by several goroutines.
type safeDice struct {
	mu sync.Mutex
	r  *rand.Rand
}

// upTo gives a duration from 0 to most.
func (d *safeDice) upTo(most time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.r.Int64N(int64(most) + 1))
}

func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// output reads what an execution left.
func output(t testing.TB, v *flow.View) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(v.Output, &m); err != nil {
		t.Fatalf("the output of %s is %s: %v", v.ID, v.Output, err)
	}
	return m
}

// run finds the only run of a node.
func run(t testing.TB, v *flow.View, key string) flow.NodeRun {
	t.Helper()
	for _, n := range v.Nodes {
		if n.Node == key {
			return n
		}
	}
	t.Fatalf("node %s of %s never ran", key, v.ID)
	return flow.NodeRun{}
}

func ran(v *flow.View, key string) bool {
	return slices.ContainsFunc(v.Nodes, func(n flow.NodeRun) bool { return n.Node == key })
}

func ms(d time.Duration) int64 { return d.Milliseconds() }
