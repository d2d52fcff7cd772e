// Package figures keeps what runs of the fault programme measured: a file for each tier, a part of it for each test, so that
// a part that is run again replaces its own figures alone.
package figures

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Figure is something that was counted or measured.
type Figure struct {
	What string  `json:"what"` // such as "executions lost"
	Got  float64 `json:"got"`
	Unit string  `json:"unit,omitempty"` // "s", "ms", "%"; empty = a number of things
	Goal *Goal   `json:"goal,omitempty"` // nil = told, not judged
}

// Goal is what a figure has to reach.
type Goal struct {
	Than  string  `json:"than"` // "=", "≤", "≥"
	Value float64 `json:"value"`
}

// Reached tells whether the figure is as it should be. One without a goal is.
func (f Figure) Reached() bool {
	if f.Goal == nil {
		return true
	}
	switch f.Goal.Than {
	case "≤":
		return f.Got <= f.Goal.Value
	case "≥":
		return f.Got >= f.Goal.Value
	}
	return f.Got == f.Goal.Value
}

func (f Figure) String() string {
	s := f.What + ": " + Amount(f.Got, f.Unit)
	if f.Goal != nil {
		s += " (goal " + f.Goal.Than + " " + Amount(f.Goal.Value, f.Unit) + ")"
	}
	return s
}

// Amount writes a number with at most three decimals, and its unit.
func Amount(v float64, unit string) string {
	text := strconv.FormatFloat(float64(int64(v*1000+0.5))/1000, 'f', -1, 64)
	if unit == "" {
		return text
	}
	return text + " " + unit
}

// Part is what one test of the programme came to.
type Part struct {
	Tier    string        `json:"tier"`
	Seed    uint64        `json:"seed"` // replays it
	Commit  string        `json:"commit"`
	Product string        `json:"product"` // digest of its files; empty = unknown
	Began   time.Time     `json:"began"`
	Took    time.Duration `json:"took_ns"`
	Passed  bool          `json:"passed"`
	Looked  bool          `json:"looked,omitempty"` // it was only looked at what the tier does not run
	Told    string        `json:"told,omitempty"`   // what else is to be known of the run, such as against what it was
	Figures []Figure      `json:"figures"`
	Redis   string        `json:"redis"` // such as "Redis 7.0.15"
	Machine string        `json:"machine"`
}

// Results are the parts of a tier by name of their tests.
type Results map[string]Part

// Read reads a file of results; one that is missing is empty.
func Read(path string) (Results, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Results{}, nil
	}
	if err != nil {
		return nil, err
	}
	r := Results{}
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("reading the results in %s: %w", path, err)
	}
	return r, nil
}

// Add replaces one part in a file of results.
func Add(path, name string, p Part) error {
	r, err := Read(path)
	if err != nil {
		return err
	}
	r[name] = p
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}
