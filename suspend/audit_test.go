package suspend_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

// Keys of the zoo.
const (
	due    = "{prana-0}:due"
	ran    = "runs"  // a pending step 1.0
	heard  = "hears" // waits for the event "paid"
	slept  = "sleeps"
	mother = "mother" // waits for child
	child  = "child"
	ended  = "done"
)

// populate fills the zoo with healthy executions.
func (z *zoo) populate() {
	z.Helper()
	running := z.birth(ran, stepOf(0, flow.StepCompleted), stepOf(1, flow.StepPending))
	running.Head.Timeout = time.Hour
	running.Steps[1].Inputs = []flow.Arrival{{Port: flow.PortMain, Ref: "o0.000"}}
	running.Values = map[flow.Ref]flow.Value{"o0.000": {Same: "i"}}
	running.State = map[string]json.RawMessage{"k": json.RawMessage(`1`)}
	running.Outbox = []flow.Outgoing{{ID: "1", Kind: flow.SendAlert}}
	z.commit(running)

	hears := suspended(z.birth(heard, waits(1, flow.Wait{
		Type: flow.ExternalEvent, In: time.Hour, Event: &flow.Subscription{Type: "paid", Filter: map[string]any{"id": 1}},
	})))
	hears.Head.Tags = map[string]string{"team": "a"}
	z.commit(hears)
	z.commit(suspended(z.birth(slept, waits(2, flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour}))))
	z.family()
	z.commit(z.birth(ended, stepOf(0, flow.StepPending)))
	z.commit(over(z.next(ended, stepOf(0, flow.StepCompleted)), flow.Completed))
	z.commit(z.sequential(), z.joining(), z.poisoned())
}

func suspended(ch *flow.Change) *flow.Change {
	ch.Front.Status = flow.Suspended
	return ch
}

func over(ch *flow.Change, status flow.Status) *flow.Change {
	ch.Front.Status, ch.Ended = status, true
	ch.Result = &flow.Value{Raw: json.RawMessage(`true`)}
	return ch
}

// family commits a parent that waits for its child.
func (z *zoo) family() {
	z.Helper()
	parent := z.birth(mother, waits(1, flow.Wait{Type: flow.SubWorkflow, Child: animal(child), Held: true}))
	born := z.birth(child, stepOf(0, flow.StepPending))
	born.Head.Parent = &flow.Parent{Execution: animal(mother), Step: flow.StepID{Node: 1}, Turn: 1, Mode: "sync"}
	z.commit(parent, born)
}

// sequential has a step whose turn has not come.
func (z *zoo) sequential() *flow.Change {
	ch := z.birth("sequence", stepOf(1, flow.StepPending), stepOf(2, flow.StepPending))
	ch.Front.Ready, ch.Dispatch = []flow.StepID{{Node: 2}}, ch.Dispatch[:1]
	return ch
}

// joining has an open join, and a step for which there was no room among the tasks.
func (z *zoo) joining() *flow.Change {
	ch := z.birth("joins", stepOf(0, flow.StepCompleted), stepOf(1, flow.StepPending))
	ch.Dispatch = nil
	ch.Values = map[flow.Ref]flow.Value{"o0.000": {Raw: json.RawMessage(`2`)}}
	ch.Front.Joins = map[int]*flow.Open{3: {Arrived: []flow.Arrival{{Edge: 1, Port: flow.PortMain, Ref: "o0.000"}}}}
	return ch
}

// poisoned has a step in quarantine, which the front still counts.
func (z *zoo) poisoned() *flow.Change {
	bad := stepOf(1, flow.StepQuarantined)
	bad.Deaths = 5
	ch := z.birth("poison", bad)
	ch.Front.Status, ch.Front.Live = flow.Quarantined, map[int]flow.Live{1: {Pending: 1}}
	ch.Error = flow.Problemf("poison", "poison")
	return ch
}

func (z *zoo) audit(o suspend.AuditOptions) suspend.Audited {
	z.Helper()
	got, err := z.store.Audit(z.Context(), 0, o)
	if err != nil {
		z.Fatal(err)
	}
	return got
}

