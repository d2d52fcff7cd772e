package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"prana/engine/flow"
)

// connections makes the edges of all connections whose ends exist.
func (c *compiler) connections() {
	seen := map[flow.Connection]bool{}
	for i, w := range c.w.Connections {
		at := At("connections", i)
		w.FromPort, w.ToPort = orMain(w.FromPort), orMain(w.ToPort)
		from, ok1 := c.end(at+".from", w.From)
		to, ok2 := c.end(at+".to", w.To)
		if !ok1 || !ok2 {
			continue
		}
		if seen[w] {
			c.warn(at, CodeDuplicateConnection, "remove one of them", "%s is connected to %s twice, so each arrival counts twice", w.From, w.To)
		}
		seen[w] = true
		c.fromPort(at, c.plan.Nodes[from], w.FromPort)
		c.toPort(at, c.plan.Nodes[to], w.ToPort)
		c.edge(Edge{From: from, To: to, FromPort: w.FromPort, ToPort: w.ToPort})
	}
}

func orMain(port string) string {
	if port == "" {
		return flow.PortMain
	}
	return port
}

// maxHints bounds the search for similar keys, which is slow for very wrong files.
const maxHints = 50

func (c *compiler) end(path, key string) (int, bool) {
	i, ok := c.plan.keys[key]
	if !ok {
		hint := ""
		if len(c.found) < maxHints {
			hint = suggest(key, "nodes", slices.Sorted(maps.Keys(c.plan.keys)))
		}
		c.fail(path, CodeDanglingConnection, hint, "there is no node %q", key)
	}
	return i, ok
}

func (c *compiler) edge(e Edge) {
	e.Index = len(c.plan.Edges)
	c.plan.Edges = append(c.plan.Edges, e)
	from, to := c.plan.Nodes[e.From], c.plan.Nodes[e.To]
	from.Out[e.FromPort] = append(from.Out[e.FromPort], e.Index)
	to.In = append(to.In, e.Index)
}

// outputs gives the ports by which the node can leave, without the virtual port error.
func (c *compiler) outputs(n *Node) []string {
	if c.ports == nil {
		c.ports = map[int][]string{}
	}
	ports, ok := c.ports[n.Index]
	if !ok {
		ports = n.Type.OutputPorts(c.w.Nodes[n.Index].Params)
		c.ports[n.Index] = ports
	}
	return ports
}

func (c *compiler) fromPort(at string, n *Node, port string) {
	ports := c.outputs(n)
	if n.Type.Name == "" || slices.Contains(ports, port) {
		return
	}
	if port == flow.PortError {
		if n.Settings.OnError != flow.ContinueErrorOutput {
			c.fail(at+".from_port", CodeErrorPortOff, "add settings: { on_error: continue_error_output }",
				"%s leaves by port error only with on_error: continue_error_output", n.Key)
		}
		return
	}
	if !slices.Contains(ports, anyName) {
		c.fail(at+".from_port", CodeUnknownFromPort, portHint(n.Key, port, ports), "%s (%s) has no port %q to leave by", n.Key, n.Type.Name, port)
	}
}

func portHint(key, port string, ports []string) string {
	if hint := DidYouMean(port, ports); hint != "" {
		return hint
	}
	var ends []string
	for _, p := range ports[:min(len(ports), maxListed)] {
		if p == flow.PortMain {
			ends = append(ends, key)
		} else {
			ends = append(ends, key+"."+p)
		}
	}
	return "write one of: " + strings.Join(ends, ", ")
}

func (c *compiler) toPort(at string, n *Node, port string) {
	if n.Type.Name == "" {
		return
	}
	ports := n.Type.InputPorts()
	switch {
	case n.Type.Trigger:
		c.fail(at+".to", CodeIntoTrigger, "connect to the node after it", "%s is a trigger; nothing can lead into it", n.Key)
	case !slices.Contains(ports, port) && !slices.Contains(ports, anyName):
		c.fail(at+".to_port", CodeUnknownToPort, portHint(n.Key, port, ports), "%s (%s) has no port %q to arrive at", n.Key, n.Type.Name, port)
	}
}

// named resolves the nodes that the settings of others name.
func (c *compiler) named() {
	for _, n := range c.plan.Nodes {
		at := At("nodes", n.Index) + ".settings"
		for i, key := range n.Settings.Cancels {
			if m, ok := c.end(At(at+".cancels", i), key); ok {
				n.Cancels = append(n.Cancels, m)
			}
		}
		if key := n.Settings.OnCancel; key != "" {
			c.undo(at+".on_cancel", n, key)
		}
	}
}

// undo resolves the node that undoes another. It stands alone: what follows from it would run in no order.
func (c *compiler) undo(at string, n *Node, key string) {
	m, ok := c.end(at, key)
	if !ok {
		return
	}
	switch by := c.plan.Nodes[m]; {
	case m == n.Index:
		c.fail(at, CodeBadSetting, "name another node", "%s cannot undo itself", key)
	case by.Type.Trigger || by.Type.Body != "":
		c.fail(at, CodeBadSetting, "", "%s (%s) cannot undo another node", key, by.Type.Name)
	case len(by.In) > 0 || len(by.Out) > 0:
		c.fail(at, CodeBadSetting, "remove its connections, or make a node of its own for this", "%s undoes %s, so it stands alone: nothing leads to it or from it", key, n.Key)
	}
	n.Undo = &m
}

