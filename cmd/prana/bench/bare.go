package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/cmd/prana/app"
	"prana/engine/flow"
)

// bareQueue is the one queue of bare chains; its keys are removed with ours.
const bareQueue = "prana-bare"

// bareCheck is how often a Server of bare chains asks an empty queue: the best that plain asynq does well with.
const bareCheck = time.Millisecond

const (
	bareType      = "bare:step"
	versionLength = 16 // of the digest by which ours name the version of a workflow
)

// bareStep is the payload of a bare step: as long as that of ours.
type bareStep struct {
	Execution string `json:"x"`
	Step      string `json:"s"`
	Token     string `json:"t"`
	Workflow  string `json:"w"`
}

// bare runs chains the way one does with asynq alone: a handler stores its result with HSET and enqueues the next step.
// Nothing fences it, and a crash between the two loses the chain.
type bare struct {
	redis    redis.UniversalClient
	client   *asynq.Client
	servers  []*asynq.Server
	workflow string
	watch    *watch
}

func (b *bench) newBare(executions int) (*bare, error) {
	c, err := app.Connect(b.dbs[0].url)
	if err != nil {
		return nil, err
	}
	s := &bare{redis: c, client: asynq.NewClientFromRedisClient(c), workflow: b.workflow + "@" + strings.Repeat("0", versionLength), watch: newWatch(executions)}
	w := b.App.Config.Worker
	for i := range w.Servers {
		s.servers = append(s.servers, asynq.NewServerFromRedisClient(c, asynq.Config{
			Concurrency: (w.Concurrency + i) / w.Servers, Queues: map[string]int{bareQueue: 1},
			TaskCheckInterval: bareCheck, LogLevel: asynq.FatalLevel,
		}))
	}
	return s, nil
}

// drainBare does with bare chains what drain does with ours.
func (b *bench) drainBare(ctx context.Context) (r round, err error) {
	s, err := b.newBare(b.Executions)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.redis.Close()) }()
	if err := parallel(b.Executions, func(int) error { return s.begin(ctx) }); err != nil {
		return r, err
	}
	r, err = b.metered(ctx, func() (time.Duration, error) { return s.work(ctx) })
	if err != nil {
		return r, err
	}
	n, err := b.dbs[0].processed(ctx, bareQueue)
	if err == nil && n != b.Executions*chainSteps {
		err = fmt.Errorf("%d bare chains were %d tasks of asynq's", b.Executions, n)
	}
	return r, err
}

// work serves until all chains have ended.
func (s *bare) work(ctx context.Context) (time.Duration, error) {
	if err := s.serve(); err != nil {
		return 0, err
	}
	defer s.stop()
	return s.watch.wait(ctx, nil)
}

// begin starts one chain.
func (s *bare) begin(ctx context.Context) error {
	return s.enqueue(ctx, flow.NewExecutionID(0), 0)
}

func (s *bare) enqueue(ctx context.Context, execution string, step int) error {
	payload, err := json.Marshal(bareStep{execution, flow.StepID{Node: step}.String(), flow.NewToken(), s.workflow})
	if err != nil {
		return err
	}
	_, err = s.client.EnqueueContext(ctx, asynq.NewTask(bareType, payload), asynq.Queue(bareQueue))
	return err
}

// step is the handler.
func (s *bare) step(ctx context.Context, t *asynq.Task) error {
	s.watch.step()
	err := s.take(ctx, t)
	if err != nil {
		s.watch.fail(err)
	}
	return err
}

func (s *bare) take(ctx context.Context, t *asynq.Task) error {
	var p bareStep
	if err := json.Unmarshal(t.Payload(), &p); err != nil {
		return err
	}
	id, err := flow.ParseStepID(p.Step)
	if err != nil {
		return err
	}
	if err := s.redis.HSet(ctx, "{"+bareQueue+"}:x:"+p.Execution, "o"+p.Step, left).Err(); err != nil {
		return err
	}
	if id.Node+1 == chainSteps {
		s.watch.end()
		return nil
	}
	return s.enqueue(ctx, p.Execution, id.Node+1)
}

func (s *bare) serve() error {
	for i, server := range s.servers {
		if err := server.Start(asynq.HandlerFunc(s.step)); err != nil {
			s.servers = s.servers[:i]
			s.stop()
			return fmt.Errorf("starting a bare asynq server: %w", err)
		}
	}
	return nil
}

func (s *bare) stop() {
	var wg sync.WaitGroup
	for _, server := range s.servers {
		wg.Go(server.Shutdown)
	}
	wg.Wait()
}
