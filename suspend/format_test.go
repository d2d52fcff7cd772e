package suspend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

// row is a line of a table of FORMAT.md: a pattern, and the column after it.
type row struct {
	pattern *regexp.Regexp
	text    string // the pattern as it is written there
	next    string
}

func format(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// table reads the rows of a section whose first column is code.
func table(t *testing.T, section string) []row {
	t.Helper()
	_, text, ok := strings.Cut(format(t), "\n## "+section+"\n")
	if !ok {
		t.Fatalf("FORMAT.md has no section %q", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var rows []row
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+?) \\|").FindAllStringSubmatch(text, -1) {
		rows = append(rows, row{pattern(m[1]), m[1], m[2]})
	}
	return rows
}

// pattern makes "{prana-N}:x:<execution>" match what it stands for.
func pattern(s string) *regexp.Regexp {
	s = regexp.QuoteMeta(s)
	s = regexp.MustCompile(`prana-(r?)N`).ReplaceAllString(s, `prana-$1[0-9]+`)
	return regexp.MustCompile("^(?s:" + regexp.MustCompile(`<[^>]*>`).ReplaceAllString(s, ".+") + ")$")
}

func find(rows []row, s string) []row {
	var found []row
	for _, r := range rows {
		if r.pattern.MatchString(s) {
			found = append(found, r)
		}
	}
	return found
}

// everything makes a store write whatever it can write.
func (z *zoo) everything() {
	z.Helper()
	ctx, s := z.Context(), z.store
	_, err := s.Grow(ctx, 2)
	z.must(err)
	_, err = s.Identify(ctx)
	z.must(err)
	_, err = s.Key(ctx)
	z.must(err)
	watched(z.T, z.redis)
	beats(z.T, z.redis, 1)
	_, err = s.NewFeed(z.redis).Open(ctx, 0)
	z.must(err)
	_, err = s.ReserveStart(ctx, "order", "id-1", animal(ran), "digest")
	z.must(err)
	e := flow.Event{ID: "e1", Type: "shipped", Data: json.RawMessage(`{"n":1}`)}
	z.must(s.NoteDelivery(ctx, flow.Delivery{Hook: "github", Outcome: flow.DeliveryProcessed, Signed: true, Body: "{}"}))
	z.must(s.NoteDelivery(ctx, flow.Delivery{Hook: flow.NoHook, Outcome: flow.DeliveryRefused}))
	_, _, err = s.RecordEvent(ctx, e)
	z.must(err)
	_, _, err = s.FinishEvent(ctx, e, flow.Offer{}, &flow.PublishResult{ID: e.ID})
	z.must(err)
	_, _, err = s.KeptEvents(ctx, flow.Subscription{Type: e.Type, Filter: map[string]any{"n": 1}}, "", 10)
	z.must(err)
	open := flow.Event{ID: "e2", Type: "shipped"}
	_, _, err = s.RecordEvent(ctx, open)
	z.must(err)
	waits := []flow.Taker{{Wait: flow.SuspensionID{Execution: animal("one")}, Group: "3:key"}, {Wait: flow.SuspensionID{Execution: animal("two")}}}
	_, err = s.OfferEvent(ctx, open, flow.Offer{To: waits})
	z.must(err)
	_, err = s.OfferEvent(ctx, open, flow.Offer{Took: []flow.SuspensionID{waits[0].Wait}})
	z.must(err)
	nightly := flow.Node{Key: "tick", Type: flow.CronTrigger, Params: map[string]any{"cron_pattern": "@daily"}}
	_, err = s.PutWorkflow(ctx, &flow.Workflow{ID: "nightly", Nodes: []flow.Node{nightly}}, "v1")
	z.must(err)
	for _, name := range []string{"one", "two"} {
		_, _, err = s.Acquire(ctx, "region/eu", flow.Holder{Execution: animal(name), Whole: true}, 1)
		z.must(err)
	}
	for _, name := range []string{"one", "two", "three"} {
		z.must(z.redis.SAdd(ctx, tasks.SleepersKey("prana-0"), tasks.WakeKey("prana-0", name)).Err())
	}
	orders := suspend.NewStream(z.redis, z.redis, suspend.StreamOptions{Key: "orders", Group: "prana"})
	z.must(orders.Refuse(ctx, flow.StreamEntry{ID: "1-0", Fields: map[string]string{"data": "{"}}, "invalid"))
	z.populate()
	z.old()
	writeFan(z, nil)
	z.alarm()
	z.queued()
	taking := z.next(ran, stepOf(1, flow.StepCompleted), stepOf(2, flow.StepPending))
	taking.Takes = []flow.Taken{{Event: "e1", Began: 1, Now: 2}}
	taking.Values = map[flow.Ref]flow.Value{"d1.000": {Raw: json.RawMessage(`1`)}, "g2.000": {Raw: json.RawMessage(`2`)}, "bletter": {Raw: json.RawMessage(`3`)}, flow.EmissionRef(step1, 0): {Raw: json.RawMessage(`3`)}}
	taking.Reply = json.RawMessage(`{"status":204}`)
	taking.Error = flow.Problemf("problem", "a problem")
	z.commit(taking)
	x := z.load(ran)
	_, err = s.Renew(ctx, "worker", []flow.Dispatch{dispatchOf(x.ID, x.Steps[flow.StepID{Node: 2}])}, time.Minute)
	z.must(err)
	z.must(z.redis.SAdd(ctx, tasks.SleepersKey("prana-0"), tasks.WakeKey("prana-0", "four")).Err())
}

// old commits an execution as the first format has it.
func (z *zoo) old() {
	first := suspend.New(z.redis, tasks.Encoder{}, suspend.Options{Format: 1})
	z.must(first.Commit(z.Context(), suspended(z.birth("old", waits(1, flow.Wait{Type: flow.Delay, In: time.Hour})))))
}

// alarm commits a delay with its alarm.
func (z *zoo) alarm() {
	ch := suspended(z.birth("alarm", waits(1, flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour})))
	d := dispatchOf(ch.Execution, ch.Steps[0])
	d.Kind, d.In = flow.KindResume, time.Hour
	ch.Dispatch = []flow.Dispatch{d}
	z.commit(ch)
}

