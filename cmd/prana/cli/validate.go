package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"prana/engine/plan"
)

func (sh *shell) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE...",
		Short: "Diagnose definitions; needs no server",
		Long:  "Diagnose definitions against the node types of this binary. FILE may be - for stdin. Exit code 3 when one has errors.",
		Args:  takes(1, many),
		RunE:  verb(sh.validate),
	}
}

// validation is the answer of POST /v1/workflows:validate, for several files.
type validation struct {
	Valid       bool              `json:"valid"`
	Workflows   []validated       `json:"workflows"`
	Diagnostics []plan.Diagnostic `json:"diagnostics"`
}

type validated struct {
	File    string `json:"file"`
	Valid   bool   `json:"valid"`
	ID      string `json:"id,omitempty"`
	Version string `json:"version,omitempty"`
}

func (sh *shell) validate(_ context.Context, args []string) error {
	cfg, err := sh.loadAsUser()
	if err != nil {
		return err
	}
	c := sh.checker(cfg)
	v := validation{Valid: true, Workflows: []validated{}, Diagnostics: []plan.Diagnostic{}}
	for _, file := range args {
		s, err := sh.readSource(file)
		if err != nil {
			return err
		}
		if sh.leftOut(s) {
			continue
		}
		if err := v.add(c, s); err != nil {
			return err
		}
	}
	if err := sh.printValidation(v); err != nil {
		return err
	}
	if !v.Valid {
		return silent(errInvalid)
	}
	return nil
}

func (v *validation) add(c checker, s source) error {
	w, found := c.check(s)
	one := validated{File: s.file, Valid: w != nil}
	if w != nil {
		version, err := w.Version()
		if err != nil {
			return err
		}
		one.ID, one.Version = w.ID, version
	}
	v.Valid = v.Valid && one.Valid
	v.Workflows = append(v.Workflows, one)
	v.Diagnostics = append(v.Diagnostics, found...)
	return nil
}

func (sh *shell) printValidation(v validation) error {
	if sh.output == formatLines {
		return printLines(sh, v.Diagnostics)
	}
	return sh.print(v, func() {
		for _, d := range v.Diagnostics {
			fmt.Fprintln(sh.stdout, d)
		}
		for _, w := range v.Workflows {
			if w.Valid {
				sh.note("%s: workflow %s is valid, version %s", w.File, w.ID, w.Version)
			}
		}
	})
}
