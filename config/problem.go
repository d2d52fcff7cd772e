package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	Key     string // such as worker.concurrency; "" when it is about the whole file
	Origin  string // where it was set: prana.yaml:3:5, PRANA_PORT, command line; "" for a default
	Value   string // what was found; never a secret
	Message string // what is accepted, or what to do
}

// Error is one line.
func (p Problem) Error() string {
	var b strings.Builder
	if p.Origin != "" && p.Origin != p.Key {
		b.WriteString(p.Origin + ": ")
	}
	b.WriteString(p.Key)
	if p.Value != "" {
		fmt.Fprintf(&b, " is %q", p.Value)
	}
	if p.Key != "" || p.Value != "" {
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems is all that is wrong, as one error.
type Problems []Problem

// Error has one line for each problem.
func (ps Problems) Error() string {
	if len(ps) == 1 {
		return "configuration: " + ps[0].Error()
	}
	lines := make([]string, 0, len(ps)+1)
	lines = append(lines, fmt.Sprintf("configuration: %d problems", len(ps)))
	for _, p := range ps {
		lines = append(lines, "  "+p.Error())
	}
	return strings.Join(lines, "\n")
}

// err is nil when there is no problem; sorted, so that the same mistakes always read the same.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Origin, b.Origin))
	})
	return ps
}
