package eval

import (
	"errors"
	"fmt"
	"time"
)

// The limits of one expression when it is compiled, and of one Eval when it
// runs. They are constants: a definition that is valid here is valid everywhere.
const (
	maxSource    = 4 << 10 // bytes of one expression; also what keeps the parser's recursion shallow
	maxTemplate  = 100_000 // bytes of a string that holds templates
	maxBlocks    = 1_000   // "{{" in one string
	maxDepth     = 64      // brackets, or unary operators in a row
	maxNodes     = 500     // nodes of a syntax tree as written
	maxExpanded  = 2_000   // the same after a<b<c, which parses b twice, is written out
	maxPredicate = 2       // predicates inside predicates
	maxPattern   = 256     // bytes of a regular expression
	maxProgram   = 1_000   // instructions that it compiles to

	maxSteps       = 100_000                // calls, loop turns and elements touched by one Eval
	maxString      = 64 << 10               // bytes of one string that an expression builds
	maxBuilt       = 4 << 20                // bytes of all strings that one Eval builds
	maxTime        = 250 * time.Millisecond // looked at every stepsPerLook steps only
	stepsPerLook   = 1_024                  // so an expression of ordinary size never depends on a clock
	stepsPerTurn   = 4                      // of a directive
	numbersPerStep = 4                      // of a range
	stepsPerRun    = 8                      // to set up the machine in a directive, which may do so in every turn
	weightRunes    = 8                      // of scan: taking a text apart into characters
	weightJSON     = 64                     // of scan: reading a text as JSON
	maxVMMemory    = 200_000                // elements of lists and objects that the machine builds
	maxResultNodes = 250_000                // values in one result, shared parts counted each time
	maxResultBytes = 4 << 20                // bytes of the strings in it
	maxResultDepth = 128
)

var (
	errSteps       = errors.New("the expression takes too many steps")
	errTime        = errors.New("the expression takes too long")
	errBuilt       = errors.New("the expression builds too much text")
	errLongString  = fmt.Errorf("the expression builds a string longer than %d bytes", maxString)
	errResultSize  = errors.New("the result is too large")
	errResultDepth = fmt.Errorf("the value is nested deeper than %d levels", maxResultDepth)
)

// run is one evaluation of a program: what it reads, and what it may still spend.
type run struct {
	env   Env
	vmEnv map[string]any
	steps int            // still to spend
	look  int            // steps until the clock is read again
	local map[string]any // roots that directives shadow
	turns int            // directives around that may evaluate more than once
	built int            // bytes of strings built so far
	nodes int            // values of the result seen so far
	bytes int            // bytes of the result's strings seen so far
	until time.Time
}

func newRun(env Env) *run {
	return &run{env: env, steps: maxSteps, look: stepsPerLook}
}

// machineEnv is what the virtual machine sees: this run under the name "@",
// which no expression can spell.
func (r *run) machineEnv() map[string]any {
	if r.vmEnv == nil {
		r.vmEnv = map[string]any{runName: r}
	}
	return r.vmEnv
}

// step spends n steps. The clock starts at the first look, so time spent
// waiting for a processor before real work does not count.
func (r *run) step(n int) error {
	r.steps -= n
	if r.steps < 0 {
		return errSteps
	}
	r.look -= n
	if r.look > 0 {
		return nil
	}
	r.look = stepsPerLook
	now := time.Now()
	if r.until.IsZero() {
		r.until = now.Add(maxTime)
	}
	if now.After(r.until) {
		return errTime
	}
	return nil
}

// build answers for a string of n bytes about to be built.
func (r *run) build(n int) error {
	if n > maxString {
		return errLongString
	}
	r.built += n
	if r.built > maxBuilt {
		return errBuilt
	}
	return r.step(1 + n/1024)
}

// scan answers for reading n bytes of text, each byte weighed by its cost.
func (r *run) scan(n, weight int) error { return r.step(1 + n*weight/256) }

// count answers for one value of a result.
func (r *run) count(bytes, depth int) error {
	r.nodes++
	r.bytes += bytes
	if r.nodes > maxResultNodes || r.bytes > maxResultBytes {
		return errResultSize
	}
	if depth > maxResultDepth {
		return errResultDepth
	}
	return nil
}
