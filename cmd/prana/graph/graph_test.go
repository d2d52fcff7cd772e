package graph_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"prana/cmd/prana/graph"
	"prana/engine/definition"
	"prana/engine/flow"
)

var update = flag.Bool("update", false, "write what the goldens should say")

func load(t *testing.T, file string) *graph.Graph {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w, _, found := definition.Read(file, src)
	if w == nil || len(found) > 0 {
		t.Fatal(found)
	}
	return graph.Of(w)
}

// Each testdata/NAME.yaml has its drawings beside it.
func TestDrawings(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/*.yaml")
	if len(files) == 0 {
		t.Fatal("no goldens")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			g := load(t, file)
			raw, err := json.MarshalIndent(g, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			text, err1 := g.Text(false)
			ascii, err2 := g.Text(true)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(file, ".yaml")
			for ending, got := range map[string]string{
				".txt": text, ".ascii.txt": ascii, ".mmd": g.Mermaid(), ".dot": g.DOT(), ".json": string(raw) + "\n",
			} {
				golden(t, name+ending, got)
			}
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got:\n%s\nwant:\n%s", file, got, want)
	}
}

// chain is a workflow of n nodes in a row, each with connections to so many after it.
func chain(n, fan int) *flow.Workflow {
	w := &flow.Workflow{ID: "chain"}
	for i := range n {
		w.Nodes = append(w.Nodes, flow.Node{Key: "n" + strconv.Itoa(i), Type: "core.log"})
		for j := i + 1; j <= min(i+fan, n-1); j++ {
			w.Connections = append(w.Connections, flow.Connection{From: "n" + strconv.Itoa(i), To: "n" + strconv.Itoa(j)})
		}
	}
	return w
}

// A drawing is never larger than a screen can bear, and what is drawn has every node.
func TestSizeIsBounded(t *testing.T) {
	t.Parallel()
	text, err := graph.Of(chain(200, 4)).Text(false)
	if err != nil || strings.Count(text, "core.log") != 200 {
		t.Errorf("%v, %d nodes", err, strings.Count(text, "core.log"))
	}
	if _, err := graph.Of(chain(500, 30)).Text(false); !errors.Is(err, graph.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if text, err := graph.Of(&flow.Workflow{}).Text(false); text != "" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
}

// Every arrow ends in a head, whatever the shape.
func TestEveryEdgeArrives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := chain(rapid.IntRange(1, 12).Draw(rt, "nodes"), 1)
		for range rapid.IntRange(0, 15).Draw(rt, "edges") {
			pick := func(what string) string { return rapid.SampledFrom(w.Nodes).Draw(rt, what).Key }
			w.Connections = append(w.Connections, flow.Connection{From: pick("from"), To: pick("to"), FromPort: rapid.SampledFrom([]string{"", "error", "a_long_port"}).Draw(rt, "port")})
		}
		text, err := graph.Of(w).Text(false)
		if got := strings.Count(text, "▼"); err != nil || got != len(w.Connections) {
			rt.Fatalf("%v; %d heads for %d edges in\n%s", err, got, len(w.Connections), text)
		}
	})
}
