package cli

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"prana/handlers/api/explain"
)

// name is what this program is called.
func (sh *shell) name() string { return cmp.Or(sh.program.Name, ownName) }

// ownName is what the commands in texts begin with.
const ownName = "prana"

// rename makes the help of all verbs speak of this program. From then on ours does so with other texts.
func (sh *shell) rename(root *cobra.Command) {
	if sh.name() == ownName {
		return
	}
	var words []string
	for _, cmd := range root.Commands() {
		words = append(words, regexp.QuoteMeta(cmd.Name()))
	}
	sh.commands = regexp.MustCompile("(^|[\\s`(])" + ownName + " (--[a-z]|(?:" + strings.Join(words, "|") + `)\b)`)
	for cmd := range verbs(root) {
		cmd.Short, cmd.Long, cmd.Example = sh.ours(cmd.Short), sh.ours(cmd.Long), sh.ours(cmd.Example)
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Usage = sh.ours(f.Usage) })
	}
}

// ours gives a text with its commands as this program is called.
func (sh *shell) ours(text string) string {
	if sh.commands == nil {
		return text
	}
	return sh.commands.ReplaceAllString(text, "${1}"+sh.name()+" ${2}")
}

// line gives a command as this program is called. Its arguments, which others wrote, stay as they are.
func (sh *shell) line(command string) string {
	if rest, ok := strings.CutPrefix(command, ownName+" "); ok {
		return sh.name() + " " + rest
	}
	return command
}

// explained gives an explanation with its commands as this program is called.
func (sh *shell) explained(e explain.Explanation) explain.Explanation {
	if sh.name() == ownName {
		return e
	}
	renamed := func(c explain.Command) explain.Command {
		line := sh.line(c.Line)
		e.Sentence = strings.ReplaceAll(e.Sentence, ": "+c.Line, ": "+line)
		return explain.Command{Line: line, Why: c.Why}
	}
	e.Next, e.Reasons = slices.Clone(e.Next), slices.Clone(e.Reasons)
	for i, c := range e.Next {
		e.Next[i] = renamed(c)
	}
	for i, r := range e.Reasons {
		if r.Command != nil {
			c := renamed(*r.Command)
			e.Reasons[i].Command = &c
		}
	}
	return e
}
