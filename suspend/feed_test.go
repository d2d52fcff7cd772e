package suspend_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"prana/config/localredis"
	"prana/engine/flow"
)

const feedKey = "{prana-0}:feed"

// told is a change of an execution with the record of that number, and a step that goes on.
func (z *zoo) told(name string, seq int64) *flow.Change {
	ch := z.next(name)
	ch.Front.Seq = seq
	ch.Records = []flow.Record{{Seq: seq, Name: flow.NodeCompleted, Node: "a", Type: "t.t", Step: stepOf(1, flow.StepCompleted)}}
	return ch
}

// names are "execution seq", in the order in which they were told.
func names(t *testing.T, entries []flow.FeedEntry) []string {
	t.Helper()
	all := []string{}
	for _, e := range entries {
		if e.Execution == "" {
			continue
		}
		events, err := e.Events()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range events {
			all = append(all, fmt.Sprint(strings.TrimRight(v.Execution[1:], "A"), " ", v.Seq))
		}
	}
	return all
}

func TestFeedTellsWhatIsCommitted(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		z.commit(z.birth("one"))
		if n := c.Exists(t.Context(), feedKey).Val(); n != 0 {
			t.Error("a feed that nobody reads is written")
		}
		f := z.store.NewFeed(c)
		at, err := f.Open(t.Context(), 0)
		z.must(err)
		z.commit(z.told("one", 2)) // by a process that did not know of a reader
		other := &zoo{T: t, redis: c, store: storeOn(c), ops: 1000}
		other.commit(other.told("one", 3))
		z.commit(z.told("one", 4))
		got, err := f.Next(t.Context(), 0, at)
		z.must(err)
		if want := []string{"one 2", "one 3", "one 4"}; !slices.Equal(names(t, got), want) {
			t.Errorf("next: %q", names(t, got))
		}
		if got, err = f.Read(t.Context(), 0, at); err != nil || !slices.Equal(names(t, got), []string{"one 2", "one 3", "one 4"}) {
			t.Errorf("read: %q, %v", names(t, got), err)
		}
		if got, err = f.Read(t.Context(), 0, got[2].At); err != nil || !slices.Equal(names(t, got), []string{"one 3", "one 4"}) {
			t.Errorf("read on from the second: %q, %v", names(t, got), err)
		}
		if got, err = f.Next(t.Context(), 0, got[1].At); err != nil || len(got) != 0 {
			t.Errorf("at the end: %v, %v", got, err)
		}
	})
}

func TestFeedSaysWhatHappened(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	f := z.store.NewFeed(z.redis)
	at, err := f.Open(t.Context(), 0)
	z.must(err)
	asleep := stepOf(1, flow.StepSuspended)
	long := flow.Wait{Type: flow.Delay, Data: []byte(`"` + strings.Repeat("d", 2000) + `"`)}
	ch := z.birth("one", stepOf(1, flow.StepPending))
	ch.Head.Parent = &flow.Parent{Execution: animal("mother")}
	ch.Records = []flow.Record{
		{Seq: 1, Name: flow.ExecutionStarted},
		{Seq: 2, Name: flow.NodeSuspended, Node: "a", Type: "t.t", Step: asleep, Wait: &flow.Wait{Type: flow.Delay, Data: []byte(`{"n":1}`)}},
		{Seq: 3, Name: flow.NodeSuspended, Node: "a", Type: "t.t", Step: asleep, Wait: &long},
	}
	z.commit(ch)
	stuck := z.next("one") // no record says so
	stuck.Front.Status, stuck.Error = flow.Quarantined, &flow.Problem{Code: "poison", Message: strings.Repeat("m", 1000), Details: map[string]any{"a": 1}}
	z.commit(stuck)
	entries, err := f.Next(t.Context(), 0, at)
	z.must(err)
	var all []flow.FeedEvent
	for _, e := range entries {
		events, err := e.Events()
		z.must(err)
		all = append(all, events...)
	}
	if len(all) != 4 {
		t.Fatalf("told %+v", all)
	}
	born, slept, mute, sick := all[0], all[1], all[2], all[3]
	if born.Name != flow.ExecutionStarted || born.ParentID != animal("mother") || born.Workflow != "order" || born.Status != flow.Running || born.Time.IsZero() {
		t.Errorf("the start: %+v", born)
	}
	if slept.SuspendType != flow.Delay || string(slept.SuspensionData) != `{"n":1}` || slept.Node != "a" || slept.NodeType != "t.t" {
		t.Errorf("a suspension: %+v", slept)
	}
	if mute.SuspensionData != nil {
		t.Error("data beyond the bound is told")
	}
	if sick.Name != flow.StatusChanged || sick.Status != flow.Quarantined || sick.Error.Code != "poison" || len(sick.Error.Message) > 260 || sick.Error.Details != nil {
		t.Errorf("a status without a record: %+v", sick)
	}
}

// A feed that lacks something says so, whatever became of it.
func TestFeedTellsOfGaps(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		for how, spoil := range map[string]func(at flow.FeedPlace) error{
			"trimmed":   func(flow.FeedPlace) error { return c.XTrimMaxLen(t.Context(), feedKey, 1).Err() },
			"expired":   func(flow.FeedPlace) error { return c.Del(t.Context(), feedKey).Err() },
			"went back": func(at flow.FeedPlace) error { return c.XDel(t.Context(), feedKey, at.String()).Err() },
		} {
			z := newZoo(t, c)
			z.must(c.FlushDB(t.Context()).Err())
			z.commit(z.birth("one"))
			f := z.store.NewFeed(c)
			at, err := f.Open(t.Context(), 0)
			z.must(err)
			z.commit(z.told("one", 2))
			z.commit(z.told("one", 3))
			z.must(spoil(at))
			if _, err := f.Read(t.Context(), 0, at); !errors.Is(err, flow.ErrGone) {
				t.Errorf("%s: read gave %v", how, err)
			}
			if _, err := f.Next(t.Context(), 0, at); !errors.Is(err, flow.ErrGone) {
				t.Errorf("%s: next gave %v", how, err)
			}
			if _, err := f.Open(t.Context(), 0); err != nil {
				t.Errorf("%s: opened anew: %v", how, err)
			}
		}
	})
}

