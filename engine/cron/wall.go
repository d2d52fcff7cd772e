package cron

import "time"

// Wall times are what clocks in a zone show, written as if that were UTC: there
// none is missing and none comes twice.

func wallOf(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instant gives the first instant at which clocks of the zone show a wall time,
// or the end of the gap that skips it.
func instant(wall time.Time, zone *time.Location) time.Time {
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	begin, end := at.ZoneBounds()
	switch shown := wallOf(at); {
	case shown.Before(wall): // in the gap, counted from after it
		return end
	case shown.After(wall): // in the gap, counted from before it
		return begin
	case begin.IsZero():
		return at
	}
	if first := earlier(at, begin); first.Before(begin) {
		return first
	}
	return at
}

// earlier gives the instant that would show the same with the offset in force before a change.
func earlier(at, change time.Time) time.Time {
	_, offset := at.Zone()
	_, before := change.Add(-1).Zone()
	return at.Add(time.Duration(offset-before) * time.Second)
}
