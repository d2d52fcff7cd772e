// Package cases plays the cases of a test file: executions of a workflow whose nodes are stubbed, under a clock that jumps, and
// what must come of them. It needs no Redis, no network and no time.
package cases

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

// World answers what nodes ask by HTTP, as the case says. address is host and path.
type World func(ctx context.Context, method, address string) (status int, headers map[string]string, body []byte, err error)

// Options are what playing depends on beside the file.
type Options struct {
	// Types gives the node types of one case. Those that speak HTTP must ask the world, and nobody else.
	Types func(w World) []node.Type
	// Read gives the text of a workflow's file.
	Read func(file string) ([]byte, error)
	// EnvAllow are names that $env may read beside those that the file gives; they are empty.
	EnvAllow []string
}

// Suite is a test file with the workflows that it tests.
type Suite struct {
	File  string
	Cases []definition.TestCase

	tests     *definition.TestFile
	source    *definition.Source
	workflows []*workflow // the one under test first
	env       map[string]string
	types     func(w World) []node.Type
}

// workflow is a file that a suite deploys.
type workflow struct {
	file       string
	definition *flow.Workflow
	plan       *plan.Plan
	source     *definition.Source
}

// Load reads a test file, and the workflows that it names. The suite is nil when one of the diagnostics is an error. The error
// is one of reading a file.
func Load(file string, src []byte, o Options) (*Suite, []plan.Diagnostic, error) {
	tests, source, found := definition.ReadTests(file, src)
	if plan.HasErrors(found) {
		return nil, found, nil
	}
	s := &Suite{File: file, Cases: tests.Cases, tests: tests, source: source, types: o.Types, env: map[string]string{}}
	for _, name := range o.EnvAllow {
		s.env[name] = ""
	}
	maps.Copy(s.env, tests.Env)
	for _, name := range append([]string{tests.Workflow}, tests.With...) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(file), name)
		}
		more, err := s.load(name, o)
		if err != nil {
			return nil, nil, fmt.Errorf("reading a workflow of %s: %w", file, err)
		}
		found = append(found, more...)
	}
	if !plan.HasErrors(found) {
		found = append(found, s.check()...)
	}
	if plan.HasErrors(found) {
		return nil, found, nil
	}
	return s, found, nil
}

// load reads a workflow; what it is warned of is for prana validate to tell.
func (s *Suite) load(file string, o Options) ([]plan.Diagnostic, error) {
	src, err := o.Read(file)
	if err != nil {
		return nil, err
	}
	options := plan.Options{EnvAllow: sortedKeys(s.env)}
	w, p, found := definition.Check(file, src, node.NewRegistry(o.Types(nobody)...), options)
	if p == nil {
		return slices.DeleteFunc(found, func(d plan.Diagnostic) bool { return d.Severity != plan.SeverityError }), nil
	}
	_, source, _ := definition.Read(file, src)
	s.workflows = append(s.workflows, &workflow{file: file, definition: w, plan: p, source: source})
	return nil, nil
}

// nobody is the world while nothing is played.
func nobody(context.Context, string, string) (int, map[string]string, []byte, error) {
	return 0, nil, nil, fmt.Errorf("nothing is played")
}

// Line is where a case begins in the file.
func (s *Suite) Line(c definition.TestCase) int {
	line, _ := s.source.Position(c.Path)
	return line
}

// variables are those of a workflow, with the ones of the file in their place.
func (s *Suite) variables(w *flow.Workflow) map[string]any {
	all := maps.Clone(w.Variables)
	for name := range all {
		if own, said := s.tests.Variables[name]; said {
			all[name] = own
		}
	}
	return all
}
