// Package streams reads Redis Streams that other services write: each entry publishes an event or starts a workflow, and is
// acknowledged only after that is stored. What is delivered twice counts once, by its id.
package streams

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"prana/engine/flow"
	"prana/engine/telemetry"
)

// Bounds of one round.
const (
	batch = 32 // entries at most
	width = 8  // of them at once
	tries = 4  // of an entry, before it is left to whoever takes it over
	hold  = time.Second
)

// Times that a Stream may choose otherwise.
const (
	defaultIdle  = 30 * time.Second
	defaultPause = time.Second
	longestPause = 30 * time.Second
	// lasting is how long what was begun may go on when the process ends.
	lasting = 3 * time.Second
)

// Source is a stream, as one consumer of a group reads it.
type Source interface {
	// Read gives at most n entries that nobody has seen, and waits for the first for at most that long; 0 = not at all.
	Read(ctx context.Context, n int, wait time.Duration) ([]flow.StreamEntry, error)
	// TakeOver gives at most n entries that were handed out that long ago and not acknowledged; more = ask again.
	TakeOver(ctx context.Context, n int, idle time.Duration) (taken []flow.StreamEntry, more bool, err error)
	// Ack ends the group's care for entries.
	Ack(ctx context.Context, ids ...string) error
	// Refuse keeps a copy of an entry, with the reason, where people find it.
	Refuse(ctx context.Context, e flow.StreamEntry, reason string) error
	// Leave says that this consumer reads no more.
	Leave(ctx context.Context) error
}

// Engine does what the entries ask for.
type Engine interface {
	Publish(ctx context.Context, e flow.Event) (flow.PublishResult, error)
	Start(ctx context.Context, r flow.StartRequest) (flow.StartResult, error)
	// Startable tells why no entry whatever can start the workflow here; nil when one can.
	Startable(ctx context.Context, workflow string) error
}

// Stream is one stream to read.
type Stream struct {
	Name   string // for people
	Source Source
	Engine Engine
	// Key is that of the stream; it is part of the ids of entries that bring none.
	Key string
	// Event is the type of the events; empty = the entry's field "type".
	Event string
	// Workflow is started instead, unless empty.
	Workflow string
	// Data and ID are the names of fields.
	Data, ID string

	// Idle is after how long an entry that was not acknowledged is somebody else's; 0 = 30 s.
	Idle time.Duration
	// Pause is the first time to wait after a failure; it doubles up to 30 s. 0 = 1 s.
	Pause    time.Duration
	Logger   *slog.Logger        // nil = none
	Counters *telemetry.Counters // nil = none
}

// Run reads until ctx is done. Then it settles what it has in hand, for three seconds at most; the rest stays with the
// group, and others take it over.
func (s Stream) Run(ctx context.Context) {
	r := &reader{Stream: s}
	if r.Idle == 0 {
		r.Idle = defaultIdle
	}
	if r.Pause == 0 {
		r.Pause = defaultPause
	}
	if r.Logger == nil {
		r.Logger = slog.New(slog.DiscardHandler)
	}
	r.Logger = r.Logger.With("stream", s.Name)
	r.run(ctx)
}

type reader struct {
	Stream
	look time.Time // when to look next for what others left behind
}

func (r *reader) run(ctx context.Context) {
	work, done := outlive(ctx)
	defer done()
	for failures := 0; ctx.Err() == nil; {
		entries, err := r.next(ctx)
		r.settle(ctx, work, entries)
		if err == nil || ctx.Err() != nil {
			failures = 0
			continue
		}
		failures++
		r.Logger.WarnContext(ctx, "reading a stream failed; it is tried again", "attempt", failures, "error", err)
		r.pause(ctx, failures)
	}
	if err := r.Source.Leave(work); err != nil {
		r.Logger.WarnContext(work, "leaving a stream's group failed; others remove this consumer", "error", err)
	}
}

// outlive gives a context that ends a while after ctx.
func outlive(ctx context.Context) (context.Context, func()) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(lasting, cancel) })
	return work, func() {
		stop()
		cancel()
	}
}

// next gives what was left behind, when it is time to look for it, and what is new.
func (r *reader) next(ctx context.Context) ([]flow.StreamEntry, error) {
	var left []flow.StreamEntry
	wait := hold
	if !time.Now().Before(r.look) {
		taken, more, err := r.Source.TakeOver(ctx, batch, r.Idle)
		if err != nil {
			return taken, err
		}
		if left = taken; more || len(left) > 0 {
			wait = 0
		}
		if !more {
			r.look = time.Now().Add(r.Idle / 3)
		}
	}
	fresh, err := r.Source.Read(ctx, batch, wait)
	return append(left, fresh...), err
}

// settle serves entries, several times those that fail for now. What is left stays pending, and comes up again as left behind.
func (r *reader) settle(ctx, work context.Context, entries []flow.StreamEntry) {
	for attempt := 1; len(entries) > 0; attempt++ {
		var err error
		if entries, err = r.serveAll(work, entries); len(entries) == 0 {
			return
		}
		r.Logger.WarnContext(work, "entries of a stream stay unacknowledged, and are tried again", "entries", len(entries), "first", entries[0].ID, "error", err)
		if attempt == tries || !r.pause(ctx, attempt) {
			return
		}
	}
}

// serveAll serves entries side by side, acknowledges those that are done with, and gives the others, with the error of the first.
func (r *reader) serveAll(ctx context.Context, entries []flow.StreamEntry) (again []flow.StreamEntry, first error) {
	var done []string
	for i, err := range r.sideBySide(ctx, entries) {
		if err == nil {
			done = append(done, entries[i].ID)
			continue
		}
		if again = append(again, entries[i]); first == nil {
			first = err
		}
	}
	if len(done) == 0 {
		return again, first
	}
	if err := r.Source.Ack(ctx, done...); err != nil {
		r.Logger.WarnContext(ctx, "acknowledging entries of a stream failed; they come again, and count once", "entries", len(done), "error", err)
	}
	return again, first
}

func (r *reader) sideBySide(ctx context.Context, entries []flow.StreamEntry) []error {
	var wg sync.WaitGroup
	errs := make([]error, len(entries))
	slots := make(chan struct{}, width)
	for i, e := range entries {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = r.serve(ctx, e)
		})
	}
	wg.Wait()
	return errs
}

// pause waits after the n-th failure, give or take a quarter; false when ctx was done first.
func (r *reader) pause(ctx context.Context, n int) bool {
	d := min(r.Pause<<min(n-1, 16), longestPause)
	t := time.NewTimer(d*3/4 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
