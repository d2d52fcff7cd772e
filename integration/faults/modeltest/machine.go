package modeltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"prana/config/localredis"
	"prana/engine/flow"
	"prana/integration/faults/lossy"
	"prana/suspend"
	"prana/tasks"
)

// partitions of the store. Its executions are spread over them.
const partitions = 2

// Counts says what was done.
type Counts struct {
	Runs, Actions, Repeated, Lost, Crashes int
	Refused                                int // commits, since they were stale, or the event taken
	Audits                                 int
	Calls                                  map[string]int // by name
}

// Machine is a store beside its model.
type Machine struct {
	ctx    context.Context //nolint:containedctx // actions have rapid's T only
	server *localredis.Server
	db     int
	counts *Counts
	raw    *redis.Client // looks, and lets time pass

	client *redis.Client
	hook   *lossy.Hook
	store  *suspend.Store
	model  *Model
	named  int
	checks int
	calls  []call // the last ones, to be repeated
}

// New makes one on an empty database.
func New(ctx context.Context, server *localredis.Server, db int, counts *Counts) (*Machine, error) {
	w := &Machine{ctx: ctx, server: server, db: db, counts: counts, model: NewModel()}
	w.raw = w.connect()
	w.open()
	if err := w.raw.FlushDB(ctx).Err(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	for _, id := range []string{"order", "refund"} {
		def := &flow.Workflow{ID: id}
		for n := range nodes {
			def.Nodes = append(def.Nodes, flow.Node{Key: fmt.Sprintf("n%d", n), Type: "t.t"})
		}
		if _, err := w.store.PutWorkflow(ctx, def, "v1"); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	counts.Runs++
	return w, nil
}

func (w *Machine) connect() *redis.Client {
	return redis.NewClient(&redis.Options{Network: w.server.Network(), Addr: w.server.Addr(), DB: w.db, MaxRetries: -1})
}

// open is a process that knows nothing.
func (w *Machine) open() {
	w.client, w.hook = w.connect(), &lossy.Hook{}
	w.client.AddHook(w.hook)
	w.store = suspend.New(w.client, tasks.Encoder{}, suspend.Options{Partitions: partitions})
}

// Close ends the connections.
func (w *Machine) Close() error { return errors.Join(w.client.Close(), w.raw.Close()) }

// name makes one that is the same in every run of the same actions.
func (w *Machine) name(kind string) string {
	w.named++
	return fmt.Sprintf("%s%07d", kind, w.named)
}

func (w *Machine) newID(partition int) string {
	w.named++
	return fmt.Sprintf("%d%022d", partition, w.named)
}

// call is a question to the store, and to its model: both answer something that is the same as JSON.
type call struct {
	name  string
	store func(s *suspend.Store) (any, error)
	model func(m *Model, got any) (any, error)
	once  bool // nothing is learned from a second call, or it may not come at once
}

// do asks both. Now and then the reply is lost, and the question repeated.
func (w *Machine) do(t *rapid.T, c call) {
	if !c.once && rapid.IntRange(0, 7).Draw(t, "the reply is lost") == 0 {
		w.hook.Lose(1)
		_, err, _, _ := w.ask(t, c)
		w.hook.Lose(0)
		if !errors.Is(err, flow.ErrUnavailable) {
			t.Fatalf("%s: with a lost reply it answers %v", c.name, err)
		}
		w.counts.Lost++
	}
	w.compare(t, c)
	if !c.once {
		w.calls = append(w.calls[max(0, len(w.calls)-4):], c)
	}
}

func (w *Machine) ask(t *rapid.T, c call) (got any, err error, want any, wantErr error) {
	w.model.clock.low = w.now(t)
	got, err = c.store(w.store)
	w.model.clock.high = w.now(t)
	want, wantErr = c.model(w.model, got)
	return got, err, want, wantErr
}

// compare asks both, and holds the answers against each other. Names are logged, and what fails, fails in words that are the same
// in every run: so rapid knows it again in a shorter one.
func (w *Machine) compare(t *rapid.T, c call) {
	if w.counts.Calls == nil {
		w.counts.Calls = map[string]int{}
	}
	w.counts.Calls[c.name]++
	got, err, want, wantErr := w.ask(t, c)
	if !errors.Is(err, wantErr) || wantErr == nil && err != nil {
		t.Logf("the store answers %v", err)
		t.Fatalf("%s: the store refuses what it should not, or the other way round; want %v", c.name, wantErr)
	}
	if wantErr != nil {
		w.counts.Refused++
		return
	}
	if g, e := text(t, got), text(t, want); g != e {
		t.Logf("the store answers\n %s\nwant\n %s", g, e)
		t.Fatalf("%s: the store answers something else than the model", c.name)
	}
}

func text(t *rapid.T, v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// now is the time of Redis in milliseconds.
func (w *Machine) now(t *rapid.T) int64 {
	now, err := w.raw.Time(w.ctx).Result()
	if err != nil {
		t.Fatal(err)
	}
	return now.UnixMilli()
}

// Again repeats one of the last calls, as a process does that did not hear the answer, or lived twice.
func (w *Machine) Again(t *rapid.T) {
	if len(w.calls) == 0 {
		t.Skip("nothing was called yet")
	}
	c := rapid.SampledFrom(w.calls).Draw(t, "call")
	w.counts.Repeated++
	w.compare(t, c)
}

// Crash forgets everything that the process knew.
func (w *Machine) Crash(t *rapid.T) {
	if err := w.client.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	w.counts.Crashes++
}

// Pass lets time pass for all that waits for a time: Redis cannot be told another time, so what is stored is made older.
func (w *Machine) Pass(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Second, 4 * time.Second, 13 * time.Second, 2 * time.Hour}).Draw(t, "passes")
	keys, err := w.raw.Keys(w.ctx, "{prana-r*}:publishing").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range append(keys, dueKey(0), dueKey(1)) {
		all, err := w.raw.ZRangeWithScores(w.ctx, key, 0, -1).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range all {
			if z.Score < 1e15 {
				w.raw.ZIncrBy(w.ctx, key, -float64(d.Milliseconds()), z.Member.(string))
			}
		}
	}
	w.model.age(d)
}

func queueKey(partition int) string { return fmt.Sprintf("asynq:{prana-%d}:", partition) }

func dueKey(partition int) string { return fmt.Sprintf("{prana-%d}:due", partition) }

// Actions are what a machine does; rapid draws the first of them the most often.
func (w *Machine) Actions() map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){"": w.Check}
	for i, a := range []struct {
		name string
		do   func(*rapid.T)
	}{
		{"move", w.Move},
		{"move again", w.Move},
		{"create", w.Create},
		{"repeat", w.Again},
		{"end", w.End},
		{"retry", w.Retry},
		{"bear", w.Bear},
		{"due", w.Due},
		{"settle", w.Settle},
		{"renew", w.Renew},
		{"pass", w.Pass},
		{"pop", w.Pop},
		{"enqueue", w.Enqueue},
		{"stray", w.Stray},
		{"publish", w.Publish},
		{"offer", w.Offer},
		{"offer more", w.Offer},
		{"finish", w.Finish},
		{"kept", w.Kept},
		{"match", w.Match},
		{"overdue", w.Overdue},
		{"stale", w.Stale},
		{"late", w.Late},
		{"create again", w.CreateAgain},
		{"deliver", w.Deliver},
		{"purge", w.Purge},
		{"quarantine", w.Quarantine},
		{"acquire", w.Acquire},
		{"release", w.Release},
		{"acquire more", w.Acquire},
		{"reserve", w.Reserve},
		{"crash", w.Crash},
	} {
		all[fmt.Sprintf("%02d %s", i, a.name)] = a.do
	}
	return all
}
