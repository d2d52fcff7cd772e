package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"prana/engine/cron"
	"prana/engine/flow"
)

// Times and bounds of schedules.
const (
	// scheduleBatch bounds what one look at the schedules takes.
	scheduleBatch = 100
	// scheduleLease hides a schedule that one process took from the others, who take it when that one died.
	scheduleLease = 10 * time.Second
	// scheduleAtLeast is how often every process looks, so that it sees what others published.
	scheduleAtLeast = 5 * time.Second
	// lateAfter is the age from which a tick was missed, and misfire says what becomes of it.
	lateAfter = time.Minute
	// lateTicks bounds how many missed ticks of a schedule are made up for.
	lateTicks = 100
)

// scheduleLoop fires ticks until ctx is done.
func (e *Engine) scheduleLoop(ctx context.Context) {
	e.keepLooking(ctx, watch{look: e.Tick, failed: "looking at the schedules failed; it goes on", atLeast: scheduleAtLeast})
}

// Tick looks once at the schedules that are due and starts what their ticks ask
// for. next is the time until there is more; negative when no workflow has a schedule.
func (e *Engine) Tick(ctx context.Context) (next time.Duration, err error) {
	due, next, err := e.store.DueSchedules(ctx, scheduleBatch, scheduleLease)
	if err != nil || len(due) == 0 {
		return next, err
	}
	_ = each(sweepers, due, func(c flow.ScheduleState) error { // what fails comes up again after the lease
		if err := e.follow(ctx, c); err != nil && ctx.Err() == nil {
			e.log.WarnContext(ctx, "a schedule was not followed; it is tried again", "workflow", c.Workflow, "version", c.Version, "error", err)
		}
		return nil
	})
	return 0, nil // their new times are not known yet
}

// follow starts what a schedule asks for, and moves it past these ticks. A process
// that dies in between has the starts repeated, which count once.
func (e *Engine) follow(ctx context.Context, c flow.ScheduleState) error {
	s, err := cron.Parse(c.Pattern, c.Timezone)
	if err != nil {
		return err
	}
	turn := turnOf(s, c)
	if turn.missed > 0 {
		e.log.InfoContext(ctx, "ticks of a schedule were missed", "workflow", c.Workflow, "misfire", c.Misfire,
			"since", c.After, "at_least", turn.missed, "starts", len(turn.fire))
	}
	for _, tick := range turn.fire {
		if err := e.startTick(ctx, c, tick); err != nil {
			return err
		}
	}
	_, err = e.store.MoveSchedule(ctx, c, turn.move) // not moved: somebody else did it, or published another
	return err
}

// turn is what one look at a schedule comes to.
type turn struct {
	fire   []time.Time // oldest first
	missed int         // how many late ticks were seen, of a bounded number
	move   flow.ScheduleMove
}

// turnOf decides which ticks of a schedule start an execution. All up to now are
// settled by it, fired or not.
func turnOf(s *cron.Schedule, c flow.ScheduleState) turn {
	t := turn{move: flow.ScheduleMove{After: c.After, Last: c.Last}}
	ticks := s.Newest(c.After, c.Now, lateTicks+3) // within a minute there are two at most
	for t.missed < len(ticks) && c.Now.Sub(ticks[t.missed]) > lateAfter {
		t.missed++
	}
	if n := len(ticks); n > 0 {
		t.fire, t.move.After = chosen(c.Misfire, ticks, t.missed), ticks[n-1]
	}
	if n := len(t.fire); n > 0 {
		t.move.Last = t.fire[n-1]
	}
	t.move.Due = s.Next(t.move.After)
	return t
}

// chosen gives the ticks that fire, of those that are due; the first of them are late.
func chosen(m flow.Misfire, ticks []time.Time, late int) []time.Time {
	switch m {
	case flow.MisfireSkip:
		return ticks[late:]
	case flow.MisfireAll:
		return ticks[max(0, late-lateTicks):]
	}
	return ticks[len(ticks)-1:]
}

// startTick starts the execution of a tick. Its id and input are the same whoever
// starts it, so that it counts once. A refusal is final: the schedule goes on.
func (e *Engine) startTick(ctx context.Context, c flow.ScheduleState, tick time.Time) error {
	if _, err := e.planFor(ctx, c.Workflow, c.Version); err != nil {
		return err // a process that knows all node types can start it
	}
	at := tick.UTC().Format(time.RFC3339)
	_, err := e.Start(ctx, flow.StartRequest{
		Workflow: c.Workflow, Version: c.Version, ID: "cron:" + at, Input: fmt.Appendf(nil, `{"scheduled_at":%q}`, at),
	})
	if p, ok := errors.AsType[*flow.Problem](err); ok && !errors.Is(err, flow.ErrUnavailable) {
		e.log.WarnContext(ctx, "a scheduled start was refused; the schedule goes on", "workflow", c.Workflow, "version", c.Version, "scheduled_at", at, "error", p)
		return nil
	}
	return err
}
