package cases

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
)

// checker holds a file against the workflows that it tests: a name that none of them has would never be looked at.
type checker struct {
	suite *Suite
	found []plan.Diagnostic
}

func (s *Suite) check() []plan.Diagnostic {
	c := &checker{suite: s}
	c.variables()
	c.world("", s.tests.TestWorld)
	for _, one := range s.Cases {
		c.world(one.Path, one.TestWorld)
		c.tick(one)
		c.want(one.Want)
		for _, step := range one.Steps {
			c.want(step.Want)
			if step.Resume != nil && step.Resume.Node != "" {
				c.node(step.Path+".resume.node", step.Resume.Node, false)
			}
		}
	}
	return s.source.Placed(c.found)
}

func (c *checker) fail(path string, onKey bool, code, hint, format string, args ...any) {
	c.found = plan.Append(c.found, plan.Diagnostic{
		Severity: plan.SeverityError, Code: code, Path: path, OnKey: onKey, Hint: hint, Message: fmt.Sprintf(format, args...),
	})
}

// tick warns of a case that says nothing of what starts it, where a schedule does so otherwise: by hand there is no tick.
func (c *checker) tick(one definition.TestCase) {
	onSchedule := func(n flow.Node) bool { return n.Type == flow.CronTrigger }
	if one.Input != nil || !slices.ContainsFunc(c.suite.workflows[0].definition.Nodes, onSchedule) {
		return
	}
	c.found = plan.Append(c.found, plan.Diagnostic{
		Severity: plan.SeverityWarning, Code: plan.CodeBadValue, Path: one.Path,
		Message: "the case starts the workflow by hand, not by its schedule: scheduled_at is null in it",
		Hint:    "write input: {scheduled_at: 2026-03-02T07:00:00Z} to start it as the schedule does at that tick, or input: {} for a start by hand",
	})
}

func (c *checker) variables() {
	var known []string
	for _, w := range c.suite.workflows {
		known = slices.AppendSeq(known, maps.Keys(w.definition.Variables))
	}
	for _, name := range sortedKeys(c.suite.tests.Variables) {
		if !slices.Contains(known, name) {
			c.fail(plan.Join("variables", name), true, plan.CodeUnknownField, plan.DidYouMean(name, known), "no workflow has the variable %q", name)
		}
	}
}

// address is how http names what is asked.
var address = regexp.MustCompile(`^[A-Z]+ [^\s/:?#]+(:[0-9]+)?(/[^\s?#]*)?$`)

func (c *checker) world(path string, w definition.TestWorld) {
	for _, key := range sortedKeys(w.Stubs) {
		at := plan.Join(below(path, "stubs"), key)
		c.stubs(at, key, w.Stubs[key])
	}
	for _, key := range sortedKeys(w.HTTP) {
		if !address.MatchString(key) {
			c.fail(plan.Join(below(path, "http"), key), true, plan.CodeBadValue,
				`write the method, host and path, such as "GET api.example.com/orders/1"`, "%q is no address", key)
		}
	}
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (c *checker) stubs(at, key string, stubs []definition.Stub) {
	n := c.node(at, key, true)
	if n == nil {
		return
	}
	ports := n.Type.OutputPorts(c.suite.raw(key))
	for _, s := range stubs {
		if s.Port != "" && !slices.Contains(ports, s.Port) && !slices.Contains(ports, "*") {
			c.fail(at, true, plan.CodeUnknownFromPort, "ports: "+strings.Join(ports, ", "), "node %s never leaves by port %q", key, s.Port)
		}
	}
}

func (c *checker) want(w *definition.Want) {
	if w == nil {
		return
	}
	for _, key := range sortedKeys(w.Nodes) {
		c.node(plan.Join(w.Path+".nodes", key), key, true)
	}
	for field, list := range map[string]*[]string{"waits": w.Waits, "path": w.Order, "ran": w.Ran} {
		if list == nil {
			continue
		}
		for i, name := range *list {
			c.node(plan.At(w.Path+"."+field, i), name[:len(name)-len(strings.TrimLeft(name, keyCharacters))], false)
		}
	}
}

// keyCharacters are those of a node's key; what follows them in the name of a run is number, port or status.
const keyCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// node finds a node by its key in the workflow under test, or by workflow.key.
func (c *checker) node(path, key string, onKey bool) *plan.Node {
	w, bare := c.suite.named(key)
	if w == nil {
		c.fail(path, onKey, plan.CodeUnknownNode, plan.DidYouMean(key[:strings.Index(key, ".")], c.suite.ids()), "no workflow of this file begins %q", key)
		return nil
	}
	if n, ok := w.plan.Node(bare); ok {
		return n
	}
	var keys []string
	for _, n := range w.plan.Nodes {
		keys = append(keys, n.Key)
	}
	c.fail(path, onKey, plan.CodeUnknownNode, plan.DidYouMean(bare, keys), "workflow %s has no node %q", w.definition.ID, bare)
	return nil
}

// named takes a name such as "workflow.key" or "key" apart; the workflow is nil when there is none of that id.
func (s *Suite) named(name string) (*workflow, string) {
	id, key, qualified := strings.Cut(name, ".")
	if !qualified {
		return s.workflows[0], name
	}
	for _, w := range s.workflows {
		if w.definition.ID == id {
			return w, key
		}
	}
	return nil, key
}

func (s *Suite) ids() []string {
	var ids []string
	for _, w := range s.workflows {
		ids = append(ids, w.definition.ID)
	}
	return ids
}

// raw gives the parameters of a node as its author wrote them.
func (s *Suite) raw(name string) map[string]any {
	w, key := s.named(name)
	i := slices.IndexFunc(w.definition.Nodes, func(n flow.Node) bool { return n.Key == key })
	return w.definition.Nodes[i].Params
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
