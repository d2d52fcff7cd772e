package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"prana/engine/flow"
	"prana/engine/node"
)

// A shape is what is known of a value before anything runs: its kind, and as
// Items the members that it has. nil = nothing.
type shapeOf = *node.Field

// failure is what a node leaves with when on_error lets it go on.
var failure = node.Output{Fields: []node.Field{
	{Name: "code", Kind: node.String}, {Name: "message", Kind: node.String}, {Name: "details", Kind: node.Object},
}}

// leftBy gives the shape of what a node leaves with by a port. Nodes that pass
// their input on are followed to where it comes from, as long as that is one place.
func (c *compiler) leftBy(n *Node, port string) shapeOf {
	return remembered(&c.ofPort, exit{n.Index, port}, func() shapeOf { return c.followed(n, port, len(c.plan.Nodes)) })
}

// remembered gives what a table has for a key, and computes it the first time.
func remembered[K comparable, V any](table *map[K]V, key K, compute func() V) V {
	if v, ok := (*table)[key]; ok {
		return v
	}
	if *table == nil {
		*table = map[K]V{}
	}
	v := compute()
	(*table)[key] = v
	return v
}

func (c *compiler) followed(n *Node, port string, steps int) shapeOf {
	if port == flow.PortError && n.Settings.OnError == flow.ContinueErrorOutput {
		return shaped(failure)
	}
	shape := c.declared(n, port, steps)
	if n.Settings.OnError == flow.Continue && port == flow.PortMain {
		return either(shape, shaped(failure))
	}
	return shape
}

func (c *compiler) declared(n *Node, port string, steps int) shapeOf {
	out, ok := outputBy(n.Type.OutputShapes(c.w.Nodes[n.Index].Params), port)
	switch {
	case !ok:
		return nil
	case !out.Pass:
		return shaped(out)
	case n.Type.Trigger:
		return c.given
	case steps > 0 && len(n.In) == 1 && !c.dangles():
		e := c.plan.Edges[n.In[0]]
		return c.followed(c.plan.Nodes[e.From], e.FromPort, steps-1)
	}
	return nil
}

func outputBy(all []node.Output, port string) (node.Output, bool) {
	for _, name := range []string{port, ""} {
		if i := slices.IndexFunc(all, func(o node.Output) bool { return o.Port == name }); i >= 0 {
			return all[i], true
		}
	}
	return node.Output{}, false
}

func shaped(o node.Output) shapeOf {
	if o.Fields == nil {
		return nil
	}
	return &node.Field{Kind: node.Object, Items: o.Fields}
}

// left gives the shape of $nodes.KEY.output, by whatever port it left.
func (c *compiler) left(n *Node) shapeOf {
	return remembered(&c.ofNode, n.Index, func() shapeOf { return c.byAnyPort(n) })
}

func (c *compiler) byAnyPort(n *Node) shapeOf {
	ports := slices.DeleteFunc(slices.Clone(c.outputs(n)), n.sendsOn) // it does not leave by these
	if n.Settings.OnError == flow.ContinueErrorOutput {
		ports = append(ports, flow.PortError)
	}
	if len(ports) == 0 {
		return nil
	}
	shape := c.leftBy(n, ports[0])
	for _, port := range ports[1:] {
		shape = either(shape, c.leftBy(n, port))
	}
	return shape
}

// either is the shape of what has one of two: all members of both.
func either(a, b shapeOf) shapeOf {
	if a == nil || b == nil {
		return nil
	}
	all := slices.Clone(a.Items)
	for _, f := range b.Items {
		i := slices.IndexFunc(all, func(o node.Field) bool { return o.Name == f.Name })
		switch {
		case i < 0:
			all = append(all, f)
		case all[i].Kind != f.Kind || f.Items != nil || all[i].Items != nil:
			all[i] = node.Field{Name: f.Name, Kind: node.Any}
		}
	}
	return &node.Field{Kind: node.Object, Items: all}
}

