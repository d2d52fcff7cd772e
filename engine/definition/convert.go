package definition

import (
	"regexp"
	"slices"
	"strings"

	"prana/engine/plan"
)

// convert rewrites older forms into the canonical one: the node form of the
// integration guide, and Prana's map of connections.
func (r *reader) convert(root *tree) {
	if nodes := root.get("nodes"); nodes != nil && nodes.kind == listKind {
		for i, n := range nodes.items {
			if n.kind == mappingKind {
				r.below(plan.At("nodes", i), func() { r.convertNode(n) })
			}
		}
	}
	ofPrana := false
	for i, f := range root.fields {
		if f.name == "connections" {
			ofPrana = f.value.kind == mappingKind
			root.fields[i].value = r.convertConnections(f.value)
		}
	}
	if ofPrana {
		r.fromPrana(root)
	}
	r.drop(root, "version", "the version of a definition is the digest of its content")
}

// drop removes a field that old files have, and says so.
func (r *reader) drop(t *tree, name, why string) {
	i := slices.IndexFunc(t.fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return
	}
	r.below(plan.Join(r.path, name), func() {
		r.warn(t.fields[i].place, plan.CodeIgnoredField, "", "%s has no effect: %s", name, why)
	})
	t.fields = slices.Delete(t.fields, i, i+1)
}

// The integration that is called core here has another name in Prana.
const (
	core      = "core."
	pranaCore = "prana_core."
)

// convertNode rewrites a node in place.
func (r *reader) convertNode(n *tree) {
	r.guideNode(n)
	if n.get("key") == nil {
		n.rename("id", "key")
	}
	if name, ok := n.get("name").text(); ok && n.get("key") == nil {
		if key := keyFrom(name); key != "" {
			n.set("key", newText(key, n.get("name").place))
		}
	}
	if kind, _ := n.get("type").text(); strings.HasPrefix(kind, pranaCore) {
		n.get("type").scalar = core + strings.TrimPrefix(kind, pranaCore)
	}
	if kind, _ := n.get("type").text(); kind == "workflow.execute_workflow" {
		n.get("params").childMode()
	}
}

// guideNode gives a node of the guide's form its type, parameters and settings.
func (r *reader) guideNode(n *tree) {
	integration, ok1 := n.get("integration_name").text()
	action, ok2 := n.get("action_name").text()
	if !ok1 || !ok2 {
		return
	}
	kind := n.get("integration_name")
	full := integration + "." + action
	if said, _ := n.get("type").text(); n.get("type") != nil && !slices.Contains([]string{"action", "trigger", full}, said) {
		r.drop(n, "type", "integration_name and action_name say "+full)
	}
	n.remove("integration_name", "action_name", "type")
	n.set("type", newText(full, kind.place).from(kind))
	r.splitSettings(n)
}

func (t *tree) remove(names ...string) {
	t.fields = slices.DeleteFunc(t.fields, func(f field) bool { return slices.Contains(names, f.name) })
}

func (t *tree) rename(from, to string) {
	for i := range t.fields {
		if t.fields[i].name == from {
			t.fields[i].name = to
		}
	}
}

func (t *tree) set(name string, v *tree) {
	t.fields = append(t.fields, field{name: name, place: v.place, value: v})
}

var notInKey = regexp.MustCompile(`[^a-z0-9]+`)

// keyFrom derives the key of a node from its name.
func keyFrom(name string) string {
	return strings.Trim(notInKey.ReplaceAllString(strings.ToLower(name), "_"), "_")
}

// guideSettings are the engine settings that the guide's form mixes with the
// parameters. timeout_ms and queue are missing on purpose: there they are
// parameters of waits and children.
var guideSettings = []string{
	"retry_on_failed", "max_retries", "retry_delay_ms", "backoff", "max_delay_ms", "jitter",
	"retry_on", "no_retry_on", "retry_after", "on_error", "join", "max_iterations", "cancels", "on_cancel",
	"concurrency_key", "concurrency_limit",
}

// splitSettings moves the parameters of a node out of its settings.
func (r *reader) splitSettings(n *tree) {
	settings, params := n.get("settings"), n.get("params")
	if settings == nil || settings.kind != mappingKind || params != nil && params.kind != mappingKind && !params.isNull() {
		return
	}
	if params == nil || params.kind != mappingKind {
		params = &tree{place: settings.place, kind: mappingKind}
	}
	rest := &tree{place: settings.place, kind: mappingKind}
	for _, f := range settings.fields {
		into := params
		if slices.Contains(guideSettings, f.name) {
			into = rest
		}
		if first := into.get(f.name); first != nil {
			r.bad(f.place, plan.CodeDuplicateField, "", "%s stands in params in line %d already", f.name, first.line)
			continue
		}
		into.fields = append(into.fields, f)
	}
	n.remove("settings", "params")
	for _, part := range []field{{name: "params", value: params}, {name: "settings", value: rest}} {
		if len(part.value.fields) > 0 {
			n.set(part.name, part.value)
		}
	}
}

