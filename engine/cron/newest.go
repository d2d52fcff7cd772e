package cron

import "time"

// Newest gives the ticks after one instant up to another, oldest first: of many,
// the newest n. What it costs does not grow with the time between.
func (s *Schedule) Newest(after, until time.Time, n int) []time.Time {
	for window := time.Duration(n) * time.Minute; ; window *= 2 {
		from := until.Add(-window)
		if from.Before(after) {
			from = after
		}
		ticks := s.between(from, until, n)
		if len(ticks) == n || from.Equal(after) {
			return ticks
		}
	}
}

func (s *Schedule) between(after, until time.Time, n int) []time.Time {
	var ticks []time.Time
	for at := s.Next(after); !at.After(until); at = s.Next(at) {
		if ticks = append(ticks, at); len(ticks) > n {
			ticks = ticks[1:]
		}
	}
	return ticks
}
