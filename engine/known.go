package engine

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"prana/engine/flow"
)

// What a commit of this process leaves of an execution with open fans is known, as far as it concerns the steps that it made: who runs
// them, and decides what follows, needs no look at the store. It may be stale, never wrong: what follows is committed against its revision.

const (
	// maxKnown is of how many executions something is known at a time.
	maxKnown = 16
	// maxKnownSteps bounds the steps that are known of one, and the parts in which they are.
	maxKnownSteps = 2_000
	// maxKnownBytes bounds the values of these.
	maxKnownBytes = 1 << 20
	// knownFor is within what a step is run without a look: far less than asynq leaves a task to a worker that does not answer,
	// so that nobody else can have begun it.
	knownFor = 20 * time.Second
)

// knowledge is what is known, by execution.
type knowledge struct {
	mu sync.Mutex
	of map[string]*known
}

// known is an execution as the last commit of this process left it. What it points to is never changed.
type known struct {
	p     *compiled
	x     flow.Execution // but for what follows
	fans  map[flow.StepID]*flow.Fan
	parts map[flow.StepID]*flow.Part
	steps map[flow.StepID]*knownStep
	bytes int       // of the values of the steps
	at    time.Time // when it was so, by the clock of this process
}

// knownStep is a step that nobody ran yet, as far as is known.
type knownStep struct {
	flow.Step
	values map[flow.Ref]json.RawMessage // that it reads; nil = they are not all known
	bytes  int
	at     time.Time // when it was learned
	taken  bool      // somebody runs it already
}

// learn notes what a commit left. It goes on from what is known already, or begins with a commit that was decided from all that its step
// needed.
func (k *knowledge) learn(m move, begins bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ch, of := m.ch, k.of[m.ch.Execution]
	if of == nil || of.x.Rev != ch.Prev {
		of = nil
		if begins && len(m.x.Fans) > 0 && len(m.p.Nodes) <= maxCarried && k.room() {
			of = newKnown(m)
		}
	}
	if of != nil {
		of.move(m)
	}
	if of == nil || len(of.fans) == 0 || len(of.parts) > maxKnownSteps || ch.Front.Status != flow.Running || ch.At.IsZero() {
		delete(k.of, ch.Execution)
		return
	}
	k.of[ch.Execution] = of
}

// newKnown knows of an execution what never changes, as far as it was loaded, and how far all nodes came.
func newKnown(m move) *known {
	return &known{
		p: m.p, x: flow.Execution{ID: m.x.ID, Head: m.x.Head, Input: m.x.Input, Nodes: maps.Clone(m.x.Nodes), Carried: true},
		fans: map[flow.StepID]*flow.Fan{}, parts: map[flow.StepID]*flow.Part{}, steps: map[flow.StepID]*knownStep{},
	}
}

// room makes room for one more, if there is any.
func (k *knowledge) room() bool {
	if k.of == nil {
		k.of = map[string]*known{}
	}
	if len(k.of) >= maxKnown {
		maps.DeleteFunc(k.of, func(_ string, old *known) bool { return time.Since(old.at) > carryFor })
	}
	return len(k.of) < maxKnown
}

// drop forgets what is known of an execution that moved otherwise.
func (k *knowledge) drop(execution string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.of, execution)
}

// toRun gives what loading the step of a dispatch would, once; nil = that is not all known.
func (k *knowledge) toRun(d flow.Dispatch) (*compiled, *flow.Execution) {
	k.mu.Lock()
	defer k.mu.Unlock()
	of := k.of[d.Execution]
	if of == nil || time.Since(of.at) > carryFor { // others may have moved it
		return nil, nil
	}
	s := of.steps[d.Step]
	if s == nil || s.values == nil || s.taken || s.Token != d.Token || time.Since(s.at) > knownFor {
		return nil, nil
	}
	x := of.around(d)
	if x != nil && !slices.ContainsFunc(readBy(of.p, x, x.Steps[d.Step]), func(r flow.Ref) bool { return s.values[r] == nil }) {
		s.taken = true
		return of.p, x
	}
	return nil, nil // a node that it reads ran again
}