func TestAuditHealthy(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		_, err := z.store.NewFeed(z.redis).Open(t.Context(), 0)
		z.must(err)
		z.populate()
		got := z.audit(suspend.AuditOptions{})
		if got.Executions != 9 || len(got.Findings) > 0 || got.More || got.Moving > 0 {
			t.Errorf("the audit of a healthy store: %+v", got)
		}
		if other, err := z.store.Audit(t.Context(), 1, suspend.AuditOptions{}); err != nil || other.Executions != 0 || len(other.Findings) > 0 {
			t.Errorf("the audit of an empty partition: %+v, %v", other, err)
		}
	})
}

// breakage is one thing done by hand, and exactly what the audit says of it.
type breakage struct {
	name string
	do   func(ctx context.Context, c *redis.Client, z *zoo) error
	want []string // "<invariant> <animal>: <part of the message>"
}

func x(name string) string { return "{prana-0}:x:" + animal(name) }

func zrem(key, member string) func(context.Context, *redis.Client, *zoo) error {
	return func(ctx context.Context, c *redis.Client, _ *zoo) error { return c.ZRem(ctx, key, member).Err() }
}

func zadd(key string, score float64, member string) func(context.Context, *redis.Client, *zoo) error {
	return func(ctx context.Context, c *redis.Client, _ *zoo) error {
		return c.ZAdd(ctx, key, redis.Z{Score: score, Member: member}).Err()
	}
}

func hset(key string, pairs ...any) func(context.Context, *redis.Client, *zoo) error {
	return func(ctx context.Context, c *redis.Client, _ *zoo) error { return c.HSet(ctx, key, pairs...).Err() }
}

func hdel(key, field string) func(context.Context, *redis.Client, *zoo) error {
	return func(ctx context.Context, c *redis.Client, _ *zoo) error { return c.HDel(ctx, key, field).Err() }
}

// swap replaces text in a field.
func swap(key, field, old, new string) func(context.Context, *redis.Client, *zoo) error {
	return func(ctx context.Context, c *redis.Client, z *zoo) error {
		was := c.HGet(ctx, key, field).Val()
		if !strings.Contains(was, old) {
			z.Errorf("%s %s is %q, without %q", key, field, was, old)
		}
		return c.HSet(ctx, key, field, strings.Replace(was, old, new, 1)).Err()
	}
}

var paid = flow.Subscription{Type: "paid", Filter: map[string]any{"id": 1}}

