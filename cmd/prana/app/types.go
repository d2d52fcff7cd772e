package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"prana/engine/node"
	"prana/handlers/nodes"
)

// NodeTypes are the built-in node types and a team's own beside them, whose names must be new.
func NodeTypes(own []node.Type, o nodes.Options) (*node.Registry, error) {
	r := node.NewRegistry(nodes.Builtin(o)...)
	builtin := r.Names()
	for _, t := range own {
		if slices.Contains(builtin, t.Name) {
			return nil, fmt.Errorf("adding node type %s: a built-in one has that name; give yours an integration of its own, such as acme.%s", t.Name, actionOf(t.Name))
		}
		if err := r.Add(t); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func actionOf(name string) string {
	_, action, _ := strings.Cut(name, ".")
	return action
}

// makeRegistry makes the node types that there are, all of which reach out as the configuration allows.
func (a *App) makeRegistry(context.Context) error {
	c := a.o.Config
	a.egress = nodes.NewClient(nodes.Egress{AllowPrivate: c.Egress.AllowsPrivate(a.o.Dev), AllowCIDRs: c.Egress.Allow})
	r, err := NodeTypes(a.o.Types, nodes.Options{HTTP: a.egress, MaxResponse: int64(c.Limits.Response), Logger: a.log})
	if err != nil {
		return err
	}
	if a.registry = r; a.o.Around == nil {
		return nil
	}
	for _, name := range r.Names() {
		t, _ := r.Lookup(name)
		t.Run = a.o.Around(t)
		a.registry = a.registry.With(t)
	}
	return nil
}

// Registry gives the node types that there are.
func (a *App) Registry() *node.Registry { return a.registry }
