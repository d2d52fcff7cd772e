package suspend_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/config/localredis"
	"prana/engine/flow"
)

// ended is a new execution that is over already.
func (z *zoo) ended(name string) *flow.Change {
	ch := z.birth(name)
	ch.Front.Status, ch.Ended = flow.Completed, true
	return ch
}

// TestReviewWideEnd: a commit that ends very many live steps is stored whole.
func TestReviewWideEnd(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	const width = 9000 // more than a script may unpack at once
	var live, over []*flow.Step
	for i := range width {
		live, over = append(live, stepOf(i, flow.StepPending)), append(over, stepOf(i, flow.StepCancelled))
	}
	born := z.birth(ran, live...)
	born.Dispatch = nil
	z.commit(born)
	z.commit(settle(&flow.Change{
		Execution: born.Execution, Op: z.op(), Prev: born.Op, Was: flow.Running, Workflow: born.Head.Workflow, Ended: true,
		Front: flow.Front{Status: flow.Cancelled, Seq: 2},
	}, over...))
	x := z.load(ran)
	if x.Status != flow.Cancelled || x.EndedAt.IsZero() || len(x.Steps) != width {
		t.Errorf("it is %s with %d steps, ended at %v", x.Status, len(x.Steps), x.EndedAt)
	}
	for id, s := range x.Steps {
		if s.Status != flow.StepCancelled {
			t.Fatalf("step %s is %s", id, s.Status)
		}
	}
	if n := z.redis.ZCard(t.Context(), due).Val(); n != 0 {
		t.Errorf("%d lines are due still", n)
	}
	if err := z.redis.ZScore(t.Context(), "{prana-0}:wfst:order:cancelled", x.ID).Err(); err != nil {
		t.Errorf("it is not listed as cancelled: %v", err)
	}
	if err := z.redis.ZScore(t.Context(), "{prana-0}:wfst:order:running", x.ID).Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("it is listed as running still: %v", err)
	}
}

// TestReviewWideLoad: very many fields can be wanted at once, and the last of them is found.
func TestReviewWideLoad(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	const width = 5000 // a step and a claim each
	z.commit(z.birth(ran, stepOf(1, flow.StepPending), stepOf(width-1, flow.StepPending)))
	var want flow.Want
	for i := range width {
		want.Steps = append(want.Steps, flow.StepID{Node: i})
	}
	x, err := z.store.Load(t.Context(), animal(ran), want)
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Steps) != 2 || x.Steps[step1] == nil || x.Steps[flow.StepID{Node: width - 1}] == nil {
		t.Errorf("found are %d steps", len(x.Steps))
	}
}

// TestReviewPurgeGoesPast: neither executions that owe something nor one that cannot be read keep those behind them.
func TestReviewPurgeGoesPast(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		const owing, clean = 110, 50
		z := newZoo(t, c)
		for i := range owing {
			ch := z.ended(fmt.Sprintf("a%03d", i))
			ch.Outbox = []flow.Outgoing{{ID: "1", Kind: flow.SendAlert}}
			z.commit(ch)
		}
		z.commit(z.ended("b"))
		z.must(c.HSet(t.Context(), x("b"), "h", "garbage").Err())
		for i := range clean {
			z.commit(z.ended(fmt.Sprintf("c%03d", i)))
		}
		n, err := z.store.Purge(t.Context(), 0, map[flow.Status]time.Duration{flow.Completed: 0}, 100)
		if n != clean {
			t.Errorf("purged are %d, want %d", n, clean)
		}
		if err == nil || errors.Is(err, flow.ErrUnavailable) {
			t.Errorf("the one that cannot be read is not reported: %v", err)
		}
		left := c.ZRange(t.Context(), "{prana-0}:wfst:order:completed", 0, -1).Val()
		if len(left) != owing+1 || slices.ContainsFunc(left, func(id string) bool { return strings.HasPrefix(id, "0c") }) {
			t.Errorf("%d are left: %v", len(left), left)
		}
	})
}