// queued enqueues a step of a named queue, and wakes a process that sleeps for it.
func (z *zoo) queued() {
	ctx := z.Context()
	z.must(z.store.AddQueue(ctx, "slow"))
	ch := z.birth("queued", stepOf(1, flow.StepPending))
	d := dispatchOf(ch.Execution, ch.Steps[0])
	d.Queue = "slow"
	ch.Dispatch = []flow.Dispatch{d}
	z.commit(ch)
	queue := tasks.NamedQueue(0, d.Queue)
	z.must(z.redis.SAdd(ctx, tasks.SleepersKey(queue), tasks.WakeKey(queue, "one"), tasks.WakeKey(queue, "two")).Err())
	z.must(z.store.Enqueue(ctx, d))
}

func (z *zoo) must(err error) {
	z.Helper()
	if err != nil {
		z.Fatal(err)
	}
}

// TestFormatKeys: every key that a store writes stands in FORMAT.md once, with its type, and no other key does.
func TestFormatKeys(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	z.everything()
	rows, seen := table(t, "Keys"), map[string]bool{}
	for _, key := range z.keys() {
		found := find(rows, key)
		if len(found) != 1 {
			t.Errorf("%d rows of FORMAT.md describe the key %s", len(found), key)
			continue
		}
		seen[found[0].text] = true
		if typ := z.redis.Type(t.Context(), key).Val(); !strings.EqualFold(typ, found[0].next) {
			t.Errorf("%s is a %s; FORMAT.md says %s", key, typ, found[0].next)
		}
	}
	for _, r := range rows {
		if !seen[r.text] {
			t.Errorf("FORMAT.md describes %s, which nobody wrote", r.text)
		}
	}
}

func (z *zoo) keys() []string {
	z.Helper()
	keys, err := z.redis.Keys(z.Context(), "*").Result()
	z.must(err)
	return keys
}

// TestFormatFields: the same for the fields of executions.
func TestFormatFields(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	z.everything()
	rows, seen := table(t, "The execution's hash"), map[string]bool{}
	for _, key := range z.keys() {
		if !strings.HasPrefix(key, "{prana-0}:x:") {
			continue
		}
		for _, field := range fieldsOf(t.Context(), z.redis, key) {
			found := find(rows, field)
			if len(found) != 1 {
				t.Errorf("%d rows of FORMAT.md describe the field %s", len(found), field)
				continue
			}
			seen[found[0].text] = true
		}
	}
	for _, r := range rows {
		if !seen[r.text] {
			t.Errorf("FORMAT.md describes the field %s, which nobody wrote", r.text)
		}
	}
}

func fieldsOf(ctx context.Context, c *redis.Client, key string) []string {
	return c.HKeys(ctx, key).Val()
}

// TestFormatExpiry: only what FORMAT.md lets expire does.
func TestFormatExpiry(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	z.everything()
	may := regexp.MustCompile(`^\{prana-(r\d+\}:(e|offered|took|kept|keptby|until|marks|hook|refused)|\d+(\.slow)?\}:wake):|^\{prana-\d+\}:feed$`)
	for _, key := range z.keys() {
		if ttl := z.redis.PTTL(t.Context(), key).Val(); (ttl > 0) != may.MatchString(key) {
			t.Errorf("%s expires in %v", key, ttl)
		}
	}
}

// TestFormatScripts: every script is described, and every described one exists.
func TestFormatScripts(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir("lua")
	if err != nil {
		t.Fatal(err)
	}
	rows := table(t, "Scripts")
	for _, f := range files {
		if len(find(rows, f.Name())) != 1 {
			t.Errorf("FORMAT.md does not describe lua/%s", f.Name())
		}
	}
	if len(rows) != len(files) {
		t.Errorf("FORMAT.md describes %d scripts; there are %d", len(rows), len(files))
	}
}

// TestFormatInvariants: each invariant has what keeps it.
func TestFormatInvariants(t *testing.T) {
	t.Parallel()
	text := format(t)
	for i := 1; i <= 13; i++ {
		if !strings.Contains(text, fmt.Sprintf("\n| I%d |", i)) {
			t.Errorf("FORMAT.md does not say what keeps I%d", i)
		}
	}
}
