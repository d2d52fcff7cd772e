package plan

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"prana/engine/eval"
	"prana/engine/flow"
	"prana/engine/node"
)

// read is a path that an expression reads.
type read struct {
	node int       // whose parameter it is; noNode = the workflow's output
	at   string    // path of the parameter
	kind node.Kind // of the parameter
	eval.Path
}

// noNode reads in the output of the workflow.
const noNode = -1

func (c *compiler) reads(where read, p *eval.Program) {
	for _, path := range p.Paths() {
		r := where
		r.at, r.Path = under(where.at, path.At), path
		c.paths = append(c.paths, r)
	}
}

// expressions holds what expressions read against what nodes leave. All of it is
// a warning: a path that is missing is null, which an author may want.
func (c *compiler) expressions() {
	partial := c.dangles() // what a missing connection brings is not known
	variables := shapeOfValue(orEmpty(c.w.Variables))
	for _, r := range c.paths {
		if c.full() {
			return
		}
		switch {
		case r.Root == "$nodes":
			c.readsNode(r)
		case r.Root == "$vars" || r.Root == "$variables":
			c.against(r, variables, 0, "variables")
		case r.Root == "$trigger":
			c.against(r, c.given, 0, "the input_schema")
		case r.Root == "$loop":
			c.against(r, turn, 0, "$loop")
		case r.node == noNode || partial || c.plan.Nodes[r.node].Type.Name == "":
		case r.Root == "$input":
			c.readsInput(r)
		case r.Root == "$inputs":
			c.readsPort(r)
		}
	}
}

// turn is what $loop has, be it of a loop over items or of a directive.
var turn = &node.Field{Kind: node.Object, Items: []node.Field{
	{Name: "item", Kind: node.Any},
	{Name: "index", Kind: node.Int},
	{Name: "length", Kind: node.Int},
	{Name: "first", Kind: node.Bool},
	{Name: "last", Kind: node.Bool},
	{Name: "parent", Kind: node.Any},
	{Name: "parentloop", Kind: node.Any},
}}

// full tells whether there is no room for another warning; finding more would take time.
func (c *compiler) full() bool {
	count := 0
	for _, d := range c.found {
		if d.Severity == SeverityWarning {
			count++
		}
	}
	return count >= maxWarnings
}

func (c *compiler) doubt(r read, code, hint, format string, args ...any) {
	d := Diagnostic{Severity: SeverityWarning, Code: code, Path: r.at, Offset: r.Offset, Hint: hint, Message: fmt.Sprintf(format, args...)}
	if !slices.Contains(c.found, d) { // what a<b<c says of b, it says twice
		c.add(d)
	}
}

func (c *compiler) readsNode(r read) {
	key, _ := r.Keys[0].(string)
	i, ok := c.plan.keys[key]
	if !ok || len(r.Keys) < 2 {
		return
	}
	n := c.plan.Nodes[i]
	if r.node != noNode && !c.dangles() && c.neverBefore(n, c.plan.Nodes[r.node]) {
		c.doubt(r, CodeReadTooEarly, "read it in a node that runs after "+key, "%s has not run yet when %s does, so this is always null", key, c.plan.Nodes[r.node].Key)
		return
	}
	switch r.Keys[1] {
	case "output":
		c.against(r, c.left(n), 2, "$nodes."+key+".output")
	case "port":
		c.portNamed(r, n)
	}
}

// portNamed looks for ports that a node is never left by.
func (c *compiler) portNamed(r read, n *Node) {
	port, ok := r.Beside.(string)
	if !ok || len(r.Keys) != 2 || r.Operator != "==" && r.Operator != "!=" || n.Type.Name == "" || c.leavesBy(n, port) && !n.sendsOn(port) {
		return
	}
	if port == flow.PortError && n.Settings.OnError == flow.ContinueErrorOutput {
		return
	}
	c.doubt(r, CodeBadComparison, suggest(port, "ports", slices.DeleteFunc(slices.Clone(c.outputs(n)), n.sendsOn)), "%s never leaves by port %q", n.Key, port)
}

