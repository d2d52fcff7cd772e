package cli

import (
	"io"
	"regexp"

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
	string(flow.Running): blue, string(flow.Pending): blue,
}

// statusWord finds a status as a word between the columns of a line.
var statusWord = regexp.MustCompile(`(?:^| )(completed|failed|timed_out|quarantined|suspended|paused|cancelled|cancelling|running|pending)(?: |$)`)

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