// toDecide gives what is known of the steps of jobs that ended together; nil = not all that is needed.
func (k *knowledge) toDecide(batch []*submission) *flow.Execution {
	if slices.ContainsFunc(batch, func(s *submission) bool { return s.task == nil }) {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	of := k.of[batch[0].task.Execution]
	if of == nil { // as of most, so that nothing is prepared before
		return nil
	}
	steps := make([]flow.Dispatch, len(batch))
	for i, s := range batch {
		steps[i] = s.task.Dispatch
	}
	x := of.around(steps...)
	for _, s := range batch {
		if x != nil && s.loaded.Now.After(x.Now) {
			x.Now = s.loaded.Now
		}
	}
	return x
}

// confirm notes that an execution, just loaded, stands as it is known.
func (k *knowledge) confirm(x *flow.Execution) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if of := k.of[x.ID]; of != nil && of.x.Rev == x.Rev {
		of.at, of.x.Now = time.Now(), x.Now
	}
}

// move goes on by a change.
func (k *known) move(m move) {
	ch := m.ch
	k.at = time.Now()
	k.x.Rev, k.x.Front, k.x.Now = ch.Op, ch.Front, ch.At
	if k.x.Input == nil { // what it began with had not been loaded
		k.x.Input = m.x.Input
	}
	maps.Copy(k.x.Nodes, ch.Nodes)
	put(k.fans, ch.Fans)
	put(k.parts, ch.Parts)
	for _, s := range ch.Steps {
		if old := k.steps[s.ID]; old != nil {
			k.bytes -= old.bytes
			delete(k.steps, s.ID)
		}
		if s.Part != nil && isNew(s) && len(k.steps) < maxKnownSteps {
			k.add(m, *s)
		}
	}
}

// put writes what is given, and removes what is nil.
func put[T any](to, from map[flow.StepID]*T) {
	for id, v := range from {
		if to[id] = v; v == nil {
			delete(to, id)
		}
	}
}

// add notes a new step with what it reads.
func (k *known) add(m move, s flow.Step) {
	own := &knownStep{Step: m.stored(s), at: k.at}
	if values, bytes, ok := m.values(&s); ok && k.bytes+bytes <= maxKnownBytes {
		own.values, own.bytes = values, bytes
		k.bytes += bytes
	}
	k.steps[s.ID] = own
}

// around gives steps with the parts and fans around them; nil = one is not known, or carries another token.
func (k *known) around(steps ...flow.Dispatch) *flow.Execution {
	x := k.x
	x.Front = cloneFront(x.Front)
	x.Nodes, x.Now = maps.Clone(x.Nodes), x.Now.Add(time.Since(k.at).Truncate(time.Millisecond))
	x.Steps, x.Fans = make(map[flow.StepID]*flow.Step, len(steps)), make(map[flow.StepID]*flow.Fan, 1)
	x.Values, x.Claims, x.State = map[flow.Ref]json.RawMessage{}, map[flow.StepID]string{}, map[string]json.RawMessage{}
	for _, d := range steps {
		s := k.steps[d.Step]
		if s == nil || s.Token != d.Token || !k.fansAround(&x, s.Part) {
			return nil
		}
		own := s.Step
		x.Steps[d.Step] = &own
		maps.Copy(x.Values, s.values)
	}
	return &x
}

// fansAround adds the parts that something in this part belongs to; false = one is not known.
func (k *known) fansAround(x *flow.Execution, part *flow.StepID) bool {
	for part != nil {
		p := k.parts[*part]
		if p == nil || k.fans[p.Owner] == nil {
			return false
		}
		f := x.Fans[p.Owner]
		if f == nil {
			own := *k.fans[p.Owner]
			own.Parts = map[flow.StepID]*flow.Part{}
			f, x.Fans[p.Owner] = &own, &own
		}
		if f.Parts[*part] == nil {
			f.Parts[*part] = clonePart(p)
		}
		part = f.Part
	}
	return true
}

func clonePart(p *flow.Part) *flow.Part {
	own := *p
	own.Region, own.Back, own.Last = cloneRegion(p.Region), slices.Clone(p.Back), maps.Clone(p.Last)
	return &own
}

func cloneFront(f flow.Front) flow.Front {
	f.Region, f.Ends = cloneRegion(f.Region), maps.Clone(f.Ends)
	f.Ready, f.Retries, f.Inbox = slices.Clone(f.Ready), slices.Clone(f.Retries), slices.Clone(f.Inbox)
	return f
}

func cloneRegion(r flow.Region) flow.Region {
	own := flow.Region{Live: maps.Clone(r.Live), Joins: maps.Clone(r.Joins)}
	for n, open := range own.Joins {
		own.Joins[n] = &flow.Open{Arrived: slices.Clone(open.Arrived), Fired: open.Fired}
	}
	return own
}
