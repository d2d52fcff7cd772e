package cli

import (
	"cmp"
	"io"
	"regexp"
	"strings"
	"time"

	"prana/cmd/prana/cli/live"
	"prana/engine/cases"
	"prana/engine/flow"
)

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
)

// colors has a colour for each status; the word itself is always there too.
var colors = map[string]string{
	string(flow.Completed): green,
	string(flow.Failed):    red, string(flow.TimedOut): red, string(flow.Quarantined): red,
	string(flow.Suspended): yellow, string(flow.Paused): yellow, string(flow.Cancelled): yellow, string(flow.Cancelling): yellow,
	cases.Passed:         green,
	string(flow.Running): blue, string(flow.Pending): blue,
}

// statusWord finds a status as a word between the columns of a line.
var statusWord = regexp.MustCompile(`(?:^| )(completed|passed|failed|timed_out|quarantined|suspended|paused|cancelled|cancelling|running|pending)(?: |$)`)

// paint colours the first status of a line, on terminals that want it. It comes after the columns are aligned, since
// tabwriter would count the escapes as text.
func (sh *shell) paint(line string) string {
	at := statusWord.FindStringSubmatchIndex(line)
	if at == nil || !sh.colored(sh.stdout) {
		return line
	}
	word := line[at[2]:at[3]]
	return line[:at[2]] + "\x1b[" + colors[word] + "m" + word + "\x1b[0m" + line[at[3]:]
}

func (sh *shell) colored(w io.Writer) bool {
	return !sh.noColor && sh.env("NO_COLOR") == "" && sh.env("TERM") != "dumb" && width(w) > 0
}

// look is how to draw on a stream.
func (sh *shell) look(w io.Writer, ascii bool) live.Look {
	return live.Look{Width: width(w), ASCII: ascii || !sh.unicode(), Color: sh.colored(w), Now: time.Now(), Program: sh.name()}
}

// unicode tells whether more than ASCII can be drawn: unless the terminal or the locale says otherwise.
func (sh *shell) unicode() bool {
	if sh.env("NO_UNICODE") != "" || sh.env("TERM") == "dumb" {
		return false
	}
	locale := strings.ToLower(cmp.Or(sh.env("LC_ALL"), sh.env("LC_CTYPE"), sh.env("LANG")))
	return locale == "" || strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
}
