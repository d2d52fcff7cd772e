package suspend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// storeKey holds the name of the data in this Redis. It is made once and goes
// with the data, so that nobody works on against another store by mistake.
const storeKey = "prana:store"

// ErrOtherStore says that the data a process worked on is not there any more.
var ErrOtherStore = errors.New("this Redis does not hold the store that this process began with")

// Identify gives the name of the store, and names it when it has no name yet: then nobody works on it who knows old formats
// alone, and it has the newest. From then on the store is written in its format.
func (s *Store) Identify(ctx context.Context) (string, error) {
	name := flow.NewToken() + flow.NewToken()
	for {
		if err := s.name(ctx, name); err != nil {
			return "", trouble("naming the store", err)
		}
		id, err := s.redis.Get(ctx, storeKey).Result()
		if errors.Is(err, redis.Nil) { // emptied in between
			continue
		}
		if err != nil {
			return "", trouble("naming the store", err)
		}
		s.format, err = s.Format(ctx)
		return id, err
	}
}

// name gives a store that has no name its format, and then its name: whoever finds the one finds the other.
func (s *Store) name(ctx context.Context, name string) error {
	n, err := s.redis.Exists(ctx, storeKey).Result()
	if err != nil || n > 0 {
		return err
	}
	if err := s.redis.SetNX(ctx, formatKey, NewestFormat, 0).Err(); err != nil {
		return err
	}
	return s.redis.SetNX(ctx, storeKey, name, 0).Err()
}

// Watch lets the store beat, and has Redis write its file anew when that is due, until ctx is done, when it returns nil. It returns an error that matches ErrOtherStore as soon as
// the store has not that name any more, and one that matches ErrRewound when it went back further than a crash of Redis or a
// failover explains; of what went back less, rewound is told. A Redis that does not answer is still the same store: that is
// other people's worry.
func (s *Store) Watch(ctx context.Context, id string, every time.Duration, rewound func(Rewind)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	pulses := make([]pulse, s.partitions)
	for {
		if err := s.same(ctx, id); err != nil {
			return err
		}
		for _, r := range s.beat(ctx, pulses) {
			if r.far() {
				return fmt.Errorf("%w: %s", ErrRewound, r)
			}
			rewound(r)
		}
		s.rewrite(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// same compares the name once.
func (s *Store) same(ctx context.Context, id string) error {
	found, err := s.redis.Get(ctx, storeKey).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return fmt.Errorf("%w: the key %s is gone (the database was emptied, or the address leads to another one)", ErrOtherStore, storeKey)
	case err == nil && found != id:
		return fmt.Errorf("%w: the key %s was %s and is %s (a backup of another store, or another database)", ErrOtherStore, storeKey, id, flow.Cut(found, 40))
	}
	return nil
}
