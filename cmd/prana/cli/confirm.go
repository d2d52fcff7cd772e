package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
)

var errDeclined = errors.New("nothing was done")

// confirm asks whether to do something; details are lines that each begin with a new line. Where nobody can answer, --yes must have.
func (sh *shell) confirm(ctx context.Context, what, details string, yes bool) error {
	switch {
	case yes:
		return nil
	case !isTerminal(sh.stdin) || !isTerminal(sh.stderr):
		return usagef("this would %s; --yes does it without asking%s", what, details)
	case details != "":
		sh.note("%s", strings.TrimPrefix(details, "\n"))
	}
	return sh.ask(ctx, what)
}

// ask asks a question that only y and yes agree to.
func (sh *shell) ask(ctx context.Context, what string) error {
	fmt.Fprintf(sh.stderr, "%s? [y/N] ", what)
	answer := make(chan string, 1)
	go func() { // reading cannot be interrupted; the process ends soon
		line, _ := bufio.NewReader(sh.stdin).ReadString('\n') // what cannot be read is no yes
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		sh.note("")
		return ctx.Err()
	case line := <-answer:
		if line == "y" || line == "yes" {
			return nil
		}
		return errDeclined
	}
}
