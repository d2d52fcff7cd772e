package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// offers is what may be written in one place. args are those before it; what is offered begins with typed, or is left out.
type offers func(ctx context.Context, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// maxOffers is how many are more than anybody reads.
const maxOffers = 100

// completion lets shells complete arguments by the placeholders in usage lines, and the values of flags by their names.
func (sh *shell) completion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	if cmd, _, err := root.Find([]string{"completion"}); err == nil {
		cmd.RunE = verb(func(context.Context, []string) error {
			return usagef("completion needs a shell: bash, zsh, fish or powershell")
		})
	}
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	table := sh.offers()
	for cmd := range verbs(root) {
		cmd.ValidArgsFunction = table.arguments(cmd)
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if o := table.find(cmd, "--"+f.Name); o != nil {
				_ = cmd.RegisterFlagCompletionFunc(f.Name, o.function()) // fails for flags that do not exist
			}
		})
	}
}

// offerTable has what is offered for a placeholder or a flag: of all verbs, or after the name of a verb, of that one.
type offerTable map[string]offers

func (t offerTable) find(cmd *cobra.Command, what string) offers {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	if o, ok := t[path+" "+what]; ok {
		return o
	}
	return t[what]
}

// arguments offers what the placeholder says that stands where the next argument would.
func (t offerTable) arguments(cmd *cobra.Command) cobra.CompletionFunc {
	places := placeholders(cmd)
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		i := len(args)
		if n := len(places); i >= n && n > 0 && places[n-1].more {
			i = n - 1
		}
		if i >= len(places) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		o := t.find(cmd, places[i].text)
		if o == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all, directive := o.function()(cmd, args, typed)
		return slices.DeleteFunc(all, func(c cobra.Completion) bool { return slices.Contains(args, choice(c)) }), directive
	}
}

// function keeps of the offers those that begin with what was typed. Extensions of files are no such offers.
func (o offers) function() cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		all, directive := o(cmd.Context(), args, typed)
		if directive&cobra.ShellCompDirectiveFilterFileExt != 0 {
			return all, directive
		}
		all = slices.DeleteFunc(all, func(c cobra.Completion) bool { return !strings.HasPrefix(c, typed) })
		return all[:min(len(all), maxOffers)], directive
	}
}

// choice is an offer without its description.
func choice(c cobra.Completion) string {
	word, _, _ := strings.Cut(c, "\t")
	return word
}

// offer is one offer. What is described was written by users, and is cut to what fits into a line.
func offer(word, description string) cobra.Completion {
	return cobra.CompletionWithDesc(word, cut(strings.ReplaceAll(oneLine(description), "\t", " "), 80))
}

// fixed offers words that are always the same.
func fixed(words ...string) offers {
	return func(context.Context, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return slices.Clone(words), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// files offers files of these kinds; any, without one.
func files(extensions ...string) offers {
	return func(context.Context, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(extensions) == 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return slices.Clone(extensions), cobra.ShellCompDirectiveFilterFileExt
	}
}

func directories(context.Context, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
