package main

import (
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"prana/cmd/prana/cli"
)

// commands documents every verb, from the commands themselves.
func commands(string) (string, error) {
	w := &writer{}
	root := cli.Tree()
	root.InitDefaultHelpFlag()
	all := runnable(root)
	w.heading(1, "Commands")
	w.paragraph("Generated from the commands themselves; `prana VERB --help` says the same. Data goes to stdout, everything else to stderr.")
	w.line("- %s", link("Flags of every command"))
	w.line("- %s", link("Exit codes"))
	var names []string
	for _, c := range all {
		names = append(names, c.CommandPath())
	}
	w.list(names)
	w.heading(2, "Flags of every command")
	w.flags(root.PersistentFlags())
	w.exitCodes()
	for _, c := range all {
		w.command(c)
	}
	return w.String(), nil
}

// runnable lists a command and those below it that do something.
func runnable(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	if c.Runnable() && !c.Hidden {
		all = append(all, c)
	}
	for _, sub := range c.Commands() {
		all = append(all, runnable(sub)...)
	}
	return all
}

func (w *writer) command(c *cobra.Command) {
	w.heading(2, c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	w.paragraph(text)
	w.block("text", c.UseLine())
	if c.Example != "" {
		w.block("text", c.Example)
	}
	w.flags(c.LocalNonPersistentFlags())
}

func (w *writer) flags(set *pflag.FlagSet) {
	var rows [][]string
	set.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if kind != "" {
			name += " " + kind
		}
		rows = append(rows, []string{code(name), code(defaultOf(f)), usage})
	})
	w.table([]string{"flag", "default", ""}, rows)
}

// defaultOf leaves out what stands for "nothing was given".
func defaultOf(f *pflag.Flag) string {
	if slices.Contains([]string{"false", "0", "0s", "[]"}, f.DefValue) {
		return ""
	}
	return f.DefValue
}

func (w *writer) exitCodes() {
	w.heading(2, "Exit codes")
	meanings := cli.ExitMeanings()
	var rows [][]string
	for _, n := range slices.Sorted(maps.Keys(meanings)) {
		rows = append(rows, []string{strconv.Itoa(n), meanings[n]})
	}
	w.table([]string{"code", "meaning"}, rows)
}