var breakages = []breakage{
	{"line of a pending step", zrem(due, animal(ran)+":1.000"), []string{"I1 runs: the line of step 1.000 is missing"}},
	{"line of a wait", zrem(due, animal(heard)+":1.000"), []string{"I1 hears: the line of step 1.000 is missing"}},
	{"line of a quarantined step", zrem(due, animal("poison")+":1.000"), []string{"I1 poison: the line of step 1.000 is missing"}},
	{"line of a deadline", zrem(due, animal(ran)+":!"), []string{"I6 runs: the line of its deadline is missing"}},
	{"line of an outbox", zrem(due, animal(ran)+":>"), []string{"I1 runs: the line of its outbox is missing"}},
	{"pending for ever", zadd(due, inf, animal(ran)+":1.000"), []string{"I1 runs: step 1.000 is pending, but its line"}},
	{"forgotten timer", zadd(due, inf, animal(slept)+":2.000"), []string{"I6 sleeps: step 2.000 waits until"}},
	{"line of a dead step", zadd(due, 1, animal(ended)+":0.000"), []string{"I1 done: something names it without reason: {prana-0}:due"}},
	{"line of nobody", zadd(due, 1, animal("nobody")+":0.000"), []string{"I1 nobody: there is no such execution"}},
	{"line that is none", zadd(due, 1, "rubbish"), []string{`format : {prana-0}:due has the member "rubbish"`}},
	{"no task", func(ctx context.Context, c *redis.Client, z *zoo) error {
		if err := c.ZAdd(ctx, due, redis.Z{Score: float64(c.Time(ctx).Val().Add(4 * time.Minute).UnixMilli()), Member: animal(ran) + ":1.000"}).Err(); err != nil {
			return err
		}
		return c.Del(ctx, "asynq:{prana-0}:t:"+animal(ran)+":1.000:token000001").Err()
	}, []string{"asynq runs: step 1.000 is pending without a task"}},

	{"count of live steps", swap(x(heard), "f", `"l":{"1":[0,1]}`, `"l":{"1":[1,1]}`), []string{"I9 hears: the front counts"}},
	{"no step lives", func(ctx context.Context, c *redis.Client, z *zoo) error {
		if err := swap(x(child), "a0.000", `"s":"pending"`, `"s":"cancelled"`)(ctx, c, z); err != nil {
			return err
		}
		if err := swap(x(child), "f", `,"l":{"0":[1,0]}`, ``)(ctx, c, z); err != nil {
			return err
		}
		return c.ZRem(ctx, due, animal(child)+":0.000").Err()
	}, []string{"I1 child: it is running, but no step of it lives"}},
	{"runs of a node", swap(x(ran), "f", ";1:001", ";1:000"), []string{"I2 runs: step 1.000 exists, but node 1 counts 0 runs"}},
	{"input of a step", hdel(x(ran), "o0.000"), []string{"I8 runs: step 1.000 needs the value o0.000"}},
	{"letter", swap(x(ran), "f", `"s":"running"`, `"s":"running","i":[{"n":-1,"r":"bgone"}]`), []string{"I8 runs: the inbox needs the value bgone"}},
	{"input of a join", hdel(x("joins"), "o0.000"), []string{"I8 joins: the join of node 3 needs the value o0.000"}},
	{"record", hset(x(ran), "a1.000", "rubbish"), []string{"format runs: reading step 1.000"}},
	{"front", hset(x(ran), "f", "rubbish"), []string{"format runs: reading the front"}},
	{"definition", func(ctx context.Context, c *redis.Client, z *zoo) error {
		z.store = storeOn(c) // another process, which remembers no definition
		keys := c.Keys(ctx, "*:def:order").Val()
		if err := keepOnly(ctx, c, ran); err != nil {
			return err
		}
		return c.Del(ctx, keys...).Err()
	}, []string{"I1 runs: its definition order version v1 is gone"}},

	{"not in its workflow", zrem("{prana-0}:wf:order", animal(ran)), []string{"I12 runs: its entry among executions is missing: {prana-0}:wf:order"}},
	{"workflow unknown", func(ctx context.Context, c *redis.Client, _ *zoo) error {
		return errors.Join(keepOnly(ctx, c, ran), c.SRem(ctx, "{prana-0}:workflows", "order").Err())
	}, []string{"I12 runs: its workflow among those of the partition is missing"}},
	{"not among children", zrem("{prana-0}:rel", animal(mother)+":1.000:"+animal(child)), []string{"I12 child: its entry among children"}},
	{"not among those of its tag", func(ctx context.Context, c *redis.Client, z *zoo) error {
		return zrem(only(ctx, c, "tag"), animal(heard))(ctx, c, z)
	}, []string{"I12 hears: its entry among the executions of a tag is missing: {prana-0}:tag"}},
	{"tag of nobody", zadd("{prana-0}:tag:any", 1, animal("nobody")), []string{"I12 nobody: there is no such execution"}},
	{"not found by its error", func(ctx context.Context, c *redis.Client, z *zoo) error {
		return zrem(only(ctx, c, "err"), animal("poison"))(ctx, c, z)
	}, []string{"I12 poison: its entry among the errors of a word is missing: {prana-0}:err"}},
	{"error of nobody", zadd("{prana-0}:err:any", 1, animal("nobody")), []string{"I12 nobody: there is no such execution"}},
	{"not in the status of its workflow", zrem("{prana-0}:wfst:order:running", animal(ran)), []string{"I12 runs: its entry among those that are running is missing: {prana-0}:wfst"}},
	{"not among the children of its parent", zrem("{prana-0}:children:"+animal(mother), animal(mother)+":1.000:"+animal(child)), []string{"I12 child: its entry among children"}},
	{"child of another", zadd("{prana-0}:children:"+animal(ran), 1, animal(ran)+":1.000:"+animal(child)), []string{"I12 child: something names it without reason: {prana-0}:children"}},
	{"child that is nobody", zadd("{prana-0}:children:"+animal(mother), 1, animal(mother)+":1.000:"+animal("nobody")), []string{"I12 nobody: there is no such execution"}},
	{"two statuses of its workflow", zadd("{prana-0}:wfst:order:failed", 1, animal(ran)), []string{"I12 runs: something names it without reason: {prana-0}:wfst:order:failed"}},
	{"status of a workflow names nobody", zadd("{prana-0}:wfst:order:failed", 1, animal("nobody")), []string{"I12 nobody: there is no such execution"}},
	{"two statuses", zadd("{prana-0}:st:failed", 1, animal(ran)), []string{"I12 runs: something names it without reason: {prana-0}:st:failed"}},
	{"all names nobody", zadd("{prana-0}:all", 1, animal("nobody")), []string{"I12 nobody: there is no such execution"}},
	{"status names nobody", zadd("{prana-0}:st:failed", 1, animal("nobody")), []string{"I12 nobody: there is no such execution"}},
	{"state of nobody", hset("{prana-0}:v:"+animal("nobody"), "k", "1"), []string{"I12 nobody: there is no such execution"}},
	{"outbox of nobody", hset("{prana-0}:q:"+animal("nobody"), "k", "{}"), []string{"I12 nobody: there is no such execution"}},

	{"suspension not listed", zrem("{prana-0}:wfsus:order:delay", animal(slept)+":2.000:1"), []string{"I5 sleeps: the suspension of step 2.000"}},
	{"suspension of another workflow", zadd("{prana-0}:wfsus:refund:delay", 1, animal(slept)+":2.000:1"), []string{"I5 sleeps: something names it without reason: {prana-0}:wfsus"}},
	{"suspension of a workflow that is over", zadd("{prana-0}:wfsus:order:delay", 1, animal(slept)+":2.000:0"), []string{"I5 sleeps: something names it without reason"}},
	{"listener not listed", func(ctx context.Context, c *redis.Client, z *zoo) error {
		return zrem(only(ctx, c, "listen"), animal(heard)+":1.000:1")(ctx, c, z)
	}, []string{"I5 hears: the suspension of step 1.000 in a list is missing: {prana-0}:listen"}},
	{"listener that is over", func(ctx context.Context, c *redis.Client, z *zoo) error {
		return zadd(only(ctx, c, "listen"), 1, animal(heard)+":1.000:0")(ctx, c, z)
	}, []string{"I5 hears: something names it without reason: {prana-0}:listen"}},
	{"listener to nothing", zadd("{prana-0}:listen:nothing:delay", 1, animal(slept)+":2.000:1"), []string{"I5 sleeps: something names it without reason: {prana-0}:listen"}},
	{"suspension that is over", zadd("{prana-0}:sus:delay", 1, animal(slept)+":2.000:0"), []string{"I5 sleeps: something names it without reason"}},
	{"suspension of another type", zadd("{prana-0}:sus:retry", 1, animal(slept)+":2.000:1"), []string{"I5 sleeps: something names it without reason"}},
	{"suspend type", func(ctx context.Context, c *redis.Client, _ *zoo) error {
		return c.SRem(ctx, "{prana-0}:types", "delay").Err()
	}, []string{"I5 sleeps: the suspend type is missing"}},
	{"subscription", zrem("{prana-0}:ev:"+paid.Key(), animal(heard)+":1.000:1"), []string{"I7 hears: the subscription of step 1.000"}},
	{"subscription that is over", zadd("{prana-0}:ev:"+paid.Key(), 1, animal(heard)+":1.000:7"), []string{"I7 hears: something names it without reason"}},
	{"shape", hdel("{prana-0}:shapes:paid", "id"), []string{"I7 hears: the shape of the filter of step 1.000 is missing"}},
	{"too many of a shape", hset("{prana-0}:shapes:paid", "id", "3"), []string{"I7 : {prana-0}:shapes:paid says 2 waits more than there are with a filter on (id)"}},
	{"too few of a shape", hset("{prana-0}:shapes:paid", "id", "0"), []string{"I7 : {prana-0}:shapes:paid says -1 waits more"}},
	{"child that ended", hset(x(child), "E", "1|"), []string{
		"I3 child: it is running, but its end is stored", "I10 mother: step 1.000 waits for child " + animal(child) + ", which has ended",
	}},

	{"end of a finished one", hdel(x(ended), "E"), []string{"I3 done: it is completed, but its end is stored: false"}},
	{"claim of a finished one", hset(x(ended), "c0.000", "somebody"), []string{"I3 done: it is completed, but step 0.000 is claimed"}},
	{"live step of a finished one", swap(x(ended), "a0.000", `"s":"completed"`, `"s":"pending"`), []string{"I3 done: it is completed, but step 0.000 is pending"}},
	{"expiry", func(ctx context.Context, c *redis.Client, _ *zoo) error {
		return c.Expire(ctx, x(ran), time.Hour).Err()
	}, []string{"I12 : the key " + x(ran) + " will expire"}},
	{"size", hset(x(ran), "o0.000", `"`+strings.Repeat("x", 5000)+`"`), []string{"I13 runs: value o0.000 has 5002 bytes"}},
	{"size of state", hset("{prana-0}:v:"+animal(ran), "k", strings.Repeat("x", 5000)), []string{"I13 runs: state key k has 5000 bytes"}},
}

