package api

import (
	"net/http"

	"prana/engine/cron"
	"prana/engine/flow"
)

func (a *api) listSchedules(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	f := flow.ScheduleFilter{Workflow: q.text("workflow"), Limit: q.limit(), Cursor: q.cursor()}
	if err := q.end(); err != nil {
		return err
	}
	page, err := a.Store.Schedules(r.Context(), f)
	views := flow.Page[flow.ScheduleView]{Cursor: page.Cursor}
	for _, c := range page.Items {
		views.Items = append(views.Items, scheduleView(c))
	}
	return respondPage(w, r, views, err)
}

// scheduleView tells about a schedule in its own zone. A pattern that only a
// newer version can read has no next tick here.
func scheduleView(c flow.ScheduleState) flow.ScheduleView {
	v := flow.ScheduleView{Workflow: c.Workflow, Version: c.Version, Schedule: c.Schedule, LastTick: flow.TimePointer(c.Last)}
	s, err := cron.Parse(c.Pattern, c.Timezone)
	if err != nil {
		return v
	}
	from := c.Now
	if c.After.After(from) {
		from = c.After
	}
	next := s.Next(from)
	v.NextTick = &next
	if v.LastTick != nil {
		v.LastTick = flow.TimePointer(c.Last.In(next.Location()))
	}
	return v
}
