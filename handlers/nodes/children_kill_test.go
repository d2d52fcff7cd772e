package nodes

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/flow"
)

// posts notes what is owed to others, and kills the process that uses it, right before or after one of its commits.
type posts struct {
	engine.Store
	mu      sync.Mutex
	sent    []flow.Outgoing
	commits int
	kill    int // the commit that is fatal, from 1; 0 = none
	before  bool
	dead    bool
}

func (p *posts) Commit(ctx context.Context, changes ...*flow.Change) error {
	p.alive()
	p.mu.Lock()
	p.commits++
	fatal := p.commits == p.kill
	p.dead = fatal && p.before
	p.mu.Unlock()
	p.alive()
	err := p.Store.Commit(ctx, changes...)
	p.mu.Lock()
	p.dead = fatal
	for _, c := range changes {
		if err == nil {
			p.sent = append(p.sent, c.Outbox...)
		}
	}
	p.mu.Unlock()
	p.alive()
	return err
}

// alive ends the goroutine of a dead process, whatever it was to do next.
func (p *posts) alive() {
	p.mu.Lock()
	dead := p.dead
	p.mu.Unlock()
	if dead {
		runtime.Goexit()
	}
}

// died tells, once, whether the process is dead; the next one lives.
func (p *posts) died() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	dead := p.dead
	p.dead = false
	return dead
}

func (p *posts) Load(ctx context.Context, id string, want flow.Want) (*flow.Execution, error) {
	p.alive()
	return p.Store.Load(ctx, id, want)
}

func (p *posts) Due(ctx context.Context, partition, limit int, lease time.Duration) ([]flow.DueEntry, time.Duration, error) {
	p.alive()
	return p.Store.Due(ctx, partition, limit, lease)
}

func (p *posts) Outbox(ctx context.Context, execution string) ([]flow.Outgoing, error) {
	p.alive()
	return p.Store.Outbox(ctx, execution)
}

func (p *posts) Delivered(ctx context.Context, execution, id string) error {
	p.alive()
	return p.Store.Delivered(ctx, execution, id)
}

func (p *posts) RecordEvent(ctx context.Context, e flow.Event) (time.Time, *flow.PublishResult, error) {
	p.alive()
	return p.Store.RecordEvent(ctx, e)
}

func (p *posts) OfferEvent(ctx context.Context, e flow.Event, o flow.Offer) (flow.Offered, error) {
	p.alive()
	return p.Store.OfferEvent(ctx, e, o)
}

func (p *posts) FinishEvent(ctx context.Context, e flow.Event, o flow.Offer, r *flow.PublishResult) (open, took []flow.SuspensionID, err error) {
	p.alive()
	return p.Store.FinishEvent(ctx, e, o, r)
}

// survive does something, again in another process if the first dies of it.
func (p *play) survive(do func()) {
	p.t.Helper()
	for range 2 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			do()
		}()
		<-done
		p.env.Engine().Wait()
		if !p.posts.died() {
			break
		}
		p.killed = true
		p.env.Restart()
		p.env.Advance(time.Minute)
	}
	if p.t.Failed() {
		p.t.FailNow()
	}
}

// killedAt plays a row whose child is to sleep, with a process that dies at a commit.
func (p *play) killedAt(commit int, before bool) {
	p.t.Helper()
	p.posts.kill, p.posts.before = commit, before
	p.begin()
	p.survive(func() { p.env.Run() })
	p.survive(func() { _ = p.act() })
	for _, next := range p.goOn() {
		p.survive(next)
	}
	if !p.killed {
		p.t.Errorf("there was no commit %d to die of", commit)
	}
	p.check()
}

// TestTableOfOutcomesOfTheKilled kills the process before and after every commit of the rows whose child sleeps when it
// happens, in a batch of some of them: it ends as if nobody had died.
func TestTableOfOutcomesOfTheKilled(t *testing.T) {
	t.Parallel()
	for _, f := range []family{
		{"sync", batchAll, failParent, "request_cancel"},
		{"async", batchAll, goOn, "terminate"},
		{"sync", batchSingle, failParent, "abandon"},
		{"async", batchSingle, goOn, "request_cancel"},
		{"fire_and_forget", batchSingle, failParent, "terminate"},
	} {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			for _, s := range f.scenes() {
				if s.when != "waiting" || f.size() > 1 && !slices.Contains([]string{"parent_cancelled", "parent_completed", "wait_timed_out", "child_failed"}, s.what) {
					continue
				}
				t.Run(s.what, func(t *testing.T) {
					calm := newPlay(t, s)
					calm.play()
					for n := 2; n <= calm.posts.commits; n++ { // the first is that of the start
						for _, before := range []bool{true, false} {
							newPlay(t, s).killedAt(n, before)
						}
					}
				})
			}
		})
	}
}
