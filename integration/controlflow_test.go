package integration

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write PATTERNS.md and the golden files anew")

// pattern is a file of testdata/patterns: lines "NAME: VALUE", then sections that begin with a line "-- name --".
type pattern struct {
	file    string
	number  int
	name    string // theirs
	support string // supported, partly or not
	said    string // how it is said here; empty when it cannot be said
	why     string // what is missing; empty when nothing is

	workflows []string
	script    string // empty when it cannot be said
}

// TestControlFlowPatterns shows, for each of the workflow patterns, the property by which it is defined.
func TestControlFlowPatterns(t *testing.T) {
	t.Parallel()
	for _, p := range patterns(t) {
		t.Run(strings.TrimSuffix(filepath.Base(p.file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			if p.script == "" {
				t.Skip("it cannot be said: " + p.why)
			}
			s := sharedSystem(t)
			s.deploy(t, p.workflows...)
			tell(t, s, p)
		})
	}
}

func patterns(t *testing.T) []pattern {
	t.Helper()
	files, err := filepath.Glob("testdata/patterns/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	all := make([]pattern, len(files))
	for i, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if all[i], err = readPattern(f, string(src)); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
	}
	slices.SortFunc(all, func(a, b pattern) int { return cmp.Compare(a.number, b.number) })
	return all
}

func readPattern(file, src string) (pattern, error) {
	p := pattern{file: file}
	name, text := "", map[string]*strings.Builder{}
	var order []string
	for line := range strings.Lines(src) {
		if next, ok := strings.CutPrefix(strings.TrimSpace(line), "-- "); ok && strings.HasSuffix(next, " --") {
			name = strings.TrimSuffix(next, " --")
			order, text[name] = append(order, name), &strings.Builder{}
			continue
		}
		if name != "" {
			text[name].WriteString(line)
			continue
		}
		if err := p.fact(line); err != nil {
			return p, err
		}
	}
	for _, name := range order {
		if strings.HasSuffix(name, ".yaml") {
			p.workflows = append(p.workflows, text[name].String())
		} else {
			p.script = text[name].String()
		}
	}
	return p, p.check()
}

// fact reads a line of what stands before the sections.
func (p *pattern) fact(line string) error {
	key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
	switch key {
	case "pattern":
		number, name, _ := strings.Cut(value, " ")
		p.name = name
		var err error
		p.number, err = strconv.Atoi(number)
		return err
	case "support":
		p.support = value
	case "said":
		p.said = value
	case "why":
		p.why = value
	default:
		return fmt.Errorf("nothing is known of %q", key)
	}
	return nil
}

// check holds what the scoreboard says against what the file shows.
func (p *pattern) check() error {
	said := p.said != "" && p.script != "" && len(p.workflows) > 0
	switch {
	case p.support == "supported" && said && p.why == "",
		p.support == "partly" && said && p.why != "",
		p.support == "not" && p.said == "" && p.script == "" && p.why != "":
		return nil
	}
	return fmt.Errorf("what is %q does not fit the rest of the file", p.support)
}

// TestControlFlowScoreboard holds PATTERNS.md against the files.
func TestControlFlowScoreboard(t *testing.T) {
	t.Parallel()
	all := patterns(t)
	for i, p := range all {
		if p.number != i+1 {
			t.Fatalf("pattern %d is not there, or twice", i+1)
		}
	}
	if len(all) != 43 {
		t.Fatalf("%d patterns; there are 43", len(all))
	}
	want := scoreboard(all)
	if *update {
		if err := os.WriteFile("PATTERNS.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("PATTERNS.md")
	if err != nil || string(got) != want {
		t.Errorf("PATTERNS.md is not what the files of testdata/patterns say (%v); run this test with -update", err)
	}
}

const scoreboardHead = `# Control-flow patterns

The 43 patterns of N. Russell, A. H. M. ter Hofstede, W. M. P. van der Aalst and N. Mulyar, *Workflow Control-Flow Patterns: A Revised View* (2006),
and how each is said here. Every link leads to definitions, to what happens to them, and to what must come of it, which ` + "`TestControlFlowPatterns`" + `
runs on a real Redis with two worker processes. *Supported* means that the file shows the property by which the pattern is defined. The names are theirs, the words are ours.

This page is made from the files: ` + "`go test ./integration -run ControlFlowScoreboard -update`" + `.

`

func scoreboard(all []pattern) string {
	var b strings.Builder
	b.WriteString(scoreboardHead)
	counts := map[string]int{}
	for _, p := range all {
		counts[p.support]++
	}
	for _, support := range []string{"supported", "partly", "not"} {
		fmt.Fprintf(&b, "- %s: %d\n", support, counts[support])
	}
	b.WriteString("\n| WCP | pattern | | how it is said |\n|---|---|---|---|\n")
	for _, p := range all {
		fmt.Fprintf(&b, "| %d | [%s](%s) | %s | %s |\n", p.number, p.name, filepath.ToSlash(p.file), p.support, strings.ReplaceAll(p.words(), "|", `\|`))
	}
	return b.String()
}

// words say how it is said here, and what is missing.
func (p pattern) words() string {
	switch {
	case p.why == "":
		return p.said
	case p.said == "":
		return p.why
	}
	return p.said + ". Missing: " + p.why
}
