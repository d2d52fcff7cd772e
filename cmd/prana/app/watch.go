package app

import (
	"context"
	"fmt"
	"time"
)

// watchEvery is how soon a worker notices that its store is another one.
const watchEvery = 2 * time.Second

// watchStore ends the process when the data that it began with is gone: going on
// would mix what it remembers with another store.
func (a *App) watchStore(ctx context.Context, id string) {
	err := a.store.Watch(ctx, id, watchEvery)
	if err == nil {
		return
	}
	err = fmt.Errorf("the worker stops: %w. Whoever runs this Redis (%s) finds out whether the data went on purpose, and restores it if not; workers that are started again go on with what is there then", err, a.backend.line)
	select {
	case a.failed <- err:
	case <-ctx.Done():
	}
}
