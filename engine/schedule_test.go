package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// ticker stands for the built-in trigger: what it leaves is the input of the tick.
var ticker = node.Type{
	Name: flow.CronTrigger, Trigger: true,
	Fields: []node.Field{
		{Name: "cron_pattern", Kind: node.String, Literal: true},
		{Name: "timezone", Kind: node.String, Literal: true},
		{Name: "misfire", Kind: node.String, Literal: true},
	},
	Run: func(context.Context, *node.Call) (node.Outcome, error) { return node.Outcome{PassInput: true}, nil },
}

// plain begins executions by hand only.
var plain = node.Type{Name: "acme.trigger", Trigger: true, Run: ticker.Run}

// nightly is a workflow with a schedule; rest are more lines of it.
func nightly(pattern, zone, misfire string, rest ...string) string {
	return "id: nightly\nnodes: [{key: tick, type: schedule.cron_trigger, params: {cron_pattern: \"" + pattern +
		"\", timezone: " + zone + ", misfire: " + misfire + "}}]\n" + strings.Join(rest, "\n")
}

// fired lists the ticks that started an execution, in the order in which these were created.
func fired(t *testing.T, env *enginetest.Env) []string {
	t.Helper()
	page, err := env.Store().Executions(t.Context(), flow.ExecutionFilter{Workflow: "nightly", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var ticks []string
	for _, x := range slices.Backward(page.Items) {
		ticks = append(ticks, strings.TrimPrefix(env.Execution(x.ID).StartID, "cron:"))
	}
	slices.Sort(ticks) // within a millisecond they have no order
	return ticks
}

func wantFired(t *testing.T, env *enginetest.Env, want ...string) {
	t.Helper()
	if got := fired(t, env); !slices.Equal(got, want) {
		t.Errorf("the ticks that fired are\n %s, want\n %s", got, want)
	}
}

// standing reads where the only schedule stands.
func standing(t *testing.T, env *enginetest.Env) flow.ScheduleState {
	t.Helper()
	page, err := env.Store().Schedules(t.Context(), flow.ScheduleFilter{})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("there are %d schedules (%v), want 1", len(page.Items), err)
	}
	return page.Items[0]
}

func TestTicksStartExecutionsInTime(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, ticker)
	env.Deploy(nightly("*/5 * * * *", "UTC", "once"))
	env.Advance(14*time.Minute + 59*time.Second)
	wantFired(t, env, "2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z")
	env.Advance(time.Second)
	wantFired(t, env, "2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z", "2026-01-01T00:15:00Z")
	page, _ := env.Store().Executions(t.Context(), flow.ExecutionFilter{})
	newest := page.Items[0]
	if !newest.CreatedAt.Equal(env.Now()) {
		t.Errorf("the newest was created at %s, want %s", newest.CreatedAt, env.Now())
	}
	env.WantStatus(newest.ID, flow.Completed)
	env.WantOutput(newest.ID, map[string]any{"scheduled_at": "2026-01-01T00:15:00Z"})
	if last := standing(t, env).Last; !last.Equal(env.Now()) {
		t.Errorf("the last tick is %s", last)
	}
}

// TestMissedTicks: nobody looks for a while, and somebody comes back.
func TestMissedTicks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, misfire string
		away          time.Duration
		want          string // before the tick of 04:00
	}{
		{"skip", "skip", 3*time.Hour + 30*time.Minute, ""},
		{"skip but the one on time", "skip", 3*time.Hour + time.Minute, "2026-01-01T03:00:00Z"},
		{"once", "once", 3*time.Hour + 30*time.Minute, "2026-01-01T03:00:00Z"},
		{"once with one on time", "once", 3 * time.Hour, "2026-01-01T03:00:00Z"},
		{"all", "all", 3*time.Hour + 30*time.Minute, "2026-01-01T01:00:00Z 2026-01-01T02:00:00Z 2026-01-01T03:00:00Z"},
		{"all with one on time", "all", 2 * time.Hour, "2026-01-01T01:00:00Z 2026-01-01T02:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := enginetest.New(t, ticker)
			env.Deploy(nightly("0 * * * *", "UTC", c.misfire))
			env.Run()
			env.Pass(c.away)
			env.Run()
			wantFired(t, env, strings.Fields(c.want)...)
			env.Advance(env.Now().Truncate(time.Hour).Add(time.Hour).Sub(env.Now()))
			wantFired(t, env, append(strings.Fields(c.want), env.Now().Format(time.RFC3339))...)
		})
	}
}

func TestMissedTicksAreBounded(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, ticker)
	env.Deploy(nightly("* * * * *", "UTC", "all"))
	env.Pass(365 * 24 * time.Hour) // 525,600 ticks, the last two of which are on time
	env.Run()
	got := fired(t, env)
	if len(got) != 102 || got[0] != "2026-12-31T22:19:00Z" || got[101] != "2027-01-01T00:00:00Z" {
		t.Errorf("%d ticks fired, from %s to %s", len(got), got[0], got[len(got)-1])
	}
	env.Advance(time.Minute)
	if n := len(fired(t, env)); n != 103 {
		t.Errorf("%d ticks fired a minute later, want 103", n)
	}
}

