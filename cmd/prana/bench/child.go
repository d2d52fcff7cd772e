package bench

import (
	"context"
	"strings"

	"prana/cmd/prana/child"
)

// child starts `prana worker` on the first database, as a process of its own, and returns when it runs. Settings are
// variables of its environment.
func (b *bench) child(ctx context.Context, settings ...string) (*child.Process, error) {
	c, err := child.Worker(b.Executable, append(b.environ(), settings...), "--log-level", "warn")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := c.Await(ctx, "prana worker: "); err != nil {
		c.Kill()
		return nil, err
	}
	return c, nil
}

// environ is that of this process, with what the child must know of it. The URL of Redis may have a password, which does
// not belong on a command line.
func (b *bench) environ() []string {
	var environ []string
	for _, pair := range b.Environ {
		if !strings.HasPrefix(pair, "PRANA_REDIS") && !strings.HasPrefix(pair, "PRANA_WORKER_QUEUES=") {
			environ = append(environ, pair)
		}
	}
	// The partner of workers is on this machine.
	return append(environ, "PRANA_REDIS="+b.dbs[0].url, "PRANA_EGRESS_PRIVATE=always")
}
