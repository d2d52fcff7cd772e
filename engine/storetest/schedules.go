package storetest

import (
	"context"
	"fmt"
	"time"

	"prana/engine/flow"
)

var (
	daily  = flow.Schedule{Pattern: "@daily", Timezone: "UTC", Misfire: flow.MisfireOnce}
	tokyo  = flow.Schedule{Pattern: "@daily", Timezone: "Asia/Tokyo", Misfire: flow.MisfireOnce}
	hourly = flow.Schedule{Pattern: "@hourly", Timezone: "UTC", Misfire: flow.MisfireAll}
)

const scheduleLease = 300 * time.Millisecond

var schedulePromises = []promise{
	{"a schedule begins with its publication, and is due at once", func(w *world) {
		began := w.Now()
		w.schedule("nightly", "v1", daily)
		w.put("order", "v1", true)
		due, next := w.dueSchedules(10)
		equal(w, "number of due ones", len(due), 1)
		got := due[0]
		w.stamped("after", got.After, began, 0)
		w.stamped("now", got.Now, began, 0)
		equal(w, "last", got.Last.IsZero(), true)
		equal(w, "whose", got.Workflow+"@"+got.Version, "nightly@v1")
		equal(w, "schedule", got.Schedule, daily)
		equal(w, "time until the next", next > 0 && next <= scheduleLease, true)
	}},
	{"without schedules nothing is due, ever", func(w *world) {
		w.put("order", "v1", true)
		due, next := w.dueSchedules(10)
		equal(w, "number of due ones", len(due), 0)
		equal(w, "never", next < 0, true)
	}},
	{"who takes a schedule hides it for a while", func(w *world) {
		w.schedule("nightly", "v1", daily)
		w.wantSchedules("nightly")
		w.wantSchedules()
		w.Advance(scheduleLease + slack)
		w.wantSchedules("nightly")
	}},
	{"at most as many as asked for are taken", func(w *world) {
		for i := range 5 {
			w.schedule(fmt.Sprint("w", i), "v1", daily)
		}
		seen := map[string]bool{}
		for _, n := range []int{2, 2, 1, 0} {
			due, next := w.dueSchedules(2)
			equal(w, "number of due ones", len(due), n)
			equal(w, "more at once", next == 0, len(seen)+n < 5)
			for _, c := range due {
				seen[c.Workflow] = true
			}
		}
		equal(w, "number of all", len(seen), 5)
	}},
	{"a schedule that was moved is due in its time", func(w *world) {
		w.schedule("nightly", "v1", daily)
		from := w.taken()
		tick := from.Now.Add(-time.Minute).Truncate(time.Minute)
		w.moved(from, flow.ScheduleMove{After: tick, Last: tick, Due: w.Now().Add(200 * time.Millisecond)}, true)
		due, next := w.dueSchedules(10)
		equal(w, "number of due ones", len(due), 0)
		equal(w, "time until it is", next > 0 && next <= 200*time.Millisecond+slack, true)
		w.Advance(200*time.Millisecond + slack)
		got := w.taken()
		equal(w, "after", got.After.Equal(tick), true)
		equal(w, "last", got.Last.Equal(tick), true)
	}},
	{"moving is for the place that was seen", func(w *world) {
		w.schedule("nightly", "v1", daily)
		from := w.taken()
		one, other := w.moveTo(from, time.Minute), w.moveTo(from, time.Hour)
		w.moved(from, one, true)
		w.moved(from, one, true) // its reply was lost
		w.moved(from, other, false)
		equal(w, "after", w.state("nightly").After.Equal(one.After), true)
	}},
	{"moving without a tick keeps the last one", func(w *world) {
		w.schedule("nightly", "v1", daily)
		from := w.taken()
		to := w.moveTo(from, time.Minute)
		w.moved(from, to, true)
		from = w.state("nightly")
		w.moved(from, flow.ScheduleMove{After: from.After, Last: from.Last, Due: to.Due}, true)
		equal(w, "last", w.state("nightly").Last.Equal(to.Last), true)
	}},
	{"a new version with the same ticks goes on", func(w *world) {
		w.schedule("nightly", "v1", daily)
		from := w.taken()
		to := w.moveTo(from, time.Minute)
		w.moved(from, to, true)
		patient := daily
		patient.Misfire = flow.MisfireAll
		w.schedule("nightly", "v2", patient)
		w.wantSchedules()
		got := w.state("nightly")
		equal(w, "version", got.Version, "v2")
		equal(w, "schedule", got.Schedule, patient)
		equal(w, "after", got.After.Equal(to.After), true)
		equal(w, "last", got.Last.Equal(to.Last), true)
	}},
	{"a new version with other ticks begins now", func(w *world) {
		w.schedule("nightly", "v1", daily)
		from := w.taken()
		w.moved(from, w.moveTo(from, time.Minute), true)
		from = w.state("nightly")
		for i, other := range []flow.Schedule{tokyo, hourly, daily} {
			w.Advance(10 * time.Millisecond)
			began := w.Now()
			w.schedule("nightly", fmt.Sprint("w", i), other)
			got := w.taken()
			equal(w, "schedule", got.Schedule, other)
			equal(w, "last", got.Last.IsZero(), true)
			w.stamped("after", got.After, began, 0)
			w.moved(from, w.moveTo(from, 2*time.Minute), false)
		}
	}},
	{"the version that was stored last decides, also when it is an old one", func(w *world) {
		w.schedule("nightly", "v1", daily)
		w.schedule("nightly", "v2", hourly)
		equal(w, "second", w.state("nightly").Schedule, hourly)
		w.schedule("nightly", "v1", daily)
		equal(w, "first again", w.state("nightly").Schedule, daily)
	}},
	{"a version without a trigger ends the schedule", func(w *world) {
		w.schedule("nightly", "v1", daily)
		from := w.taken()
		w.put("nightly", "v2", true)
		w.moved(from, w.moveTo(from, time.Minute), false)
		w.Advance(scheduleLease + slack)
		due, next := w.dueSchedules(10)
		equal(w, "number of due ones", len(due), 0)
		equal(w, "never", next < 0, true)
		page, err := w.Store.Schedules(w.Context(), flow.ScheduleFilter{})
		w.must(err)
		equal(w, "number of listed ones", len(page.Items), 0)
	}},
	{"of 20 that move to different places one does", func(w *world) {
		w.schedule("nightly", "v1", daily)
		from := w.taken()
		won := race(20, func(i int) bool {
			moved, err := w.Store.MoveSchedule(w.Context(), from, w.moveTo(from, time.Duration(i+1)*time.Minute))
			return err == nil && moved
		})
		equal(w, "number of movers", won, 1)
	}},
	{"of 20 that take at once one gets it", func(w *world) {
		w.schedule("nightly", "v1", daily)
		won := race(20, func(int) bool {
			due, _, err := w.Store.DueSchedules(w.Context(), 10, time.Minute)
			return err == nil && len(due) == 1
		})
		equal(w, "number of takers", won, 1)
	}},
	{"schedules are listed by their time", func(w *world) {
		var want []string
		for i := range 7 {
			id := fmt.Sprint("w", i)
			want = append(want, id)
			w.schedule(id, "v1", daily)
		}
		due, _ := w.dueSchedules(10)
		for _, c := range due {
			var n int
			_, err := fmt.Sscanf(c.Workflow, "w%d", &n)
			w.must(err)
			w.moved(c, w.moveTo(c, time.Duration(n+1)*time.Hour), true)
		}
		var got []string
		for _, c := range pages(w, 2, func(ctx context.Context, cursor string) (flow.Page[flow.ScheduleState], error) {
			return w.Store.Schedules(ctx, flow.ScheduleFilter{Limit: 2, Cursor: cursor})
		}) {
			got = append(got, c.Workflow)
		}
		equal(w, "order", fmt.Sprint(got), fmt.Sprint(want))
		equal(w, "one of them", w.state("w3").Workflow, "w3")
	}},
}