// at follows the keys into a shape. unknown is the first name that no value of
// the shape has, among the members that there are; with anyName among them, one that it does not name.
func at(shape shapeOf, keys []any) (found shapeOf, unknown string, members []string) {
	for _, key := range keys {
		name, named := key.(string)
		if shape == nil || shape.Items == nil || !named || shape.Kind != node.Object {
			return nil, "", nil
		}
		f, ok := findField(shape.Items, name)
		if !ok {
			return nil, name, fieldNames(shape.Items)
		}
		shape = &f
	}
	return shape, "", nil
}

func fieldNames(fields []node.Field) []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

// canEqual tells whether a value of the kind can ever equal the literal.
func canEqual(kind node.Kind, literal any) bool {
	switch kind {
	case node.String:
		_, ok := literal.(string)
		return ok
	case node.Int, node.Number:
		switch literal.(type) {
		case int, float64:
			return true
		}
		return false
	case node.Bool:
		_, ok := literal.(bool)
		return ok
	}
	return kind != node.Object && kind != node.Array
}

// expected names what parameters of a kind take, for those that do not take everything.
var expected = map[node.Kind]string{
	node.String: "a string", node.Int: "an integer", node.Number: "a number", node.Bool: "true or false", node.Condition: "true or false",
	node.Object: "an object", node.Array: "a list",
}

// castable tells whether a value of one kind can ever be cast to that of a parameter.
func castable(from, to node.Kind) bool {
	if _, choosy := expected[to]; !choosy || from == to {
		return true
	}
	switch from {
	case node.String, node.Int, node.Number, node.Bool:
	case node.Object, node.Array:
		return false
	default:
		return true
	}
	switch to {
	case node.String:
		return true
	case node.Int, node.Number:
		return from != node.Bool
	case node.Bool:
		return from != node.Number
	case node.Condition:
		return from == node.Bool || from == node.String
	}
	return false
}

// shapeOfValue is the shape of a constant.
func shapeOfValue(v any) shapeOf {
	f := node.Field{Kind: node.Any}
	switch t := v.(type) {
	case string:
		f.Kind = node.String
	case bool:
		f.Kind = node.Bool
	case int:
		f.Kind = node.Int
	case float64:
		f.Kind = node.Number
	case []any:
		f.Kind = node.Array
	case map[string]any:
		f.Kind, f.Items = node.Object, []node.Field{}
		for _, name := range slices.Sorted(maps.Keys(t)) {
			member := *shapeOfValue(t[name])
			member.Name = name
			f.Items = append(f.Items, member)
		}
	}
	return &f
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// schemaKinds are the types of JSON Schema.
var schemaKinds = map[any]node.Kind{
	"string": node.String, "integer": node.Int, "number": node.Number, "boolean": node.Bool, "object": node.Object, "array": node.Array,
}

// shapeOfSchema reads what is plain in a JSON Schema; the rest may be anything.
func shapeOfSchema(doc any) shapeOf {
	schema, ok := doc.(map[string]any)
	name, plain := schema["type"].(string)
	if !ok || !plain || schema["$ref"] != nil {
		return nil
	}
	f := &node.Field{Kind: cmp.Or(schemaKinds[name], node.Any)}
	properties, _ := schema["properties"].(map[string]any)
	if f.Kind != node.Object || properties == nil || schema["patternProperties"] != nil {
		return f
	}
	f.Items = []node.Field{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		member := node.Field{Kind: node.Any}
		if known := shapeOfSchema(properties[name]); known != nil {
			member = *known
		}
		member.Name = name
		f.Items = append(f.Items, member)
	}
	if schema["additionalProperties"] != false {
		f.Items = append(f.Items, node.Field{Name: anyName})
	}
	return f
}

// kindNames are the kinds in words.
var kindNames = map[node.Kind]string{
	node.String: "a string", node.Int: "an integer", node.Number: "a number", node.Bool: "a boolean",
	node.Object: "an object", node.Array: "a list",
}

// spelled gives a path as an author writes it.
func spelled(root string, keys []any) string {
	path := root
	for _, key := range keys {
		switch k := key.(type) {
		case string:
			path = Join(path, k)
		case int:
			path = At(path, k)
		}
	}
	return strings.ReplaceAll(path, "\n", " ")
}
