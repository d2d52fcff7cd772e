package race

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/anishathalye/porcupine"

	"prana/engine/flow"
)

// history is what happened in one trial, as its callers saw it.
type history struct {
	mu  sync.Mutex
	ops []porcupine.Operation
}

// add notes what was told of an operation that was under way from call to back. One whose fate was not learned may still
// happen later.
func (h *history) add(client int, call, back int64, all []Told) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range all {
		end := back
		if t.Said == Unknown {
			end = math.MaxInt64
		}
		h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: t, Output: t, Call: call, Return: end})
	}
}

// register is what an execution promises to those who race for it: one winner, an end that absorbs, and a loser who is told
// the truth.
var register = (&porcupine.NondeterministicModel{
	Partition: byExecution,
	Init:      func() []any { return []any{State{}} },
	Step: func(state, _, output any) []any {
		var next []any
		for _, s := range step(state.(State), output.(Told)) {
			next = append(next, s)
		}
		return next
	},
}).ToModel()

func byExecution(all []porcupine.Operation) [][]porcupine.Operation {
	parts := map[string][]porcupine.Operation{}
	for _, op := range all {
		id := op.Input.(Told).Execution
		parts[id] = append(parts[id], op)
	}
	var out [][]porcupine.Operation
	for _, p := range parts {
		out = append(out, p)
	}
	return out
}

// step gives the states in which an execution may be after an operation with this answer; none when the answer is a lie.
func step(s State, t Told) []State {
	if t.Kind == Reads {
		if t.Sees != s {
			return nil
		}
		return []State{s}
	}
	after, counts := move(s, t)
	switch {
	case t.Said == Unknown:
		return []State{s, after}
	case t.Said == Settled, counts && t.Said == Won:
		return []State{after}
	case !counts && t.Said == Lost && t.truth(s):
		return []State{s}
	}
	return nil
}

// move does an operation, if it counts.
func move(s State, t Told) (after State, counts bool) {
	switch {
	case s.Status != "":
		return s, false
	case t.Kind == Cancel:
		if s.Winner == "" {
			s.Winner = t.By
		}
		return State{Winner: s.Winner, Status: flow.Cancelled}, true
	case s.Winner != "":
		return s, false
	case t.Kind == Ends:
		return State{Winner: t.By, Status: flow.Completed}, true
	}
	return State{Winner: t.By}, true
}

// truth tells whether a loser was told the truth: who had ended the wait, or how the execution had ended. Publishers are told
// only that they ended nothing.
func (told Told) truth(s State) bool {
	switch told.Who {
	case nobody:
		return true
	case neither: // what ended it came from no caller
		return s.Winner == timeout || s.Winner == cancel
	}
	return told.Who == s.Winner || told.Kind == Cancel && told.Who == string(s.Status)
}

// What losers are told besides a winner.
const (
	nobody  = "-"
	neither = "neither"
)

// String lists the operations in the order in which they began.
func (h *history) String() string {
	var b strings.Builder
	ops := slices.SortedFunc(slices.Values(h.ops), func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	for _, op := range ops {
		t := op.Output.(Told)
		back := "…"
		if op.Return != math.MaxInt64 {
			back = fmt.Sprint((op.Return - ops[0].Call) / 1000)
		}
		fmt.Fprintf(&b, "\n  %6d to %6s µs: execution %s, side %d (%s): ", (op.Call-ops[0].Call)/1000, back, t.Execution, op.ClientId, t.By)
		switch {
		case t.Kind == Reads:
			fmt.Fprintf(&b, "sees %+v", t.Sees)
		case t.Said == Lost:
			fmt.Fprintf(&b, "lost to %s", t.Who)
		default:
			b.WriteString([]string{"won", "", "settled", "unknown"}[t.Said])
		}
	}
	return b.String()
}
