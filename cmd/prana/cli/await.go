package cli

import (
	"context"
	"errors"
	"time"

	"prana/cmd/prana/cli/live"
	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// lastLook bounds the look at an execution after its wait elapsed.
const lastLook = 5 * time.Second

// await waits for the end and prints the result. Who detaches is told how to find the execution again.
func (sh *shell) await(ctx context.Context, s service, res flow.StartResult, f runFlags) error {
	waiting, cancel := ctx, context.CancelFunc(func() {})
	if f.timeout > 0 {
		waiting, cancel = context.WithTimeout(ctx, f.timeout)
	}
	defer cancel()
	v, err := sh.watched(waiting, s, res.ExecutionID, f.follow)
	switch {
	case ctx.Err() != nil:
		sh.note("detached; the execution goes on: prana show %s", res.ExecutionID)
		return context.Canceled
	case waiting.Err() != nil:
		v, err = look(ctx, s, res.ExecutionID)
	}
	if err != nil {
		return err
	}
	if err := sh.printResult(wire.ResultOf(v)); err != nil {
		return err
	}
	err = outcome(v.Status)
	if f.embedded && errors.Is(err, errElapsed) {
		sh.note("it stands in the data directory; `prana dev` goes on with it")
	}
	return err
}

// look sees an execution as it is, with a limit of its own.
func look(ctx context.Context, s service, id string) (*flow.View, error) {
	ctx, cancel := context.WithTimeout(ctx, lastLook)
	defer cancel()
	v, err := s.Show(ctx, id)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, errElapsed
	}
	return v, err
}

// followEvery is how often a followed execution is looked at.
const followEvery = 250 * time.Millisecond

func (sh *shell) watched(ctx context.Context, s service, id string, follow bool) (*flow.View, error) {
	if !follow {
		return s.Await(ctx, id)
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	var last *flow.View
	for {
		v, err := s.Show(ctx, id)
		if err != nil {
			return last, err
		}
		for _, line := range live.Changes(last, v) {
			sh.note("%s", line)
		}
		if last = v; v.Status.Terminal() {
			return v, nil
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-tick.C:
		}
	}
}