// childMode turns the guide's wait_for_completion into execution_mode.
func (t *tree) childMode() {
	if t == nil || t.get("execution_mode") != nil {
		return
	}
	for i, f := range t.fields {
		wait, ok := f.value.scalar.(bool)
		if f.name != "wait_for_completion" || !ok {
			continue
		}
		mode := "fire_and_forget"
		if wait {
			mode = "sync"
		}
		t.fields[i] = field{"execution_mode", f.place, newText(mode, f.value.place).from(f.value), f.origin}
	}
}

// convertConnections makes a list of objects of whatever form there is.
func (r *reader) convertConnections(t *tree) *tree {
	out := &tree{place: t.place, kind: listKind}
	switch t.kind {
	case listKind:
		for i, c := range t.items {
			r.below(plan.At("connections", i), func() { out.items = append(out.items, r.convertConnection(c)) })
		}
	case mappingKind:
		for _, source := range t.fields {
			r.sourcePorts(out, source)
		}
	default:
		return t
	}
	return out
}

func (r *reader) sourcePorts(out *tree, source field) {
	if source.value.isNull() {
		return
	}
	if source.value.kind != mappingKind {
		r.bad(source.value.place, plan.CodeBadConnection, "write source: { port: [ { to: target } ] }", "%s: a mapping of ports belongs here, not %s", source.name, source.value.what())
		return
	}
	for _, port := range source.value.fields {
		if port.value.isNull() {
			continue
		}
		targets := port.value.items
		if port.value.kind != listKind {
			targets = []*tree{port.value}
		}
		for _, target := range targets {
			r.below(plan.At("connections", len(out.items)), func() { out.items = append(out.items, r.mapped(source, port, target)) })
		}
	}
}

// mapped completes one connection of the map with what stands above it.
func (r *reader) mapped(source, port field, target *tree) *tree {
	if s, ok := target.text(); ok {
		to, toPort := r.end(s, target.place, plain)
		target = (&tree{place: target.place, kind: mappingKind}).from(target)
		target.ends(nil, nil, to, toPort)
	}
	if target.kind != mappingKind {
		return target
	}
	r.sameAs(target, "from", source)
	r.sameAs(target, "from_port", port)
	return target
}

func (r *reader) sameAs(t *tree, name string, above field) {
	if said, ok := t.get(name).text(); ok && said != above.name {
		r.bad(t.get(name).place, plan.CodeBadConnection, "", "%s is %q, but it stands below %q", name, said, above.name)
	}
	if t.get(name) == nil {
		t.set(name, newText(above.name, above.place))
	}
}

const arrow = "->"

// convertConnection reads "a.port -> b.port".
func (r *reader) convertConnection(t *tree) *tree {
	s, ok := t.text()
	if !ok {
		return t
	}
	from, to, ok := strings.Cut(s, arrow)
	if !ok || strings.Contains(to, arrow) || strings.TrimSpace(from) == "" || strings.TrimSpace(to) == "" {
		r.bad(t.place, plan.CodeBadConnection, connectionHint(s), "%q is not a connection", s)
		return &tree{place: t.place, kind: mappingKind, scalar: unreadable}
	}
	out := (&tree{place: t.place, kind: mappingKind}).from(t)
	a, aPort := r.end(from, t.place, t.style)
	second := t.place
	second.column += len([]rune(from)) + len(arrow)
	b, bPort := r.end(to, second, t.style)
	out.ends(a, aPort, b, bPort)
	return out
}

func connectionHint(s string) string {
	if strings.Count(s, arrow) > 1 {
		return "write a connection for each arrow"
	}
	return "write source -> target, or source.port -> target.port"
}

// unreadable marks a connection that was told about already.
const unreadable = "unreadable"

func (t *tree) ends(from, fromPort, to, toPort *tree) {
	for _, e := range []struct {
		name  string
		value *tree
	}{{"from", from}, {"from_port", fromPort}, {"to", to}, {"to_port", toPort}} {
		if e.value != nil {
			t.set(e.name, e.value)
		}
	}
}

// end reads "key" or "key.port"; keys have no dots, ports may.
func (r *reader) end(s string, at place, how style) (key, port *tree) {
	if how == single || how == double {
		at.column++
	}
	at.column += len([]rune(s)) - len([]rune(strings.TrimLeft(s, " \t")))
	name, rest, dotted := strings.Cut(strings.TrimSpace(s), ".")
	key = newText(strings.TrimSpace(name), at)
	if dotted {
		at.column += len([]rune(name)) + 1
		port = newText(strings.TrimSpace(rest), at)
	}
	return key, port
}
