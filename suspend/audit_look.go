package suspend

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// look is one execution as it was read between two of its commits.
type look struct {
	id        string
	seen      []place // that name it
	suspected []Finding

	moved    bool // a commit came in between
	rev      string
	names    []string // fields of its hash
	state    []string // of its shared state
	fields   map[string]string
	sizes    map[string]int64
	owes     bool  // it has an outbox
	now      int64 // ms
	x        *flow.Execution
	workflow *flow.Workflow // nil once it is terminal, or when it is gone
	wants    []want
	allowed  []place
	unwanted []place
	findings []Finding
}

// want is a place that must name the execution.
type want struct {
	place
	invariant, what, hint string
	judge                 func(l *look, cmd redis.Cmder) // instead of only being there
}

func (l *look) find(invariant, message, hint string) {
	f := Finding{invariant, l.id, message, hint}
	if !slices.Contains(l.findings, f) {
		l.findings = append(l.findings, f)
	}
}

// reader adds its questions to a pipeline, and gives what takes the answers.
type reader func(ctx context.Context, p redis.Pipeliner, l *look) func()

// round reads and judges. The revision is read in each trip: where it stayed the
// same, no commit came between them, and all that was read belongs together.
func (a *audit) round(ctx context.Context, looks []*look) error {
	for _, l := range looks {
		*l = look{id: l.id, seen: l.seen, suspected: l.suspected}
	}
	if err := a.trip(ctx, looks, readNames); err != nil {
		return err
	}
	if err := a.trip(ctx, looks, readFields); err != nil {
		return err
	}
	for _, l := range looks {
		if err := a.judge(ctx, l); err != nil {
			return err
		}
	}
	return a.trip(ctx, looks, a.readPlaces)
}

func (a *audit) trip(ctx context.Context, looks []*look, read reader) error {
	p := a.redis.Pipeline()
	takes := make([]func(), len(looks))
	revs := make([]*redis.StringCmd, len(looks))
	for i, l := range looks {
		takes[i] = read(ctx, p, l)
		revs[i] = p.HGet(ctx, executionKey(l.id), fieldRev)
	}
	if err := exec(ctx, p); err != nil {
		return err
	}
	for i, l := range looks {
		if l.names != nil && l.rev != revs[i].Val() {
			l.moved = true
			continue
		}
		l.rev = revs[i].Val()
		takes[i]()
	}
	return nil
}

func readNames(ctx context.Context, p redis.Pipeliner, l *look) func() {
	names, state := p.HKeys(ctx, executionKey(l.id)), p.HKeys(ctx, stateKey(l.id))
	return func() { l.names, l.state = append([]string{}, names.Val()...), state.Val() }
}

// readFields reads the control part whole, and of values only how large they are.
func readFields(ctx context.Context, p redis.Pipeliner, l *look) func() {
	key := executionKey(l.id)
	small := []string{fieldRev}
	sizes := map[string]*redis.IntCmd{}
	for _, name := range l.names {
		if isValue(name) {
			sizes["value "+name] = p.HStrLen(ctx, key, name)
		} else {
			small = append(small, name)
		}
	}
	for _, name := range l.state {
		sizes["state key "+name] = p.HStrLen(ctx, stateKey(l.id), name)
	}
	values, owes, now := p.HMGet(ctx, key, small...), p.Exists(ctx, outboxKey(l.id)), p.Time(ctx)
	return func() {
		l.fields, l.sizes = map[string]string{}, map[string]int64{}
		for i, v := range values.Val() {
			if text, ok := v.(string); ok {
				l.fields[small[i]] = text
			}
		}
		for name, c := range sizes {
			l.sizes[name] = c.Val()
		}
		l.owes, l.now = owes.Val() > 0, now.Val().UnixMilli()
	}
}

// readPlaces reads where the execution is named, and where it must not be.
func (a *audit) readPlaces(ctx context.Context, p redis.Pipeliner, l *look) func() {
	wanted := make([]redis.Cmder, len(l.wants))
	for i, w := range l.wants {
		wanted[i] = w.ask(ctx, p)
	}
	unwanted := make([]redis.Cmder, len(l.unwanted))
	for i, w := range l.unwanted {
		unwanted[i] = w.ask(ctx, p)
	}
	return func() {
		for i, w := range l.wants {
			l.wanted(w, wanted[i])
		}
		for i, w := range l.unwanted {
			if there(unwanted[i]) {
				l.leftover(w)
			}
		}
	}
}

func (l *look) wanted(w want, cmd redis.Cmder) {
	switch {
	case w.judge != nil:
		w.judge(l, cmd)
	case !there(cmd):
		l.find(w.invariant, w.what+" is missing: "+w.String(), w.hint)
	}
}

// leftover tells of a place that names the execution without reason.
func (l *look) leftover(p place) {
	kind, _, _ := strings.Cut(p.key[strings.Index(p.key, "}:")+2:], ":")
	invariant := map[string]string{"due": "I1", "ev": "I7", "sus": "I5", "wfsus": "I5", "listen": "I5"}[kind]
	if invariant == "" {
		invariant = "I12"
	}
	if l.x == nil {
		l.find(invariant, "there is no such execution, but something names it: "+p.String(), "a key was deleted by hand, or a purge was; remove what is left over")
		return
	}
	l.find(invariant, "something names it without reason: "+p.String(), "the entry leads nowhere; remove it")
}

// isValue tells whether a field holds a value of users, which may be large.
func isValue(name string) bool {
	switch name {
	case fieldInput, fieldResult, fieldReply:
		return true
	case fieldRev:
		return false
	}
	return strings.ContainsRune("odlrkb", rune(name[0]))
}
