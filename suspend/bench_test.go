package suspend_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/suspend"
	"prana/tasks"
)

// timed is a store that takes the time of what a step asks of it, and hands out the task that follows.
type timed struct {
	engine.Store
	mu           sync.Mutex
	load, commit time.Duration
	next         []flow.Dispatch
}

func (s *timed) Load(ctx context.Context, id string, want flow.Want) (*flow.Execution, error) {
	began := time.Now()
	x, err := s.Store.Load(ctx, id, want)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load += time.Since(began)
	return x, err
}

func (s *timed) Commit(ctx context.Context, changes ...*flow.Change) error {
	began := time.Now()
	err := s.Store.Commit(ctx, changes...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commit += time.Since(began)
	for _, ch := range changes {
		s.next = append(s.next, ch.Dispatch...)
	}
	return err
}

// pop gives the task that the last commit wrote.
func (s *timed) pop() (d flow.Dispatch, ok bool) {
	if len(s.next) == 0 {
		return d, false
	}
	d, s.next = s.next[0], s.next[1:]
	return d, true
}

// BenchmarkStep runs steps of chains on a real Redis, without asynq: a load, the decision and a commit, which writes
// the next task, too.
func BenchmarkStep(b *testing.B) { benchmarkSteps(b, false) }

// BenchmarkStepFollowed is the same while somebody reads what the commits tell.
func BenchmarkStepFollowed(b *testing.B) { benchmarkSteps(b, true) }

func benchmarkSteps(b *testing.B, followed bool) {
	b.Helper()
	db := <-databases
	c := redis.NewClient(&redis.Options{Network: server.Network(), Addr: server.Addr(), DB: db})
	defer func() {
		c.FlushDB(context.WithoutCancel(b.Context()))
		_ = c.Close()
		databases <- db
	}()
	store := suspend.New(c, tasks.Encoder{}, suspend.Options{Partitions: 1})
	if followed {
		if _, err := store.NewFeed(c).Open(b.Context(), 0); err != nil {
			b.Fatal(err)
		}
	}
	s := &timed{Store: store}
	e := chainEngine(b, s)
	s.load, s.commit = 0, 0
	b.ReportAllocs()
	cpu := redisCPU(b, c)
	steps := 0
	for b.Loop() {
		d, ok := s.pop()
		if !ok {
			b.StopTimer()
			if _, err := e.Start(b.Context(), flow.StartRequest{Workflow: "chain", Input: []byte(`{}`)}); err != nil {
				b.Fatal(err)
			}
			d, _ = s.pop()
			b.StartTimer()
		}
		steps++
		if err := e.RunStep(b.Context(), d); err != nil {
			b.Fatal(err)
		}
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(steps) }
	b.ReportMetric(each(s.load), "load-µs/op")
	b.ReportMetric(each(s.commit), "commit-µs/op") // with a tenth of a start's
	b.ReportMetric(each(redisCPU(b, c)-cpu), "redis-cpu-µs/op")
}

// chainEngine is an engine that knows a chain of ten steps, which leave a result.
func chainEngine(b *testing.B, s engine.Store) *engine.Engine {
	b.Helper()
	leave := func(context.Context, *node.Call) (node.Outcome, error) {
		return node.Outcome{Output: map[string]any{"done": true}}, nil
	}
	e, err := engine.New(engine.Config{Store: s, Registry: node.NewRegistry(
		node.Type{Name: "test.start", Trigger: true, Run: leave}, node.Type{Name: "test.leave", Run: leave},
	)})
	if err != nil {
		b.Fatal(err)
	}
	w := &flow.Workflow{ID: "chain", Nodes: []flow.Node{{Key: "n0", Type: "test.start"}}}
	for i := range 9 {
		from, to := "n"+strconv.Itoa(i), "n"+strconv.Itoa(i+1)
		w.Nodes = append(w.Nodes, flow.Node{Key: to, Type: "test.leave"})
		w.Connections = append(w.Connections, flow.Connection{From: from, FromPort: flow.PortMain, To: to, ToPort: flow.PortMain})
	}
	if _, _, err := e.Deploy(b.Context(), w); err != nil {
		b.Fatal(err)
	}
	return e
}

// redisCPU is what Redis used so far.
func redisCPU(b *testing.B, c *redis.Client) time.Duration {
	b.Helper()
	text, err := c.Info(b.Context(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	sum := 0.0
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				b.Fatal(err)
			}
			sum += seconds
		}
	}
	return time.Duration(sum * float64(time.Second))
}
