// Package race lets those who may end the same wait, or the same execution, begin at once: processes of their own on a real
// Redis, let go from a barrier. What each was told is a history, which is held against a register that one of them sets.
package race

import (
	"context"

	"prana/engine/flow"
	"prana/integration/faults/desk"
)

// Race is something that several sides want and one gets.
type Race struct {
	Name      string
	Workflows []string // the first is started; its input is {"id": a name of its own}
	// Executions is how many of them one trial is about; 0 = 1.
	Executions int
	// Holds tells whether a task is kept for a side instead of being worked off before the race; nil = none is.
	Holds func(root bool) bool
	Sides []Side
	// Winners are those who may win, of each execution that is raced for; each must win some trials.
	Winners [][]string
	// Sees reads from an execution, before anything follows, how far the race went.
	Sees func(t *Trial, v *flow.View) State
	// Follows tells what is wrong with the executions once everything followed; nil = nothing.
	Follows func(t *Trial, ends []*flow.View) error
}

// Side is one who races, in a process of its own or one that it shares.
type Side struct {
	Name string
	Run  func(ctx context.Context, t *Trial, e *desk.Process) []Told
}

// Told is an operation on one execution, as its caller learned how it went.
type Told struct {
	Execution string
	Kind      Kind
	By        string // the winner, if it wins
	Said      Said
	Who       string // of one that lost: who won, as it was told
	Sees      State  // of a read
}

// Kind is what an operation does to an execution.
type Kind int

// The kinds of operations.
const (
	Takes  Kind = iota // ends the wait, or whatever one side may have
	Ends               // ends the wait, and the execution with it
	Cancel             // ends the execution as cancelled, and the wait unless that is over
	Reads              // changes nothing
)

// Said is how an operation was answered.
type Said int

// The answers. Settled tells nothing: a task is done, whoever won.
const (
	Won Said = iota
	Lost
	Settled
	Unknown
)

// State is a register: who won an execution, and how it ended if it did.
type State struct {
	Winner string
	Status flow.Status // terminal, or empty
}

// All are the races of the programme.
func All() []Race {
	return []Race{
		eventOrTimeout(), eventOrCancel(), eventOrHandOrURL(), timeoutOrHand(), four(),
		lastStepOrCancel(), childOrTimeout(), retryTimerOrCancel(), operators(), pollOrCancel(),
		twoEvents(), fewOfMany(),
	}
}
