package cli

import (
	"iter"
	"strings"

	"github.com/spf13/cobra"
)

// placeholder is an argument in a usage line: FILE|DIR... or [ID].
type placeholder struct {
	text  string   // without brackets and dots
	names []string // what it may be
	more  bool     // it stands for all arguments from there on
}

// placeholders reads the usage line of a verb. It is what tells ids from files, for completion too.
func placeholders(cmd *cobra.Command) []placeholder {
	var all []placeholder
	for _, word := range strings.Fields(cmd.Use)[1:] {
		text, more := strings.CutSuffix(strings.Trim(word, "[]"), "...")
		all = append(all, placeholder{text, strings.Split(text, "|"), more})
	}
	return all
}

// verbs yields a command and all below it.
func verbs(cmd *cobra.Command) iter.Seq[*cobra.Command] {
	return func(yield func(*cobra.Command) bool) { walk(cmd, yield) }
}

func walk(cmd *cobra.Command, yield func(*cobra.Command) bool) bool {
	if !yield(cmd) {
		return false
	}
	for _, sub := range cmd.Commands() {
		if !walk(sub, yield) {
			return false
		}
	}
	return true
}
