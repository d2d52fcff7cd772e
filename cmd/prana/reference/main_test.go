package main

import (
	"os"
	"path/filepath"
	"testing"
)

const root = "../../.."

// The pages are what their sources say.
func TestPagesAreFresh(t *testing.T) {
	t.Parallel()
	for _, p := range pages {
		want, err := p.make(root)
		if err != nil {
			t.Errorf("%s: %v", p.file, err)
			continue
		}
		if got, err := os.ReadFile(filepath.Join(root, p.file)); err != nil || string(got) != want {
			t.Errorf("%s is stale (%v): sh .ci/fresh/reference.sh", p.file, err)
		}
	}
}

// Nothing is explained that there is not.
func TestEveryLessonHasItsCode(t *testing.T) {
	t.Parallel()
	codes, err := constants(root, "engine/plan/codes.go")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, c := range codes {
		known[c.value] = true
	}
	lessons, err := readLessons()
	if err != nil {
		t.Fatal(err)
	}
	for code := range lessons {
		if !known[code] {
			t.Errorf("there is no code %s", code)
		}
	}
}
