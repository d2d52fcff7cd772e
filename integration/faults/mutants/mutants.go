// Package mutants takes the guards of the product away, one at a time, so that the fault programme shows that it would notice.
// Nothing of the product is touched: a mutant is built with the changed files laid over the real ones (go help build, -overlay).
package mutants

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Mutant is the product without one of its guards.
type Mutant struct {
	Name   string
	Guard  string // what the guard is for
	Edits  []Edit
	Caught string // the test of the programme that must fail without it, as -run takes it
	Misses string // a pattern of what the test says that it misses: to fail of anything else is not to notice
}

// Edit replaces a piece of a file that stands there once.
type Edit struct{ File, Old, New string } // the file from the root of the main module

// Overlay writes the changed files of a mutant into a directory, and gives the file that -overlay takes. root is that of the
// main module. An edit that does not fit the file any more is an error.
func (m Mutant) Overlay(root, dir string) (string, error) {
	replace := map[string]string{}
	for i, e := range m.Edits {
		path := filepath.Join(root, filepath.FromSlash(e.File))
		from := path
		if changed, ok := replace[path]; ok {
			from = changed
		}
		raw, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		if n := strings.Count(string(raw), e.Old); n != 1 {
			return "", fmt.Errorf("mutant %s: %s has the guard %d times, and must have it once; change the mutant with it: %q", m.Name, e.File, n, e.Old)
		}
		to := filepath.Join(dir, strconv.Itoa(i)+"-"+filepath.Base(path))
		if err := os.WriteFile(to, []byte(strings.Replace(string(raw), e.Old, e.New, 1)), 0o600); err != nil {
			return "", err
		}
		replace[path] = to
	}
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, raw, 0o600)
}
