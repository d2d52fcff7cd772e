// Package desk has processes of the product that do nothing by themselves, on a database of a real Redis: whoever sits at it
// does all that happens, and knows in which order.
package desk

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"prana/config/localredis"
	"prana/engine"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/integration/faults/lossy"
	"prana/suspend"
	"prana/tasks"
)

// Desk is a database and its processes.
type Desk struct {
	Redis     *redis.Client  // past all losses
	Store     *suspend.Store // likewise
	Processes []*Process

	server   *localredis.Server
	db       int
	registry *node.Registry
	refs     map[string]string // execution -> its workflow and version
}

// Process is one of those that share the database.
type Process struct {
	*engine.Engine
	Replies *lossy.Hook // of its Redis

	client *redis.Client
}

// Keys of the only partition.
const (
	Pending = "asynq:{prana-0}:pending"
	Due     = "{prana-0}:due"

	taskKey = "asynq:{prana-0}:t:"
)

// New makes a desk of a database that nobody else uses.
func New(server *localredis.Server, db int, reg *node.Registry, processes int) (*Desk, error) {
	d := &Desk{server: server, db: db, registry: reg, refs: map[string]string{}}
	d.Redis = d.connect()
	d.Store = suspend.New(d.Redis, tasks.Encoder{}, suspend.Options{})
	for range processes {
		p, err := d.open()
		if err != nil {
			return nil, errors.Join(err, d.Close())
		}
		d.Processes = append(d.Processes, p)
	}
	return d, nil
}

func (d *Desk) connect() *redis.Client {
	return redis.NewClient(&redis.Options{Network: d.server.Network(), Addr: d.server.Addr(), DB: d.db, MaxRetries: -1})
}

func (d *Desk) open() (*Process, error) {
	p := &Process{client: d.connect(), Replies: &lossy.Hook{}}
	p.client.AddHook(p.Replies)
	store := suspend.New(p.client, tasks.Encoder{}, suspend.Options{})
	var err error
	p.Engine, err = engine.New(engine.Config{Store: store, Registry: d.registry, ResumeKey: []byte("the key of all processes at this desk")})
	return p, err
}

func (p *Process) close() error {
	p.Wait()
	return p.client.Close()
}

// Crash puts a process that knows nothing into the place of another one, which was doing nothing.
func (d *Desk) Crash(i int) error {
	err := d.Processes[i].close()
	p, operr := d.open()
	if operr != nil {
		return errors.Join(err, operr)
	}
	d.Processes[i] = p
	return err
}

// Close ends what runs, and the connections.
func (d *Desk) Close() error {
	errs := []error{d.Redis.Close()}
	for _, p := range d.Processes {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// Rest waits until no process does anything any more.
func (d *Desk) Rest() {
	for _, p := range d.Processes {
		p.Wait()
	}
}

// Empty begins anew, with these definitions.
func (d *Desk) Empty(ctx context.Context, sources ...string) error {
	d.Rest()
	d.refs = map[string]string{}
	if err := d.Redis.FlushDB(ctx).Err(); err != nil {
		return err
	}
	for _, src := range sources {
		w, _, found := definition.Check("desk.yaml", []byte(src), d.registry, plan.Options{})
		if plan.HasErrors(found) {
			return fmt.Errorf("a definition is wrong: %v\n%s", found, src)
		}
		if _, _, err := d.Processes[0].Deploy(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// Start starts an execution.
func (d *Desk) Start(ctx context.Context, workflow string, input []byte) (string, error) {
	r, err := d.Processes[0].Start(ctx, flow.StartRequest{Workflow: workflow, Input: input})
	d.refs[r.ExecutionID] = r.Workflow + "@" + r.Version
	return r.ExecutionID, err
}

// Ref names the workflow and version of an execution that was started here; "" of any other.
func (d *Desk) Ref(execution string) string { return d.refs[execution] }

// Pop takes at most n tasks out of the queue, as asynq does.
func (d *Desk) Pop(ctx context.Context, n int) ([]flow.Dispatch, error) {
	ids, err := d.Redis.RPopCount(ctx, Pending, n).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(ids))
	all := make([]flow.Dispatch, len(ids))
	for i, id := range ids {
		keys[i] = taskKey + id
		if all[i], err = d.Task(ctx, id); err != nil {
			return nil, err
		}
	}
	return all, d.Redis.Del(ctx, keys...).Err()
}

// Task reads the id of a task.
func (d *Desk) Task(ctx context.Context, id string) (flow.Dispatch, error) {
	part := strings.Split(id, ":")
	step, err := flow.ParseStepID(part[1])
	if err != nil {
		return flow.Dispatch{}, err
	}
	ref := d.Ref(part[0])
	if ref == "" {
		x, err := d.Store.Load(ctx, part[0], flow.Want{})
		if err != nil {
			return flow.Dispatch{}, err
		}
		ref = x.Workflow + "@" + x.Version
	}
	return flow.Dispatch{Kind: flow.KindStep, Execution: part[0], Step: step, Token: part[2], Workflow: ref}, nil
}

// Age lets everything in an index come up that time would bring.
func (d *Desk) Age(ctx context.Context, index string) error {
	members, err := d.Redis.ZRange(ctx, index, 0, -1).Result()
	if err != nil || len(members) == 0 {
		return err
	}
	past := make([]redis.Z, len(members))
	for i, m := range members {
		past[i] = redis.Z{Score: 1, Member: m}
	}
	return d.Redis.ZAddArgs(ctx, index, redis.ZAddArgs{XX: true, Members: past}).Err()
}

// Publish repeats an event until it is known what came of it. A publisher whose connection broke counts as dead at once.
func (d *Desk) Publish(ctx context.Context, p *Process, ev flow.Event) (flow.PublishResult, error) {
	for {
		r, err := p.Publish(ctx, ev)
		if !errors.Is(err, flow.ErrUnavailable) {
			return r, err
		}
		indexes, err := d.Redis.Keys(ctx, "{prana-r*}:publishing").Result()
		if err != nil {
			return r, err
		}
		for _, index := range indexes {
			if err := d.Age(ctx, index); err != nil {
				return r, err
			}
		}
	}
}