func (c *compiler) readsInput(r read) {
	n := c.plan.Nodes[r.node]
	if n.Type.Trigger || len(n.In) == 0 {
		return
	}
	if ports := c.fed(n); !slices.Contains(ports, flow.PortMain) {
		c.doubt(r, CodeUnfedPort, "write $inputs."+ports[0], "nothing arrives at port main of %s, so this is always null", n.Key)
		return
	}
	if e := c.plan.Edges[n.In[0]]; len(n.In) == 1 {
		c.against(r, c.leftBy(c.plan.Nodes[e.From], e.FromPort), 0, "$input, which comes from "+c.plan.Nodes[e.From].Key+",")
	}
}

func (c *compiler) readsPort(r read) {
	n := c.plan.Nodes[r.node]
	ports := c.fed(n)
	if len(r.Keys) == 0 || n.Type.Trigger || len(ports) == 0 {
		return
	}
	if port, ok := r.Keys[0].(string); ok && !slices.Contains(ports, port) {
		c.doubt(r, CodeUnfedPort, suggest(port, "ports", ports), "nothing arrives at port %q of %s, so this is always null", port, n.Key)
	}
}

// fed lists the ports that connections lead to.
func (c *compiler) fed(n *Node) []string {
	var ports []string
	for _, e := range n.In {
		ports = append(ports, c.plan.Edges[e].ToPort)
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// against holds the rest of a path, from key number skip on, against a shape.
func (c *compiler) against(r read, shape shapeOf, skip int, whole string) {
	found, unknown, members := at(shape, r.Keys[skip:])
	if unknown != "" && slices.Contains(members, anyName) { // it may be there all the same
		members = slices.DeleteFunc(members, func(name string) bool { return name == anyName })
		if hint := DidYouMean(unknown, members); hint != "" {
			c.doubt(r, CodeUnknownOutput, hint, "%s does not name %q, so this may always be null", whole, unknown)
		}
		return
	}
	if unknown != "" {
		hint := cmp.Or(suggest(unknown, "it has", members), "it is always an empty object")
		c.doubt(r, CodeUnknownOutput, hint, "%s has no %q, so this is always null", whole, unknown)
		return
	}
	if found == nil {
		return
	}
	path, kind := spelled(r.Root, r.Keys), kindNames[found.Kind]
	if r.Only && !castable(found.Kind, r.kind) {
		c.doubt(r, CodeKindMismatch, "", "%s is %s, which is never %s", path, kind, expected[r.kind])
	}
	if r.Operator == "" || canEqual(found.Kind, r.Beside) {
		return
	}
	hint := "it is " + kind
	if s, ok := r.Beside.(string); ok {
		if _, err := strconv.ParseFloat(s, 64); err == nil || s == "true" || s == "false" {
			hint = "write " + s + " without quotes"
		}
	}
	c.doubt(r, CodeBadComparison, hint, "%s is %s, and never %s", path, kind, kindOf(r.Beside))
}

// lookalike is how a text begins that may be meant as an expression.
var lookalike = regexp.MustCompile(`^(\$[a-z_]+)(?:[.\[]|$)`)

// lookalikes warns of texts that a typo keeps from being expressions: only a known root makes one.
func (c *compiler) lookalikes(path string, v any) {
	eachText(path, v, func(path, text string) {
		m := lookalike.FindStringSubmatch(text)
		if m == nil || slices.Contains(eval.Roots(), m[1]) {
			return
		}
		if hint := DidYouMean(m[1], eval.Roots()); hint != "" {
			c.warn(path, CodeLookalike, hint, "%s is not a root, so this is plain text", m[1])
		}
	})
}

// constants warns of variables that look like expressions: they are handed on as they stand.
func (c *compiler) constants(path string, v any) {
	eachText(path, v, func(path, text string) {
		m := lookalike.FindStringSubmatch(text)
		if strings.Contains(text, "{{") || m != nil && slices.Contains(eval.Roots(), m[1]) {
			c.warn(path, CodeLookalike, "write the expression where it is used, in params", "variables are not evaluated, so this is plain text")
		}
	})
}

// eachText visits the texts in a value, each with where it stands.
func eachText(path string, v any, visit func(path, text string)) {
	switch t := v.(type) {
	case string:
		visit(path, t)
	case []any:
		for i, e := range t {
			eachText(At(path, i), e, visit)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(t)) {
			eachText(Join(path, name), t[name], visit)
		}
	}
}
