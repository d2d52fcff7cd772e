package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"prana/engine/eval"
	"prana/engine/flow"
)

// evalRoots are the roots that --root gives; $now is the clock.
var evalRoots = []string{
	"input", "inputs", "nodes", "vars", "env", "secrets", "workflow", "execution", "trigger", "loop", "response", "http", "event",
}

type evalOptions struct {
	input string
	roots []string
}

func (sh *shell) evalCommand() *cobra.Command {
	var o evalOptions
	cmd := &cobra.Command{
		Use:   "eval EXPR",
		Short: "Evaluate an expression; needs no server",
		Long: "Evaluate an expression as a parameter of a node would be, within the same limits, and print its value.\n" +
			"Braces are not needed; with them, EXPR is a template. Exit code 3 when it cannot be evaluated.\n\n" +
			"  prana eval '$input.items | map(\"price\") | sum' --input '{\"items\": [{\"price\": 2}, {\"price\": 3}]}'\n" +
			"  prana eval 'hello, {{ $nodes.who.output.name }}' --root nodes='{\"who\": {\"output\": {\"name\": \"Ada\"}}}'",
		Args: takes(1, 1),
		RunE: verb(func(_ context.Context, args []string) error { return sh.eval(args[0], o) }),
	}
	cmd.Flags().StringVarP(&o.input, "input", "i", "", "$input as JSON; - reads stdin")
	cmd.Flags().StringArrayVar(&o.roots, "root", nil, "another root, as name=JSON: "+strings.Join(evalRoots[1:], ", "))
	return cmd
}

func (sh *shell) eval(text string, o evalOptions) error {
	env, err := sh.evalEnv(o)
	if err != nil {
		return err
	}
	program, issues := compileText(text, evalScope(env))
	for _, i := range issues {
		e := &eval.Error{Source: text, Line: i.Line, Column: i.Column, Message: i.Message}
		sh.note("%s", e)
		if i.Hint != "" {
			sh.note("  %s", i.Hint)
		}
	}
	if program == nil {
		return silent(errInvalid)
	}
	v, err := program.Eval(env)
	if err != nil {
		return mark(err, errInvalid)
	}
	return sh.printValue(v)
}

// compileText takes a text with braces for a template, and any other for one expression.
func compileText(text string, scope eval.Scope) (*eval.Program, []eval.Issue) {
	if strings.Contains(text, "{{") {
		return eval.CompileValue(text, scope)
	}
	return eval.CompileCondition(text, scope)
}

// evalScope lets the expression name what was given. Nodes are known once some are.
func evalScope(env eval.Env) eval.Scope {
	s := eval.Scope{Extra: []string{"$response", "$http", "$event"}}
	if nodes, ok := env["nodes"].(map[string]any); ok {
		s.Nodes = map[string]bool{}
		for key := range nodes {
			s.Nodes[key] = true
		}
	}
	if names, ok := env["env"].(map[string]any); ok {
		s.Env = slices.Sorted(maps.Keys(names))
	}
	return s
}

func (sh *shell) evalEnv(o evalOptions) (eval.Env, error) {
	env := eval.Env{"now": time.Now().UTC()}
	for _, root := range o.roots {
		name, text, ok := strings.Cut(root, "=")
		name = strings.TrimPrefix(name, "$")
		if !ok || !slices.Contains(evalRoots, name) {
			return nil, usagef("--root %s: write name=JSON, where name is one of %s", root, strings.Join(evalRoots, ", "))
		}
		if err := decodeInto(env, name, text, "--root "+name); err != nil {
			return nil, err
		}
	}
	if o.input == "" {
		return env, nil
	}
	text := o.input
	if text == "-" {
		all, err := io.ReadAll(io.LimitReader(sh.stdin, maxSource))
		if err != nil {
			return nil, fmt.Errorf("reading stdin: %w", err)
		}
		text = string(all)
	}
	return env, decodeInto(env, "input", text, "--input")
}

func decodeInto(env eval.Env, name, text, flag string) error {
	v, err := flow.Decode([]byte(text))
	if err != nil {
		return invalidf("%s is no JSON: %w", flag, err)
	}
	env[name] = v
	return nil
}

// printValue shows people a text as it is, and everything else as JSON.
func (sh *shell) printValue(v any) error {
	if s, ok := v.(string); ok && sh.output == formatTable {
		fmt.Fprintln(sh.stdout, s)
		return nil
	}
	raw, err := flow.Encode(v)
	if err != nil {
		return invalidf("the value is not JSON: %w", err)
	}
	if sh.output == formatYAML {
		return sh.printYAML(raw)
	}
	return sh.printJSON(raw, sh.output != formatLines && width(sh.stdout) > 0)
}
