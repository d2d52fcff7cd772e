package live_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"prana/cmd/prana/cli/live"
	"prana/engine/flow"
)

var update = flag.Bool("update", false, "write the drawings anew")

func viewOf(t *testing.T, name string) *flow.View {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	v := new(flow.View)
	if err == nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var drawings = map[string]func(*flow.View, live.Look) []string{
	"tree": live.Tree, "timeline": live.Timeline,
	"runs": func(v *flow.View, l live.Look) []string { return live.Runs(v, v.Nodes[:6], l) },
}

// TestDrawings holds what is drawn of executions written by hand against pages that were looked at.
func TestDrawings(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"alive", "over"} {
		v := viewOf(t, name)
		for kind, draw := range drawings {
			for _, width := range []int{0, 60, 110} {
				for _, ascii := range []bool{false, true} {
					l := live.Look{Width: width, ASCII: ascii, Now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
					golden(t, fmt.Sprintf("%s.%s.%d.%s", name, kind, width, charset(ascii)), draw(v, l))
				}
			}
		}
	}
}

func charset(ascii bool) string {
	if ascii {
		return "ascii"
	}
	return "unicode"
}

func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	got := strings.Join(lines, "\n") + "\n"
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("%s (%v): got\n%s\nwant\n%s", name, err, got, want)
	}
}

// TestColorsChangeNothingElse: without its escapes, a coloured drawing is the plain one.
func TestColorsChangeNothingElse(t *testing.T) {
	t.Parallel()
	escapes := regexp.MustCompile("\x1b\\[[0-9]+m")
	for kind, draw := range drawings {
		l := live.Look{Width: 110, Now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
		plain := strings.Join(draw(viewOf(t, "alive"), l), "\n")
		l.Color = true
		colored := strings.Join(draw(viewOf(t, "alive"), l), "\n")
		if colored == plain || escapes.ReplaceAllString(colored, "") != plain {
			t.Errorf("%s: got\n%s\nwant\n%s", kind, colored, plain)
		}
	}
}

// TestNobodyWritesToTheTerminal: what users wrote is text, whatever they wrote.
func TestNobodyWritesToTheTerminal(t *testing.T) {
	t.Parallel()
	evil := "a\x1b[2J\r\n\u202e\u009b"
	v := &flow.View{
		Summary: flow.Summary{ID: "x", Workflow: evil, Status: flow.Failed, Error: &flow.Problem{Code: evil, Message: evil}},
		Nodes: []flow.NodeRun{{
			Node: evil, Status: flow.StepFailed, Port: evil, Actor: evil, ResumedBy: evil, Error: &flow.Problem{Code: evil, Message: evil},
			Output: json.RawMessage(`"\u202e"`), Children: []string{evil, evil},
		}},
	}
	for kind, draw := range map[string]func(*flow.View, live.Look) []string{
		"tree": live.Tree, "timeline": live.Timeline, "runs": func(v *flow.View, l live.Look) []string { return live.Runs(v, v.Nodes, l) },
	} {
		if got := strings.Join(draw(v, live.Look{}), ""); strings.ContainsAny(got, "\x1b\r\n\u202e\u009b") {
			t.Errorf("%s lets through %q", kind, got)
		}
	}
}

func TestScreen(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := live.NewScreen(&out)
	s.Draw([]string{"a", "b"}, 0)
	s.Draw([]string{"c", "d", "e", "f"}, 5)
	s.Last([]string{"g"})
	s.Draw([]string{"h"}, 0)
	frames := []string{
		"\x1b[?7l\ra\x1b[K\nb\x1b[K\n\x1b[J\x1b[?7h",
		"\x1b[?7l\r\x1b[2A(1 lines more above)\x1b[K\nd\x1b[K\ne\x1b[K\nf\x1b[K\n\x1b[J\x1b[?7h",
		"\x1b[?7l\r\x1b[4Ag\x1b[K\n\x1b[J\x1b[?7h",
		"\x1b[?7l\rh\x1b[K\n\x1b[J\x1b[?7h",
	}
	if got, want := out.String(), strings.Join(frames, ""); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