// schedule stores a version with a cron trigger.
func (w *world) schedule(id, version string, c flow.Schedule) {
	w.Helper()
	_, err := w.Store.PutWorkflow(w.Context(), &flow.Workflow{ID: id, Nodes: []flow.Node{{Key: "tick", Type: flow.CronTrigger, Params: map[string]any{
		"cron_pattern": c.Pattern, "timezone": c.Timezone, "misfire": string(c.Misfire), "note": version,
	}}}}, version)
	w.must(err)
}

func (w *world) dueSchedules(limit int) ([]flow.ScheduleState, time.Duration) {
	w.Helper()
	due, next, err := w.Store.DueSchedules(w.Context(), limit, scheduleLease)
	w.must(err)
	return due, next
}

// wantSchedules takes what is due.
func (w *world) wantSchedules(want ...string) {
	w.Helper()
	due, _ := w.dueSchedules(10)
	var got []string
	for _, c := range due {
		got = append(got, c.Workflow)
	}
	sameSet(w, "due schedules", got, want)
}

// taken takes the only one that is due.
func (w *world) taken() flow.ScheduleState {
	w.Helper()
	due, _ := w.dueSchedules(10)
	if len(due) != 1 {
		w.Fatalf("%d schedules are due, want 1", len(due))
	}
	return due[0]
}

// state reads a schedule from the list.
func (w *world) state(workflow string) flow.ScheduleState {
	w.Helper()
	page, err := w.Store.Schedules(w.Context(), flow.ScheduleFilter{Workflow: workflow})
	w.must(err)
	if len(page.Items) != 1 {
		w.Fatalf("workflow %s has %d schedules, want 1", workflow, len(page.Items))
	}
	return page.Items[0]
}

// moveTo is a move past a tick that is d ahead, where the schedule is to be looked at, too.
func (w *world) moveTo(from flow.ScheduleState, d time.Duration) flow.ScheduleMove {
	tick := from.Now.Add(d).Truncate(time.Minute).Add(time.Minute)
	return flow.ScheduleMove{After: tick, Last: tick, Due: tick}
}

func (w *world) moved(from flow.ScheduleState, to flow.ScheduleMove, want bool) {
	w.Helper()
	moved, err := w.Store.MoveSchedule(w.Context(), from, to)
	w.must(err)
	equal(w, "moved", moved, want)
}