// TestReviewKeptEventsGo: events whose time is over do not pile up, even when nobody waits for their type.
func TestReviewKeptEventsGo(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	publish := func(n int, name string, ttl time.Duration) {
		for i := range n {
			e := flow.Event{ID: fmt.Sprint(name, i), Type: "paid", TTL: ttl}
			_, _, err := z.store.RecordEvent(t.Context(), e)
			z.must(err)
			_, _, err = z.store.FinishEvent(t.Context(), e, flow.Offer{}, &flow.PublishResult{ID: e.ID})
			z.must(err)
		}
	}
	publish(50, "old", 10*time.Millisecond)
	over := z.redis.Time(t.Context()).Val().Add(20 * time.Millisecond)
	for z.redis.Time(t.Context()).Val().Before(over) { // the clock that counts is the server's
		z.must(t.Context().Err())
	}
	const later = 6
	publish(later, "new", time.Hour)
	for _, kind := range []string{"kept", "until"} {
		keys := z.redis.Keys(t.Context(), "*:"+kind+":*").Val()
		if len(keys) != 1 {
			t.Fatalf("the keys of %s are %v", kind, keys)
		}
		if n := z.redis.ZCard(t.Context(), keys[0]).Val(); n < later || n > later+4 {
			t.Errorf("%d events stand in %s, want %d and a few at most", n, kind, later)
		}
	}
}

// TestReviewEventOfTheMoment: an event that is not kept can be taken while it is published, and not afterwards.
func TestReviewEventOfTheMoment(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		e := flow.Event{ID: "e1", Type: "paid", TTL: -1}
		_, _, err := z.store.RecordEvent(t.Context(), e)
		z.must(err)
		wait := flow.SuspensionID{Execution: animal(ran), Step: step1, Turn: 1}
		offer := flow.Offer{To: []flow.Taker{{Wait: wait}}}
		got, err := z.store.OfferEvent(t.Context(), e, offer)
		if err != nil || len(got.To) != 1 {
			t.Errorf("while it is published: %+v, %v", got, err)
		}
		_, _, err = z.store.FinishEvent(t.Context(), e, flow.Offer{Took: got.To}, &flow.PublishResult{ID: e.ID, Matched: 1})
		z.must(err)
		offer.To[0].Wait.Turn = 2
		got, err = z.store.OfferEvent(t.Context(), e, offer)
		if err != nil || !got.Over {
			t.Errorf("afterwards: %+v, %v", got, err)
		}
	})
}

// TestReviewSuspendedWithoutWait: a record that says suspended and names no wait is refused when it is read.
func TestReviewSuspendedWithoutWait(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		z.commit(z.birth(ran, stepOf(1, flow.StepPending)))
		z.must(c.HSet(t.Context(), x(ran), "a"+step1.String(), `1767323045678|token000001||{"s":"suspended","o":"op000000001","n":1}`).Err())
		for _, want := range []flow.Want{{All: true}, {Steps: []flow.StepID{step1}}} {
			_, err := z.store.Load(t.Context(), animal(ran), want)
			if err == nil || errors.Is(err, flow.ErrUnavailable) || errors.Is(err, flow.ErrNotFound) || !strings.Contains(err.Error(), step1.String()) {
				t.Errorf("loading %+v gives %v, want an error that names the step", want, err)
			}
		}
	})
}

// TestReviewSleepersOfAnotherType: what stands where workers are woken from cannot break a commit.
func TestReviewSleepersOfAnotherType(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		z.must(c.Set(t.Context(), "{prana-0}:sleepers", "no set", 0).Err())
		z.commit(z.birth(ran, stepOf(1, flow.StepPending)))
		if got := z.load(ran).Steps[step1]; got == nil || got.Status != flow.StepPending {
			t.Errorf("stored is %+v", got)
		}
		if n := len(seen(t, c, 0)); n != 1 {
			t.Errorf("there are %d tasks", n)
		}
	})
}

