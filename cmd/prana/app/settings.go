package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"prana/engine/flow"
	"prana/suspend"
)

// settingsEvery is how often a process looks at the settings of its Redis: somebody may change them.
const settingsEvery = 30 * time.Second

// ErrUntrusted says that a Redis may delete executions by itself. A process does not start on it.
var ErrUntrusted = errors.New("this Redis cannot be trusted with executions")

// trust looks at the Redis before anything is kept there: what may lose executions while all goes well is refused, what only a
// crash loses is said.
func (a *App) trust(ctx context.Context) error {
	if a.backend.kind != External {
		return nil // its settings are ours
	}
	checks, err := a.settings(ctx)
	if err != nil {
		return err
	}
	for _, c := range checks {
		if c.Name == "eviction" && c.Status == Failed {
			return fmt.Errorf("%s: %w: %s; %s", a.backend.line, ErrUntrusted, c.Message, c.Hint)
		}
	}
	said := a.say(ctx, checks, nil)
	a.sweeping.Go(func() { a.watchSettings(a.run, said) })
	return nil
}

// settings are what the doctor says of every server. Nothing is said of one that tells nothing.
func (a *App) settings(ctx context.Context) ([]Check, error) {
	all, err := a.store.Servers(ctx)
	if err != nil {
		if errors.Is(err, flow.ErrUnavailable) || ctx.Err() != nil {
			return nil, err
		}
		a.log.WarnContext(ctx, "the settings of Redis cannot be seen", "error", err)
		return nil, nil
	}
	d := &doctor{kind: a.backend.kind}
	for _, s := range all {
		for _, check := range []func(suspend.Server){d.eviction, d.persistence, d.memory} {
			check(s)
		}
	}
	return d.report.Checks, nil
}

// say logs what is not as it should be, unless it was said before.
func (a *App) say(ctx context.Context, checks []Check, before map[string]bool) map[string]bool {
	said := map[string]bool{}
	for _, c := range checks {
		name := c.Name + " " + c.Status
		if c.Status == Passed || said[name] {
			continue
		}
		said[name] = true
		switch {
		case before[name]:
		case c.Status == Failed:
			a.log.ErrorContext(ctx, "Redis is not as it should be: "+c.Message, "check", c.Name, "hint", c.Hint)
		default:
			a.log.WarnContext(ctx, "Redis is not as it should be: "+c.Message, "check", c.Name, "hint", c.Hint)
		}
	}
	return said
}

// watchSettings says what changes.
func (a *App) watchSettings(ctx context.Context, said map[string]bool) {
	tick := time.NewTicker(settingsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if checks, err := a.settings(ctx); err == nil && checks != nil {
			said = a.say(ctx, checks, said)
		}
	}
}
