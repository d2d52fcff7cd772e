package integration

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"prana/engine/flow"
)

// conformanceIDs are the cases that Prana's behaviour was written down in.
var conformanceIDs = strings.Fields(`
	A-02 A-04 A-06 A-08 A-10 A-12 A-14 A-16 A-18
	B-01 B-03 B-05 B-07 B-09 B-11 B-13
	C-01 C-03 C-05 C-07 C-09 C-11 C-13 C-15 C-17
	D-02 D-04 D-06 D-08 D-10 D-11
	E-01 E-03 E-05 E-07 E-09 E-11 E-13 E-15 E-18 E-20
	F-01 F-03 F-05 F-07 F-08 F-10
	G-02 G-04 G-06 G-09 G-11 G-13
	H-02 H-04 H-06 H-08 H-10 H-11 H-13 H-15 H-17 H-20
	I-02 I-04 I-06 I-08 I-09 I-11 I-13 I-15
	J-02 J-03 J-05 J-07 J-09 J-11 J-13
	K-01 K-03 K-05 K-07 K-09 K-11
	L-01 L-03 L-06 L-08 L-10 L-12 L-13 L-16 L-17
`)

var updateDivergences = flag.Bool("conformance.update", false, "write DIVERGENCES.md anew")

// TestConformance runs the cases of testdata/conformance, most of them in both modes, on one system.
func TestConformance(t *testing.T) {
	t.Parallel()
	told := newWitness()
	s := begin(t, setup{Inside: true, Middleware: []watcher{told.watcher()}})
	for _, c := range conformanceCases(t) {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			c.run(t, s, told)
		})
	}
}

func (c conformanceCase) run(t *testing.T, s *system, told *witness) {
	t.Helper()
	if c.Alone {
		s, told = begin(t, setup{}), nil
	}
	for _, mode := range c.Modes {
		t.Run(string(mode), func(t *testing.T) {
			if !c.Alone {
				t.Parallel()
			}
			if c.Coded {
				coded[c.ID](t, s, mode)
				return
			}
			for i := range c.Tries {
				c.try(t, s, told, mode, i)
			}
		})
	}
}

func TestConformanceIsComplete(t *testing.T) {
	t.Parallel()
	var have []string
	for _, c := range conformanceCases(t) {
		have = append(have, c.ID)
		if (coded[c.ID] != nil) != c.Coded {
			t.Errorf("%s must be written in Go if, and only if, its data says so", c.ID)
		}
	}
	slices.Sort(have)
	if !slices.Equal(have, conformanceIDs) {
		t.Errorf("the cases are %v; want %v", have, conformanceIDs)
	}
}

// TestDivergencesAreWrittenDown: what differs from Prana on purpose stands in one table.
func TestDivergencesAreWrittenDown(t *testing.T) {
	t.Parallel()
	const file, mark = "DIVERGENCES.md", "| case | Prana | here | decided by |\n|---|---|---|---|\n"
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, got, _ := strings.Cut(string(src), mark)
	var want strings.Builder
	for _, c := range conformanceCases(t) {
		if c.Prana != "" {
			fmt.Fprintf(&want, "| %s | %s | %s | %s |\n", c.ID, c.Prana, c.Ours, c.Decided)
		}
	}
	if *updateDivergences {
		if err := os.WriteFile(file, []byte(text+mark+want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want.String() {
		t.Errorf("the table of %s differs from the cases (go test ./integration -run Divergences -conformance.update writes it):\n%s", file, want.String())
	}
}

// coded are the cases that data cannot say.
var coded = map[string]func(t *testing.T, s *system, mode flow.Mode){
	"A-04": beginsSomewhere,
	"A-10": oneLoop,
	"A-12": twoLoops,
	"A-14": littleIsEnough,
	"A-16": nothingIsLost,
	"I-09": resumeURL,
	"K-09": fromANode,
	"K-11": chainOfMiddleware,
	"L-13": webhookStarts,
	"L-16": webhookIsAnswered,
}
