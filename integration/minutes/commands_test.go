package minutes

import (
	"os"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// budget is what the line that runs may take.
type budget struct {
	line  string
	began time.Time
	most  time.Duration
}

type budgetKey struct{}

func budgetOf(ts *testscript.TestScript) *budget { return ts.Value(budgetKey{}).(*budget) }

// spend ends the line, and tells whether it took too long.
func (b *budget) spend(ts *testscript.TestScript) {
	if b.line == "" {
		return
	}
	took := time.Since(b.began).Round(time.Millisecond)
	if took > b.most {
		ts.Fatalf("line %s took %s, and has %s", b.line, took, b.most)
	}
	ts.Logf("line %s took %s of %s", b.line, took, b.most)
}

// line begins one of the twelve, with what it may take, and ends the one before: `line NUMBER DURATION`, and at last `line`.
func line(ts *testscript.TestScript, neg bool, args []string) {
	b := budgetOf(ts)
	b.spend(ts)
	*b = budget{}
	if len(args) == 0 {
		return
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: line NUMBER DURATION | line")
	}
	most, err := time.ParseDuration(args[1])
	ts.Check(err)
	*b = budget{line: args[0], began: time.Now(), most: most}
}

// pause is how long to wait before asking again.
const pause = 100 * time.Millisecond

// until runs a program again and again until what it prints matches: `until PATTERN PROGRAM ARGS...`.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN PROGRAM ARGS...")
	}
	await(ts, args[0], func() string {
		_ = ts.Exec(args[1], args[2:]...) // what it prints then does not match
		return ts.ReadFile("stdout") + ts.ReadFile("stderr")
	})
}

// listens waits until a log tells where a server listens, and makes it the one that is spoken to: `listens LOG`.
func listens(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: listens LOG")
	}
	ts.Setenv("PRANA_SERVER", await(ts, `http://127\.0\.0\.1:\d+`, func() string {
		text, _ := os.ReadFile(ts.MkAbs(args[0])) // it comes with the process
		return string(text)
	}))
}

// await asks until the answer matches, within the budget of the line, and gives what matched.
func await(ts *testscript.TestScript, expression string, ask func() string) string {
	pattern, err := regexp.Compile("(?m)" + expression)
	ts.Check(err)
	b := budgetOf(ts)
	for {
		text := ask()
		if m := pattern.FindString(text); m != "" {
			return m
		}
		if time.Since(b.began) > b.most {
			ts.Fatalf("%s does not come within the %s of line %s; there is:\n%s", expression, b.most, b.line, text)
		}
		time.Sleep(pause)
	}
}
