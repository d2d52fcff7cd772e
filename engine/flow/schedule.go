package flow

import (
	"cmp"
	"strings"
	"time"
)

// CronTrigger is the type of the node that gives a workflow a schedule.
const CronTrigger = "schedule.cron_trigger"

// Misfire says what becomes of ticks that passed while nobody could fire them.
type Misfire string

// The ways to go about missed ticks.
const (
	MisfireSkip Misfire = "skip" // none of them starts anything
	MisfireOnce Misfire = "once" // the newest stands for all of them
	MisfireAll  Misfire = "all"  // each starts an execution, the newest 100 at most
)

// Schedule is when a workflow starts by itself, in the words of its trigger.
type Schedule struct {
	Pattern  string  `json:"cron_pattern"`
	Timezone string  `json:"timezone"`
	Misfire  Misfire `json:"misfire"`
}

// Schedule gives the schedule of a definition; false when it has none. What the trigger does not say is the default.
func (w *Workflow) Schedule() (Schedule, bool) {
	for _, n := range w.Nodes {
		if n.Type != CronTrigger {
			continue
		}
		text := func(name string) string { s, _ := n.Params[name].(string); return s }
		return Schedule{
			Pattern:  text("cron_pattern"),
			Timezone: cmp.Or(text("timezone"), "UTC"),
			Misfire:  cmp.Or(Misfire(strings.ToLower(text("misfire"))), MisfireOnce),
		}, true
	}
	return Schedule{}, false
}

// SameTicks tells whether two schedules are due at the same times, so that one goes on where the other stopped.
func (s Schedule) SameTicks(o Schedule) bool {
	return s.Pattern == o.Pattern && s.Timezone == o.Timezone
}

// ScheduleState is where the schedule of a workflow stands. Its newest version decides.
type ScheduleState struct {
	Workflow string
	Version  string
	Schedule
	// After is the instant after which ticks are still to be fired: its publication, or the last tick that was settled.
	After time.Time
	// Last is the tick that was fired last; zero when there was none.
	Last time.Time
	// Now is the store's clock when the state was read.
	Now time.Time
}

// ScheduleMove moves a schedule forward.
type ScheduleMove struct {
	After, Last time.Time // as in ScheduleState
	// Due is when the schedule is to be looked at next.
	Due time.Time
}

// ScheduleFilter narrows a list of schedules. Zero values do not narrow.
type ScheduleFilter struct {
	Workflow string
	Limit    int // 1..1000; 0 = 100
	Cursor   string
}

// ScheduleView is a schedule, for people.
type ScheduleView struct {
	Workflow string `json:"workflow"`
	Version  string `json:"version"`
	Schedule
	LastTick *time.Time `json:"last_tick,omitempty"` // in the zone of the schedule
	NextTick *time.Time `json:"next_tick,omitempty"`
}
