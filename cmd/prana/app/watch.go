package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"prana/config/localredis"
	"prana/suspend"
)

// keepChild starts the embedded Redis again when it dies: its data is on disk.
func (a *App) keepChild(ctx context.Context, s *localredis.Server) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.Done():
		}
		if ctx.Err() != nil {
			return
		}
		a.log.ErrorContext(ctx, "the embedded Redis died; it is started again on the same data")
		if err := s.Restart(ctx); err != nil {
			a.fail(ctx, fmt.Errorf("the embedded Redis died and cannot be started again: %w", err))
			return
		}
	}
}

// fail ends the process with a reason.
func (a *App) fail(ctx context.Context, err error) {
	select {
	case a.failed <- err:
	case <-ctx.Done():
	}
}

// watchEvery is how soon a process notices that its store is another one, or went back.
const watchEvery = time.Second

// watchStore ends the process when the data that it began with is gone, or is that of another day: going on would mix what it
// remembers, and what it told others, with another store.
func (a *App) watchStore(ctx context.Context, id string) {
	err := a.store.Watch(ctx, id, watchEvery, func(r suspend.Rewind) { a.rewound(ctx, r) })
	switch {
	case err == nil:
		return
	case errors.Is(err, suspend.ErrRewound):
		err = fmt.Errorf("this process stops: %w. Whoever runs this Redis (%s) finds out why, such as a backup that was restored; processes that are started again go on from what is there, and repeat what was done since", err, a.backend.line)
	default:
		err = fmt.Errorf("this process stops: %w. Whoever runs this Redis (%s) finds out whether the data went on purpose, and restores it if not; workers that are started again go on with what is there then", err, a.backend.line)
	}
	a.fail(ctx, err)
}

// rewound goes on with a store that lost its last seconds, as a crash or a failover loses them: without what is remembered of these.
func (a *App) rewound(ctx context.Context, r suspend.Rewind) {
	a.log.ErrorContext(ctx, "Redis lost its last writes, as after a crash or a failover; work goes on from what is there", "rewind", r.String())
	a.engine.Rewound()
	if err := a.store.Rewound(ctx); err != nil {
		a.log.WarnContext(ctx, "saying again how many partitions there are failed; the next start of a process does", "error", err)
	}
}
