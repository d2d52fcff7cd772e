package stream

import (
	"context"
	"errors"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Message is one event for a listener.
type Message struct {
	ID   string // with which the listener may begin again right after it
	Name string
	Data []byte // JSON
}

// Listener hears what the hub reads. One goroutine may use it.
type Listener struct {
	hub    *Hub
	filter Filter
	spots  []spot
}

// spot is where a listener stands in a partition.
type spot struct {
	tail *tail
	place
	known bool // that the place is good
	lost  int  // what the tail had lost when the listener came
}

// start puts the listener after the event of that id.
func (l *Listener) start(last string) {
	places, _ := parseID(last) // what cannot be read has no places
	for i := range l.spots {
		s := &l.spots[i]
		s.at, s.lost = s.tail.end()
		s.known = last == ""
		if !s.known {
			s.place = places[s.tail.partition] // the zero place, which no entry has, unless the id knows the partition
		}
	}
}

// ID is that of the last event that was given, or of the place where nothing was given since.
func (l *Listener) ID() string { return formatID(l.spots) }

// Close ends the listening.
func (l *Listener) Close() { l.hub.leave(l.spots) }

// Next waits for messages, at most that long; none = nothing happened.
func (l *Listener) Next(ctx context.Context, wait time.Duration) ([]Message, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		bell := l.hub.next()
		found, moved, err := l.pull(ctx)
		switch {
		case l.hub.ctx.Err() != nil:
			return nil, ErrClosed
		case err != nil:
			return nil, err
		case len(found) > 0:
			return found, nil
		case moved:
			continue
		}
		select {
		case <-bell:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.hub.ctx.Done():
			return nil, ErrClosed
		}
	}
}

// pull takes what there is, a bounded part of it; moved = there may be more.
func (l *Listener) pull(ctx context.Context) (all []Message, moved bool, err error) {
	for i := range l.spots {
		s := &l.spots[i]
		entries, err := s.entries(ctx)
		if errors.Is(err, flow.ErrGone) {
			all = append(all, l.reset(s))
			continue
		}
		if err != nil {
			return nil, false, err
		}
		for _, e := range entries {
			if all, err = l.take(all, s, e); err != nil {
				return nil, false, err
			}
		}
		moved = moved || len(entries) > 0
	}
	return all, moved, nil
}

// reset goes on where the feed is now.
func (l *Listener) reset(s *spot) Message {
	at, lost := s.tail.end()
	s.place, s.lost, s.known = place{at: at}, lost, true
	return Message{ID: l.ID(), Name: wire.StreamReset, Data: []byte(`{"reason":"events before this one are not known any more; read executions anew"}`)}
}

// take turns an entry into messages, as far as it was not told before.
func (l *Listener) take(all []Message, s *spot, e *entry) ([]Message, error) {
	told := s.told
	if e.At != s.at {
		told = 0
	}
	s.place = place{at: e.At}
	if !l.filter.wants(e.FeedHead) {
		return all, nil
	}
	frames, err := e.read()
	if err != nil {
		return nil, err
	}
	for i := told; i < len(frames); i++ {
		if s.told = i + 1; s.told == len(frames) {
			s.told = 0
		}
		all = append(all, Message{l.ID(), frames[i].name, frames[i].data})
	}
	return all, nil
}

// entries gives some that come next: from the tail, or from the store when the tail does not hold them.
func (s *spot) entries(ctx context.Context) ([]*entry, error) {
	found, lost, ok := s.tail.since(s.at)
	switch {
	case lost != s.lost:
		return nil, flow.ErrGone
	case ok && s.known:
		return found, nil
	}
	read, err := s.tail.hub.source.Read(ctx, s.tail.partition, s.at)
	if err != nil {
		return nil, err
	}
	s.known = true
	if s.told == 0 {
		read = read[1:] // it was told whole
	}
	entries := make([]*entry, len(read))
	for i, e := range read {
		entries[i] = &entry{FeedEntry: e}
	}
	return entries, nil
}
