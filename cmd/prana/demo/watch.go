package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"prana/cmd/prana/cli/live"
	"prana/engine/flow"
)

// lookEvery is how often the executions are looked at.
const lookEvery = 100 * time.Millisecond

// The worker is killed when nothing is due within margin, and not before everybody could see what waits.
const (
	margin = 600 * time.Millisecond
	settle = time.Second
)

// tracked is an execution that is watched: one of a pattern, or a child of it.
type tracked struct {
	pattern string
	id      string
	child   bool
	view    *flow.View // of the last look; nil before the first
}

func (t *tracked) over() bool { return t.view != nil && t.view.Status.Terminal() }

func (d *Demo) track(pattern, id string, child bool) {
	if slices.ContainsFunc(d.tracked, func(t *tracked) bool { return t.id == id }) {
		return
	}
	d.tracked = append(d.tracked, &tracked{pattern: pattern, id: id, child: child})
}

// watch tells what happens until until holds.
func (d *Demo) watch(ctx context.Context, until func() bool) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := d.look(ctx); err != nil {
			return err
		}
		if until() {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-d.app.Err():
			return fmt.Errorf("the server died: %w", err)
		case <-d.worker.Done():
			return d.worker.Failure()
		case <-tick.C:
		}
	}
}

// look sees what became of every execution, and finds their children. The list grows meanwhile.
func (d *Demo) look(ctx context.Context) error {
	var all []news
	for i := 0; i < len(d.tracked); i++ {
		t := d.tracked[i]
		if t.over() {
			continue
		}
		v, err := d.app.Engine().Describe(ctx, t.id)
		if err != nil {
			return fmt.Errorf("looking at %s: %w", t.pattern, err)
		}
		for _, line := range live.Changes(t.view, v) {
			all = append(all, news{t, line})
		}
		for _, c := range v.Children {
			d.track(t.pattern, c.ChildID, true)
		}
		t.view = v
	}
	d.tell(all)
	return nil
}

// news is a line about one of the executions.
type news struct {
	about *tracked
	line  live.Line
}

// tell prints the lines of all executions in the order in which things happened.
func (d *Demo) tell(all []news) {
	slices.SortStableFunc(all, func(a, b news) int { return a.line.At.Compare(b.line.At) })
	for _, n := range all {
		prefix := ""
		if n.about.child {
			prefix = "child: "
		}
		d.say(n.about.pattern, "%s%s", prefix, n.line)
	}
}

// quiet tells whether the worker has nothing to do now and will have nothing for a moment. At the latest that is so when
// everything else has ended and the approval alone is missing.
func (d *Demo) quiet() bool {
	if time.Since(d.began) < settle {
		return false
	}
	soon := time.Now().Add(margin)
	return !slices.ContainsFunc(d.tracked, func(t *tracked) bool { return t.busy(soon) })
}

func (t *tracked) busy(soon time.Time) bool {
	if t.view == nil {
		return true
	}
	dueSoon := func(s flow.Suspension) bool { return s.ResumeAt != nil && s.ResumeAt.Before(soon) }
	return !t.over() && (t.view.Status != flow.Suspended || slices.ContainsFunc(t.view.Suspensions, dueSoon))
}

func (d *Demo) over() bool {
	return !slices.ContainsFunc(d.tracked, func(t *tracked) bool { return !t.over() })
}
