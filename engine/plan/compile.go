package plan

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"prana/engine/eval"
	"prana/engine/flow"
	"prana/engine/node"
)

// Compile makes the plan of a workflow and tells everything that is wrong with
// it, in the order of the definition. The plan is nil when one of the
// diagnostics is an error. The workflow must not be changed afterwards.
func Compile(w *flow.Workflow, reg *node.Registry, opts Options) (*Plan, []Diagnostic) {
	c := &compiler{
		w: w, reg: reg, env: opts.EnvAllow, limits: opts.Limits.withDefaults(),
		plan: &Plan{Workflow: w, Start: -1, keys: make(map[string]int, len(w.Nodes))},
	}
	if !c.sizes() {
		return nil, c.found
	}
	c.workflow()
	c.nodes()
	c.connections()
	c.named()
	c.triggers()
	c.plan.index()
	c.graph()
	for i := range w.Nodes {
		c.behaviour(c.plan.Nodes[i])
	}
	c.expressions()
	if HasErrors(c.found) {
		return nil, c.found
	}
	return c.plan, c.found
}

type compiler struct {
	w      *flow.Workflow
	reg    *node.Registry
	env    []string
	limits Limits
	plan   *Plan
	known  map[string]bool // keys of all nodes, for expressions
	ports  map[int][]string
	found  []Diagnostic
	paths  []read
	given  shapeOf // what executions are started with

	// What looking at the graph found out already.
	avoiding map[int]set
	single   map[int]bool
	closed   map[exit]set
	ofPort   map[exit]shapeOf
	ofNode   map[int]shapeOf
}

func (c *compiler) add(d Diagnostic) { c.found = Append(c.found, d) }

