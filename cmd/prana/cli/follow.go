package cli

import (
	"context"
	"time"

	"prana/cmd/prana/cli/live"
	"prana/engine/flow"
	"prana/handlers/api/explain"
)

const (
	// followEvery is how often a followed execution is drawn, and looked at unless a server tells when, or looking takes long.
	followEvery = 250 * time.Millisecond
	// followSeldom is how often it is looked at when the server tells of nothing.
	followSeldom = 10 * time.Second
)

// teller shows what is new between two looks at an execution; before is nil at the first.
type teller func(before, now *flow.View)

// follow shows on stderr what happens until the execution is over.
func (sh *shell) follow(ctx context.Context, s service, id string, ascii bool) (*flow.View, error) {
	tell := sh.tellLines
	if isTerminal(sh.stderr) && sh.env("TERM") != "dumb" {
		tell = sh.draw(ascii)
	}
	listening, cancel := context.WithCancel(ctx)
	defer cancel()
	n := news{rung: s.Changes(listening, id)}
	var last *flow.View
	for {
		began := time.Now()
		v, err := s.Show(ctx, id)
		if err != nil {
			return last, err
		}
		tell(last, v)
		if last = v; v.Status.Over() {
			return v, nil
		}
		if err := n.wait(ctx, max(followEvery, 3*time.Since(began)), func() { tell(v, v) }); err != nil {
			return last, err
		}
	}
}

// news says when there is something to look at.
type news struct {
	rung <-chan struct{} // has something then; nil = nobody says
	hung bool            // somebody does: it rang before
}

// wait waits until it is time to look again, which is not before least. Meanwhile what was seen is drawn again, since time passes in it.
func (n *news) wait(ctx context.Context, least time.Duration, redraw func()) error {
	if err := rest(ctx, least); err != nil {
		return err
	}
	for end := time.Now().Add(followSeldom); time.Now().Before(end); {
		tick := time.Duration(0)
		if n.hung {
			tick = followEvery
		}
		select {
		case _, n.hung = <-n.rung:
			if !n.hung {
				n.rung = nil
			}
			return nil
		case <-time.After(tick):
			if !n.hung {
				return nil
			}
			redraw()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// rest waits for a time, or for the end of ctx.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// tellLines appends a line for each thing that happened.
func (sh *shell) tellLines(before, now *flow.View) {
	for _, line := range live.Changes(before, now) {
		sh.note("%s", line)
	}
}

// draw redraws the tree in place. While something is waited for, the command that would move it stands below.
func (sh *shell) draw(ascii bool) teller {
	screen := live.NewScreen(sh.stderr)
	return func(_, now *flow.View) {
		l := sh.look(sh.stderr, ascii)
		frame := live.Tree(now, l)
		if now.Status.Over() {
			screen.Last(frame)
			return
		}
		_, rows := size(sh.stderr)
		screen.Draw(append(frame, sh.footer(now, l)...), rows)
	}
}

// footer offers the first command that would move the execution, where it can be copied whole.
func (sh *shell) footer(v *flow.View, l live.Look) []string {
	for _, r := range sh.explained(explain.Of(v, l.Now)).Reasons {
		if r.Command == nil {
			continue
		}
		line := sh.toServer(r.Command.Line)
		if len(line) > l.Width {
			line = sh.toServer(sh.name() + " explain " + explain.Quoted(v.ID))
		}
		return []string{"", "to " + r.Command.Why + ":", line}
	}
	return nil
}
