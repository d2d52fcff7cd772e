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

	"prana/engine/flow"
)

// daybreak makes up for every day on which nobody was there.
const daybreak = `
id: ID
nodes:
  - {key: dawn, type: schedule.cron_trigger, params: {cron_pattern: "0 3 * * *", misfire: all}}
  - {key: act, type: test.effect, params: {name: dawn}}
connections: [dawn -> act]
`

// TestTicksStartOnceWhateverDies makes schedules look as if nobody had been there for two months, keeps all processes at
// the same schedules at once, and kills one of them in the middle.
func TestTicksStartOnceWhateverDies(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{Partitions: 2})
	const workflows, days = 12, 60
	var ids []string
	for i := range workflows {
		ids = append(ids, fmt.Sprint("daybreak_", i))
		s.deploy(t, strings.ReplaceAll(daybreak, "ID", ids[i]))
	}
	last := s.rewind(t, ids, days)
	crowd := s.crowdAround(t)
	first := s.world.awaitCalls(t, "/effect/dawn", 40, 20*time.Second)
	s.worker(t, first[0].Pid).Kill()
	if err := s.addWorker(); err != nil {
		t.Fatal(err)
	}
	s.settled(t, last)
	crowd()
	var want []string
	for day := range days {
		want = append(want, "cron:"+last.AddDate(0, 0, day+1-days).Format(time.RFC3339))
	}
	for _, id := range ids {
		if got := s.startIDs(t, id, last); !slices.Equal(got, want) {
			t.Errorf("%s was started by %d ticks, want %d:\n%s", id, len(got), days, got)
		}
	}
	if calls := s.world.calls("/effect/dawn"); len(byKey(calls)) < workflows*days {
		t.Errorf("%d executions acted, want %d", len(byKey(calls)), workflows*days)
	}
}

// rewind moves schedules back by days, and gives the last tick before now.
func (s *system) rewind(t *testing.T, ids []string, days int) time.Time {
	t.Helper()
	now, err := s.raw.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	last := now.UTC().Add(-3 * time.Hour).Truncate(24 * time.Hour).Add(3 * time.Hour)
	for _, id := range ids {
		keys, err := s.raw.Keys(t.Context(), "{prana-r*}:cron:"+id).Result()
		if err != nil || len(keys) != 1 {
			t.Fatalf("the schedule of %s stands in %s (%v)", id, keys, err)
		}
		index := strings.TrimSuffix(keys[0], "cron:"+id) + "crons"
		_, err = s.raw.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
			p.HSet(t.Context(), keys[0], "after", last.AddDate(0, 0, -days).UnixMilli())
			p.ZAdd(t.Context(), index, redis.Z{Member: id})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return last
}

// crowdAround takes the lease of every schedule away, again and again, so that several processes follow the same one.
func (s *system) crowdAround(t *testing.T) (stop func()) {
	t.Helper()
	indexes, err := s.raw.Keys(t.Context(), "{prana-r*}:crons").Result()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			for _, index := range indexes {
				for _, id := range s.raw.ZRange(ctx, index, 0, -1).Val() {
					s.raw.ZAddXX(ctx, index, redis.Z{Member: id})
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	return func() { cancel(); wg.Wait() }
}

// settled waits until all schedules are past a tick.
func (s *system) settled(t *testing.T, tick time.Time) {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		page, err := s.app.Store().Schedules(t.Context(), flow.ScheduleFilter{})
		if err != nil {
			t.Fatal(err)
		}
		behind := slices.ContainsFunc(page.Items, func(c flow.ScheduleState) bool { return c.After.Before(tick) })
		if !behind {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the schedules do not come past %s: %+v", tick, page.Items)
		}
	}
}

// startIDs lists what started the executions of a workflow, once all of them completed; later ticks than last are left out.
func (s *system) startIDs(t *testing.T, workflow string, last time.Time) []string {
	t.Helper()
	page, err := s.app.Store().Executions(t.Context(), flow.ExecutionFilter{Workflow: workflow, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var ids, started []string
	for _, x := range page.Items {
		ids = append(ids, x.ID)
	}
	for _, v := range s.awaitAll(t, ids, flow.Completed, 40*time.Second) {
		if v.StartID <= "cron:"+last.Format(time.RFC3339) {
			started = append(started, v.StartID)
		}
	}
	slices.Sort(started)
	return started
}

func TestSchedulesAreListed(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: listed_schedule
nodes: [{key: tick, type: schedule.cron_trigger, params: {cron_pattern: "0 0 29 2 *", timezone: Europe/Berlin, misfire: skip}}]
`)
	items := s.must(t, 200, "GET", "/v1/schedules?workflow=listed_schedule", nil).items(t)
	if len(items) != 1 {
		t.Fatalf("the schedules are %v", items)
	}
	next, _ := items[0]["next_tick"].(string)
	if items[0]["cron_pattern"] != "0 0 29 2 *" || items[0]["misfire"] != "skip" || !strings.HasSuffix(next, "-02-29T00:00:00+01:00") {
		t.Errorf("the schedule is %v", items[0])
	}
	id := s.start(t, "listed_schedule", nil) // by hand
	if out := output(t, s.await(t, id, flow.Completed, 10*time.Second)); out["scheduled_at"] != nil || out["timezone"] != "Europe/Berlin" {
		t.Errorf("started by hand it left %v", out)
	}
}
