package faults

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"prana/integration/faults/mutants"
)

// TestMutants takes the guards of the product away, one at a time: the programme catches every one. In the quick tier it only
// sees that each guard is still where the mutant says.
func TestMutants(t *testing.T) {
	p := begin(t)
	caught := 0
	for _, m := range mutants.All {
		t.Run(m.Name, func(t *testing.T) {
			root, err := filepath.Abs("../..")
			if err != nil {
				t.Fatal(err)
			}
			overlay, err := m.Overlay(root, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if *tier == "full" && p.catches(t, m, overlay) {
				caught++
			}
		})
	}
	if *tier == "full" {
		p.want("mutants", float64(len(mutants.All)), "", "≥", 12)
		p.want("mutants caught", float64(caught), "", "=", float64(len(mutants.All)))
	}
}

// catches runs a part of the programme on a mutant, and tells whether it failed, as a test fails.
func (p *part) catches(t *testing.T, m mutants.Mutant, overlay string) bool {
	t.Helper()
	args := []string{"test", "-overlay", overlay, "-count=1", "-failfast", "-timeout=10m", "-run", m.Caught, ".", "-seed", strconv.FormatUint(p.seed, 10)}
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "go", args...).CombinedOutput()
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	text := string(out)
	switch {
	case err == nil:
		t.Errorf("nobody misses the guard %q: %s passes without it", m.Guard, m.Caught)
	case !strings.Contains(text, "--- FAIL: ") && !strings.Contains(text, "panic: test timed out"):
		t.Errorf("the mutant does not run:\n%s", text)
	default:
		t.Logf("caught: %s", firstComplaint(text))
		return true
	}
	return false
}

// firstComplaint is the first line of a failed test's output that says what is wrong: a figure that was not reached before anything
// else, and no figure that was.
func firstComplaint(out string) string {
	first := "it failed"
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		switch {
		case strings.Contains(line, ": not reached: "):
			return line
		case !complaint.MatchString(line) || figureLine.MatchString(line):
		case first == "it failed":
			first = line
		}
	}
	return first
}

var (
	complaint  = regexp.MustCompile(`^\w+_test\.go:\d+: \w`)
	figureLine = regexp.MustCompile(`go:\d+: (seed \d+ replays|[^:]+(: [^:]+)?: -?[0-9.]+( [a-z%]+)?( \(goal .*)?$|.*ago$)`)
)
