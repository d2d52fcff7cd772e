// Package cron tells when a cron pattern is due in a time zone. It is pure: it
// reads no clock, and its zones do not depend on what a machine holds.
package cron

import (
	"fmt"
	"time"
	_ "time/tzdata" // zones must not depend on what the image of a worker holds
)

// Schedule is a pattern in a zone. It is immutable and safe for concurrent use.
//
// A pattern has five fields: minute, hour, day of the month, month and day of
// the week (0 to 7, where 0 and 7 are Sunday), each a list of values, ranges and
// steps; months and days of the week have names. When both fields of days are
// restricted, one of them is enough. @hourly, @daily and their like are
// accepted.
//
// Where clocks are changed, a pattern that names certain hours gives every local
// time one tick: a time that the clocks skip ticks at the first instant after
// the gap, together with all others of the same gap, and a time that they show
// twice ticks the first time only. A pattern of every hour (*/5 * * * *) goes on
// in real time: it ticks whenever clocks in the zone show a time that fits.
type Schedule struct {
	fields fields
	zone   *time.Location
}

// Parse reads a pattern and the IANA name of its zone. It refuses a pattern that
// cannot be read, that never is due, or that brings a zone of its own.
func Parse(pattern, zone string) (*Schedule, error) {
	f, err := parseFields(pattern)
	if err != nil {
		return nil, err
	}
	loc, err := Zone(zone)
	if err != nil {
		return nil, err
	}
	return &Schedule{f, loc}, nil
}

// CheckPattern tells what is wrong with a pattern, whatever its zone.
func CheckPattern(pattern string) error {
	_, err := parseFields(pattern)
	return err
}

// Zone finds a zone by its IANA name.
func Zone(name string) (*time.Location, error) {
	loc, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" { // what is local differs from machine to machine
		return nil, fmt.Errorf("%q is no IANA time zone", cut(name))
	}
	return loc, nil
}

// Next gives the first tick after an instant, in the zone of the schedule.
func (s *Schedule) Next(after time.Time) time.Time {
	after = after.In(s.zone)
	if s.fields.everyHour() {
		return s.running(after)
	}
	return s.fixed(after)
}

// fixed looks along local times: later ones never tick sooner.
func (s *Schedule) fixed(after time.Time) time.Time {
	wall := wallOf(after).Truncate(time.Minute)
	for {
		wall = s.fields.next(wall)
		if at := instant(wall, s.zone); at.After(after) {
			return at
		}
		wall = wall.Add(time.Minute)
	}
}

// running looks along instants, from one change of the clocks to the next.
func (s *Schedule) running(after time.Time) time.Time {
	at := ceil(after.Add(1))
	for {
		wall := wallOf(at)
		due := at.Add(s.fields.next(wall).Sub(wall))
		_, change := at.ZoneBounds()
		if change.IsZero() || due.Before(change) {
			return due
		}
		at = ceil(change)
	}
}

// ceil gives the first full minute that is not before.
func ceil(t time.Time) time.Time {
	if down := t.Truncate(time.Minute); down.Before(t) {
		return down.Add(time.Minute)
	}
	return t
}
