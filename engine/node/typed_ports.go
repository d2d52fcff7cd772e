package node

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"prana/engine/flow"
)

var outcomeType = reflect.TypeFor[Outcome]()

// leaving completes the ports and outputs of a type by those of a Go type, and tells how its values leave.
func leaving(t *Type, out reflect.Type) (func(reflect.Value) (Outcome, error), error) {
	exits := exitsOf(out)
	switch {
	case out == outcomeType:
		return func(v reflect.Value) (Outcome, error) { return v.Interface().(Outcome), nil }, nil
	case len(exits) == 0:
		return leavingOnce(t, out)
	case t.Outputs != nil:
		return nil, fmt.Errorf("its ports are named twice: in Outputs, and by the tags of %s", out)
	}
	for _, e := range exits {
		if err := e.declare(t); err != nil {
			return nil, fmt.Errorf("field %s of %s: %w", e.name, out, err)
		}
	}
	return func(v reflect.Value) (Outcome, error) { return leaveBy(exits, v) }, nil
}

// leavingOnce is for types that leave by one port.
func leavingOnce(t *Type, out reflect.Type) (func(reflect.Value) (Outcome, error), error) {
	shape, err := outputOf(out)
	if err != nil {
		return nil, err
	}
	if t.Output == nil && shape.Fields != nil {
		t.Output = []Output{shape}
	}
	w := newWire(out)
	return func(v reflect.Value) (Outcome, error) { return leave("", w, v) }, nil
}

// exit is a member of a type that stands for one way to leave.
type exit struct {
	index int
	name  string
	port  string // empty: it is an *Outcome
	doc   string

	exported bool
	wire
}

// exitsOf lists the ways to leave that a struct names; none: it is itself what the node leaves with.
func exitsOf(out reflect.Type) []exit {
	var all []exit
	if out.Kind() != reflect.Struct {
		return nil
	}
	ports := false
	for i := range out.NumField() {
		f := out.Field(i)
		port := f.Tag.Get("port")
		ports = ports || port != "" || f.Type == reflect.PointerTo(outcomeType)
		all = append(all, exit{i, f.Name, port, f.Tag.Get("doc"), f.IsExported(), newWire(f.Type)})
	}
	if !ports {
		return nil
	}
	return all
}

// declare adds the port to the type.
func (e exit) declare(t *Type) error {
	switch {
	case !e.exported || slices.Contains(t.Outputs, e.port):
		return errors.New("beside ports, each member must be exported and have a port of its own")
	case e.t.Kind() != reflect.Pointer:
		return errors.New("beside ports, each member must be a pointer, so that it can be unset")
	case e.t.Elem() == outcomeType && e.port == "":
		return nil
	case e.port == "":
		return errors.New("it has no tag port")
	case e.port == flow.PortError:
		return errors.New("a node leaves by port error with an error")
	}
	shape, err := outputOf(e.t)
	shape.Port, shape.Summary = e.port, e.doc
	t.Outputs = append(t.Outputs, e.port)
	t.Output = append(t.Output, shape)
	return err
}

// outputOf describes what leaves: of an object, its members.
func outputOf(t reflect.Type) (Output, error) {
	f, err := writing.field(t, nil)
	if f.Kind != Object {
		return Output{}, err
	}
	return Output{Fields: f.Items}, err
}

func leaveBy(exits []exit, v reflect.Value) (Outcome, error) {
	var set []exit
	var names []string
	for _, e := range exits {
		names = append(names, e.name)
		if !v.Field(e.index).IsNil() {
			set = append(set, e)
		}
	}
	if len(set) != 1 {
		p := flow.Problemf(codeOutput, "the node set %d of %s, and not the one that it leaves by", len(set), strings.Join(names, ", "))
		p.Permanent = true
		return Outcome{}, p
	}
	value := v.Field(set[0].index)
	if o, ok := reflect.TypeAssert[*Outcome](value); ok {
		return *o, nil
	}
	return leave(set[0].port, set[0].wire, value)
}

func leave(port string, w wire, v reflect.Value) (Outcome, error) {
	out, err := w.encode(v.Interface())
	if err != nil {
		p := flow.Problemf(codeOutput, "the output is not JSON: %v", err)
		p.Permanent = true
		return Outcome{}, p
	}
	return Outcome{Port: port, Output: out}, nil
}