// only is the only list of a kind, whose name has a digest.
func only(ctx context.Context, c *redis.Client, kind string) string {
	return c.Keys(ctx, "{prana-0}:"+kind+":*").Val()[0]
}

// breakagesOfFirst are those of the lists that only format 1 has.
var breakagesOfFirst = []breakage{
	{"not among all", zrem("{prana-0}:all", animal(ran)), []string{"I12 runs: its entry among executions is missing: {prana-0}:all"}},
	{"not in its status", zrem("{prana-0}:st:running", animal(ran)), []string{"I12 runs: its entry among those that are running is missing: {prana-0}:st"}},
	{"two statuses", zadd("{prana-0}:st:failed", 1, animal(ran)), []string{"I12 runs: something names it without reason: {prana-0}:st:failed"}},
	{"suspension not listed", zrem("{prana-0}:sus:delay", animal(slept)+":2.000:1"), []string{"I5 sleeps: the suspension of step 2.000"}},
	{"suspension that is over", zadd("{prana-0}:sus:delay", 1, animal(slept)+":2.000:0"), []string{"I5 sleeps: something names it without reason: {prana-0}:sus"}},
}

const inf = 1 << 62 // any score that no clock reaches

// keepOnly cancels, in the crudest way, everything but one execution.
func keepOnly(ctx context.Context, c *redis.Client, name string) error {
	for _, key := range c.Keys(ctx, "{prana-0}:x:*").Val() {
		if key == x(name) {
			continue
		}
		id := strings.TrimPrefix(key, "{prana-0}:x:")
		for _, list := range c.Keys(ctx, "{prana-0}:*").Val() {
			if c.Type(ctx, list).Val() != "zset" {
				continue
			}
			for _, m := range c.ZRange(ctx, list, 0, -1).Val() {
				if strings.Contains(m, id) {
					c.ZRem(ctx, list, m)
				}
			}
		}
		c.Del(ctx, key)
	}
	return c.Del(ctx, "{prana-0}:shapes:paid").Err()
}

