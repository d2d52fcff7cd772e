package explain

import (
	"fmt"
	"strings"
	"time"
)

// Span writes a duration as people read it: 850ms, 3.2s, 4m10s, 2h13m, 26h, 3d4h. Clocks differ, so less than none is none.
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(0, d); {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return whole(d.Round(time.Second), "m0s")
	case d < 2*day:
		return whole(d.Round(time.Minute), "h0m0s", "m0s")
	}
	d = d.Round(time.Hour)
	if rest := d % day; rest > 0 {
		return fmt.Sprintf("%dd%dh", d/day, rest/time.Hour)
	}
	return fmt.Sprintf("%dd", d/day)
}

// whole leaves out the smaller units where they are nought: 4m0s is 4m.
func whole(d time.Duration, noughts ...string) string {
	text := d.String()
	for _, n := range noughts {
		if rest, ok := strings.CutSuffix(text, n); ok {
			return rest + n[:1]
		}
	}
	return text
}

// clock writes a time as precisely as its distance asks for, in now's location.
func clock(t, now time.Time) string {
	t = t.In(now.Location())
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch days := t.Sub(midnight).Hours() / 24; {
	case days >= 0 && days < 1 && t.Sub(now).Abs() < 10*time.Minute:
		return t.Format("15:04:05 MST")
	case days >= 0 && days < 1:
		return t.Format("15:04 MST")
	case days >= 1 && days < 2:
		return t.Format("tomorrow 15:04 MST")
	}
	return t.Format("2006-01-02 15:04 MST")
}

// when is a clock with its distance.
func when(t, now time.Time) string {
	left := t.Sub(now)
	if left < 0 {
		return clock(t, now) + " (" + Span(-left) + " ago)"
	}
	return clock(t, now) + " (in " + Span(left) + ")"
}
