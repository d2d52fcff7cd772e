package cli

import (
	"context"
	"time"

	"prana/engine/flow"
)

// publisher publishes files into an engine of this process, and tells about each.
type publisher struct {
	sh     *shell
	check  checker
	deploy func(ctx context.Context, w *flow.Workflow) (version string, created bool, err error)
}

// watch publishes what changes until ctx ends.
func (p publisher) watch(ctx context.Context, w *watcher, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if files, err := w.changed(); err == nil { // a directory that is away for a moment is looked at again
			p.publish(ctx, files)
		}
	}
}

// publish tells what is wrong and goes on: the next save may be right.
func (p publisher) publish(ctx context.Context, files []string) {
	for _, file := range files {
		s, err := p.sh.readSource(file)
		if err == nil && !hasNodes.Match(s.text) {
			continue
		}
		if err == nil {
			_, _, err = p.one(ctx, s)
		}
		if err != nil && ctx.Err() == nil {
			p.sh.note("%s: not published: %s", file, err)
		}
	}
}

// one publishes one definition.
func (p publisher) one(ctx context.Context, s source) (id, version string, err error) {
	w, err := p.sh.checked(p.check, s)
	if err != nil {
		return "", "", err
	}
	version, created, err := p.deploy(ctx, w)
	if err == nil && created {
		p.sh.note("%s: published workflow %s, version %s", s.file, w.ID, version)
	}
	return w.ID, version, err
}
