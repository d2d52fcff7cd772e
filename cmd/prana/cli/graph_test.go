package cli

import (
	"path/filepath"
	"testing"
)

func TestGraph(t *testing.T) {
	t.Parallel()
	good := filepath.Join("testdata", "good.yaml")
	prana(t, "", "graph", good).wants(t, 0, "╭", "")
	prana(t, "", "graph", good, "--ascii").wants(t, 0, "+--", "")
	prana(t, "", "graph", good, "--no-color").wants(t, 0, "+--", "")
	prana(t, "", "graph", good, "--format", "mermaid").wants(t, 0, "flowchart TD\n", "")
	prana(t, "", "graph", good, "--format", "dot").wants(t, 0, "digraph \"order\"", "")
	for _, args := range [][]string{{"--format", "json"}, {"-o", "json"}} {
		prana(t, "", append([]string{"graph", good}, args...)...).wants(t, 0, `{"workflow":"order"`, "")
	}
	prana(t, "", "graph", good, "--format", "svg").wants(t, 2, "", "svg")
}

func TestGraphOfWhatIsWrong(t *testing.T) {
	t.Parallel()
	half := "id: order\nnodes:\n  - key: start\n    type: manual.triger\nconnections:\n  - start -> nowhere\n"
	pranaWith(t, t.Context(), "", half, "graph", "-").wants(t, 3, "manual.triger", "UNKNOWN_TYPE")
	pranaWith(t, t.Context(), "", "id: [", "graph", "-").wants(t, 3, "", "BAD_SYNTAX")
}
