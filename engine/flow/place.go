package flow

import (
	"fmt"
	"strings"
)

// Bounds of concurrency keys, which are shared by everything in a store.
const (
	// MaxConcurrency is how many places a key has at most.
	MaxConcurrency = 10_000
	// MaxConcurrencyKey is how many characters a key has at most.
	MaxConcurrencyKey = 256
)

// Holder is who holds a place of a concurrency key, or waits for one: a step, or
// a whole execution.
type Holder struct {
	Execution string
	Step      StepID
	Whole     bool // the execution holds it, whatever Step says
}

// wholeHolder stands for the step where there is none.
const wholeHolder = "!"

// String gives "execution:node.run", or "execution:!".
func (h Holder) String() string {
	if h.Whole {
		return h.Execution + ":" + wholeHolder
	}
	return h.Execution + ":" + h.Step.String()
}

// ParseHolder reads what String gives.
func ParseHolder(s string) (Holder, error) {
	execution, step, _ := strings.Cut(s, ":")
	_, ok := PartitionOf(execution)
	if ok && step == wholeHolder {
		return Holder{Execution: execution, Whole: true}, nil
	}
	id, err := ParseStepID(step)
	if !ok || err != nil {
		return Holder{}, fmt.Errorf("%q is not a holder of a place (execution:node.run, or execution:!)", Cut(s, 60))
	}
	return Holder{Execution: execution, Step: id}, nil
}