// graph looks at the graph as a whole.
func (c *compiler) graph() {
	c.unreachable()
	if c.w.TimeoutMS > 0 {
		return
	}
	for _, cycle := range c.plan.loops {
		if !slices.ContainsFunc(cycle, func(i int) bool { return c.leaves(c.plan.Nodes[i], cycle) }) {
			slices.Sort(cycle)
			c.fail(At("nodes", cycle[0]), CodeEndlessCycle, "add a condition with a way out, a wait, or a timeout_ms on the workflow",
				"nothing ever leaves the cycle %s", c.names(cycle))
		}
	}
}

// unreachable says nothing while a connection dangles: that one may lead there.
func (c *compiler) unreachable() {
	if c.plan.Start < 0 || c.dangles() {
		return
	}
	seen := c.plan.reachable(c.plan.Start)
	for _, n := range c.plan.Nodes {
		if n.Undo != nil {
			seen.add(*n.Undo)
		}
	}
	for i, n := range c.plan.Nodes {
		if !seen.has(i) && !n.Type.Trigger {
			c.warn(At("nodes", i), CodeUnreachableNode, "connect it, or remove it", "no path leads to %s, so it never runs", n.Key)
		}
	}
}

// dangles tells whether a connection has no end, so that more may be connected than is known.
func (c *compiler) dangles() bool {
	return slices.ContainsFunc(c.found, func(d Diagnostic) bool { return d.Code == CodeDanglingConnection })
}

func (c *compiler) names(nodes []int) string {
	var keys []string
	for _, i := range nodes {
		keys = append(keys, c.plan.Nodes[i].Key)
	}
	if len(keys) > 8 {
		keys = append(keys[:8], fmt.Sprintf("… %d more", len(nodes)-8))
	}
	return strings.Join(keys, ", ")
}

// leaves tells whether a cycle can end at the node; see CodeEndlessCycle.
func (c *compiler) leaves(n *Node, cycle []int) bool {
	if n.Type.Name == "" || n.Type.Waits || n.Settings.MaxIterations > 0 {
		return true
	}
	ports := slices.Clone(c.outputs(n))
	if n.Settings.OnError == flow.ContinueErrorOutput {
		ports = append(ports, flow.PortError)
	}
	for _, port := range ports {
		if len(n.Out[port]) == 0 {
			return true
		}
	}
	for _, edges := range n.Out {
		for _, e := range edges {
			if !slices.Contains(cycle, c.plan.Edges[e].To) {
				return true
			}
		}
	}
	return false
}

// behaviour looks at what the settings and parameters of one node promise together.
func (c *compiler) behaviour(n *Node) {
	if n.Type.Name == "" {
		return
	}
	at := At("nodes", n.Index)
	if n.Settings.OnError == flow.Continue && !c.leavesBy(n, flow.PortMain) {
		c.fail(at+".settings.on_error", CodeContinueWithoutMain, "use continue_error_output and connect port error",
			"on_error: continue goes on by port main, which %s does not have", n.Type.Name)
	}
	if n.Settings.Join.N > len(n.In) {
		c.fail(at+".settings.join", CodeJoinTooLarge, "", "join waits for %d arrivals, but only %d connections lead to %s", n.Settings.Join.N, len(n.In), n.Key)
	}
	c.bounded(at, n)
	c.deadTimeout(at, n)
	c.unsafeRetry(at, n)
	c.waitsForItself(at, n)
	if !c.dangles() {
		c.joins(n)
		c.iteration(n)
	}
}

func (c *compiler) leavesBy(n *Node, port string) bool {
	ports := c.outputs(n)
	return slices.Contains(ports, port) || slices.Contains(ports, anyName)
}

// bounded warns of a wait that nothing ends. Parameters named timeout… and
// max_attempts bound a wait; so does the timeout of the workflow.
func (c *compiler) bounded(at string, n *Node) {
	if !n.Type.Waits || c.w.TimeoutMS > 0 {
		return
	}
	params := c.w.Nodes[n.Index].Params
	name := ""
	for _, f := range n.Type.Fields {
		if !strings.HasPrefix(f.Name, "timeout") && f.Name != "max_attempts" {
			continue
		}
		name = f.Name
		v, given := params[f.Name]
		if !given {
			v = f.Default
		}
		if v != nil && v != 0 {
			return
		}
	}
	hint := "add timeout_ms to the workflow"
	if name != "" {
		hint = "add " + name
	}
	c.warn(at, CodeNoTimeout, hint, "%s may wait for ever", n.Key)
}

// failsOnTimeout is the value of on_timeout that is no port.
const failsOnTimeout = "fail"

func (c *compiler) deadTimeout(at string, n *Node) {
	port, ok := c.w.Nodes[n.Index].Params["on_timeout"].(string)
	if _, declared := findField(n.Type.Fields, "on_timeout"); !declared || !ok || port == failsOnTimeout {
		return
	}
	if len(n.Out[port]) == 0 && !strings.Contains(port, "{{") && !strings.HasPrefix(port, "$") {
		c.warn(at+".params.on_timeout", CodeDeadTimeoutPort, fmt.Sprintf("connect %s.%s, or write on_timeout: fail", n.Key, port),
			"port %q leads nowhere, so a timeout is a node error", port)
	}
}

func (c *compiler) unsafeRetry(at string, n *Node) {
	if n.Type.Unsafe == nil || !n.Settings.RetryOnFailed {
		return
	}
	if what, remedy := n.Type.Unsafe(c.w.Nodes[n.Index].Params); what != "" {
		c.warn(at+".settings.retry_on_failed", CodeUnsafeRetry, remedy, "%s that is retried may happen twice", what)
	}
}
