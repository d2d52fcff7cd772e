package nodes

import (
	"time"
	_ "time/tzdata" // zones must not depend on what the image of a worker holds

	"prana/engine/flow"
	"prana/engine/node"
)

func waitSchedule(c *node.Call, v values) (node.Outcome, error) {
	at, err := scheduled(v.text("schedule_at"), v.text("timezone"))
	if err != nil {
		return node.Outcome{}, err
	}
	switch {
	case at.After(c.Now.Add(maxWaitMS * time.Millisecond)):
		return node.Outcome{}, badWait(modeSchedule, "schedule_at", "is more than 400 days ahead")
	case !at.After(c.Now) && v.text("on_past") == pastGoesOn:
		return leaveWith(c, map[string]any{}, v.flag("pass_through")), nil
	case !at.After(c.Now):
		return node.Outcome{}, badWait(modeSchedule, "schedule_at", "is %s; it must be in the future, or on_past be continue", at.Format(time.RFC3339))
	}
	return node.Outcome{Suspend: &node.Suspend{
		Type: flow.TimedWait, Timer: true, Until: at,
		Data: waitNote{Mode: modeSchedule, ResumeAt: at.UTC().Format(stamp), Timezone: v.text("timezone")},
	}}, nil
}

// localForms are dates without an offset.
var localForms = []string{"2006-01-02T15:04:05", "2006-01-02T15:04"}

// scheduled reads a date. An offset in it wins over the zone.
func scheduled(text, zone string) (time.Time, error) {
	if text == "" {
		return time.Time{}, badWait(modeSchedule, "schedule_at", "is required in mode schedule")
	}
	loc := time.UTC
	if zone != "" {
		var err error
		// "Local" would mean another thing on each worker.
		if loc, err = time.LoadLocation(zone); err != nil || zone == "Local" {
			return time.Time{}, badWait(modeSchedule, "timezone", "is %q, which is no IANA time zone", flow.Cut(zone, 40))
		}
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, form := range localForms {
		if wall, err := time.Parse(form, text); err == nil && zone != "" {
			return inZone(wall, loc), nil
		}
	}
	return time.Time{}, badWait(modeSchedule, "schedule_at", "is %q; write a date such as 2026-03-01T09:00:00Z, or without an offset and with timezone", flow.Cut(text, 40))
}

// inZone gives the instant at which clocks of the zone show the wall time. A
// time that they show twice is the first of the two; one that they skip counts
// from before the change, so it is as much later.
func inZone(wall time.Time, loc *time.Location) time.Time {
	first := wall.Add(-offset(wall.Add(-24*time.Hour), loc))
	if shows(first, wall, loc) {
		return first
	}
	if second := wall.Add(-offset(wall.Add(24*time.Hour), loc)); shows(second, wall, loc) {
		return second
	}
	return first
}

func offset(t time.Time, loc *time.Location) time.Duration {
	_, seconds := t.In(loc).Zone()
	return time.Duration(seconds) * time.Second
}

func shows(t, wall time.Time, loc *time.Location) bool {
	return wall.Equal(t.Add(offset(t, loc)))
}