func TestAuditFinds(t *testing.T) {
	t.Parallel()
	t.Run("newest", func(t *testing.T) { auditFinds(t, breakages, suspend.Options{}) })
	t.Run("first", func(t *testing.T) { auditFinds(t, breakagesOfFirst, suspend.Options{Format: 1}) })
}

func auditFinds(t *testing.T, breakages []breakage, o suspend.Options) {
	t.Helper()
	t.Parallel()
	for _, b := range breakages {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			z := newZoo(t, real(t))
			z.store = suspend.New(z.redis, tasks.Encoder{}, o)
			z.populate()
			if err := b.do(t.Context(), z.redis, z); err != nil {
				t.Fatal(err)
			}
			z.wantFindings(z.audit(suspend.AuditOptions{MaxValue: 4096}).Findings, b.want)
		})
	}
}

func (z *zoo) wantFindings(got []suspend.Finding, want []string) {
	z.Helper()
	if len(got) != len(want) {
		z.Errorf("%d findings, want %d: %+v", len(got), len(want), got)
	}
	for i, f := range got {
		text := fmt.Sprintf("%s %s: %s", f.Invariant, strings.TrimRight(strings.TrimPrefix(f.Execution, "0"), "A"), f.Message)
		if i < len(want) && !strings.Contains(text, want[i]) {
			z.Errorf("finding %q, want %q", text, want[i])
		}
		if f.Hint == "" {
			z.Errorf("finding %q gives no hint", text)
		}
	}
}

