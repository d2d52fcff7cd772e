package suspend

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// NewestFormat is the newest format in which a store may be written. All are read, whichever is written.
const NewestFormat = 2

// RaiseFormat is the command of Redis by which people have processes write the newest format, from their next start on.
var RaiseFormat = fmt.Sprintf("SET %s %d", formatKey, NewestFormat)

const firstFormat = 1

// formatKey holds the newest format that every process which works on the store can read. What is older than it has none.
const formatKey = "prana:format"

// Format tells in which format the store is to be written: 1 until somebody who knows that every process can read a later one
// says so, and the newest where there is no store yet.
func (s *Store) Format(ctx context.Context) (int, error) {
	p := s.redis.Pipeline()
	name, format := p.Exists(ctx, storeKey), p.Get(ctx, formatKey)
	if err := exec(ctx, p); err != nil {
		return 0, trouble("asking for the format of the store", err)
	}
	text, err := format.Result()
	if errors.Is(err, redis.Nil) {
		text = strconv.Itoa(firstFormat)
		if name.Val() == 0 {
			text = strconv.Itoa(NewestFormat)
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < firstFormat || n > NewestFormat {
		return 0, fmt.Errorf("the key %s says that the store has format %q, and this version knows %d to %d: run a newer version of Prana", formatKey, text, firstFormat, NewestFormat)
	}
	return n, nil
}
