package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"prana/integration/faults/figures"
)

// TestDefectsHaveTests: what the page says of a regression test is true only as long as there is one.
func TestDefectsHaveTests(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	err := filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		raw, err := os.ReadFile(path)
		all.Write(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range defects {
		name, _, _ := strings.Cut(d.Test, "/")
		if !strings.Contains(all.String(), "func "+name+"(") {
			t.Errorf("there is no test %s, which keeps the defect away: %s", name, d.What)
		}
	}
}

// TestWhatIsMissedIsSaid: a figure below its goal, a part that failed and one that was not run are on the page.
func TestWhatIsMissedIsSaid(t *testing.T) {
	t.Parallel()
	goal := &figures.Goal{Than: "=", Value: 0}
	said := missed("quick", figures.Results{
		"TestKilled":      {Passed: false, Figures: []figures.Figure{{What: "executions lost", Got: 2, Goal: goal}, {What: "executions", Got: 7}}},
		"TestUndisturbed": {Passed: false, Figures: []figures.Figure{{What: "executions lost", Got: 0, Goal: goal}}},
	})
	for _, want := range []string{
		"Processes killed (`TestKilled`, quick): executions lost: 2 (goal = 0)",
		"Control (`TestUndisturbed`) failed in the quick tier",
		"Guards taken away (`TestMutants`) was not run in the quick tier",
	} {
		if !slices.Contains(said, want) {
			t.Errorf("the page does not say %q, but %q", want, said)
		}
	}
}
