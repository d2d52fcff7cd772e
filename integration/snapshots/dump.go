// Package snapshots freezes what a version of the product stores of executions that rest, so that every later version can show
// that it goes on with them. Frozen files stand in suspend/testdata/commits and are never written anew.
//
//	go run ./integration/snapshots/freeze COMMIT
//
// builds that commit from the history, lets it run the scenarios of this package, as far as it knows what they are made of,
// and writes what stands in its Redis then.
package snapshots

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Dir is where snapshots stand, from the root of the repository.
const Dir = "suspend/testdata/commits"

// Snapshot is all that a version stored, but for tasks, which are made anew.
type Snapshot struct {
	Commit     string              `json:"commit"`
	About      string              `json:"about"`
	Written    int64               `json:"written"`    // ms of Redis TIME
	Executions map[string][]string `json:"executions"` // by scenario
	Keys       map[string]Key      `json:"keys"`
}

// Key is one key of Redis: one of the four is set.
type Key struct {
	TTL    int64             `json:"ttl,omitempty"` // ms; 0 = it does not expire
	String string            `json:"string,omitempty"`
	Hash   map[string]string `json:"hash,omitempty"`
	Set    []string          `json:"set,omitempty"`
	Sorted map[string]string `json:"sorted,omitempty"` // member -> score
}

// hint tells keys that others make anew: tasks, and who sleeps for them.
func hint(key string) bool {
	return strings.HasPrefix(key, "asynq:") || strings.Contains(key, "}:sleepers") || strings.Contains(key, "}:wake:")
}

// Dump reads all keys.
func Dump(ctx context.Context, c redis.UniversalClient) (map[string]Key, error) {
	names, err := c.Keys(ctx, "*").Result()
	if err != nil {
		return nil, err
	}
	keys := map[string]Key{}
	for _, name := range names {
		if hint(name) {
			continue
		}
		if keys[name], err = read(ctx, c, name); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	return keys, nil
}

func read(ctx context.Context, c redis.UniversalClient, name string) (k Key, err error) {
	kind, err := c.Type(ctx, name).Result()
	if err != nil {
		return k, err
	}
	switch kind {
	case "string":
		k.String, err = c.Get(ctx, name).Result()
	case "hash":
		k.Hash, err = c.HGetAll(ctx, name).Result()
	case "set":
		k.Set, err = c.SMembers(ctx, name).Result()
		slices.Sort(k.Set)
	case "zset":
		var rows []redis.Z
		rows, err = c.ZRangeWithScores(ctx, name, 0, -1).Result()
		k.Sorted = map[string]string{}
		for _, z := range rows {
			k.Sorted[z.Member.(string)] = strconv.FormatFloat(z.Score, 'f', -1, 64)
		}
	default:
		err = fmt.Errorf("nothing of a %s is written here", kind)
	}
	if err != nil {
		return k, err
	}
	ttl, err := c.PTTL(ctx, name).Result()
	k.TTL = max(0, ttl.Milliseconds())
	return k, err
}

// Restore writes all keys, as if they had been written some time ago: whatever the date is, what is due since then is due, and
// nothing is forgotten yet.
func (s Snapshot) Restore(ctx context.Context, c redis.UniversalClient, ago time.Duration) error {
	now, err := c.Time(ctx).Result()
	if err != nil {
		return err
	}
	move := func(text string) string { return moved(text, s.Written, now.Add(-ago).UnixMilli()) }
	for name, k := range s.Keys {
		err := k.write(ctx, c, name, move)
		if err == nil && k.TTL > 0 {
			err = c.PExpire(ctx, name, time.Duration(k.TTL)*time.Millisecond).Err()
		}
		if err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}

func (k Key) write(ctx context.Context, c redis.UniversalClient, name string, move func(string) string) error {
	switch {
	case k.Hash != nil:
		for field, v := range k.Hash {
			if err := c.HSet(ctx, name, field, move(v)).Err(); err != nil {
				return err
			}
		}
		return nil
	case k.Set != nil:
		return c.SAdd(ctx, name, k.Set).Err()
	case k.Sorted != nil:
		for member, score := range k.Sorted {
			f, err := strconv.ParseFloat(move(score), 64)
			if err != nil {
				return err
			}
			if err := c.ZAdd(ctx, name, redis.Z{Score: f, Member: member}).Err(); err != nil {
				return err
			}
		}
		return nil
	}
	return c.Set(ctx, name, k.String, 0).Err()
}

// instants are times in ms, as they stand in what is stored.
var instants = regexp.MustCompile(`\b[0-9]{13}\b`)

// near is how far times may be from that of a snapshot.
const near = 400 * 24 * time.Hour

// moved moves all times in a text, from those around one to those around another.
func moved(text string, from, to int64) string {
	return instants.ReplaceAllStringFunc(text, func(digits string) string {
		ms, _ := strconv.ParseInt(digits, 10, 64)
		if d := time.Duration(ms-from) * time.Millisecond; d.Abs() > near {
			return digits
		}
		return strconv.FormatInt(ms-from+to, 10)
	})
}
