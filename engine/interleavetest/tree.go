package interleavetest

import (
	"fmt"
	"slices"
)

// Tree knows which orders were run, and walks them depth first. Of those that differ only by the places of calls that do
// not conflict it runs one (sleep sets), unless the number of preemptions is bounded: then it runs all within the bound.
type Tree struct {
	settle Settle
	bound  int // preemptions of one order; negative = any
	path   []*fork
	begun  bool

	Runs      int // that were run to the end
	Redundant int // that were broken off
}

// fork is a moment of the order that is run now.
type fork struct {
	left      []Choice // still to be tried; the first is being tried
	asleep    []Choice // tried before, with everything that can follow
	last      int      // who made the call before; -1 = nobody
	could     bool     // he could have gone on
	preempted int      // how often another went on instead, until now
}

// NewTree begins with nothing tried.
func NewTree(s Settle) *Tree { return &Tree{settle: s, bound: -1} }

// Bounded begins with nothing tried of the orders in which somebody who could go on has to wait for another this often
// at most. Most faults need one or two such moments.
func Bounded(s Settle, preemptions int) *Tree { return &Tree{settle: s, bound: preemptions} }

// Next tells whether there is another order to be run.
func (t *Tree) Next() bool {
	if !t.begun {
		t.begun = true
		return true
	}
	for len(t.path) > 0 {
		f := t.path[len(t.path)-1]
		if t.bound < 0 {
			f.asleep = append(f.asleep, f.left[0])
		}
		f.left = slices.DeleteFunc(f.left[1:], f.sleeps)
		if len(f.left) > 0 {
			return true
		}
		t.path = t.path[:len(t.path)-1]
	}
	return false
}

// Schedule gives the order that is next.
func (t *Tree) Schedule() *Schedule { return &Schedule{tree: t, news: make(chan struct{}, 1)} }

// choose gives the choice at a depth; false: whatever follows was run before.
func (t *Tree) choose(depth int, choices []Choice) (Choice, bool) {
	if depth < len(t.path) {
		again := t.path[depth].left[0]
		if !slices.Contains(choices, again) {
			panic(fmt.Sprintf("the operations do not do the same in every run: %q cannot be chosen among %v", again, choices))
		}
		return again, true
	}
	f := &fork{last: -1}
	if depth > 0 {
		f.follow(t.path[depth-1], choices)
	}
	f.left = slices.DeleteFunc(choices, func(c Choice) bool {
		return f.sleeps(c) || t.bound >= 0 && f.preempts(c) && f.preempted >= t.bound
	})
	if len(f.left) == 0 {
		return Choice{}, false
	}
	t.path = append(t.path, f)
	return f.left[0], true
}

// Done counts a run.
func (t *Tree) Done(s *Schedule) {
	if s.Redundant() {
		t.Redundant++
	} else {
		t.Runs++
	}
}

// follow takes over what the fork before leaves.
func (f *fork) follow(before *fork, choices []Choice) {
	now := before.left[0]
	f.asleep, f.last, f.preempted = before.stillAsleep(), now.Op, before.preempted
	f.could = slices.ContainsFunc(choices, func(c Choice) bool { return c.Op == now.Op })
	if before.preempts(now) {
		f.preempted++
	}
}

func (f *fork) preempts(c Choice) bool { return f.could && c.Op != f.last }

func (f *fork) sleeps(c Choice) bool { return slices.Contains(f.asleep, c) }

// stillAsleep gives what sleeps on after the choice that is being tried: what it does not conflict with.
func (f *fork) stillAsleep() (still []Choice) {
	now := f.left[0]
	for _, c := range f.asleep {
		if c.Op != now.Op && (c.Fault == Dies || now.Fault == Dies || !c.Call.conflicts(now.Call)) {
			still = append(still, c)
		}
	}
	return still
}
