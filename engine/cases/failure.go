package cases

import (
	"fmt"
	"strings"
)

// Failure is something that is not as a case wants it.
type Failure struct {
	File string `json:"file"`
	Line int    `json:"line"`
	What string `json:"what,omitempty"` // such as status, or nodes.call.output; empty = the case cannot be played
	// Expected and Actual are what differs; both are empty when Message says it.
	Expected string `json:"expected,omitempty"`
	Actual   string `json:"actual,omitempty"`
	Message  string `json:"message,omitempty"` // also why it is as it is, when that is known
	// Differences are the places in which values differ that have members.
	Differences []string `json:"differences,omitempty"`
}

// String gives "file:line: what", and below it what differs.
func (f Failure) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: %s", f.File, f.Line, f.What)
	if f.Expected == "" && f.Actual == "" {
		if f.What != "" {
			b.WriteString(": ")
		}
		return b.String() + f.Message
	}
	fmt.Fprintf(&b, "\n  expected  %s\n  actual    %s", f.Expected, f.Actual)
	if len(f.Differences) > 1 || len(f.Differences) == 1 && !strings.HasPrefix(f.Differences[0], "expected ") {
		b.WriteString("\n  differs   " + strings.Join(f.Differences, "\n            "))
	}
	if f.Message != "" {
		b.WriteString("\n  because   " + f.Message)
	}
	return b.String()
}

// What is shown of a long list of names: loops make them longer than anybody reads.
const (
	shownFirst = 30
	shownLast  = 10
)

func listed(names []string) string {
	if hidden := len(names) - shownFirst - shownLast; hidden > 0 {
		first, last := names[:shownFirst], names[len(names)-shownLast:]
		return fmt.Sprintf("%s … %d more … %s", strings.Join(first, " "), hidden, strings.Join(last, " "))
	}
	return strings.Join(names, " ")
}

// Ran tells what ran, for people.
func (r Result) Ran() string { return "ran: " + listed(r.Path) }

// fail notes what is wrong at a path of the file.
func (p *play) fail(at, what, message string) { p.note(at, Failure{What: what, Message: message}) }

// differ notes that something differs, and why, as far as that is known.
func (p *play) differ(at, what, expected, actual string, why error) *Failure {
	f := Failure{What: what, Expected: expected, Actual: actual}
	if why != nil {
		f.Message = why.Error()
	}
	return p.note(at, f)
}

func (p *play) note(at string, f Failure) *Failure {
	f.File = p.suite.File
	f.Line, _ = p.suite.source.Position(at)
	p.result.Failures = append(p.result.Failures, f)
	return &p.result.Failures[len(p.result.Failures)-1]
}
