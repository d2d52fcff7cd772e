package suspend

import (
	"context"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"
)

// What can name an execution.
const (
	aKey    = 'k' // a whole key
	inZSet  = 'z' // a member of a sorted set
	inSet   = 's'
	inHash  = 'h' // a field
	ownTask = 't' // a task of asynq
)

// place is where an execution is named.
type place struct {
	kind        rune
	key, member string
}

// ask reads the place; there and score tell of the answer.
func (p place) ask(ctx context.Context, r redis.Pipeliner) redis.Cmder {
	switch p.kind {
	case inZSet:
		return r.ZScore(ctx, p.key, p.member)
	case inSet:
		return r.SIsMember(ctx, p.key, p.member)
	case inHash:
		return r.HExists(ctx, p.key, p.member)
	case ownTask:
		return r.HGet(ctx, p.key, "state")
	}
	return r.Exists(ctx, p.key)
}

func there(cmd redis.Cmder) bool {
	switch c := cmd.(type) {
	case *redis.BoolCmd:
		return c.Val()
	case *redis.IntCmd:
		return c.Val() > 0
	}
	return cmd.Err() == nil
}

// String names the place to people.
func (p place) String() string {
	if p.member == "" {
		return p.key
	}
	return p.key + " (" + p.member + ")"
}

// naming lists executions with the places that were seen to name them.
type naming map[string][]place

func (n naming) add(execution string, places ...place) {
	n[execution] = append(n[execution], places...)
}

func (n naming) looks() []*look {
	var all []*look
	for _, id := range slices.Sorted(maps.Keys(n)) {
		all = append(all, &look{id: id, seen: n[id]})
	}
	return all
}
