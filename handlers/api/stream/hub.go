// Package stream hands what the feeds of the store tell to many listeners. However many there are, a process reads each
// partition once; who is slower than that reads on from the store by himself, and nobody makes anything wait in memory.
package stream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"prana/engine/flow"
)

// Source is where the feeds are read. flow.ErrGone says that a place is not known any more, nor what came after it.
type Source interface {
	Partitions() int
	// Open keeps the feed of a partition alive for at least a minute, and gives the place of its last entry.
	Open(ctx context.Context, partition int) (flow.FeedPlace, error)
	// Read gives some entries, the first of which stands at that place.
	Read(ctx context.Context, partition int, from flow.FeedPlace) ([]flow.FeedEntry, error)
	// Next waits a while for entries after a place.
	Next(ctx context.Context, partition int, after flow.FeedPlace) ([]flow.FeedEntry, error)
}

// DefaultListeners is how many may listen at a time unless the caller says otherwise.
const DefaultListeners = 1000

var (
	// ErrTooMany says that no more may listen.
	ErrTooMany = &flow.Problem{Code: "too_many_streams", Message: "as many streams are open as may be", RetryAfter: 5 * time.Second}
	// ErrClosed says that the process ends.
	ErrClosed = errors.New("the process ends")
)

// Hub is the one who reads, for all who listen.
type Hub struct {
	source Source
	most   int
	log    *slog.Logger
	ctx    context.Context //nolint:containedctx // ends with Close
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu        sync.Mutex
	tails     map[int]*tail
	listeners int
	bell      chan struct{} // closed when there is something new
}

// NewHub makes a hub for that many listeners at most; 0 = 1,000. Nothing is read before somebody listens.
func NewHub(source Source, most int, log *slog.Logger) *Hub {
	if most == 0 {
		most = DefaultListeners
	}
	h := &Hub{source: source, most: most, log: log, tails: map[int]*tail{}, bell: make(chan struct{})}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Close ends all listening, and waits until nothing is read any more. Repeating it is harmless.
func (h *Hub) Close() {
	h.mu.Lock()
	h.stop()
	h.mu.Unlock()
	h.done.Wait()
}

// Filter says what a listener wants to hear; empty fields mean everything.
type Filter struct{ Execution, Workflow string }

func (f Filter) wants(e flow.FeedHead) bool {
	return e.Execution != "" && (f.Execution == "" || f.Execution == e.Execution) && (f.Workflow == "" || f.Workflow == e.Workflow)
}

// partitions are those that the listener is to hear.
func (h *Hub) partitions(f Filter) ([]int, error) {
	all := make([]int, h.source.Partitions())
	for i := range all {
		all[i] = i
	}
	if f.Execution == "" {
		return all, nil
	}
	p, ok := flow.PartitionOf(f.Execution)
	if !ok || p >= len(all) {
		return nil, flow.NotFound("execution", flow.Cut(f.Execution, 64))
	}
	return all[p : p+1], nil
}

// Listen begins to listen right after the event of that id, or now if it is empty. Close what it gives.
func (h *Hub) Listen(ctx context.Context, f Filter, last string) (*Listener, error) {
	partitions, err := h.partitions(f)
	if err != nil {
		return nil, err
	}
	if h.ctx.Err() != nil {
		return nil, flow.ErrUnavailable
	}
	if !h.enter() {
		return nil, ErrTooMany
	}
	l := &Listener{hub: h, filter: f}
	for _, p := range partitions {
		l.spots = append(l.spots, spot{tail: h.join(p)})
	}
	for _, s := range l.spots {
		if err := s.tail.ready(ctx); err != nil {
			l.Close()
			return nil, err
		}
	}
	l.start(last)
	return l, nil
}

func (h *Hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners >= h.most {
		return false
	}
	h.listeners++
	return true
}

// join gives the tail of a partition, which begins to read with its first user.
func (h *Hub) join(partition int) *tail {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.tails[partition]
	if t == nil {
		t = &tail{hub: h, partition: partition, opened: make(chan struct{})}
		h.tails[partition] = t
		h.begin(t)
	}
	t.users++
	return t
}

func (h *Hub) begin(t *tail) {
	ctx, stop := context.WithCancel(h.ctx)
	t.stop = stop
	if h.ctx.Err() != nil { // it is closed
		t.err = flow.ErrUnavailable
		close(t.opened)
		return
	}
	h.done.Go(func() { t.run(ctx) })
}

// leave gives back what a listener had.
func (h *Hub) leave(spots []spot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners--
	for _, s := range spots {
		if s.tail.users--; s.tail.users == 0 {
			h.end(s.tail)
		}
	}
}

// drop ends a tail that cannot be read; who comes next begins another.
func (h *Hub) drop(t *tail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end(t)
}

func (h *Hub) end(t *tail) {
	t.stop()
	if h.tails[t.partition] == t {
		delete(h.tails, t.partition)
	}
}

// ring wakes everybody.
func (h *Hub) ring() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.bell)
	h.bell = make(chan struct{})
}

// next is closed when there is something newer than now.
func (h *Hub) next() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bell
}
