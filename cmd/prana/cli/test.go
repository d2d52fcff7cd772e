package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"prana/cmd/prana/app"
	"prana/engine/cases"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/nodes"
)

type testOptions struct {
	named string
	junit string
}

func (sh *shell) testCommand() *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{
		Use:   "test FILE|DIR...",
		Short: "Run test cases of workflows, with stubs and a clock that jumps; needs no server",
		Long: "Run the cases of test files: executions whose nodes and partners are stubbed, under a clock that jumps, and what must come\n" +
			"of them. Nothing is asked over the network, and nothing is stored. Of a directory, the files *_test.yaml are run.\n" +
			"Exit code 1 when a case failed, 3 when a file or a workflow is invalid, 4 when one is missing. /docs/testing describes the files:\n\n" +
			"  workflow: order.yaml\n" +
			"  cases:\n" +
			"    - name: nobody answers for thirty days\n" +
			"      input: {request_id: r1}\n" +
			"      want: {status: completed, path: [start, wait_approval.escalate, page]}",
		Args: takes(1, many),
		RunE: verb(func(ctx context.Context, args []string) error { return sh.test(ctx, args, o) }),
	}
	cmd.Flags().StringVar(&o.named, "case", "", "run only cases whose names contain this text")
	cmd.Flags().StringVar(&o.junit, "junit", "", "also write the results to this file, as JUnit XML")
	return cmd
}

// tested is what all cases came to.
type tested struct {
	OK       bool             `json:"ok"`
	Passed   int              `json:"passed"`
	Failed   int              `json:"failed"`
	Cases    []cases.Result   `json:"cases"`
	Coverage []cases.Coverage `json:"coverage"` // null when only some cases were run
}

func (sh *shell) test(ctx context.Context, args []string, o testOptions) error {
	suites, err := sh.suites(args)
	if err != nil {
		return err
	}
	t := tested{Cases: []cases.Result{}}
	var tally cases.Tally
	for _, s := range suites {
		results := playAll(ctx, s, o.named)
		t.Cases = append(t.Cases, results...)
		tally.Add(s, results)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(t.Cases) == 0 {
		return usagef("--case %s: there is no such case", o.named)
	}
	t.count()
	if o.named == "" {
		t.Coverage = tally.Coverage()
	}
	if err := errors.Join(sh.printTested(t), writeJUnit(o.junit, t.Cases)); err != nil {
		return err
	}
	if !t.OK {
		return silent(errFailed)
	}
	return nil
}

func playAll(ctx context.Context, s *cases.Suite, named string) []cases.Result {
	var all []cases.Result
	for _, c := range s.Cases {
		if strings.Contains(c.Name, named) && ctx.Err() == nil {
			all = append(all, s.Play(ctx, c))
		}
	}
	return all
}

func (t *tested) count() {
	for _, c := range t.Cases {
		if c.Status == cases.Passed {
			t.Passed++
		} else {
			t.Failed++
		}
	}
	t.OK = t.Failed == 0
}

// suites reads all test files; what is wrong with any of them is told before a case is run.
func (sh *shell) suites(args []string) ([]*cases.Suite, error) {
	cfg, err := sh.loadAsUser()
	if err != nil {
		return nil, err
	}
	files, err := testFiles(args)
	if err != nil {
		return nil, err
	}
	o := cases.Options{EnvAllow: sh.checker(cfg).options.EnvAllow, Types: sh.offlineTypes, Read: sh.readText}
	var all []*cases.Suite
	invalid := false
	for _, file := range files {
		src, err := sh.readText(file)
		if err != nil {
			return nil, err
		}
		suite, found, err := cases.Load(file, src, o)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			sh.note("%s", d)
		}
		invalid = invalid || plan.HasErrors(found)
		all = append(all, suite)
	}
	if invalid {
		return nil, silent(errInvalid)
	}
	return all, nil
}

// offlineTypes are the node types of this binary, which are answered by the case.
func (sh *shell) offlineTypes(w cases.World) []node.Type {
	r, err := app.NodeTypes(sh.program.Types, nodes.Options{HTTP: nodes.Offline(w)})
	if err != nil {
		panic(err) // [Program.Run] has tried
	}
	return r.Types()
}

func (sh *shell) readText(file string) ([]byte, error) {
	if file == "-" {
		return nil, usagef("a test file is read from disk, beside its workflow")
	}
	s, err := sh.readSource(file)
	return s.text, err
}

// isTests tells whether a file is called like one of test cases.
func isTests(file string) bool {
	return strings.HasSuffix(strings.TrimSuffix(file, filepath.Ext(file)), "_test")
}

// testFiles are the files, and those of the directories.
func testFiles(args []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		if info, err := os.Stat(arg); err != nil || !info.IsDir() {
			all = append(all, arg)
			continue
		}
		found, err := filepath.Glob(filepath.Join(arg, "*_test.yaml"))
		if err != nil || len(found) == 0 {
			return nil, invalidf("%s has no files *_test.yaml", arg)
		}
		all = append(all, found...)
	}
	return all, nil
}

func (sh *shell) printTested(t tested) error {
	if sh.output == formatLines {
		return printLines(sh, t.Cases)
	}
	return sh.print(t, func() {
		file := ""
		for _, c := range t.Cases {
			if c.File != file {
				file = c.File
				fmt.Fprintln(sh.stdout, file)
			}
			sh.printCase(c)
		}
		for _, c := range t.Coverage {
			sh.printCoverage(c)
		}
		fmt.Fprintf(sh.stdout, "%d passed, %d failed\n", t.Passed, t.Failed)
	})
}

// printCase shows how a case ended, and of one that failed what differs and what ran.
func (sh *shell) printCase(c cases.Result) {
	fmt.Fprintln(sh.stdout, sh.paint(fmt.Sprintf("  %s  %s", c.Status, oneLine(c.Name))))
	for _, f := range c.Failures {
		for line := range strings.Lines(f.String()) {
			fmt.Fprintln(sh.stdout, "    "+oneLine(strings.TrimSuffix(line, "\n")))
		}
	}
	if len(c.Failures) > 0 && len(c.Path) > 0 {
		fmt.Fprintln(sh.stdout, "    "+c.Ran())
	}
}

// printCoverage lists the branches that no case took.
func (sh *shell) printCoverage(c cases.Coverage) {
	fmt.Fprintf(sh.stdout, "%s: %d of %d branches taken\n", c.File, c.Taken, c.Branches)
	for _, b := range c.Missing {
		fmt.Fprintf(sh.stdout, "  %s:%d: never taken: %s\n", c.File, b.Line, b)
	}
}
