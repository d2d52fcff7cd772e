package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// ErrNoStream says that the server has no stream, or that something in between holds it back: ask again and again instead.
var ErrNoStream = errors.New("there is no stream of events")

// StreamReset is the name of the event that says that others may be missing before it: read executions anew.
const StreamReset = wire.StreamReset

const (
	// streamBegins is how long the beginning of a stream may take until something in between holds it back.
	streamBegins = 10 * time.Second
	// streamSilence is after how long a stream that says nothing, not even that it lives, is dead.
	streamSilence = 3 * wire.Heartbeat
)

// StreamFilter says what is to be heard; zero fields mean everything, from now on.
type StreamFilter struct {
	Execution string // without its children
	Workflow  string
	After     string // id of an event: what came after it
}

// StreamEvent is something that happened.
type StreamEvent struct {
	ID string // a place to go on after
	flow.FeedEvent
}

// Stream goes through what happens, until ctx ends. The first event has no name: what is stored from then on is told, each event
// once, those of one execution in order. A connection that breaks is made again, at the place where it broke; only when the server
// does not know that place any more comes one that is called [StreamReset]. An error ends it, ErrNoStream for one.
func (c *Client) Stream(ctx context.Context, f StreamFilter) iter.Seq2[StreamEvent, error] {
	return func(yield func(StreamEvent, error) bool) {
		s := &streaming{client: c, filter: f, last: f.After, yield: yield}
		if err := s.run(ctx); err != nil {
			yield(StreamEvent{}, err)
		}
	}
}

// streaming is a stream over as many connections as it takes.
type streaming struct {
	client *Client
	filter StreamFilter
	yield  func(StreamEvent, error) bool
	last   string // id
	began  bool   // the first event was given
	over   bool   // nobody wants more
	heard  time.Time
}

func (s *streaming) run(ctx context.Context) error {
	s.heard = time.Now()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		before := s.heard
		err := s.connection(ctx)
		if s.heard != before {
			pause = firstPause
		}
		switch {
		case s.over:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !passing(err) || time.Since(s.heard) > s.patience():
			return err
		}
		if err := rest(ctx, max(jittered(pause), flow.AsProblem(err).RetryAfter)); err != nil {
			return err
		}
	}
}

// patience is how long nothing may be heard: long, once there was something.
func (s *streaming) patience() time.Duration {
	if !s.began {
		return s.client.Patience
	}
	return max(s.client.Patience, waitPatience)
}

// connection listens on one connection until it breaks.
func (s *streaming) connection(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(s.client.begins, func() { cancel(errSilent) })
	defer silent.Stop()
	res, err := s.open(ctx)
	if err != nil {
		return s.broken(ctx, err)
	}
	defer res.Body.Close()
	r := newReader(res.Body)
	for !s.over {
		b, err := r.block()
		if err != nil {
			return s.broken(ctx, err)
		}
		silent.Stop()
		if err := s.take(b); err != nil {
			return err
		}
		silent.Reset(s.client.silence)
	}
	return nil
}

var errSilent = errors.New("nothing was heard")

// broken says what the end of a connection means.
func (s *streaming) broken(ctx context.Context, err error) error {
	if answer := (*Error)(nil); errors.As(err, &answer) || errors.Is(err, ErrNoStream) {
		return err
	}
	if errors.Is(context.Cause(ctx), errSilent) {
		if !s.began {
			return fmt.Errorf("%w: nothing came of it for %s", ErrNoStream, s.client.begins)
		}
		return fmt.Errorf("%w: %w", ErrUnreachable, errSilent)
	}
	return unreachable(ctx, err)
}

// open asks for the stream.
func (s *streaming) open(ctx context.Context) (*http.Response, error) {
	query := url.Values{}
	for name, value := range map[string]string{"execution_id": s.filter.Execution, "workflow": s.filter.Workflow} {
		if value != "" {
			query.Set(name, value)
		}
	}
	k := get("/v1/stream", query)
	k.header = map[string]string{"Accept": wire.StreamType, "Accept-Encoding": "identity"} // what packs a stream holds it back
	if s.last != "" {
		k.header["Last-Event-ID"] = s.last
	}
	req, err := s.client.request(ctx, k)
	if err != nil {
		return nil, err
	}
	res, err := s.client.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	if err := streamed(res); err != nil {
		_ = res.Body.Close()
		return nil, err
	}
	return res, nil
}

// take gives what a block tells to who listens.
func (s *streaming) take(b block) error {
	s.heard = time.Now()
	if b.id != "" {
		s.last = b.id
	}
	if !s.began {
		s.began = true
		s.give(StreamEvent{ID: s.last})
	}
	if s.over || b.event == "" {
		return nil
	}
	e := StreamEvent{ID: s.last}
	if b.event != StreamReset {
		if err := json.Unmarshal(b.data, &e.FeedEvent); err != nil {
			return fmt.Errorf("reading an event of the stream: %w", err)
		}
	}
	e.Name = b.event
	s.give(e)
	return nil
}

func (s *streaming) give(e StreamEvent) { s.over = !s.yield(e, nil) }
