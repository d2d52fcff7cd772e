package faults

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"prana/integration/faults/failpoints"
	"prana/integration/faults/mutants"
)

// TestMutants takes the guards of the product away, one at a time: the programme catches every one. In the quick tier it only
// sees that each guard is still where the mutant says.
func TestMutants(t *testing.T) {
	p := begin(t)
	c := &catcher{part: p, sound: map[string]bool{}}
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
			if *tier == "full" && c.catches(t, m, overlay) {
				caught++
			}
		})
	}
	if *tier != "full" {
		p.onlyLooked()
		return
	}
	p.want("mutants", float64(len(mutants.All)), "", "≥", 12)
	p.want("mutants caught", float64(caught), "", "=", float64(len(mutants.All)))
	p.want("tests that catch them, and pass on the product as it is", float64(c.passed()), "", "=", float64(len(c.sound)))
}

// catcher runs parts of the programme on mutants.
type catcher struct {
	*part
	sound map[string]bool // tests that were run on the product as it is, and whether they passed
}

// passed counts the tests that passed on the product as it is.
func (c *catcher) passed() (n int) {
	for _, ok := range c.sound {
		if ok {
			n++
		}
	}
	return n
}

// catches runs the test of a mutant on it, and tells whether it missed the guard. A test that fails without the mutant as well
// says nothing about it.
func (c *catcher) catches(t *testing.T, m mutants.Mutant, overlay string) bool {
	t.Helper()
	if !c.soundly(t, m.Caught) {
		t.Errorf("%s fails on the product as it is", m.Caught)
		return false
	}
	passes, out := c.try(t, m.Caught, overlay)
	line := missed(out, m.Misses)
	switch {
	case passes:
		t.Errorf("nobody misses the guard %q: %s passes without it", m.Guard, m.Caught)
	case line == "":
		t.Errorf("%s fails, but not of the guard %q, which is %q:\n%s", m.Caught, m.Guard, m.Misses, out)
	default:
		t.Logf("caught: %s", line)
		return true
	}
	return false
}

// soundly tells whether a test passes on the product as it is, with the same seed. Each is run once.
func (c *catcher) soundly(t *testing.T, test string) bool {
	t.Helper()
	if ok, known := c.sound[test]; known {
		return ok
	}
	passes, out := c.try(t, test, "")
	if c.sound[test] = passes; !passes {
		t.Log(out)
	}
	return passes
}

// try runs a test of the programme on the product, with an overlay or as it is, and tells what it says.
func (c *catcher) try(t *testing.T, test, overlay string) (passes bool, out string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "go", "test", "-overlay="+overlay, "-count=1", "-failfast", "-timeout=10m",
		"-run", test, ".", "-seed", strconv.FormatUint(c.seed, 10))
	cmd.Env = append(os.Environ(), failpoints.Overlay+"="+overlay)
	raw, err := cmd.CombinedOutput()
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return err == nil, string(raw)
}

// missed is the first line of a failed test's output that fits a pattern; empty = none does.
func missed(out, pattern string) string {
	misses := regexp.MustCompile(pattern)
	for line := range strings.Lines(out) {
		if misses.MatchString(line) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