func TestNewVersions(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, ticker, plain)
	env.Deploy(nightly("0 * * * *", "UTC", "all"))
	env.Advance(time.Hour)
	env.Pass(90 * time.Minute) // 02:00 is missed; now it is 02:30
	env.Deploy(nightly("0 * * * *", "UTC", "all", "name: same ticks"))
	env.Run()
	wantFired(t, env, "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z")
	if v := env.Execution(newestOf(t, env)).Version; v != standing(t, env).Version {
		t.Errorf("the missed tick started version %s, not the newest", v)
	}
	env.Pass(time.Hour) // 03:00 is missed; now it is 03:30
	env.Deploy(nightly("45 * * * *", "UTC", "all"))
	env.Advance(15 * time.Minute)
	wantFired(t, env, "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z", "2026-01-01T03:45:00Z")
	env.Deploy("id: nightly\nnodes: [{key: start, type: acme.trigger}]")
	env.Advance(24 * time.Hour)
	env.Deploy(nightly("45 * * * *", "UTC", "all")) // an old one is the newest again, and begins now: at 03:45
	env.Advance(time.Hour)
	wantFired(t, env, "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z", "2026-01-01T03:45:00Z", "2026-01-02T04:45:00Z")
}

func newestOf(t *testing.T, env *enginetest.Env) string {
	t.Helper()
	page, err := env.Store().Executions(t.Context(), flow.ExecutionFilter{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return page.Items[0].ID
}

// TestClocksAreChanged: in Berlin there is no 02:30 on 29 March, and there are two on 25 October.
func TestClocksAreChanged(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, ticker)
	at := func(month time.Month, day int) time.Duration {
		return time.Date(2026, month, day, 12, 0, 0, 0, time.UTC).Sub(env.Now())
	}
	env.Pass(at(time.March, 27))
	env.Deploy(nightly("30 2 * * *", "Europe/Berlin", "skip"))
	env.Advance(at(time.March, 30))
	wantFired(t, env, "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z")
	env.Pass(at(time.October, 23))
	env.Advance(at(time.October, 26))
	if got := strings.Join(fired(t, env)[3:], " "); got != "2026-10-24T00:30:00Z 2026-10-25T00:30:00Z 2026-10-26T01:30:00Z" {
		t.Errorf("in October fired %s", got)
	}
}

// TestARefusedStartDoesNotEndASchedule: what the schema refuses starts with the version that mends it.
func TestARefusedStartDoesNotEndASchedule(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, ticker)
	env.Deploy(nightly("0 * * * *", "UTC", "all", "input_schema: {type: object, required: [customer]}"))
	env.Advance(2 * time.Hour)
	wantFired(t, env)
	if after := standing(t, env).After; !after.Equal(env.Now()) {
		t.Errorf("the schedule stands at %s, want %s", after, env.Now())
	}
	env.Deploy(nightly("0 * * * *", "UTC", "all", "input_schema: {type: object, required: [scheduled_at]}"))
	env.Advance(time.Hour)
	wantFired(t, env, "2026-01-01T03:00:00Z")
}

// doomed is a store that fails where it is told, as if the process had died there.
type doomed struct {
	engine.Store
	at string
}

var errDied = errors.New("the process died")

func (d *doomed) Commit(ctx context.Context, changes ...*flow.Change) error {
	if d.at == "commit" {
		return errDied
	}
	return d.Store.Commit(ctx, changes...)
}

func (d *doomed) MoveSchedule(ctx context.Context, from flow.ScheduleState, to flow.ScheduleMove) (bool, error) {
	if d.at == "move" {
		return false, errDied
	}
	moved, err := d.Store.MoveSchedule(ctx, from, to)
	if d.at == "reply" {
		return false, errDied
	}
	return moved, err
}

// TestDyingBetweenStartAndMove: whoever comes next repeats the start, which counts once.
func TestDyingBetweenStartAndMove(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"commit", "move", "reply"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			store := &doomed{}
			env := enginetest.Open(t, enginetest.Options{Types: []node.Type{ticker}, Store: func(real engine.Store) engine.Store {
				store.Store = real
				return store
			}})
			env.Deploy(nightly("0 * * * *", "UTC", "all"))
			env.Run()
			env.Pass(2 * time.Hour)
			store.at = at
			env.Tick()
			store.at = ""
			next := env.Process()
			for range 2 { // hidden by the dead one's lease, then not
				if _, err := next.Tick(t.Context()); err != nil {
					t.Fatal(err)
				}
				env.Pass(10 * time.Second)
			}
			wantFired(t, env, "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z")
			if after := standing(t, env).After; after.Format(time.RFC3339) != "2026-01-01T02:00:00Z" {
				t.Errorf("the schedule stands at %s", after)
			}
		})
	}
}

// TestTwoEnginesFireOnce: for an hour both run as processes do, and neither looks at a clock of its own.
func TestTwoEnginesFireOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		env := enginetest.Open(t, enginetest.Options{Types: []node.Type{ticker}, Now: time.Now}) // it begins at midnight
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 {
			go env.Process().Run(ctx)
		}
		time.Sleep(time.Second)
		env.Deploy(nightly("*/5 * * * *", "UTC", "all"))
		time.Sleep(time.Hour)
		cancel()
		synctest.Wait()
		page, err := env.Store().Executions(t.Context(), flow.ExecutionFilter{})
		if err != nil || len(page.Items) != 12 {
			t.Fatalf("%d executions (%v), want 12", len(page.Items), err)
		}
		for i, x := range slices.Backward(page.Items) {
			if late := x.CreatedAt.Sub(x.CreatedAt.Truncate(5 * time.Minute)); late > 10*time.Millisecond {
				t.Errorf("execution %d was started %s late", i, late)
			}
		}
	})
}
