package programs

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func dice(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// TestTheSameChoicesMakeTheSame: a seed replays a program and what it must come to.
func TestTheSameChoicesMakeTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		a, b := Generate(dice(seed), "p"), Generate(dice(seed), "p")
		if !slices.Equal(a.Sources(), b.Sources()) || a.Interpret("x").Output != b.Interpret("x").Output {
			t.Fatalf("seed %d makes two programs", seed)
		}
	}
}

// TestEveryStatementOccurs: the programs of a quick run use all that the product can do in them.
func TestEveryStatementOccurs(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for seed := range uint64(40) {
		for _, src := range Generate(dice(seed), "p").Sources() {
			all.WriteString(src)
		}
	}
	for _, want := range []string{
		"faults.effect", "retry_on_failed", "continue_error_output", "concurrency_key", "time.delay", `"on_timeout": "fail"`, `"on_timeout": "late"`,
		"poll.poll_until", `"sync"`, `"async"`, `"fire_and_forget"`, `"join": "all"`, "logic.if_condition", "core.for_each", `"sequential"`, `"parallel"`,
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no program of forty has %s", want)
		}
	}
}