// TestFeedBeginsWithoutGap: whenever somebody begins to read, while several processes commit that do not know it, everything
// that an execution does from some record on is told, once and in order.
func TestFeedBeginsWithoutGap(t *testing.T) {
	t.Parallel()
	c := real(t)
	const writers, records = 4, 60
	all := make([]*zoo, writers)
	for i := range all {
		all[i] = newZoo(t, c)
		all[i].ops = 1000 * i
		all[i].commit(all[i].birth(fmt.Sprint("x", i)))
	}
	var wg sync.WaitGroup
	started := make(chan struct{}, writers)
	for i, z := range all {
		wg.Go(func() {
			for seq := int64(2); seq <= records; seq++ {
				if err := z.store.Commit(t.Context(), z.told(fmt.Sprint("x", i), seq)); err != nil {
					t.Error(err)
					return
				}
				if seq == 20 {
					started <- struct{}{}
				}
			}
		})
	}
	<-started
	f := all[0].store.NewFeed(c)
	at, err := f.Open(t.Context(), 0)
	all[0].must(err)
	wg.Wait()
	entries, err := f.Next(t.Context(), 0, at)
	all[0].must(err)
	last := map[string]int64{}
	for _, e := range entries {
		events, err := e.Events()
		all[0].must(err)
		for _, v := range events {
			if before := last[v.Execution]; before != 0 && v.Seq != before+1 {
				t.Errorf("%s: %d after %d", v.Execution, v.Seq, before)
			}
			last[v.Execution] = v.Seq
		}
	}
	for id, seq := range last {
		if seq != records {
			t.Errorf("%s is told up to %d of %d", id, seq, records)
		}
	}
	if len(last) == 0 {
		t.Error("nothing was told")
	}
}

// TestFeedIsBounded: many facts at once are told in entries of few, and old entries go.
func TestFeedIsBounded(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	f := z.store.NewFeed(z.redis)
	at, err := f.Open(t.Context(), 0)
	z.must(err)
	ch := z.birth("one")
	for seq := range int64(100) {
		ch.Records = append(ch.Records, flow.Record{Seq: seq + 1, Name: flow.NodeFailed, Step: stepOf(1, flow.StepFailed)})
	}
	z.commit(ch)
	entries, err := f.Next(t.Context(), 0, at)
	z.must(err)
	if got := names(t, entries); len(entries) != 7 || len(got) != 100 || got[99] != "one 100" {
		t.Errorf("%d entries tell %d facts", len(entries), len(got))
	}
	for _, e := range entries {
		if len(e.Facts) > 64<<10 {
			t.Errorf("an entry has %d bytes", len(e.Facts))
		}
	}
	if ttl := z.redis.PTTL(t.Context(), feedKey).Val(); ttl <= 0 {
		t.Errorf("a feed without a reader stays for %v", ttl)
	}
	many := redis.NewScript(`for i = 1, 120000 do redis.call('XADD', KEYS[1], '*', 'o', '') end`)
	if err := many.Run(t.Context(), z.redis, []string{feedKey}).Err(); !errors.Is(err, redis.Nil) {
		t.Fatal(err)
	}
	for seq := range int64(3) { // each drops a bounded number
		z.commit(z.told("one", 101+seq))
	}
	if n := z.redis.XLen(t.Context(), feedKey).Val(); n > 101_000 {
		t.Errorf("%d entries are kept", n)
	}
}

// TestFeedCost: a commit asks once whether somebody reads. While somebody does, it adds one entry instead, and is refused once.
func TestFeedCost(t *testing.T) {
	t.Parallel()
	s, err := localredis.Start(t.Context(), localredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Network: s.Network(), Addr: s.Addr()})
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	z := newZoo(t, c)
	z.commit(z.birth("one"))
	const commits = 20
	seq := int64(1)
	asked := func() (exists, added, scripts int64) {
		z.must(c.ConfigResetStat(t.Context()).Err())
		for range commits {
			seq++
			z.commit(z.told("one", seq))
		}
		return calls(t, c, "exists"), calls(t, c, "xadd"), calls(t, c, "evalsha")
	}
	if exists, added, scripts := asked(); exists != commits || added != 0 || scripts != 2*commits { // a load and a commit
		t.Errorf("unread: %d questions, %d entries, %d scripts", exists, added, scripts)
	}
	if _, err := z.store.NewFeed(c).Open(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if exists, added, scripts := asked(); exists != 1 || added != commits || scripts != 2*commits+1 {
		t.Errorf("read: %d questions, %d entries, %d scripts", exists, added, scripts)
	}
}

// calls is how often Redis ran a command, by itself or for a script.
func calls(t *testing.T, c *redis.Client, command string) (n int64) {
	t.Helper()
	text := c.Info(t.Context(), "commandstats").Val()
	if _, rest, ok := strings.Cut(text, "cmdstat_"+command+":calls="); ok {
		_, _ = fmt.Sscan(strings.SplitN(rest, ",", 2)[0], &n)
	}
	return n
}
