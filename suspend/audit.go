package suspend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Finding is something in the store that should not be so.
type Finding struct {
	// Invariant is "I1" to "I13", as FORMAT.md lists them; "asynq" for what costs only time; "format" for what
	// cannot be read.
	Invariant string `json:"invariant"`
	Execution string `json:"execution,omitempty"` // empty = of the whole partition
	Message   string `json:"message"`
	Hint      string `json:"hint"`
}

// AuditOptions bound an audit. Zero fields mean the defaults named here.
type AuditOptions struct {
	MaxValue int64 // bytes that one stored value may have; 1 MiB
	Limit    int   // findings after which it stops; 100
}

// Audited is what an audit found.
type Audited struct {
	Executions int // looked at
	Moving     int // that changed whenever they were looked at: they are alive, and nothing is said of them
	Findings   []Finding
	More       bool // it stopped at the limit
}

const (
	auditPage  = 200 // keys or members that are asked for at once
	auditBatch = 50  // executions that are looked at together
	auditLooks = 5   // at one execution, while it moves or looks suspicious
)

// errEnough ends an audit that found more than it may report.
var errEnough = errors.New("enough findings")

// Audit walks all keys of a partition in pages and checks the invariants that
// can be seen there. Executions may run meanwhile: one is judged only by what was
// read between two of its commits, and what looks wrong is looked at again
// before it is reported. It reads the names of all keys of the server once.
func (s *Store) Audit(ctx context.Context, partition int, o AuditOptions) (Audited, error) {
	a := &audit{store: s, tag: tag(partition), o: o, told: map[Finding]bool{}}
	if a.o.MaxValue == 0 {
		a.o.MaxValue = 1 << 20
	}
	if a.o.Limit == 0 {
		a.o.Limit = 100
	}
	format, err := s.Format(ctx)
	if err != nil {
		return a.found, err
	}
	a.format = min(format, s.format)
	err = a.run(ctx)
	if errors.Is(err, errEnough) {
		a.found.More, err = true, nil
	}
	return a.found, trouble(fmt.Sprintf("auditing partition %d", partition), err)
}

// audit is one walk under way.
type audit struct {
	store  *Store
	redis  redis.Cmdable // the server of the partition
	tag    string
	format int // in which the store is written
	o      AuditOptions
	found  Audited
	told   map[Finding]bool
	shapes []string // keys of shapes that were met
}

func (a *audit) run(ctx context.Context) error {
	a.redis = a.store.redis
	if c, ok := a.store.redis.(*redis.ClusterClient); ok {
		master, err := c.MasterForKey(ctx, dueKey(a.tag))
		if err != nil {
			return err
		}
		a.redis = master
	}
	for cursor := uint64(0); ; {
		keys, next, err := a.redis.Scan(ctx, cursor, a.tag+"*", auditPage).Result()
		if err != nil {
			return err
		}
		if err := a.keys(ctx, keys); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	return a.countShapes(ctx)
}

// keys takes one page of keys, each to those who know its kind.
func (a *audit) keys(ctx context.Context, keys []string) error {
	if err := a.expiries(ctx, keys); err != nil {
		return err
	}
	named := naming{}
	for _, key := range keys {
		kind, rest, _ := strings.Cut(strings.TrimPrefix(key, a.tag), ":")
		switch kind {
		case "x":
			named.add(rest)
			a.found.Executions++
		case "v", "q":
			named.add(rest, place{kind: aKey, key: key})
		case "shapes":
			a.shapes = append(a.shapes, key)
		}
	}
	if err := a.examine(ctx, named); err != nil {
		return err
	}
	for _, key := range keys {
		if err := a.list(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// expiries finds keys that Redis will remove by itself. Only wake-up lists and the feed may go so.
func (a *audit) expiries(ctx context.Context, keys []string) error {
	p := a.redis.Pipeline()
	cmds := make([]*redis.DurationCmd, len(keys))
	for i, key := range keys {
		cmds[i] = p.PTTL(ctx, key)
	}
	if err := exec(ctx, p); err != nil {
		return err
	}
	for i, key := range keys {
		if cmds[i].Val() < 0 || strings.HasPrefix(key, a.tag+"wake:") || key == feedKey(a.tag) {
			continue
		}
		f := Finding{"I12", "", "the key " + key + " will expire by itself", "somebody set an expiry by hand; take it away with PERSIST before it is too late"}
		if err := a.report(f); err != nil {
			return err
		}
	}
	return nil
}

// exec runs a pipeline, in which something missing is no error.
func exec(ctx context.Context, p redis.Pipeliner) error {
	if p.Len() == 0 {
		return nil
	}
	cmds, _ := p.Exec(ctx)
	for _, c := range cmds {
		if err := c.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}

func (a *audit) report(f Finding) error {
	if a.told[f] {
		return nil
	}
	if len(a.found.Findings) == a.o.Limit {
		return errEnough
	}
	a.told[f] = true
	a.found.Findings = append(a.found.Findings, f)
	return nil
}

// examine looks at executions until each was seen at rest. What is suspicious
// must be seen twice.
func (a *audit) examine(ctx context.Context, named naming) error {
	for batch := range slices.Chunk(named.looks(), auditBatch) {
		if err := a.examineBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (a *audit) examineBatch(ctx context.Context, looks []*look) error {
	for range auditLooks {
		if err := a.round(ctx, looks); err != nil {
			return err
		}
		var again []*look
		for _, l := range looks {
			if l.moved || len(l.findings) > 0 && l.suspected == nil {
				again = append(again, l)
			}
			if l.moved {
				continue
			}
			for _, f := range l.findings {
				if err := a.confirm(l, f); err != nil {
					return err
				}
			}
			l.suspected = l.findings
		}
		if looks = again; len(looks) == 0 {
			return nil
		}
	}
	a.found.Moving += len(looks)
	return nil
}

// confirm reports what was seen before as well.
func (a *audit) confirm(l *look, f Finding) error {
	if slices.Contains(l.suspected, f) {
		return a.report(f)
	}
	return nil
}
