package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"prana/cmd/prana/graph"
	"prana/engine/definition"
	"prana/engine/plan"
)

// graphFormats are what --format accepts.
var graphFormats = []string{"text", "mermaid", "dot", "json"}

type graphOptions struct {
	format string
	ascii  bool
}

func (sh *shell) graphCommand() *cobra.Command {
	var o graphOptions
	cmd := &cobra.Command{
		Use:   "graph FILE",
		Short: "Draw a definition; needs no server",
		Long: "Draw a definition from top to bottom, in the terminal or for Mermaid and Graphviz. Edges that close a loop lead back up on the right.\n" +
			"FILE may be - for stdin. What is wrong with the definition is told on stderr; what can be drawn is drawn all the same, and the exit code is 3.",
		Args: takes(1, 1),
		RunE: verb(func(_ context.Context, args []string) error { return sh.graph(args[0], o) }),
	}
	cmd.Flags().StringVar(&o.format, "format", "text", "the language: "+strings.Join(graphFormats, ", "))
	cmd.Flags().BoolVar(&o.ascii, "ascii", false, "draw with ASCII characters only (NO_COLOR, TERM=dumb)")
	return cmd
}

func (sh *shell) graph(file string, o graphOptions) error {
	if !slices.Contains(graphFormats, o.format) {
		return usagef("--format %s is not a language of graphs; there are %s", o.format, strings.Join(graphFormats, ", "))
	}
	cfg, err := sh.loadAsUser()
	if err != nil {
		return err
	}
	s, err := sh.readSource(file)
	if err != nil {
		return err
	}
	_, found := sh.checker(cfg).check(s)
	for _, d := range found {
		sh.note("%s", d)
	}
	w, _, _ := definition.Read(s.file, s.text)
	if w == nil {
		return silent(errInvalid)
	}
	if err := sh.printGraph(graph.Of(w), o); err != nil {
		return err
	}
	if plan.HasErrors(found) {
		return silent(errInvalid)
	}
	return nil
}

// printGraph takes -o json for --format json, as every other verb understands it.
func (sh *shell) printGraph(g *graph.Graph, o graphOptions) error {
	if sh.output != formatTable {
		return sh.print(g, nil)
	}
	var text string
	var err error
	switch o.format {
	case "mermaid":
		text = g.Mermaid()
	case "dot":
		text = g.DOT()
	case "json":
		sh.output = formatJSON
		return sh.print(g, nil)
	default:
		text, err = g.Text(o.ascii || sh.noColor || sh.env("NO_COLOR") != "" || sh.env("TERM") == "dumb")
	}
	if err != nil {
		return fmt.Errorf("%w; use --format dot or mermaid", err)
	}
	_, err = io.WriteString(sh.stdout, text)
	return err
}
