package main

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"prana/engine/definition"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/nodes"
)

const aboutDiagnostics = "Generated from the codes of the compiler; each example gives the diagnostic that stands below it. `prana validate FILE` tells all that is wrong with a definition at once, with file, line and column, and so do the API and `prana deploy`. " +
	"An error keeps a definition from being published; a warning does not."

// lesson says how to mend what a code tells, with a definition that has it.
type lesson struct {
	Mend string `yaml:"mend"`
	// Rest follows the trigger in a definition; Example is a whole one. Neither = the code is one of size.
	Rest    string `yaml:"rest"`
	Example string `yaml:"example"`
}

func (l lesson) example() string {
	if l.Rest == "" {
		return l.Example
	}
	return "id: example\nnodes:\n  - { key: start, type: manual.trigger }\n" + l.Rest
}

//go:embed diagnostics.yaml
var lessonsSource []byte

// diagnostics documents every code of the compiler, from the comments in its source.
func diagnostics(root string) (string, error) {
	codes, err := constants(root, "engine/plan/codes.go")
	if err != nil {
		return "", err
	}
	lessons, err := readLessons()
	if err != nil {
		return "", err
	}
	w := &writer{}
	w.heading(1, "Diagnostics")
	w.paragraph(aboutDiagnostics)
	slices.SortFunc(codes, func(a, b constant) int { return strings.Compare(a.value, b.value) })
	var rows [][]string
	for _, c := range codes {
		severity, meaning := c.explained()
		rows = append(rows, []string{link(c.value), severity, meaning})
	}
	w.table([]string{"code", "severity", "meaning"}, rows)
	var errs []error
	for _, c := range codes {
		errs = append(errs, w.lesson(c, lessons[c.value]))
	}
	return w.String(), errors.Join(errs...)
}

func readLessons() (map[string]lesson, error) {
	var all map[string]lesson
	if err := yaml.Unmarshal(lessonsSource, &all); err != nil {
		return nil, fmt.Errorf("reading diagnostics.yaml: %w", err)
	}
	return all, nil
}

// explained takes a comment such as "CodeX (warning): text." apart.
func (c constant) explained() (severity, meaning string) {
	head, meaning, _ := strings.Cut(c.comment, ": ")
	severity = plan.SeverityError
	if strings.Contains(head, "(warning)") {
		severity = plan.SeverityWarning
	}
	return severity, strings.ToUpper(meaning[:1]) + meaning[1:]
}

func (w *writer) lesson(c constant, l lesson) error {
	if l.Mend == "" {
		return fmt.Errorf("%s has no lesson in cmd/prana/reference/diagnostics.yaml", c.value)
	}
	severity, meaning := c.explained()
	w.heading(2, c.value)
	w.paragraph(severity + ": " + meaning)
	if example := l.example(); example != "" {
		said, err := saidOf(c.value, example)
		if err != nil {
			return err
		}
		w.block("yaml broken", example)
		w.block("text", said)
	}
	w.mend(l.Mend)
	return nil
}

// saidOf is what an example is told of a code.
func saidOf(code, example string) (string, error) {
	reg := node.NewRegistry(nodes.Builtin(nodes.Options{})...)
	_, _, found := definition.Check("flow.yaml", []byte(example), reg, plan.Options{})
	for _, d := range found {
		if d.Code == code {
			return d.String(), nil
		}
	}
	return "", fmt.Errorf("the example of %s gives %v", code, found)
}
