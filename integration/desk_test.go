package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/config/localredis"
	"prana/engine"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/suspend"
	"prana/tasks"
)

// desk is an engine on an empty database of a real Redis, worked by the test itself: nothing happens that it does not ask for.
type desk struct {
	*testing.T
	redis    *redis.Client
	store    *suspend.Store
	engine   *engine.Engine
	registry *node.Registry
}

// desks hands out the databases of one server, each to one test at a time.
var desks struct {
	once   sync.Once
	server *localredis.Server
	err    error
	free   chan int
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	needRedis(t)
	desks.once.Do(func() {
		desks.server, desks.err = localredis.Start(context.Background(), localredis.Options{})
		desks.free = make(chan int, 16)
		for i := range cap(desks.free) {
			desks.free <- i
		}
	})
	if desks.err != nil {
		t.Fatal(desks.err)
	}
	db := <-desks.free
	t.Cleanup(func() { desks.free <- db })
	d := &desk{T: t, registry: registry("")}
	d.redis = d.client(db)
	d.empty()
	return d
}

// empty begins anew, with an engine that knows nothing of what there was.
func (d *desk) empty() {
	d.Helper()
	if err := d.redis.FlushDB(d.Context()).Err(); err != nil {
		d.Fatal(err)
	}
	d.store, d.engine = d.process(d.redis)
}

func (d *desk) client(db int) *redis.Client {
	c := redis.NewClient(&redis.Options{Network: desks.server.Network(), Addr: desks.server.Addr(), DB: db, MaxRetries: -1})
	d.Cleanup(func() { _ = c.Close() })
	return c
}

// process is another engine with a client of its own.
func (d *desk) process(c *redis.Client) (*suspend.Store, *engine.Engine) {
	d.Helper()
	store := suspend.New(c, tasks.Encoder{}, suspend.Options{})
	e, err := engine.New(engine.Config{Store: store, Registry: d.registry})
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(e.Wait)
	return store, e
}

func (d *desk) deploy(sources ...string) {
	d.Helper()
	for _, src := range sources {
		w, _, found := definition.Check("test.yaml", []byte(src), d.registry, plan.Options{})
		if plan.HasErrors(found) {
			d.Fatalf("a definition of the test is wrong: %v\n%s", found, src)
		}
		if _, _, err := d.engine.Deploy(d.Context(), w); err != nil {
			d.Fatal(err)
		}
	}
}

func (d *desk) start(workflow string) string {
	d.Helper()
	r, err := d.engine.Start(d.Context(), flow.StartRequest{Workflow: workflow})
	if err != nil {
		d.Fatal(err)
	}
	return r.ExecutionID
}

// next takes a task out of the queue, as asynq does; false when there is none.
func (d *desk) next() (flow.Dispatch, bool) {
	d.Helper()
	id, err := d.redis.RPop(d.Context(), "asynq:{prana-0}:pending").Result()
	if err != nil {
		return flow.Dispatch{}, false
	}
	if err := d.redis.Del(d.Context(), "asynq:{prana-0}:t:"+id).Err(); err != nil {
		d.Fatal(err)
	}
	part := strings.Split(id, ":")
	step, err := flow.ParseStepID(part[1])
	if err != nil {
		d.Fatal(err)
	}
	x, err := d.store.Load(d.Context(), part[0], flow.Want{})
	if err != nil {
		d.Fatal(err)
	}
	return flow.Dispatch{Kind: flow.KindStep, Execution: part[0], Step: step, Token: part[2], Workflow: x.Workflow + "@" + x.Version}, true
}

// work works off all tasks that are there.
func (d *desk) work() {
	d.Helper()
	for t, ok := d.next(); ok; t, ok = d.next() {
		if err := d.engine.RunStep(d.Context(), t); err != nil {
			d.Fatal(err)
		}
		d.engine.Wait()
	}
}

// until sweeps and works until it is so.
func (d *desk) until(what string, so func() bool) {
	d.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		d.work()
		if so() {
			return
		}
		if time.Now().After(end) {
			d.Fatalf("it is not so after 20 seconds: %s", what)
		}
		if _, err := d.engine.Sweep(d.Context(), 0); err != nil {
			d.Fatal(err)
		}
		d.engine.Wait()
	}
}

func (d *desk) view(id string) *flow.View {
	d.Helper()
	v, err := d.engine.Describe(d.Context(), id)
	if err != nil {
		d.Fatal(err)
	}
	return v
}

// over waits until an execution has ended, and owes nothing to others.
func (d *desk) over(id string) *flow.View {
	d.Helper()
	d.until("execution "+id+" is over", func() bool {
		return d.view(id).Status.Terminal() && d.redis.Exists(d.Context(), "{prana-0}:q:"+id).Val() == 0
	})
	return d.view(id)
}

// entry is one text that is stored: a key (alone), or a member or field of it with what is stored there.
type entry struct{ key, field, value string }

// dump gives everything that is stored.
func (d *desk) dump() (all []entry) {
	d.Helper()
	d.engine.Wait()
	ctx := d.Context()
	keys := d.redis.Keys(ctx, "*").Val()
	slices.Sort(keys)
	for _, key := range keys {
		all = append(all, entry{key: key})
		switch kind := d.redis.Type(ctx, key).Val(); kind {
		case "hash":
			for f, v := range d.redis.HGetAll(ctx, key).Val() {
				all = append(all, entry{key, f, v})
			}
		case "zset":
			for _, z := range d.redis.ZRangeWithScores(ctx, key, 0, -1).Val() {
				all = append(all, entry{key, z.Member.(string), fmt.Sprint(z.Score)})
			}
		case "set":
			for _, m := range d.redis.SMembers(ctx, key).Val() {
				all = append(all, entry{key: key, field: m})
			}
		case "list":
			for _, m := range d.redis.LRange(ctx, key, 0, -1).Val() {
				all = append(all, entry{key: key, field: m})
			}
		case "string":
			all = append(all, entry{key: key, value: d.redis.Get(ctx, key).Val()})
		default:
			d.Fatalf("key %s is a %s", key, kind)
		}
	}
	return all
}
