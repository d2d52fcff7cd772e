package bench

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Suspended is the memory that executions take in Redis while they wait for an event with a timeout.
type Suspended struct {
	Count int `json:"count"`
	// BytesEach is MEMORY USAGE of everything there is, without the inputs that the executions were started with.
	BytesEach int64 `json:"bytes_each"`
	// UsedMemoryEach is how much more memory Redis says that it uses: also for its table of keys, and what is lost between them.
	UsedMemoryEach int64 `json:"used_memory_each"`
}

var suspended = measurement{
	name: "suspended", measure: measureSuspended, lines: suspendedLines,
	about: "memory that an execution takes in Redis while it waits for an event, with a timeout, beyond its input",
}

// footprint is what a database takes, in bytes.
type footprint struct{ usage, used int64 }

func measureSuspended(ctx context.Context, b *bench, r *Report) error {
	b.Say("suspended: %s executions", count(b.Suspended))
	c, err := b.newCrowd(ctx, b.dbs[0], waitSource)
	if err != nil {
		return err
	}
	if _, err := c.fill(ctx, "", makers); err != nil { // so that scripts and connections are there already
		return err
	}
	before, err := b.dbs[0].footprint(ctx)
	if err != nil {
		return err
	}
	made, err := c.fill(ctx, "", b.Suspended)
	if err != nil {
		return err
	}
	after, err := b.dbs[0].footprint(ctx)
	if err != nil {
		return err
	}
	own := int64(0)
	for _, w := range made {
		own += int64(len(inputOf(w.order)))
	}
	n := int64(b.Suspended)
	r.Suspended = Suspended{Count: b.Suspended, BytesEach: (after.usage - before.usage - own) / n, UsedMemoryEach: (after.used - before.used - own) / n}
	return nil
}

func (t *target) footprint(ctx context.Context) (f footprint, err error) {
	if err := t.calm(ctx); err != nil { // what it keeps for a log that it rewrites is no execution's
		return f, err
	}
	if f.used, err = t.memory(ctx); err != nil {
		return f, err
	}
	seen := map[string]bool{}
	err = t.each(ctx, "*", func(keys []string) error {
		pipe := t.client.Pipeline()
		var sizes []*redis.IntCmd
		for _, k := range keys {
			if !seen[k] {
				seen[k] = true
				sizes = append(sizes, pipe.MemoryUsage(ctx, k, 0)) // of all of its elements
			}
		}
		_, err := pipe.Exec(ctx)
		for _, size := range sizes {
			f.usage += size.Val()
		}
		return err
	})
	return f, err
}

func suspendedLines(r Report) []Line {
	s := r.Suspended
	return []Line{{
		Of:     count(s.Count) + " executions",
		Result: fmt.Sprintf("%s bytes each, %s of used memory", count(int(s.BytesEach)), count(int(s.UsedMemoryEach))),
	}}
}
