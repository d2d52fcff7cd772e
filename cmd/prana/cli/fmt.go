package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"prana/engine/definition"
)

type fmtOptions struct {
	check bool
	to    string
}

func (sh *shell) fmtCommand() *cobra.Command {
	var o fmtOptions
	cmd := &cobra.Command{
		Use:   "fmt FILE...",
		Short: "Write definitions in the canonical form; needs no server",
		Long: "Write definitions in the canonical form, in place, and list those that changed: fields in a fixed order, older forms replaced,\n" +
			"connections as \"source.port -> target\". Comments, blank lines and the order of your own names stay; so does the version.\n" +
			"A file in JSON stays JSON. FILE may be a directory, or - from stdin to stdout.\n" +
			"With --check nothing is written, and the exit code is 3 when something would change. With --to one file is printed in the other notation,\n" +
			"and nothing is written; JSON has no comments.",
		Args: takes(1, many),
		RunE: verb(func(_ context.Context, args []string) error { return sh.fmt(args, o) }),
	}
	cmd.Flags().BoolVar(&o.check, "check", false, "write nothing; exit code 3 when something would change")
	cmd.Flags().StringVar(&o.to, "to", "", "print one file as yaml or json")
	cmd.MarkFlagsMutuallyExclusive("check", "to")
	return cmd
}

// formatted is what fmt tells of one file.
type formatted struct {
	File    string `json:"file"`
	Valid   bool   `json:"valid"` // it can be read
	Changed bool   `json:"changed"`
}

func (sh *shell) fmt(args []string, o fmtOptions) error {
	stdin := slices.Contains(args, "-")
	if stdin && len(args) > 1 {
		return usagef("- stands alone: what comes from stdin goes to stdout")
	}
	sources, err := sh.readAll(args)
	if err != nil {
		return err
	}
	if o.to != "" {
		return sh.fmtTo(sources, definition.Notation(o.to))
	}
	return sh.fmtAll(sources, o.check, stdin)
}

func (sh *shell) fmtAll(sources []source, check, stdin bool) error {
	all := make([]formatted, 0, len(sources))
	failed := false
	for _, s := range sources {
		f, err := sh.fmtOne(s, check, stdin)
		if err != nil {
			return err
		}
		failed = failed || !f.Valid || check && f.Changed
		all = append(all, f)
	}
	if err := sh.printFormatted(all); err != nil {
		return err
	}
	if failed {
		return silent(errInvalid)
	}
	return nil
}

// fmtOne rewrites a file, or prints what came from stdin.
func (sh *shell) fmtOne(s source, check, stdin bool) (formatted, error) {
	out, err := sh.rewrite(s, definition.NotationOf(s.text))
	if out == nil || err != nil {
		return formatted{File: s.file}, err
	}
	f := formatted{File: s.file, Valid: true, Changed: !bytes.Equal(out, s.text)}
	switch {
	case check:
		return f, nil
	case stdin:
		_, err := sh.stdout.Write(out)
		return formatted{File: s.file, Valid: true}, err
	case f.Changed:
		return f, replaceFile(s.file, out)
	}
	return f, nil
}

// rewrite gives nil for what cannot be read, which it tells.
func (sh *shell) rewrite(s source, to definition.Notation) ([]byte, error) {
	out, found, err := definition.Rewrite(s.file, s.text, to)
	for _, d := range found {
		sh.note("%s", d)
	}
	if err != nil {
		return nil, mark(err, errInvalid)
	}
	return out, nil
}

func (sh *shell) fmtTo(sources []source, to definition.Notation) error {
	if to != definition.YAML && to != definition.JSON {
		return usagef("--to %s is not a notation; there are yaml and json", to)
	}
	if len(sources) != 1 {
		return usagef("--to prints one definition; there are %d", len(sources))
	}
	out, err := sh.rewrite(sources[0], to)
	if err != nil {
		return err
	}
	if out == nil {
		return silent(errInvalid)
	}
	_, err = sh.stdout.Write(out)
	return err
}

// replaceFile puts a new text in place of a file's in one step, so that nobody ever sees half of it.
func replaceFile(file string, text []byte) error {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".prana-fmt-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // after the rename there is nothing to remove
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(info.Mode().Perm())
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return os.Rename(f.Name(), file)
}

func (sh *shell) printFormatted(all []formatted) error {
	if sh.output == formatLines {
		return printLines(sh, all)
	}
	return sh.print(map[string]any{"files": all}, func() {
		for _, f := range all {
			if f.Changed {
				fmt.Fprintln(sh.stdout, f.File)
			}
		}
	})
}