// TestAuditLostExecution: a deleted hash is found through everything that names it.
func TestAuditLostExecution(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		z.store = suspend.New(c, tasks.Encoder{}, suspend.Options{Format: 1})
		z.populate()
		if err := c.Del(t.Context(), x(heard), x("poison")).Err(); err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, f := range z.audit(suspend.AuditOptions{}).Findings {
			if f.Execution == animal(heard) || strings.Contains(f.Message, "}:err:") {
				_, key, _ := strings.Cut(f.Message, "{prana-0}:")
				kind, _, _ := strings.Cut(strings.Fields(key)[0], ":")
				found[kind] = true
			}
		}
		for _, kind := range []string{"all", "st", "wf", "wfst", "due", "sus", "wfsus", "listen", "ev", "tag", "err"} { // of format 1, which has all
			if !found[kind] {
				t.Errorf("not found through %q: %v", kind, found)
			}
		}
	})
}

func TestAuditLimit(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	z.populate()
	for i := range 20 {
		if err := zadd(due, 1, fmt.Sprintf("rubbish%d", i))(t.Context(), z.redis, z); err != nil {
			t.Fatal(err)
		}
	}
	if got := z.audit(suspend.AuditOptions{Limit: 5}); len(got.Findings) != 5 || !got.More {
		t.Errorf("%d findings, more: %v", len(got.Findings), got.More)
	}
}

// TestAuditWhileRunning: executions that begin, move, sleep, wake and end while they are looked at give no findings.
func TestAuditWhileRunning(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	z.populate()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	lives := 0
	go func() {
		defer close(done)
		for ; ctx.Err() == nil; lives++ {
			z.wholeLife(fmt.Sprintf("quick%d", lives))
		}
	}()
	for range 20 {
		z.wantFindings(z.audit(suspend.AuditOptions{}).Findings, nil)
	}
	stop()
	<-done
	t.Logf("%d executions lived meanwhile", lives)
}

func (z *zoo) wholeLife(name string) {
	listens := waits(1, flow.Wait{Type: flow.ExternalEvent, Event: &flow.Subscription{Type: "paid", Filter: map[string]any{"order.id": name}}})
	z.commit(z.birth(name, stepOf(1, flow.StepPending)))
	z.commit(suspended(z.next(name, listens)))
	woken := z.next(name, stepOf(1, flow.StepPending))
	woken.Front.Status = flow.Running
	woken.Closed = []flow.Closed{{ID: flow.SuspensionID{Execution: animal(name), Step: listens.ID, Turn: 1}, Type: listens.Wait.Type, Event: listens.Wait.Event}}
	z.commit(woken)
	z.commit(over(z.next(name, stepOf(1, flow.StepCompleted)), flow.Completed))
}