func (c *compiler) fail(path, code, hint, format string, args ...any) {
	c.add(Diagnostic{Severity: SeverityError, Code: code, Path: path, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

func (c *compiler) warn(path, code, hint, format string, args ...any) {
	c.add(Diagnostic{Severity: SeverityWarning, Code: code, Path: path, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// evalCodes are the names that diagnostics give to the issues of expressions.
var evalCodes = map[string]string{
	eval.CodeBadArguments:     CodeBadArguments,
	eval.CodeUnclosed:         CodeUnclosedTemplate,
	eval.CodeUnknownRoot:      CodeUnknownRoot,
	eval.CodeUnknownNode:      CodeUnknownNode,
	eval.CodeUnknownField:     CodeUnknownNodeField,
	eval.CodeUnknownFunction:  CodeUnknownFunction,
	eval.CodeEnvNotAllowed:    CodeEnvNotAllowed,
	eval.CodeDynamicReference: CodeDynamicReference,
	eval.CodeBadDirective:     CodeBadDirective,
	eval.CodeNotAllowed:       CodeNotAllowed,
	eval.CodeTooLarge:         CodeExpressionTooLarge,
}

func (c *compiler) issues(path string, issues []eval.Issue) {
	for _, i := range issues {
		c.add(Diagnostic{
			Severity: severity(i), Code: cmp.Or(evalCodes[i.Code], CodeBadExpression),
			Message: i.Message, Hint: i.Hint, Path: under(path, i.Path), Offset: i.Offset,
		})
	}
}

func severity(i eval.Issue) string {
	if i.Warning {
		return SeverityWarning
	}
	return SeverityError
}

func (c *compiler) scope(roots []string) eval.Scope {
	return eval.Scope{Nodes: c.known, Extra: roots, Env: c.env}
}

// sizes refuses what is too large to be looked at any further.
func (c *compiler) sizes() bool {
	if n := len(c.w.Nodes); n > c.limits.Nodes {
		c.fail("nodes", CodeTooManyNodes, "split it into workflows that call one another", "%d nodes; the limit is %d", n, c.limits.Nodes)
	}
	if n := len(c.w.Connections); n > c.limits.Connections {
		c.fail("connections", CodeTooManyConnections, "", "%d connections; the limit is %d", n, c.limits.Connections)
	}
	if c.depth() {
		c.encode()
	}
	return len(c.found) == 0
}

// depth looks at every free value, so that nothing later recurses too deeply.
func (c *compiler) depth() bool {
	ok := true
	check := func(path string, v any) {
		if deeper(v, c.limits.Depth) {
			ok = false
			c.fail(path, CodeTooDeep, "", "nested deeper than %d levels", c.limits.Depth)
		}
	}
	check("variables", c.w.Variables)
	check("output", c.w.Output)
	for i, n := range c.w.Nodes {
		check(At("nodes", i)+".params", n.Params)
		check(At("nodes", i)+".metadata", n.Metadata)
	}
	return ok
}

func deeper(v any, levels int) bool {
	below := func(e any) bool { return deeper(e, levels-1) }
	switch t := v.(type) {
	case map[string]any:
		for _, e := range t {
			if levels <= 0 || below(e) {
				return true
			}
		}
	case []any:
		return len(t) > 0 && levels <= 0 || slices.ContainsFunc(t, below)
	}
	return false
}

// encode finds what is not JSON, and the version.
func (c *compiler) encode() {
	for _, part := range c.free() {
		if _, err := flow.Encode(part.value); err != nil {
			c.fail(part.path, CodeNotJSON, "only null, booleans, finite numbers, strings, lists and objects can be stored", "not JSON: %v", err)
		}
	}
	if len(c.found) > 0 {
		return
	}
	raw, err := flow.Encode(c.w)
	if err != nil {
		c.fail("input_schema", CodeNotJSON, "", "not JSON: %v", err)
		return
	}
	if len(raw) > c.limits.Bytes {
		c.fail("", CodeTooLarge, "move long texts into variables of the caller or files", "%d bytes of JSON; the limit is %d", len(raw), c.limits.Bytes)
	}
	c.plan.Version, _ = c.w.Version()
}

type freeValue struct {
	path  string
	value any
}

// free lists the values whose shape is up to the author.
func (c *compiler) free() []freeValue {
	out := []freeValue{{"variables", c.w.Variables}, {"output", c.w.Output}}
	for i, n := range c.w.Nodes {
		at := At("nodes", i)
		out = append(out, freeValue{at + ".params", n.Params}, freeValue{at + ".metadata", n.Metadata})
	}
	return out
}

func (c *compiler) workflow() {
	w := c.w
	switch {
	case w.ID == "":
		c.fail("id", CodeBadID, "write id: my_workflow", "the workflow has no id")
	case !flow.ValidWorkflowID(w.ID):
		c.fail("id", CodeBadID, "lower-case letters, digits, _ and -, at most 64, beginning with a letter or digit", "%q is not an id", w.ID)
	}
	if w.Mode != "" && w.Mode != flow.Parallel && w.Mode != flow.Sequential {
		c.fail("mode", CodeBadValue, suggest(string(w.Mode), "modes", []string{"parallel", "sequential"}), "there is no mode %q", w.Mode)
	}
	if w.TimeoutMS < 0 {
		c.fail("timeout_ms", CodeBadValue, "", "timeout_ms is negative")
	}
	c.alert(w.OnRetryExhausted)
	c.known = make(map[string]bool, len(w.Nodes))
	for _, n := range w.Nodes {
		c.known[n.Key] = true
	}
	c.plan.Section = c.workflowSection()
	c.output()
	c.schema()
	c.constants("variables", orEmpty(c.w.Variables))
}

func (c *compiler) alert(a *flow.Alert) {
	if a == nil {
		return
	}
	if *a == (flow.Alert{}) {
		c.fail("on_retry_exhausted", CodeBadValue, "write event, url or workflow", "on_retry_exhausted names nobody")
	}
	if a.URL != "" && !strings.HasPrefix(a.URL, "http://") && !strings.HasPrefix(a.URL, "https://") {
		c.fail("on_retry_exhausted.url", CodeBadValue, "", "%q is not an http or https address", a.URL)
	}
	if a.Workflow != "" && !flow.ValidWorkflowID(a.Workflow) {
		c.fail("on_retry_exhausted.workflow", CodeBadValue, "", "%q is not the id of a workflow", a.Workflow)
	}
}

func (c *compiler) output() {
	if c.w.Output == nil {
		return
	}
	program, issues := eval.CompileValue(c.w.Output, c.scope(nil))
	c.issues("output", issues)
	c.lookalikes("output", c.w.Output)
	if program != nil {
		c.plan.Output = program
		c.reads(read{node: noNode, at: "output"}, program)
	}
}

func (c *compiler) schema() {
	if len(c.w.InputSchema) == 0 {
		return
	}
	schema, err := compileSchema(c.w.InputSchema)
	if err != nil {
		path, message := schemaFault(err)
		c.fail(path, CodeBadInputSchema, "", "input_schema is not a JSON Schema: %s", message)
		return
	}
	c.plan.input = schema
	if doc, err := flow.Decode(c.w.InputSchema); err == nil {
		c.given = shapeOfSchema(doc)
	}
}

var nodeKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

// ValidKey tells whether s may be the key of a node.
func ValidKey(s string) bool { return nodeKey.MatchString(s) }

func (c *compiler) nodes() {
	for i := range c.w.Nodes {
		c.key(i)
	}
	for i := range c.w.Nodes {
		c.node(i)
	}
	if c.plan.Output != nil {
		c.plan.OutputNeeds = c.needs(c.plan.Output.Refs())
	}
}

func (c *compiler) key(i int) {
	key, at := c.w.Nodes[i].Key, At("nodes", i)
	if key == "" {
		c.fail(at, CodeBadKey, "write key: my_step", "the node has no key")
		return
	}
	if !ValidKey(key) {
		c.fail(at+".key", CodeBadKey, "letters, digits, _ and -, at most 64, beginning with a letter or _", "%q is not a key", key)
	}
	if first, taken := c.plan.keys[key]; taken {
		c.fail(at+".key", CodeDuplicateKey, "keys name nodes in connections and expressions: each needs its own", "node %d has the key %q too", first+1, key)
		return
	}
	c.plan.keys[key] = i
}

func (c *compiler) node(i int) {
	w := &c.w.Nodes[i]
	n := &Node{Index: i, Key: w.Key, Settings: w.Settings, Out: map[string][]int{}}
	c.plan.Nodes = append(c.plan.Nodes, n)
	at := At("nodes", i)
	c.settings(at+".settings", w.Settings)
	p := &paramCompiler{c: c, node: i, at: at}
	t, ok := c.reg.Lookup(w.Type)
	if ok {
		n.Type = t
		n.fields = p.fields(t.Fields, w.Params)
		c.brings(n, at, w.Params)
	} else {
		c.unknownType(at, w.Type)
		p.leaf(node.Field{Roots: []string{"$response", "$http", "$event"}}, w.Params, "params", nil)
	}
	if n.Section = c.section(at+".settings", CodeBadSetting, w.Settings.ConcurrencyKey, w.Settings.ConcurrencyLimit); n.Section != nil {
		p.refs = p.refs.Union(n.Section.key.Refs())
	}
	n.Needs, n.lazies = c.needs(p.refs), p.lazy
	n.Timeout = effectiveTimeout(w.Settings, t)
	n.Join = effectiveJoin(w.Settings, t)
}

// abroad are types of Prana that cannot be here.
var abroad = map[string]string{"code.elixir": "Elixir is not run here: write the computation as an expression, in code.expr"}

func (c *compiler) unknownType(at, name string) {
	if name == "" {
		c.fail(at, CodeUnknownType, "write type: <integration>.<action>", "the node has no type")
		return
	}
	hint := abroad[name]
	if hint == "" {
		hint = DidYouMean(name, c.reg.Names())
	}
	if hint == "" {
		hint = c.sameAction(name)
	}
	if hint == "" {
		hint = "prana nodes lists them; a type of your own is known only to the program that it is built into, and to its server"
	}
	c.fail(at+".type", CodeUnknownType, hint, "there is no node type %q", name)
}

// sameAction looks for a type whose action, or whose integration, is the one written.
func (c *compiler) sameAction(name string) string {
	integration, action, _ := strings.Cut(name, ".")
	var near []string
	for _, known := range c.reg.Names() {
		i, a, _ := strings.Cut(known, ".")
		if i == integration || a == action || a == name {
			near = append(near, known)
		}
	}
	switch len(near) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("did you mean %q?", near[0])
	}
	return "did you mean one of " + strings.Join(near, ", ") + "?"
}

func effectiveTimeout(s flow.Settings, t node.Type) time.Duration {
	if s.TimeoutMS > 0 {
		return time.Duration(s.TimeoutMS) * time.Millisecond
	}
	return cmp.Or(t.Timeout, node.DefaultTimeout)
}

// mergeType synchronises its branches whatever its ports are called.
const mergeType = "data.merge"

func effectiveJoin(s flow.Settings, t node.Type) flow.Join {
	several := len(t.InputPorts()) > 1 && t.Body == "" // those of a loop mean different things
	if s.Join.IsZero() && (t.Name == mergeType || several) {
		return flow.Join{All: true}
	}
	return s.Join
}

// needs resolves the names of nodes.
func (c *compiler) needs(r eval.Refs) Needs {
	out := Needs{
		Any:   !reflect.ValueOf(r).IsZero(),
		Input: r.Input || r.Inputs || len(r.InputPorts) > 0,
		Vars:  r.Vars, State: r.State, Trigger: r.Trigger, Loop: r.Loop,
		Secrets: r.Secrets, Env: r.Env, ResumeURL: r.ResumeURL,
	}
	for _, key := range r.ResumeURLs {
		if i, ok := c.plan.keys[key]; ok {
			out.ResumeURLs = append(out.ResumeURLs, i)
		}
	}
	for key, ref := range r.Nodes {
		i, ok := c.plan.keys[key]
		if !ok {
			continue
		}
		if ref.Output {
			out.Outputs = append(out.Outputs, i)
		}
		if ref.Error || ref.Port || ref.Context {
			out.Records = append(out.Records, i)
		}
	}
	slices.Sort(out.Outputs)
	slices.Sort(out.Records)
	return out
}

func (c *compiler) triggers() {
	unknown := false // a node of unknown type that nothing leads into may be the trigger
	for i, n := range c.plan.Nodes {
		unknown = unknown || n.Type.Name == "" && len(n.In) == 0
		switch {
		case !n.Type.Trigger:
		case c.plan.Start < 0:
			c.plan.Start = i
		default:
			c.fail(At("nodes", i)+".type", CodeSeveralTriggers, "make one workflow for each trigger",
				"%s is a trigger, and so is %s; a workflow begins at exactly one", n.Key, c.w.Nodes[c.plan.Start].Key)
		}
	}
	if c.plan.Start < 0 && !unknown {
		c.add(Diagnostic{
			Severity: SeverityError, Code: CodeNoTrigger, Path: "nodes", OnKey: true,
			Message: "no node begins the workflow", Hint: "add { key: start, type: manual.trigger } and connect it",
		})
	}
}
