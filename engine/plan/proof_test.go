package plan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

var gates = node.NewRegistry(
	node.Type{Name: "test.start", Trigger: true, Run: nothing, Fields: []node.Field{{Name: "*"}}},
	node.Type{Name: "test.step", Run: nothing, Fields: []node.Field{{Name: "*"}}},
	node.Type{Name: "test.gate", Run: nothing, Outputs: []string{"a", "b"}, Fields: []node.Field{{Name: "*"}}},
)

// What a warning says can never be is never seen when graphs are walked through at random.
func TestWarningsAreProven(t *testing.T) {
	t.Parallel()
	told := map[string]int{}
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := randomGraph(r)
		_, found := plan.Compile(w, gates, plan.Options{})
		for _, d := range found {
			told[d.Code]++
		}
		for range 40 {
			walk(t, r, w, found)
		}
		if t.Failed() {
			t.Fatalf("seed %d: %v\n%v", seed, w.Connections, found)
		}
	}
	for _, code := range []string{plan.CodeIncompleteJoin, plan.CodeReadTooEarly, plan.CodeUnreachableNode} {
		if told[code] < 50 {
			t.Errorf("%s was told only %d times: %v", code, told[code], told)
		}
	}
}

func randomGraph(r *rand.Rand) *flow.Workflow {
	w := &flow.Workflow{ID: "w", TimeoutMS: 1}
	n := 4 + r.IntN(5)
	key := func(i int) string { return fmt.Sprintf("n%d", i) }
	for i := range n {
		kind := []string{"test.step", "test.gate"}[r.IntN(2)]
		if i == 0 {
			kind = "test.start"
		}
		one := flow.Node{Key: key(i), Type: kind, Params: map[string]any{"read": "$nodes." + key(r.IntN(n)) + ".output"}}
		if i > 2 && r.IntN(3) == 0 {
			one.Settings.Join.N = 2
		}
		w.Nodes = append(w.Nodes, one)
	}
	for range n + r.IntN(n) {
		from, to := r.IntN(n), 1+r.IntN(n-1)
		if from >= to && r.IntN(5) > 0 { // few loops
			continue
		}
		c := flow.Connection{From: key(from), To: key(to)}
		if w.Nodes[from].Type == "test.gate" {
			c.FromPort = []string{"a", "b"}[r.IntN(2)]
		}
		if !slices.Contains(w.Connections, c) {
			w.Connections = append(w.Connections, c)
		}
	}
	for i := range w.Nodes {
		into := 0
		for _, c := range w.Connections {
			if c.To == key(i) {
				into++
			}
		}
		if into < 2 {
			w.Nodes[i].Settings.Join.N = 0
		}
	}
	return w
}

// walker runs a graph in a random order; each node leaves by a random port, and
// joins that nothing can complete run with what came.
type walker struct {
	t     *testing.T
	r     *rand.Rand
	w     *flow.Workflow
	found []plan.Diagnostic
	index map[string]int
	ran   map[string]bool
	came  map[int]map[int]bool // join -> connections
	todo  []int
}

func walk(t *testing.T, r *rand.Rand, w *flow.Workflow, found []plan.Diagnostic) {
	t.Helper()
	k := &walker{t: t, r: r, w: w, found: found, index: map[string]int{}, ran: map[string]bool{}, came: map[int]map[int]bool{}, todo: []int{0}}
	for i, n := range w.Nodes {
		k.index[n.Key] = i
	}
	for steps := 0; len(k.todo) > 0 && steps < 60; steps++ {
		at := r.IntN(len(k.todo))
		n := k.todo[at]
		k.todo = slices.Delete(k.todo, at, at+1)
		k.run(n)
		k.settle()
	}
}

func (k *walker) run(n int) {
	one := k.w.Nodes[n]
	read, _ := one.Params["read"].(string)
	key := strings.TrimSuffix(strings.TrimPrefix(read, "$nodes."), ".output")
	if k.ran[key] && tells(k.found, plan.CodeReadTooEarly, n) {
		k.t.Errorf("%s reads %s, which has run", one.Key, key)
	}
	if tells(k.found, plan.CodeUnreachableNode, n) {
		k.t.Errorf("%s runs", one.Key)
	}
	k.ran[one.Key] = true
	port := ""
	if one.Type == "test.gate" {
		port = []string{"a", "b"}[k.r.IntN(2)]
	}
	for i, c := range k.w.Connections {
		if c.From == one.Key && c.FromPort == port {
			k.arrive(i, k.index[c.To])
		}
	}
}

func (k *walker) arrive(connection, to int) {
	need := k.w.Nodes[to].Settings.Join.N
	if need == 0 || k.ran[k.w.Nodes[to].Key] {
		k.todo = append(k.todo, to)
		return
	}
	if k.came[to] == nil {
		k.came[to] = map[int]bool{}
	}
	k.came[to][connection] = true
	if len(k.came[to]) != need {
		return
	}
	k.todo = append(k.todo, to)
	if tells(k.found, plan.CodeIncompleteJoin, to) && !tellsOfTurns(k.found, to) {
		k.t.Errorf("%s is complete", k.w.Nodes[to].Key)
	}
}

// settle runs a join late once there is nothing else to do.
func (k *walker) settle() {
	for to, n := range k.w.Nodes {
		if len(k.todo) == 0 && len(k.came[to]) > 0 && !k.ran[n.Key] {
			k.todo = append(k.todo, to)
		}
	}
}

func tells(found []plan.Diagnostic, code string, n int) bool {
	at := plan.At("nodes", n)
	return slices.ContainsFunc(found, func(d plan.Diagnostic) bool {
		return d.Code == code && (d.Path == at || strings.HasPrefix(d.Path, at+"."))
	})
}

func tellsOfTurns(found []plan.Diagnostic, n int) bool {
	return slices.ContainsFunc(found, func(d plan.Diagnostic) bool {
		return d.Path == plan.At("nodes", n)+".settings.join" && strings.Contains(d.Message, "turn of its loop")
	})
}

// The largest definitions there can be are looked at to the end: they come from anywhere.
func TestChecksOfTheLargestDefinitionsEnd(t *testing.T) {
	t.Parallel()
	w := &flow.Workflow{ID: "w", Variables: map[string]any{}}
	for i := range 2000 {
		w.Variables[fmt.Sprintf("v%d", i)] = i
	}
	for i := range plan.MaxNodes {
		n := flow.Node{Key: fmt.Sprintf("n%d", i), Type: "test.gate", Params: map[string]any{}}
		if i == 0 {
			n.Type = "test.start"
		}
		if i > 4 {
			n.Settings.Join.N = 2
		}
		last := "n" + strconv.Itoa(max(0, i-1))
		n.Params["a"] = "{{ [" + strings.Repeat("$vars.v1,$nodes."+last+".output.x,", 10) + "$vars.none] }}"
		w.Nodes = append(w.Nodes, n)
		for _, back := range []int{1, 2, 3, 4} {
			port := []string{"a", "b"}[back%2]
			if i-back == 0 {
				port = ""
			}
			if i-back >= 0 && len(w.Connections) < plan.MaxConnections {
				w.Connections = append(w.Connections, flow.Connection{From: fmt.Sprintf("n%d", i-back), FromPort: port, To: n.Key})
			}
		}
	}
	began := time.Now()
	_, found := plan.Compile(w, gates, plan.Options{Limits: plan.Limits{Bytes: 1 << 20}})
	t.Logf("it took %s", time.Since(began)) // without bounds it would be hours
	if len(found) == 0 {
		t.Error("nothing was found")
	}
}
