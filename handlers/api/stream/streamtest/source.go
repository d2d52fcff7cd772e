// Package streamtest is a source of a hub in memory, for tests.
package streamtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"prana/engine/flow"
)

// Source is a feed of each partition in memory.
type Source struct {
	mu      sync.Mutex
	feeds   [][]flow.FeedEntry
	clock   int64
	err     error
	news    chan struct{}
	reading int

	// Opened counts the openings, Piled is the most reads that waited at the same time.
	Opened, Piled int
}

// New makes a source of so many partitions.
func New(partitions int) *Source {
	s := &Source{feeds: make([][]flow.FeedEntry, partitions), news: make(chan struct{})}
	for p := range s.feeds {
		s.add(p, flow.FeedEntry{})
	}
	return s
}

func (s *Source) add(partition int, e flow.FeedEntry) {
	s.clock++
	e.At, e.Time = flow.FeedPlace{Ms: s.clock}, time.UnixMilli(s.clock).UTC()
	s.feeds[partition] = append(s.feeds[partition], e)
}

// Tell adds one entry, of an execution of its partition, which completed nodes of these numbers.
func (s *Source) Tell(execution, workflow string, seqs ...int) {
	facts := make([]string, len(seqs))
	for i, n := range seqs {
		facts[i] = fmt.Sprintf(`{"name":"node_completed","seq":%d,"node":"n","run_index":0,"attempt":0}`, n)
	}
	p, _ := flow.PartitionOf(execution)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(p, flow.FeedEntry{FeedHead: flow.FeedHead{Execution: execution, Workflow: workflow, Status: flow.Running}, Facts: []byte("[" + strings.Join(facts, ",") + "]")})
	s.ring()
}

func (s *Source) ring() {
	close(s.news)
	s.news = make(chan struct{})
}

// Trim keeps the last entry of a partition alone.
func (s *Source) Trim(partition int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feeds[partition] = s.feeds[partition][len(s.feeds[partition])-1:]
}

// Lose makes a partition begin anew.
func (s *Source) Lose(partition int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feeds[partition] = nil
	s.add(partition, flow.FeedEntry{})
	s.ring()
}

// Fail makes everything fail; nil = it works.
func (s *Source) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	s.ring()
}

// Seen gives the counters.
func (s *Source) Seen() (opened, piled int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Opened, s.Piled
}

// Partitions is how many there are.
func (s *Source) Partitions() int { return len(s.feeds) }

// Open gives the place of the last entry.
func (s *Source) Open(_ context.Context, partition int) (flow.FeedPlace, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Opened++
	f := s.feeds[partition]
	return f[len(f)-1].At, s.err
}

// Read gives the entries from a place on, a hundred at most.
func (s *Source) Read(_ context.Context, partition int, from flow.FeedPlace) ([]flow.FeedEntry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(partition, from, 100)
}

func (s *Source) read(partition int, from flow.FeedPlace, most int) ([]flow.FeedEntry, error) {
	if s.err != nil {
		return nil, s.err
	}
	for i, e := range s.feeds[partition] {
		if e.At == from {
			rest := s.feeds[partition][i:]
			return append([]flow.FeedEntry(nil), rest[:min(most, len(rest))]...), nil
		}
	}
	return nil, flow.ErrGone
}

// Next waits for entries after a place.
func (s *Source) Next(ctx context.Context, partition int, after flow.FeedPlace) ([]flow.FeedEntry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.read(partition, after, 500)
	if err != nil || len(found) > 1 {
		return found[min(1, len(found)):], err
	}
	s.reading++
	s.Piled = max(s.Piled, s.reading)
	news := s.news
	s.mu.Unlock()
	select {
	case <-news:
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.reading--
	return nil, ctx.Err()
}
