// Package interleavetest runs operations beside one another in every order that their calls to what they share can have,
// and lets one of them die, or lose a reply, at each of its calls.
//
//	for tree := interleavetest.NewTree(interleavetest.InBubble); tree.Next(); {
//		synctest.Test(t, func(t *testing.T) {
//			s := tree.Schedule()
//			store := &interleavetest.Store{Store: inmem.New(…), Around: s.Around}
//			s.Run(t.Context(), publish, cancel) // the operations use the store
//			if !s.Redundant() { … } // judge what came of it
//		})
//	}
//
// Whoever makes another thing a scheduling point (a Redis command, a move of a clock) calls Around himself.
package interleavetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"prana/engine/flow"
)

// Fault is what befalls one call of an operation, and it only once.
type Fault string

// The faults. Who dies after a call dies before the next one; and whose last call was made has done all that it does, so that only
// its answer may be unheard. So Dies, at every call, stands for every moment of a death.
const (
	None  Fault = ""
	Dies  Fault = "dies before"      // the call is not made, nor any other of the operation
	Loses Fault = "loses a reply of" // the call is made and answered with flow.ErrUnavailable; the operation goes on
)

// errDead is what an operation is answered after its death.
var errDead = errors.New("the process is dead")

// Op is an operation: everything that it calls belongs to it, as long as it hands its context on.
type Op struct {
	Name   string
	Run    func(ctx context.Context)
	Faults []Fault // that may befall it, of Dies and Loses; none = it is not disturbed
}

// Call is a scheduling point. Two calls that do not touch the same, or only read it, may change places without anybody seeing it.
type Call struct {
	Name          string
	Reads, Writes Thing
}

// Thing is a set of things that calls share.
type Thing uint

func (c Call) conflicts(o Call) bool {
	return c.Writes&(o.Reads|o.Writes) != 0 || o.Writes&c.Reads != 0
}

// Choice is who goes on with which call, and how.
type Choice struct {
	Op    int // place in the list
	Name  string
	Call  Call
	Fault Fault
}

func (c Choice) String() string {
	return strings.Join(slices.DeleteFunc([]string{c.Name, string(c.Fault), c.Call.Name}, func(s string) bool { return s == "" }), " ")
}

// Schedule is one order. It is used for one Run.
type Schedule struct {
	tree *Tree

	mu        sync.Mutex
	actors    []*actor
	news      chan struct{}
	taken     []Choice
	redundant bool
}

// actor is an operation under way.
type actor struct {
	Op
	place    int
	parked   []*parked
	finished bool
	dead     bool
	struck   bool // a fault befell it
}

// parked is a call that waits for its turn.
type parked struct {
	Call
	turn chan Fault
}

type actorKey struct{}

// Around makes a call when its turn has come. Calls of nobody, such as those of the test itself, are made at once.
func (s *Schedule) Around(ctx context.Context, c Call, do func() error) error {
	a, _ := ctx.Value(actorKey{}).(*actor)
	if a == nil {
		return do()
	}
	p := s.park(a, c)
	if p == nil {
		return errDead
	}
	switch <-p.turn {
	case Dies:
		return errDead
	case Loses:
		_ = do()
		return fmt.Errorf("the reply of %s was lost: %w", c.Name, flow.ErrUnavailable)
	}
	return do()
}

// park has a call wait; nil when its operation is dead.
func (s *Schedule) park(a *actor, c Call) *parked {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.dead {
		return nil
	}
	p := &parked{c, make(chan Fault, 1)}
	a.parked = append(a.parked, p)
	s.tell()
	return p
}

// tell wakes the schedule. The lock is held.
func (s *Schedule) tell() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// Run runs the operations side by side until all are over.
func (s *Schedule) Run(ctx context.Context, ops ...Op) {
	var all sync.WaitGroup
	for i, op := range ops {
		a := &actor{Op: op, place: i}
		s.actors = append(s.actors, a)
		all.Go(func() {
			op.Run(context.WithValue(ctx, actorKey{}, a))
			s.mu.Lock()
			defer s.mu.Unlock()
			a.finished = true
			s.tell()
		})
	}
	for s.tree.settle(s); s.next(); s.tree.settle(s) {
	}
	all.Wait()
}

// next lets one call go on; false when there is none.
func (s *Schedule) next() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	choices := s.choices()
	if len(choices) == 0 {
		return false
	}
	c, ok := s.tree.choose(len(s.taken), choices)
	if !ok {
		s.redundant = true
		for _, a := range s.actors {
			a.die()
		}
		return false
	}
	s.taken = append(s.taken, c)
	s.actors[c.Op].goOn(c)
	return true
}

func (s *Schedule) choices() (all []Choice) {
	for _, a := range s.actors {
		slices.SortStableFunc(a.parked, func(p, q *parked) int { return cmp.Compare(p.Name, q.Name) })
		for _, p := range a.parked {
			all = append(all, Choice{Op: a.place, Name: a.Name, Call: p.Call})
			for _, f := range a.Faults {
				if !a.struck {
					all = append(all, Choice{Op: a.place, Name: a.Name, Call: p.Call, Fault: f})
				}
			}
		}
	}
	return all
}

// goOn gives the turn to a call.
func (a *actor) goOn(c Choice) {
	i := slices.IndexFunc(a.parked, func(p *parked) bool { return p.Name == c.Call.Name })
	p := a.parked[i]
	a.parked = slices.Delete(a.parked, i, i+1)
	a.struck = a.struck || c.Fault != None
	p.turn <- c.Fault
	if c.Fault == Dies {
		a.die()
	}
}

func (a *actor) die() {
	a.dead = true
	for _, p := range a.parked {
		p.turn <- Dies
	}
	a.parked = nil
}

// stirring tells whether an operation is neither over nor at a call.
func (s *Schedule) stirring() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.actors, func(a *actor) bool { return !a.finished && len(a.parked) == 0 })
}

// Settle waits until every operation is at a call, over, or waits for another.
type Settle func(s *Schedule)

// InBubble settles inside of synctest.Test, whatever the operations do side by side, or wait for one another.
func InBubble(s *Schedule) {
	synctest.Wait()
	for range 20 { // whoever pauses before trying again
		if !s.stirring() {
			return
		}
		time.Sleep(5 * time.Millisecond)
		synctest.Wait()
	}
}

// InRealTime settles where a bubble cannot be, as with sockets. An operation must make its calls one after the other.
func InRealTime(s *Schedule) {
	for s.stirring() {
		<-s.news
	}
}

// Redundant tells that the run was broken off: it would have come to the same as an earlier one.
func (s *Schedule) Redundant() bool { return s.redundant }

// Died tells whether an operation died.
func (s *Schedule) Died(op int) bool { return s.actors[op].dead }

// Taken tells the order that was run, to be read by people.
func (s *Schedule) Taken() string {
	lines := make([]string, len(s.taken))
	for i, c := range s.taken {
		lines[i] = c.String()
	}
	return strings.Join(lines, "\n")
}
