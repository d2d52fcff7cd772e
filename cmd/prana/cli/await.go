package cli

import (
	"context"
	"errors"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/explain"
	"prana/handlers/api/wire"
)

// lastLook bounds the look at an execution after its wait elapsed.
const lastLook = 5 * time.Second

// await waits for the end and prints the result.
func (sh *shell) await(ctx context.Context, s service, res flow.StartResult, f runFlags) error {
	v, err := sh.ended(ctx, s, res.ExecutionID, f)
	if err != nil {
		return err
	}
	if err := sh.printResult(wire.ResultOf(v)); err != nil {
		return err
	}
	if v.Status == flow.Quarantined {
		sh.note("%s", sh.explained(explain.Of(v, time.Now())).Sentence)
	}
	err = outcome(v.Status)
	if f.embedded && errors.Is(err, errElapsed) {
		sh.note("%s", sh.ours(s.left(v.ID)))
	}
	return err
}

// ended waits for the end, as long as the flags say. Who detaches is told how to find the execution again.
func (sh *shell) ended(ctx context.Context, s service, id string, f runFlags) (*flow.View, error) {
	waiting, cancel := ctx, context.CancelFunc(func() {})
	if f.timeout > 0 {
		waiting, cancel = context.WithTimeout(ctx, f.timeout)
	}
	defer cancel()
	v, err := sh.watched(waiting, s, id, f)
	switch {
	case ctx.Err() != nil:
		sh.note("detached; %s", sh.ours(s.left(id)))
		return nil, context.Canceled
	case waiting.Err() != nil:
		return look(ctx, s, id)
	}
	return v, err
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

// watched waits until the execution is over, in silence or showing what happens.
func (sh *shell) watched(ctx context.Context, s service, id string, f runFlags) (*flow.View, error) {
	if f.follow || sh.output == formatTable && isTerminal(sh.stdout) && isTerminal(sh.stderr) {
		return sh.follow(ctx, s, id, f.ascii)
	}
	return s.Await(ctx, id)
}
