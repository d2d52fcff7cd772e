// Package cli is the command line of prana, one file for each verb. Data goes to stdout, everything else to stderr.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// shell is what a command line runs in.
type shell struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string

	output  string // -o
	server  string // --server
	config  string // --config
	noColor bool

	program Program
	command string // the verb that was found, such as "prana event send"
	// commands finds the commands in texts that another program than prana writes; nil = it is prana.
	commands *regexp.Regexp
}

func run(ctx context.Context, sh *shell, args []string) int {
	out := &sink{Writer: sh.stdout}
	sh.stdout = out
	root := sh.root()
	root.SetArgs(append([]string{}, args...)) // for cobra, nil means os.Args
	cmd, err := root.ExecuteContextC(ctx)
	sh.command = cmd.CommandPath()
	var f *failure
	if err != nil && !errors.As(err, &f) { // what no verb said was said by the parser
		err = mark(err, errUsage)
	}
	if err == nil {
		err = out.err
	}
	return sh.report(err)
}

// failure is an error that a verb returned, as opposed to one of the parser.
type failure struct{ error }

func (f *failure) Unwrap() error { return f.error }

// verb makes a command's RunE of what it does.
func verb(do func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := do(cmd.Context(), args); err != nil {
			return &failure{err}
		}
		return nil
	}
}

// takes bounds the number of arguments.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if least <= len(args) && len(args) <= most {
			return nil
		}
		return fmt.Errorf("%d arguments; it is used like this: %s", len(args), cmd.UseLine())
	}
}

// many is as many arguments as a verb without a bound takes.
const many = math.MaxInt

func (sh *shell) root() *cobra.Command {
	root := &cobra.Command{
		Use:   sh.name(),
		Short: "A durable workflow engine on Redis",
		Long: "Prana runs workflows that can stop anywhere for milliseconds or months and go on exactly where they stopped.\n\n" +
			"Begin with `prana demo`, or `prana dev` in a directory of workflows.",
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return checkFormat(sh.output) },
	}
	root.SetIn(sh.stdin)
	root.SetOut(sh.stdout)
	root.SetErr(sh.stderr)
	flags := root.PersistentFlags()
	flags.StringVarP(&sh.output, "output", "o", formatTable, "how to print data: "+strings.Join(formats, ", "))
	flags.StringVar(&sh.server, "server", "", "URL of the server to speak to (PRANA_SERVER; default http://127.0.0.1:8484; the token is PRANA_TOKEN)")
	flags.StringVar(&sh.config, "config", "", "configuration file (PRANA_CONFIG; default prana.yaml, if there is one)")
	flags.BoolVar(&sh.noColor, "no-color", false, "print without colours (NO_COLOR)")
	root.AddCommand(
		sh.demoCommand(), sh.devCommand(), sh.serverCommand(), sh.workerCommand(), sh.doctorCommand(), sh.benchCommand(),
		sh.validateCommand(), sh.fmtCommand(), sh.graphCommand(), sh.schemaCommand(), sh.nodesCommand(), sh.evalCommand(), sh.testCommand(), sh.deployCommand(), sh.runCommand(),
		sh.listCommand(), sh.showCommand(), sh.explainCommand(), sh.suspendedCommand(), sh.delaysCommand(), sh.relationsCommand(), sh.schedulesCommand(), sh.hooksCommand(), sh.queuesCommand(), sh.deadCommand(),
		sh.resumeCommand(), sh.approveCommand(), sh.rejectCommand(), sh.eventCommand(), sh.cancelCommand(), sh.terminateCommand(), sh.pauseCommand(), sh.unpauseCommand(), sh.retryCommand(), sh.rerunCommand(),
		sh.initCommand(), sh.workflowsCommand(), sh.historyCommand(), sh.resultCommand(), sh.configCommand(),
		sh.versionCommand(), exitCodesTopic(),
	)
	for cmd := range verbs(root) {
		sh.shortIDs(cmd)
	}
	sh.completion(root)
	sh.rename(root)
	return root
}

// env is the value of an environment variable.
func (sh *shell) env(name string) string {
	for _, pair := range sh.environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}
