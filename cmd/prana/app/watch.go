package app

import (
	"context"
	"fmt"
	"time"

	"prana/config/localredis"
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

// watchEvery is how soon a worker notices that its store is another one.
const watchEvery = 2 * time.Second

// watchStore ends the process when the data that it began with is gone: going on
// would mix what it remembers with another store.
func (a *App) watchStore(ctx context.Context, id string) {
	err := a.store.Watch(ctx, id, watchEvery)
	if err == nil {
		return
	}
	err = fmt.Errorf("this process stops: %w. Whoever runs this Redis (%s) finds out whether the data went on purpose, and restores it if not; workers that are started again go on with what is there then", err, a.backend.line)
	a.fail(ctx, err)
}
