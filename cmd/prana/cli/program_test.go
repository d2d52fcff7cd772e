package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"prana/engine/flow"
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
	with(t, types, "schema", "--tests").wants(t, 0, `"title": "Prana workflow tests"`, "")
	with(t, types, "schema").wants(t, 0, `"params.acme.charge"`, "")
	with(t, types, "__complete", "nodes", "acme").wants(t, 0, "acme.charge\tCharges a customer.", "")
	with(t, types, "completion", "bash").wants(t, 0, "__start_acme acme", "")
	with(t, nil, "nodes", "acme.charge").wants(t, 4, "", "there is no node type")
}

// TestAProjectNamesTheProgramThatMadeIt, whose commands its files and hints are about.
func TestAProjectNamesTheProgramThatMadeIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := with(t, nil, "init", dir)
	r.wants(t, 0, "README.md", "next: acme dev")
	texts := r.stdout + r.stderr
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		texts += string(text)
	}
	if other := regexp.MustCompile(`.*\bprana (--|[a-z]).*`).FindAllString(texts, -1); other != nil {
		t.Errorf("these name another program: %q", other)
	}
	for _, command := range []string{"    acme run order", "`acme test .`", "`acme config`", "`acme --help`", "`acme dev` keeps"} {
		if !strings.Contains(texts, command) {
			t.Errorf("nothing says %s in\n%s", command, texts)
		}
	}
}

func TestATeamsTypesNeedNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	with(t, []node.Type{own("http.request")}, "version").wants(t, 1, "", "adding node type http.request: a built-in one has that name; give yours an integration of its own, such as acme.request")
	with(t, []node.Type{own("acme.charge"), own("acme.charge")}, "version").wants(t, 1, "", "adding node type acme.charge: the name is taken")
	with(t, []node.Type{own("Charge")}, "version").wants(t, 1, "", "the name must be <integration>.<action> in lower case")
}

// TestATeamsBinaryNamesItself: what another program tells its user to type is its own name.
func TestATeamsBinaryNamesItself(t *testing.T) {
	t.Parallel()
	paused := &flow.View{Summary: flow.Summary{ID: "x1", Workflow: "prana", Status: flow.Paused, CreatedAt: noon}, Pause: &flow.PauseView{By: "ada", Since: noon, Reason: "she ran: prana run"}}
	sick := &flow.View{Summary: flow.Summary{ID: "x2", Status: flow.Failed, CreatedAt: noon, EndedAt: &noon, Error: flow.Problemf("boom", "broken")}}
	f := newFake(t, map[string]any{
		"GET /v1/executions/x1": paused, "GET /v1/executions/x2": sick, "GET /v1/workflows": flow.Page[flow.WorkflowInfo]{Items: []flow.WorkflowInfo{}},
		"GET /v1/suspensions": flow.Page[flow.Suspension]{Items: []flow.Suspension{{ID: "x1:1.0:1"}}},
	})
	for line, want := range map[string]string{
		"explain x1":                       "acme unpause x1",
		"explain x1 -o json":               `"command":"acme unpause x1"`,
		"show x1":                          "(she ran: prana run)",
		"show x2":                          "acme retry x2",
		"workflows":                        "acme deploy publishes some",
		"suspended":                        "acme resume SUSPENSION",
		"relations --depth 2":              "acme relations ID --depth 2",
		"event":                            "acme event send TYPE",
		"list --server http://127.0.0.1:1": "acme: ",
		"worker":                           "acme dev",
		"help rerun":                       "acme rerun @last",
		"help demo":                        "acme",
		"version":                          "acme (devel)",
		"cancel --status completed":        "acme cancel --help",
	} {
		args := strings.Fields(line)
		if !slices.Contains(args, "--server") {
			args = append(args, "--server", f.url)
		}
		r := with(t, nil, args...)
		text := strings.ReplaceAll(r.stdout+r.stderr, ": \"", ":\"")
		if !strings.Contains(text, want) {
			t.Errorf("%s: want %q in\n%s", line, want, text)
		}
		if rest := strings.ReplaceAll(text, "she ran: prana run", ""); regexp.MustCompile(`\bprana [a-z]`).MatchString(rest) {
			t.Errorf("%s speaks of another program:\n%s", line, text)
		}
	}
}

// TestNoHelpOfATeamsBinaryNamesAnother reads the help of every verb.
func TestNoHelpOfATeamsBinaryNamesAnother(t *testing.T) {
	t.Parallel()
	sh := &shell{program: Program{Name: "acme"}}
	for cmd := range verbs(sh.root()) {
		for _, text := range []string{cmd.Short, cmd.Long, cmd.Example, cmd.LocalFlags().FlagUsages()} {
			if found := regexp.MustCompile(`\bprana [a-z]+`).FindString(text); found != "" {
				t.Errorf("%s tells to type %q", cmd.CommandPath(), found)
			}
		}
	}
}
