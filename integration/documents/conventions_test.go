package documents

import (
	"reflect"
	"strings"
	"testing"
)

// What a page says that a command prints is asked for, line by line.
func TestExpectedLines(t *testing.T) {
	t.Parallel()
	const printed = "status   completed\noutput   {\"a\":1,\"b\":2}\nexit code 3\n"
	for _, c := range []struct{ expected, missing string }{
		{"", ""},
		{"status completed", ""},
		{"status completed\nexit code 3", ""},
		{"…\noutput {\"a\":1,…}\n…", ""},
		{"status failed", "status failed"},
		{"completed", "completed"},
		{"exit code 3\nstatus completed", "status completed"},
		{"exit code 33", "exit code 33"},
		{"status completed\nstatus completed", "status completed"},
	} {
		var lines []string
		if c.expected != "" {
			lines = strings.Split(c.expected, "\n")
		}
		if got := missingIn(printed, lines); got != c.missing {
			t.Errorf("%q: got %q, want %q", c.expected, got, c.missing)
		}
	}
}

func TestCommandsOfABlock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		block block
		want  []command
	}{
		{block{language: "sh", text: "# a remark\ncurl -s x \\\n  -d y    # this too\n# out\n# …\n\nprana list\n"}, []command{{"curl -s x \\\n  -d y    # this too", []string{"out", "…"}}, {"prana list", nil}}},
		{block{language: "console", text: "$ prana dev\nprana dev: somewhere\n$ prana list\n"}, []command{{"prana dev", nil}, {"prana list", nil}}},
	} {
		if got := commandsOf(c.block); !reflect.DeepEqual(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
