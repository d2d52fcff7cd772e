package node

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// Registry is a set of node types. It is a value to copy and narrow; the zero
// value is empty. It must not be changed once an engine uses it.
type Registry struct{ types map[string]Type }

var typeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}\.[a-z][a-z0-9_]{0,63}$`)

// NewRegistry makes a registry of the types. It panics when a type has no Run, a
// name that is not "<integration>.<action>", or the name of another.
func NewRegistry(types ...Type) *Registry {
	r := &Registry{types: make(map[string]Type, len(types))}
	for _, t := range types {
		if err := r.Add(t); err != nil {
			panic(err)
		}
	}
	return r
}

// Add puts a type into the registry.
func (r *Registry) Add(t Type) error {
	if !typeName.MatchString(t.Name) {
		return fmt.Errorf("adding node type %q: the name must be <integration>.<action> in lower case", t.Name)
	}
	if _, taken := r.types[t.Name]; taken {
		return fmt.Errorf("adding node type %s: the name is taken", t.Name)
	}
	if t.Run == nil {
		return fmt.Errorf("adding node type %s: it has no Run", t.Name)
	}
	if r.types == nil {
		r.types = map[string]Type{}
	}
	r.types[t.Name] = t
	return nil
}

// With gives a copy that has these types in place of, or beside, its own.
func (r *Registry) With(types ...Type) *Registry {
	c := &Registry{types: maps.Clone(r.types)}
	for _, t := range types {
		delete(c.types, t.Name)
		if err := c.Add(t); err != nil {
			panic(err)
		}
	}
	return c
}

// Lookup gives the type of that name.
func (r *Registry) Lookup(name string) (Type, bool) {
	t, ok := r.types[name]
	return t, ok
}

// Types gives the types, in the order of their names.
func (r *Registry) Types() []Type {
	all := make([]Type, 0, len(r.types))
	for _, name := range r.Names() {
		all = append(all, r.types[name])
	}
	return all
}

// Names lists the types, sorted.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.types)) }

// InputPorts gives the ports that lead into nodes of the type.
func (t Type) InputPorts() []string {
	if t.Inputs == nil && !t.Trigger {
		return []string{"main"}
	}
	return t.Inputs
}

// OutputPorts gives the ports by which a node with these raw parameters can leave.
func (t Type) OutputPorts(params map[string]any) []string {
	if t.OutputsFor != nil {
		return t.OutputsFor(params)
	}
	if t.Outputs == nil {
		return []string{"main"}
	}
	return t.Outputs
}

// OutputShapes describes what a node with these raw parameters leaves with; nil = it may be anything.
func (t Type) OutputShapes(params map[string]any) []Output {
	if t.OutputFor != nil {
		return t.OutputFor(params)
	}
	return t.Output
}
