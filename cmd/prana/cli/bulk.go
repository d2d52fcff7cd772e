package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

const (
	// atOnce is how many requests of a bulk verb are under way.
	atOnce = 8
	// maxTries bounds how often a server that is too busy is asked again, maxPause how long at most until then.
	maxTries = 10
	maxPause = 30 * time.Second
)

// each is what becomes of one execution of many: the answer of the API, or its error.
type each[T any] struct {
	ExecutionID string        `json:"execution_id"`
	Result      *T            `json:"result,omitempty"`
	Error       *flow.Problem `json:"error,omitempty"`

	err error
}

// bulk does the same to several executions.
type bulk[T any] struct {
	sh   *shell
	act  func(ctx context.Context, id string) (T, error)
	tell func(T) string // a line for people

	mu   sync.Mutex
	done []each[T] // in the order of ids; those that were not tried have no id
	n    int
}

// doAll does it to all that were selected. Of one that was named it prints the answer, of many what became of each, and
// the exit code is that of the failures if they all have the same.
func doAll[T any](ctx context.Context, sh *shell, s *selection, ids []string, act func(context.Context, string) (T, error), tell func(T) string) error {
	if len(ids) == 1 && !s.isSet() {
		res, err := act(ctx, ids[0])
		if err != nil {
			return err
		}
		return sh.print(res, func() { fmt.Fprintln(sh.stdout, tell(res)) })
	}
	if len(ids) == 0 {
		sh.note("no executions")
	}
	b := &bulk[T]{sh: sh, act: act, tell: tell, done: make([]each[T], len(ids))}
	b.all(ctx, ids)
	if err := b.print(); err != nil {
		return err
	}
	return b.outcome(ctx)
}

// all stops early when the rest would fail for the same reason.
func (b *bulk[T]) all(ctx context.Context, ids []string) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(atOnce, len(ids)) {
		workers.Go(func() {
			for i := range next {
				if b.one(ctx, i, ids[i]) {
					stop()
				}
			}
		})
	}
	for i := range ids {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	workers.Wait()
}

// one tells whether there is no point in going on.
func (b *bulk[T]) one(ctx context.Context, i int, id string) bool {
	if ctx.Err() != nil {
		return true
	}
	d := each[T]{ExecutionID: id}
	res, err := patient(ctx, func() (T, error) { return b.act(ctx, id) })
	if errors.Is(err, context.Canceled) {
		err = mark(errors.New("interrupted; whether it was done is not known"), context.Canceled)
	}
	if err != nil {
		d.Error, d.err = flow.AsProblem(err), err
	} else {
		d.Result = &res
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done[i] = d
	b.n++
	b.report(d)
	return errors.Is(err, client.ErrUnreachable) || errors.Is(err, wire.ErrUnauthorized) || errors.Is(err, wire.ErrForbidden)
}

// patient tries again when the server says that it is too busy, and when to come back.
func patient[T any](ctx context.Context, try func() (T, error)) (T, error) {
	for n := 1; ; n++ {
		res, err := try()
		p, ok := errors.AsType[*flow.Problem](err)
		if !ok || p.RetryAfter == 0 || n == maxTries || rest(ctx, min(p.RetryAfter, maxPause)) != nil {
			return res, err
		}
	}
}

// report tells about one as soon as it is done: people in lines, programs that read lines likewise.
func (b *bulk[T]) report(d each[T]) {
	sh := b.sh
	if isTerminal(sh.stderr) && !b.inLines() {
		fmt.Fprintf(sh.stderr, "\r\x1b[K%d of %d", b.n, len(b.done))
	}
	switch {
	case sh.output == formatLines:
		_ = printLines(sh, []each[T]{d})
	case sh.output == formatTable && d.err == nil:
		fmt.Fprintln(sh.stdout, b.tell(*d.Result))
	}
	if d.err != nil && sh.output == formatTable {
		sh.note("%s: %s", d.ExecutionID, d.err)
	}
}

// inLines tells whether a person sees a line for each anyway.
func (b *bulk[T]) inLines() bool {
	return (b.sh.output == formatTable || b.sh.output == formatLines) && isTerminal(b.sh.stdout)
}

// print gives the whole list to programs that want it in one piece, and the sum to people.
func (b *bulk[T]) print() error {
	page := flow.Page[each[T]]{Items: []each[T]{}}
	failed := 0
	for _, d := range b.done {
		if d.ExecutionID != "" {
			page.Items = append(page.Items, d)
		}
		if d.err != nil {
			failed++
		}
	}
	if isTerminal(b.sh.stderr) && !b.inLines() {
		fmt.Fprint(b.sh.stderr, "\r\x1b[K")
	}
	if untried := len(b.done) - b.n; failed > 0 || untried > 0 {
		b.sh.note("%d of %s done; %d failed, %d not tried", b.n-failed, counted(len(b.done), "execution"), failed, untried)
	}
	if b.sh.output == formatLines {
		return nil
	}
	return b.sh.print(page, func() {})
}

// outcome is the exit: that of all failures, or 1 when they differ.
func (b *bulk[T]) outcome(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var first error
	for _, d := range b.done {
		switch {
		case d.err == nil || errors.Is(d.err, context.Canceled):
		case first == nil:
			first = d.err
		case exitCode(d.err) != exitCode(first):
			return silent(errFailed)
		}
	}
	if first == nil {
		return nil
	}
	return silent(first)
}
