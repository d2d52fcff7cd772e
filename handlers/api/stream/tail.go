package stream

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"prana/engine/flow"
)

const (
	// renewEvery is how often a feed is told that it is read.
	renewEvery = 30 * time.Second
	// gather is between two reads, so that what happens fast comes together.
	gather = 10 * time.Millisecond
	// What of a partition is kept for those who are a little slower.
	keptEntries = 4096
	keptBytes   = 4 << 20
	// batch is how many entries a listener takes at once.
	batch = 256
)

// The pauses of a tail that cannot read grow from the first to the longest.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
)

// tail reads the feed of a partition, and keeps the end of it.
type tail struct {
	hub       *Hub
	partition int
	stop      context.CancelFunc
	users     int // guarded by the hub

	opened chan struct{} // closed once err or a place is known
	err    error

	mu    sync.Mutex
	lost  int            // how often its place was gone
	first flow.FeedPlace // everything that came after it is kept
	last  flow.FeedPlace
	kept  []*entry
	bytes int
}

// ready waits until the tail reads.
func (t *tail) ready(ctx context.Context) error {
	select {
	case <-t.opened:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *tail) run(ctx context.Context) {
	at, err := t.hub.source.Open(ctx, t.partition)
	t.first, t.last, t.err = at, at, err
	close(t.opened)
	if err != nil {
		t.hub.drop(t)
		return
	}
	renewed, pause := time.Now(), firstPause
	for ctx.Err() == nil {
		err := t.turn(ctx, &renewed)
		switch {
		case err == nil:
			pause = firstPause
			continue
		case pause == firstPause && ctx.Err() == nil:
			t.hub.log.WarnContext(ctx, "reading what happens failed; it is tried again", "partition", t.partition, "error", err)
		}
		rest(ctx, pause)
		pause = min(2*pause, longestPause)
	}
}

// turn reads once.
func (t *tail) turn(ctx context.Context, renewed *time.Time) error {
	if time.Since(*renewed) > renewEvery {
		if _, err := t.hub.source.Open(ctx, t.partition); err != nil {
			return err
		}
		*renewed = time.Now()
	}
	found, err := t.hub.source.Next(ctx, t.partition, t.last) // nobody else writes last
	switch {
	case errors.Is(err, flow.ErrGone):
		return t.lose(ctx)
	case err != nil || len(found) == 0:
		return err
	}
	t.keep(found)
	t.hub.ring()
	rest(ctx, gather)
	return nil
}

// lose begins anew where the feed ends now.
func (t *tail) lose(ctx context.Context) error {
	at, err := t.hub.source.Open(ctx, t.partition)
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.lost++
	t.first, t.last, t.kept, t.bytes = at, at, nil, 0
	t.mu.Unlock()
	t.hub.ring()
	return nil
}

func (t *tail) keep(found []flow.FeedEntry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range found {
		t.kept = append(t.kept, &entry{FeedEntry: e})
		t.bytes += len(e.Facts)
		t.last = e.At
	}
	n := 0
	for left := len(t.kept); left-n > keptEntries || t.bytes > keptBytes && n < left; n++ {
		t.first = t.kept[n].At
		t.bytes -= len(t.kept[n].Facts)
	}
	if n > 0 {
		t.kept = append([]*entry(nil), t.kept[n:]...)
	}
}

// end is where somebody begins who wants to hear what comes.
func (t *tail) end() (at flow.FeedPlace, lost int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last, t.lost
}

// since gives some of the entries after a place; ok = all of them are kept.
func (t *tail) since(at flow.FeedPlace) (found []*entry, lost int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first.After(at) {
		return nil, t.lost, false
	}
	from := sort.Search(len(t.kept), func(i int) bool { return t.kept[i].At.After(at) })
	return t.kept[from:min(from+batch, len(t.kept))], t.lost, true
}

// rest waits for a time, or for the end of ctx.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// entry is made readable once, for all who want it.
type entry struct {
	flow.FeedEntry
	once   sync.Once
	frames []frame
	err    error
}

// frame is an event as it is sent.
type frame struct {
	name string
	data []byte
}

func (e *entry) read() ([]frame, error) {
	e.once.Do(func() {
		var events []flow.FeedEvent
		if events, e.err = e.Events(); e.err != nil {
			return
		}
		for _, v := range events {
			raw, err := flow.Encode(v)
			if err != nil {
				e.err = err
				return
			}
			e.frames = append(e.frames, frame{v.Name, raw})
		}
	})
	return e.frames, e.err
}
