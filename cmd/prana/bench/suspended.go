package bench

import (
	"context"
	"fmt"
)

// Suspended is the memory that executions take in Redis while they wait.
type Suspended struct {
	Count     int   `json:"count"`
	BytesEach int64 `json:"bytes_each"`
}

var suspended = measurement{name: "suspended", measure: measureSuspended, lines: suspendedLines}

func measureSuspended(ctx context.Context, b *bench, r *Report) error {
	b.Say("suspended: %s executions", count(b.Suspended))
	c, err := b.newCrowd(ctx, b.dbs[0])
	if err != nil {
		return err
	}
	if _, err := c.fill(ctx, "", makers); err != nil { // so that scripts and connections are there already
		return err
	}
	before, err := b.dbs[0].memory(ctx)
	if err != nil {
		return err
	}
	if _, err := c.fill(ctx, "", b.Suspended); err != nil {
		return err
	}
	if err := b.dbs[0].calm(ctx); err != nil { // what it keeps for a log that it rewrites is no execution's
		return err
	}
	after, err := b.dbs[0].memory(ctx)
	r.Suspended = Suspended{Count: b.Suspended, BytesEach: (after - before) / int64(b.Suspended)}
	return err
}

func suspendedLines(r Report) []Line {
	return []Line{{Of: count(r.Suspended.Count) + " executions", Result: fmt.Sprintf("%s bytes each", count(int(r.Suspended.BytesEach)))}}
}
