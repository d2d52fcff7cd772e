package suspend

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// secretKey holds the random key by which the tokens are signed that this store honours. It is made once and goes with the data.
const secretKey = "prana:key"

// keyBytes is the length of what Key gives.
const keyBytes = 32

// Key gives the secret of the store, and makes it when there is none yet. Never log it.
func (s *Store) Key(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, keyBytes)
	_, _ = rand.Read(fresh) // never fails: crypto/rand aborts the process instead
	for {
		if err := s.redis.SetNX(ctx, secretKey, fresh, 0).Err(); err != nil {
			return nil, trouble("making the key of the store", err)
		}
		key, err := s.redis.Get(ctx, secretKey).Bytes()
		if errors.Is(err, redis.Nil) { // emptied in between
			continue
		}
		if err == nil && len(key) != keyBytes {
			return nil, fmt.Errorf("the key %s of this Redis holds %d bytes instead of %d: somebody else wrote it", secretKey, len(key), keyBytes)
		}
		return key, trouble("reading the key of the store", err)
	}
}
