package node

import (
	"cmp"

	"prana/engine/flow"
)

// Description is a Type as data, for people, editors and programs.
type Description struct {
	Name      string    `json:"name"`
	Summary   string    `json:"summary"`
	Trigger   bool      `json:"trigger"`
	Waits     bool      `json:"waits"`
	Inputs    []string  `json:"inputs"`          // "*" = any name
	Outputs   []string  `json:"outputs"`         // likewise; "error" besides, when settings say so
	Emits     []string  `json:"emits,omitempty"` // those by which it emits while it waits
	Body      string    `json:"body,omitempty"`
	TimeoutMS int64     `json:"timeout_ms"`
	Fields    []Field   `json:"fields"`
	Output    []Output  `json:"output"`
	Examples  []Example `json:"examples"`
}

// Describe gives the type as data. No list in it is nil.
func (t Type) Describe() Description {
	outputs := t.Outputs
	if outputs == nil {
		outputs = []string{flow.PortMain}
	}
	return Description{
		Name: t.Name, Summary: t.Summary, Trigger: t.Trigger, Waits: t.Waits, Emits: t.Emits, Body: t.Body,
		Inputs: listed(t.InputPorts()), Outputs: outputs, TimeoutMS: cmp.Or(t.Timeout, DefaultTimeout).Milliseconds(),
		Fields: listed(t.Fields), Output: listed(t.Output), Examples: listed(t.Examples),
	}
}

// Describe gives all types as data, sorted by name.
func (r *Registry) Describe() []Description {
	all := []Description{}
	for _, name := range r.Names() {
		all = append(all, r.types[name].Describe())
	}
	return all
}

func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
