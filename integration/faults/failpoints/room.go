package failpoints

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"prana/config/localredis"
)

// Case is a scenario with the faults that happen in it.
type Case struct {
	Scenario *Scenario
	Faults   []Fault
}

// Room holds stages side by side: one database of one Redis each.
type Room struct {
	server *localredis.Server
	stages []*Stage
}

// NewRoom starts a Redis with n stages, at most 16.
func NewRoom(ctx context.Context, names Names, n int) (*Room, error) {
	server, err := localredis.Start(ctx, localredis.Options{})
	if err != nil {
		return nil, err
	}
	r := &Room{server: server}
	for db := range n {
		raw := redis.NewClient(&redis.Options{Network: server.Network(), Addr: server.Addr(), DB: db, MaxRetries: -1})
		r.stages = append(r.stages, newStage(raw, names))
	}
	return r, nil
}

// Play plays cases, each on whatever stage is free, and tells what came of them, one at a time. It ends with the last, or
// early when who is told says so.
func (r *Room) Play(ctx context.Context, cases []Case, came func(Case, Outcome) (enough bool)) {
	todo := make(chan Case)
	var over atomic.Bool
	var wg sync.WaitGroup
	var telling sync.Mutex
	for _, s := range r.stages {
		wg.Go(func() {
			for c := range todo {
				o := s.play(ctx, c.Scenario, c.Faults)
				telling.Lock()
				if came(c, o) {
					over.Store(true)
				}
				telling.Unlock()
			}
		})
	}
	for _, c := range cases {
		if over.Load() {
			break
		}
		todo <- c
	}
	close(todo)
	wg.Wait()
}

// Close ends the Redis.
func (r *Room) Close() error {
	var errs []error
	for _, s := range r.stages {
		errs = append(errs, s.raw.Close())
	}
	return errors.Join(append(errs, r.server.Close())...)
}
