package race

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/redis/go-redis/v9"

	"prana/engine"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
	"prana/integration/faults/lossy"
	"prana/suspend"
	"prana/tasks"
)

// processes work in one lane; each has an engine and connections of its own.
const processes = 3

// Lane is a database of a Redis with processes that do nothing by themselves: it is known what happens at once.
type Lane struct {
	arena   *Arena
	redis   *redis.Client // past all losses
	store   *suspend.Store
	engines []*engine.Engine
	clients []*redis.Client
	losers  []*lossy.Hook
	dice    *rand.Rand

	refs map[string]string // execution -> its workflow and version
	held map[string]flow.Dispatch
	next int // name of the next execution
}

// Lane makes one of an empty database.
func (a *Arena) Lane(db int, dice *rand.Rand) (*Lane, error) {
	l := &Lane{arena: a, dice: dice}
	l.redis = l.client(db)
	l.store = suspend.New(l.redis, tasks.Encoder{}, suspend.Options{})
	for range processes {
		c, lose := l.client(db), &lossy.Hook{}
		c.AddHook(lose)
		l.losers = append(l.losers, lose)
		store := suspend.New(c, tasks.Encoder{}, suspend.Options{})
		e, err := engine.New(engine.Config{Store: store, Registry: a.registry, ResumeKey: []byte("the key of all processes that race")})
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.engines = append(l.engines, e)
	}
	return l, nil
}

func (l *Lane) client(db int) *redis.Client {
	c := redis.NewClient(&redis.Options{Network: l.arena.redis.Network(), Addr: l.arena.redis.Addr(), DB: db, MaxRetries: -1})
	l.clients = append(l.clients, c)
	return c
}

// Close ends what runs, and the connections.
func (l *Lane) Close() error {
	l.rest()
	var errs []error
	for _, c := range l.clients {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// rest waits until no process does anything any more.
func (l *Lane) rest() {
	for _, e := range l.engines {
		e.Wait()
	}
}

// Lost is how many replies were lost so far.
func (l *Lane) Lost() (n int64) {
	for _, x := range l.losers {
		n += x.Losses()
	}
	return n
}

// empty begins anew.
func (l *Lane) empty(ctx context.Context, sources []string) error {
	l.rest()
	l.refs, l.held = map[string]string{}, map[string]flow.Dispatch{}
	if err := l.redis.FlushDB(ctx).Err(); err != nil {
		return err
	}
	for _, src := range sources {
		src = strings.ReplaceAll(src, "JOBS", l.arena.jobs.URL)
		w, _, found := definition.Check("race.yaml", []byte(src), l.arena.registry, plan.Options{})
		if plan.HasErrors(found) {
			return fmt.Errorf("a definition is wrong: %v\n%s", found, src)
		}
		if _, _, err := l.engines[0].Deploy(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lane) start(ctx context.Context, workflow, name string) (string, error) {
	r, err := l.engines[0].Start(ctx, flow.StartRequest{Workflow: workflow, Input: []byte(`{"id":"` + name + `"}`)})
	l.refs[r.ExecutionID] = r.Workflow + "@" + r.Version
	return r.ExecutionID, err
}

// Keys of asynq for the partition's own queue.
const (
	pendingKey = "asynq:{prana-0}:pending"
	taskKey    = "asynq:{prana-0}:t:"
	dueKey     = "{prana-0}:due"
)

// pop takes tasks out of the queue, as asynq does.
func (l *Lane) pop(ctx context.Context) ([]flow.Dispatch, error) {
	ids, err := l.redis.RPopCount(ctx, pendingKey, 100).Result()
	if err != nil || len(ids) == 0 {
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		return nil, err
	}
	var keys []string
	var all []flow.Dispatch
	for _, id := range ids {
		keys = append(keys, taskKey+id)
		d, err := l.dispatch(ctx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, l.redis.Del(ctx, keys...).Err()
}

// dispatch reads the id of a task.
func (l *Lane) dispatch(ctx context.Context, id string) (flow.Dispatch, error) {
	part := strings.Split(id, ":")
	step, err := flow.ParseStepID(part[1])
	if err != nil {
		return flow.Dispatch{}, err
	}
	ref, known := l.refs[part[0]]
	if !known {
		x, err := l.store.Load(ctx, part[0], flow.Want{})
		if err != nil {
			return flow.Dispatch{}, err
		}
		ref = x.Workflow + "@" + x.Version
	}
	return flow.Dispatch{Kind: flow.KindStep, Execution: part[0], Step: step, Token: part[2], Workflow: ref}, nil
}

// work works off all tasks but those that are held, by the execution that they belong to.
func (l *Lane) work(ctx context.Context, holds func(root bool) bool) error {
	for {
		l.rest()
		all, err := l.pop(ctx)
		if err != nil || len(all) == 0 {
			return err
		}
		for _, d := range all {
			if _, root := l.refs[d.Execution]; holds != nil && holds(root) {
				l.held[d.Execution] = d
				continue
			}
			if err := l.engines[l.dice.IntN(processes)].RunStep(ctx, d); err != nil {
				return err
			}
		}
	}
}

// age lets everything come up that time would bring.
func (l *Lane) age(ctx context.Context, key string) error {
	members, err := l.redis.ZRange(ctx, key, 0, -1).Result()
	if err != nil || len(members) == 0 {
		return err
	}
	past := make([]redis.Z, len(members))
	for i, m := range members {
		past[i] = redis.Z{Score: 1, Member: m}
	}
	return l.redis.ZAddArgs(ctx, key, redis.ZAddArgs{XX: true, Members: past}).Err()
}

// looks bounds how often everything that is left is looked at.
const looks = 20

// finish works everything off until nothing is left to be looked at: every execution is over, and owes nothing to others.
func (l *Lane) finish(ctx context.Context) error {
	for range looks {
		if err := l.work(ctx, nil); err != nil {
			return err
		}
		left, err := l.redis.ZCard(ctx, dueKey).Result()
		if left == 0 || err != nil {
			return err
		}
		if err := l.age(ctx, dueKey); err != nil {
			return err
		}
		if _, err := l.engines[l.dice.IntN(processes)].Sweep(ctx, 0); err != nil {
			return err
		}
	}
	return fmt.Errorf("after %d looks something is still due", looks)
}
