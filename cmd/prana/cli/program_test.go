package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"prana/engine/node"
)

// own makes the node type of a team.
func own(name string) node.Type {
	return node.Typed(node.Type{Name: name, Summary: "Charges a customer."}, func(_ context.Context, _ *node.Call, in struct {
		Cents int `json:"cents" doc:"How much." min:"1"`
	},
	) (map[string]int, error) {
		return map[string]int{"paid": in.Cents}, nil
	})
}

func with(t *testing.T, types []node.Type, args ...string) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := Program{Name: "acme", Types: types}.Run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return ran{code, stdout.String(), stderr.String()}
}

// TestATeamsTypesAreKnown asks the verbs that need no server.
func TestATeamsTypesAreKnown(t *testing.T) {
	t.Parallel()
	types := []node.Type{own("acme.charge")}
	file := filepath.Join(t.TempDir(), "pay.yaml")
	source := "id: pay\nnodes:\n- {key: start, type: manual.trigger}\n- key: pay\n  type: acme.charge\n  params: {cents: CENTS}\nconnections: [start -> pay]\n"
	for cents, c := range map[string]struct {
		code int
		says string
	}{"7": {0, ""}, "0": {3, "pay.yaml:6:19 error OUT_OF_RANGE cents must be at least 1"}} {
		if err := os.WriteFile(file, []byte(strings.Replace(source, "CENTS", cents, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		got := with(t, types, "validate", file)
		if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.says) {
			t.Errorf("%s cents: %+v, want %d and %q", cents, got, c.code, c.says)
		}
	}
	with(t, types, "nodes", "acme.charge").wants(t, 0, "How much.", "")
	with(t, types, "schema").wants(t, 0, `"params.acme.charge"`, "")
	with(t, types, "__complete", "nodes", "acme").wants(t, 0, "acme.charge\tCharges a customer.", "")
	with(t, types, "completion", "bash").wants(t, 0, "__start_acme acme", "")
	with(t, nil, "nodes", "acme.charge").wants(t, 4, "", "there is no node type")
}

func TestATeamsTypesNeedNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	with(t, []node.Type{own("http.request")}, "version").wants(t, 1, "", "adding node type http.request: a built-in one has that name; give yours an integration of its own, such as acme.request")
	with(t, []node.Type{own("acme.charge"), own("acme.charge")}, "version").wants(t, 1, "", "adding node type acme.charge: the name is taken")
	with(t, []node.Type{own("Charge")}, "version").wants(t, 1, "", "the name must be <integration>.<action> in lower case")
}
