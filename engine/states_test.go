package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"prana/engine/flow"
)

// machine is a section of STATES.md: the arrows that it draws, and those that it explains.
type machine struct{ drawn, explained []string }

var (
	drawnArrow     = regexp.MustCompile(`(?m)^ +(\S+) --> (\S+)$`)
	explainedArrow = regexp.MustCompile(`(?m)^\| (\S+) \| (\S+) \| [^|]+\. \|$`)
)

func machineOf(t *testing.T, section string) machine {
	t.Helper()
	raw, err := os.ReadFile("STATES.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(raw), "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	return machine{arrows(drawnArrow, text), arrows(explainedArrow, text)}
}

func arrows(re *regexp.Regexp, text string) []string {
	var all []string
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1]+" --> "+m[2])
	}
	return all
}

// states lists what the arrows connect.
func (m machine) states() []string {
	all := map[string]bool{}
	for _, a := range m.drawn {
		from, to, _ := strings.Cut(a, " --> ")
		all[from], all[to] = true, true
	}
	delete(all, "[*]")
	return slices.Sorted(maps.Keys(all))
}

func (m machine) leaves(state string) bool {
	return slices.ContainsFunc(m.drawn, func(a string) bool {
		return strings.HasPrefix(a, state+" --> ") && !strings.HasSuffix(a, " --> [*]")
	})
}

func (m machine) check(t *testing.T, want []string) {
	t.Helper()
	slices.Sort(want)
	if got := m.states(); !slices.Equal(got, want) {
		t.Errorf("STATES.md knows %q, the code %q", got, want)
	}
	if !slices.Equal(m.drawn, m.explained) {
		t.Errorf("STATES.md draws\n%s\nand explains\n%s", strings.Join(m.drawn, "\n"), strings.Join(m.explained, "\n"))
	}
}

func TestStatesOfExecutions(t *testing.T) {
	t.Parallel()
	m := machineOf(t, "An execution")
	var want []string
	for _, s := range flow.Statuses() {
		want = append(want, string(s))
		retried := s == flow.Failed // the only way back
		if s.Terminal() && !retried && m.leaves(string(s)) || !s.Terminal() && !m.leaves(string(s)) {
			t.Errorf("terminal is %v for %s, but STATES.md says otherwise", s.Terminal(), s)
		}
	}
	m.check(t, want)
	if declared := constants(t, "Status"); !slices.Equal(declared, m.states()) {
		t.Errorf("flow.Statuses lacks some of %q", declared)
	}
}

func TestStatesOfSteps(t *testing.T) {
	t.Parallel()
	m := machineOf(t, "A step")
	m.check(t, constants(t, "StepStatus"))
	for _, s := range m.states() {
		again := s == string(flow.StepQuarantined) || s == string(flow.StepFailed) || s == string(flow.StepCancelled) // by a retry
		if moves := m.leaves(s); moves != flow.StepStatus(s).Live() && !again {
			t.Errorf("live is %v for %s, but STATES.md says otherwise", !moves, s)
		}
	}
}

// constants reads the values of the constants of a type in package flow, sorted.
func constants(t *testing.T, typ string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "flow/execution.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != typ {
			return true
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is no literal", spec.Names[0])
		}
		v, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
		return true
	})
	slices.Sort(values)
	return values
}
