package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"prana/cmd/prana/bench"
	"prana/config"
	"prana/config/localredis"
	"prana/engine/flow"
	"prana/engine/plan"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

// Reasons of this package to end with a certain code; errors are given one by [mark].
var (
	errUsage     = errors.New("usage")
	errInvalid   = errors.New("the definition or the input is invalid")
	errFailed    = errors.New("the execution failed or timed out")
	errCancelled = errors.New("the execution was cancelled")
	errElapsed   = errors.New("the wait elapsed; the execution goes on")
	errFindings  = errors.New("there are findings")
	errQuiet     = errors.New("everything was said already")
)

// exit is one exit code and the errors that lead to it.
type exit struct {
	code    int
	meaning string
	errs    []error
	also    func(error) bool
}

// exits is the table of exit codes, which are part of the surface. The first row with a matching error counts.
var exits = []exit{
	{0, "ok", nil, nil},
	{1, "the execution failed, timed out or is in quarantine, doctor found something, or a test case failed; also every error without a code of its own", []error{errFailed, errFindings}, nil},
	{2, "the command line or the configuration is wrong", []error{errUsage, bench.ErrUnknown}, badConfig},
	{8, "the wait elapsed; the execution goes on", []error{errElapsed}, nil},
	{9, "the execution was cancelled", []error{errCancelled}, nil},
	{130, "interrupted; what was started goes on", []error{context.Canceled}, nil},
	{7, "not authorised", []error{wire.ErrUnauthorized, wire.ErrForbidden}, nil},
	{6, "the server or Redis cannot be reached, or takes no more for now", []error{client.ErrUnreachable, flow.ErrUnavailable}, notDialled},
	{4, "not found, be it a file", []error{flow.ErrNotFound}, nil},
	{5, "conflict: it was decided otherwise before, or is in use", []error{flow.ErrConflict, flow.ErrGone, flow.ErrMismatch}, inUse},
	{3, "the definition or the input is invalid", []error{errInvalid, flow.ErrInvalid, flow.ErrTooLarge}, nil},
}

// exitCode finds the row of an error.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	for _, row := range exits {
		if row.also != nil && row.also(err) || slices.ContainsFunc(row.errs, func(e error) bool { return errors.Is(err, e) }) {
			return row.code
		}
	}
	return 1
}

func badConfig(err error) bool {
	_, ok := errors.AsType[config.Problems](err)
	return ok
}

func notDialled(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

func inUse(err error) bool {
	_, locked := errors.AsType[*localredis.LockedError](err)
	return locked || errors.Is(err, syscall.EADDRINUSE)
}

// marked is an error with a reason that its text does not mention.
type marked struct {
	error
	reason error
}

func (m *marked) Unwrap() []error { return []error{m.error, m.reason} }

func mark(err, reason error) error { return &marked{err, reason} }

func usagef(format string, args ...any) error { return mark(fmt.Errorf(format, args...), errUsage) }

func invalidf(format string, args ...any) error { return mark(fmt.Errorf(format, args...), errInvalid) }

// silent is an error whose text the verb has printed in its own way.
func silent(reason error) error { return mark(errQuiet, reason) }

// report prints an error with what may help, and gives the exit code.
func (sh *shell) report(err error) int {
	code := exitCode(err)
	if err == nil || errors.Is(err, errQuiet) {
		return code
	}
	if code == 130 && errors.Is(err, context.Canceled) {
		sh.note("interrupted")
		return code
	}
	sh.diagnostics(err)
	sh.note("%s: %s", sh.name(), sh.ours(err.Error()))
	sh.hints(err, code)
	return code
}

// diagnostics prints those of a definition that the server refused.
func (sh *shell) diagnostics(err error) {
	var answer *client.Error
	if !errors.As(err, &answer) {
		return
	}
	for _, raw := range answer.Diagnostics {
		var d plan.Diagnostic
		if json.Unmarshal(raw, &d) == nil {
			sh.note("%s", d)
		}
	}
}

// hints prints the facts of a problem, such as who won, and what to do.
func (sh *shell) hints(err error, code int) {
	if p, ok := errors.AsType[*flow.Problem](err); ok {
		for _, name := range slices.Sorted(maps.Keys(p.Details)) {
			raw, _ := flow.Encode(p.Details[name])
			sh.note("  %s: %s", name, raw)
		}
	}
	switch {
	case errors.Is(err, client.ErrUnreachable):
		sh.note("  start a server with `prana dev`, or name one with --server or PRANA_SERVER")
	case code == 7:
		sh.note("  set PRANA_TOKEN to the token of the server")
	case code == 2 && !badConfig(err):
		sh.note("  `%s --help` tells how it is used", sh.command)
	}
}

// note prints a line for people. Commands in the format are those of this program.
func (sh *shell) note(format string, args ...any) {
	fmt.Fprintf(sh.stderr, sh.ours(format)+"\n", args...)
}

// exitCodesTopic is `prana help exit-codes`.
func exitCodesTopic() *cobra.Command {
	rows := slices.Clone(exits)
	slices.SortFunc(rows, func(a, b exit) int { return a.code - b.code })
	var text strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&text, "%4d  %s\n", row.code, row.meaning)
	}
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: text.String()}
}
