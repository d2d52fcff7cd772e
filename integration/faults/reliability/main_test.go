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
		"TestFuzz":        {Passed: true, Looked: true},
		"TestUndisturbed": {Passed: false, Figures: []figures.Figure{{What: "executions lost", Got: 0, Goal: goal}}},
	})
	for _, want := range []string{
		"Processes killed (`TestKilled`, quick): executions lost: 2 (goal = 0)",
		"Control (`TestUndisturbed`) failed in the quick tier",
		"Fuzzing (`TestFuzz`) was not run in the quick tier, which only looks at it",
		"Guards taken away (`TestMutants`) was not run in the quick tier",
	} {
		if !slices.Contains(said, want) {
			t.Errorf("the page does not say %q, but %q", want, said)
		}
	}
}

// TestAnotherProductIsSaid: results that are not those of the product as it is are said to be so.
func TestAnotherProductIsSaid(t *testing.T) {
	t.Parallel()
	for product, want := range map[string]string{
		"now": "commit c", "then": "commit c (the product changed since)", "": "commit c (it is not known whether the product changed since)",
	} {
		if got := runs(figures.Results{"TestKilled": {Commit: "c", Product: product}}, "now"); !strings.HasSuffix(got, want) {
			t.Errorf("the page says %q, want %q at its end", got, want)
		}
	}
}
