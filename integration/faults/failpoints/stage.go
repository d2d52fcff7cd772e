package failpoints

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/suspend"
	"prana/tasks"
)

// Stage is an empty database with one process of the product on it, which does nothing that it is not asked to do. When the
// process dies another one takes its place. Whoever looks at the stage does so past all faults.
type Stage struct {
	ctx      context.Context //nolint:containedctx // that of one play
	raw      *redis.Client   // past all faults
	store    *suspend.Store  // likewise
	onlooker *engine.Engine  // likewise
	registry *node.Registry
	scenario *Scenario

	line    *line
	process *process
	rounds  int // of ten seconds that passed
	world   world
	told    []string // what callers were told, and what else the scenario must come to
	done    []flow.Dispatch
}

// process is a server and worker of the product.
type process struct {
	wire   *wire
	store  *suspend.Store
	engine *engine.Engine
	worker *crew // nil = its tasks are brought by the stage
	hands  *hands
}

// violation is what ends a play.
type violation string

// fail ends the play.
func (s *Stage) fail(format string, args ...any) { panic(violation(fmt.Sprintf(format, args...))) }

func (s *Stage) must(err error) {
	if err != nil {
		s.fail("who looks at the stage was disturbed: %v", err)
	}
}

// newStage takes over a database.
func newStage(raw *redis.Client, names Names) *Stage {
	s := &Stage{raw: raw, line: &line{names: names}}
	s.registry = registry(s)
	s.store = suspend.New(raw, tasks.Encoder{}, suspend.Options{})
	s.onlooker = s.newEngine(s.store, nil)
	return s
}

func (s *Stage) newEngine(store *suspend.Store, hands engine.Hands) *engine.Engine {
	c := engine.Config{Store: store, Registry: s.registry, Post: s.world.post, Woken: s.woken, Hands: hands}
	if s.scenario != nil && s.scenario.Durable {
		c.Durable = s.world.notice
	}
	e, err := engine.New(c)
	s.must(err)
	return e
}

// empty makes the stage ready for a play.
func (s *Stage) empty(ctx context.Context, sc *Scenario, faults []Fault) {
	s.ctx, s.scenario, s.rounds, s.told, s.done = ctx, sc, 0, nil, nil
	s.line = &line{names: s.line.names, stage: s, faults: faults, count: map[string]int{}}
	s.world.empty()
	s.must(s.raw.FlushDB(ctx).Err())
	s.boot()
}

// maxBoots bounds how often a process is started until it lives: faults are few.
const maxBoots = 5

// boot starts a process in the place of the one before.
func (s *Stage) boot() {
	for range maxBoots {
		s.retire()
		w := &wire{line: s.line}
		client := s.raw.WithTimeout(10 * time.Second) // shares the connections, and nothing else
		client.AddHook(w)
		store := suspend.New(client, tasks.Encoder{}, suspend.Options{})
		s.process = &process{wire: w, store: store, hands: &hands{}}
		if s.scenario.Worker {
			s.engage(client)
		} else {
			s.process.engine = s.newEngine(store, s.process.hands)
		}
		_, err := store.Identify(s.ctx)
		if err == nil {
			_, err = store.Grow(s.ctx, 1)
		}
		if err == nil && s.scenario.Worker {
			err = s.process.worker.Start(s.ctx)
		}
		if err == nil {
			return
		}
	}
	s.fail("no process could be started")
}

// do has the process do something, waits for all that it does beside, and replaces it if it died of it. With a worker of its own it
// never ceases to do something.
func (s *Stage) do(f func(ctx context.Context, p *process) error) error {
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	p := s.process
	p.wire.caller(cancel)
	err := f(ctx, p)
	if p.worker == nil {
		p.engine.Wait()
	}
	if p.wire.dead() {
		s.boot()
		return errDead
	}
	return err
}

// ask is what a careful caller does: who hears of trouble that passes, or nothing, asks again a little later, with the same id.
func (s *Stage) ask(what string, f func(ctx context.Context, p *process) error) {
	for range 10 {
		heard := errDead
		_ = s.do(func(ctx context.Context, p *process) error {
			err := f(ctx, p)
			if ctx.Err() == nil && !p.wire.dead() {
				heard = err
			}
			return err
		})
		if heard == nil {
			return
		}
		if p, ok := errors.AsType[*flow.Problem](heard); ok && !errors.Is(heard, flow.ErrUnavailable) {
			s.fail("%s was refused: %v", what, p)
		}
		s.pass()
	}
	s.fail("%s: nobody could do it", what)
}

// deploy publishes definitions past all faults.
func (s *Stage) deploy(sources ...string) {
	for _, src := range sources {
		_, _, err := s.onlooker.Deploy(s.ctx, s.workflow(src))
		s.must(err)
	}
}

func (s *Stage) workflow(src string) *flow.Workflow {
	w, _, found := definition.Check("failpoints.yaml", []byte(src), s.registry, plan.Options{})
	if plan.HasErrors(found) {
		s.fail("a definition is wrong: %v\n%s", found, src)
	}
	return w
}

// tell notes something that the scenario must come to.
func (s *Stage) tell(format string, args ...any) {
	s.told = append(s.told, fmt.Sprintf(format, args...))
}

// view is an execution as people see it.
func (s *Stage) view(id string) *flow.View {
	v, err := s.onlooker.Describe(s.ctx, id)
	s.must(err)
	return v
}