// TestReviewFullMemory: a Redis that is full is told from one that is away, and nothing is half stored.
func TestReviewFullMemory(t *testing.T) {
	t.Parallel()
	full, err := localredis.Start(t.Context(), localredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Network: full.Network(), Addr: full.Addr()})
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), full.Close()); err != nil {
			t.Error(err)
		}
	})
	z := newZoo(t, c)
	z.commit(z.birth(ran, stepOf(1, flow.StepPending)))
	next := z.next(ran, stepOf(1, flow.StepCompleted), stepOf(2, flow.StepPending))
	before := z.keys()
	z.must(c.ConfigSet(t.Context(), "maxmemory", "1").Err())
	for _, ch := range []*flow.Change{next, z.birth("new", stepOf(1, flow.StepPending))} {
		err = z.store.Commit(t.Context(), ch)
		if !errors.Is(err, flow.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), "Redis cannot be written to") {
			t.Errorf("committing gives: %v", err)
		}
	}
	slices.Sort(before)
	after := z.keys()
	if slices.Sort(after); !slices.Equal(before, after) {
		t.Errorf("the keys were\n%v\nand are\n%v", before, after)
	}
	if now := z.load(ran); now.Rev != next.Prev || len(now.Steps) != 1 {
		t.Errorf("a part was stored: %+v", now)
	}
	z.must(c.ConfigSet(t.Context(), "maxmemory", "0").Err())
	z.commit(next)
}

// TestReviewPurgeFreesStartFirst: a start in the middle of a purge gets an execution of its own, and the only one.
func TestReviewPurgeFreesStartFirst(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		reserve := func(name string) string {
			id, err := z.store.ReserveStart(t.Context(), "order", "id-1", animal(name), "digest")
			z.must(err)
			return id
		}
		reserve("old")
		ch := z.ended("old")
		ch.Head.StartID = "id-1"
		z.commit(ch)
		var middle []string
		c.AddHook(afterPurge(func() { middle = append(middle, reserve("new")) }))
		n, err := z.store.Purge(t.Context(), 0, map[flow.Status]time.Duration{flow.Completed: 0}, 10)
		if err != nil || n != 1 || len(middle) != 1 {
			t.Fatalf("purged are %d, %v; starts in the middle: %v", n, err, middle)
		}
		if middle[0] != animal("new") {
			t.Errorf("a start in the middle got %s, which is gone", middle[0])
		}
		if id := reserve("newer"); id != animal("new") {
			t.Errorf("a start after it got %s, a second execution", id)
		}
	})
}

// afterPurge calls a function as soon as an execution was removed.
type afterPurge func()

func (f afterPurge) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f afterPurge) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err == nil && slices.Contains(cmd.Args(), any("purge")) {
			f()
		}
		return err
	}
}

func (f afterPurge) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// TestAPurgeTakesTheErrorOfWhatCompleted: an execution that completed out of quarantine is still found by its error, and leaves no
// line of it behind.
func TestAPurgeTakesTheErrorOfWhatCompleted(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	ch := z.birth("poisoned", stepOf(1, flow.StepQuarantined))
	ch.Front.Status, ch.Error = flow.Quarantined, flow.Problemf("poison", "a worker died")
	z.commit(ch)
	x, err := z.store.Load(z.Context(), ch.Execution, flow.Want{All: true})
	z.must(err)
	x.Status = flow.Completed
	over := stepOf(1, flow.StepCompleted)
	z.commit(&flow.Change{Execution: x.ID, Workflow: x.Workflow, Op: flow.NewToken(), Prev: x.Rev, Was: flow.Quarantined, Front: x.Front, Ended: true, Steps: []*flow.Step{over}})
	n, err := z.store.Purge(z.Context(), 0, map[flow.Status]time.Duration{flow.Completed: -time.Hour}, 100)
	if err != nil || n != 1 {
		t.Fatalf("%d were purged, %v", n, err)
	}
	if left := z.redis.Keys(z.Context(), "*:err:*").Val(); len(left) != 0 {
		t.Errorf("lists of errors are left: %v", left)
	}
}
