package node

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"prana/engine/flow"
)

// Typed makes a node type of a Go function, which gets its parameters as In and leaves with Out. The types say what a
// declaration by hand would: parameters, ports and output, for checks, documentation, completion and expressions.
//
// In is a struct, or a map with strings for keys. A member is called as encoding/json calls it, and it is required unless
// it is a pointer, or has omitempty, omitzero or a default. Its tags are
//
//	doc:"what it is"  enum:"card,invoice"  default:"card"  min:"1"  max:"100"  secret:"true"
//
// where min and max bound a number, the length of a text or of a list, and a default of other kinds than texts is JSON.
// A time.Duration is written like 30s or 1h30m, a time.Time as RFC 3339 has it; types that read themselves from text or
// JSON do so, and what they refuse is refused when a definition is checked.
//
// Out is anything that has JSON. A struct whose members are pointers with the tag port leaves by the port of the one
// that is set; *Outcome among them, without the tag, is for everything else, such as to wait: the function is called again
// with Call.Resume then. Out may also be Outcome itself.
//
// What t says itself stands: its own Fields replace those of the same names. Typed panics when the types or their tags
// cannot be used, so that a program with such a node does not begin.
func Typed[In, Out any](t Type, run func(ctx context.Context, c *Call, in In) (Out, error)) Type {
	in, out := reflect.TypeFor[In](), reflect.TypeFor[Out]()
	leave, err := complete(&t, in, out)
	if err != nil {
		panic(fmt.Sprintf("making node type %s: %v", t.Name, err))
	}
	params := newWire(in)
	t.Run = func(ctx context.Context, c *Call) (Outcome, error) {
		var v In
		if err := params.decode(c.Params, &v); err != nil {
			return Outcome{}, misfit(codeParams, "the parameters do not fit", err)
		}
		o, err := run(ctx, c, v)
		if err != nil {
			return Outcome{}, err
		}
		return leave(reflect.ValueOf(&o).Elem())
	}
	return t
}

// complete fills in what the Go types say, and tells how values of the second one leave.
func complete(t *Type, in, out reflect.Type) (func(reflect.Value) (Outcome, error), error) {
	if t.Run != nil {
		return nil, errors.New("it has a Run, which the function is to be")
	}
	fields, err := paramsOf(in)
	if err != nil {
		return nil, err
	}
	t.Fields = replaced(fields, t.Fields)
	return leaving(t, out)
}

// Decode reads a value, such as Call.Input or Resume.Data, as a Go type. An error is a permanent *flow.Problem with code
// "invalid_data".
func Decode[T any](v any) (T, error) {
	var out T
	if err := newWire(reflect.TypeFor[T]()).decode(v, &out); err != nil {
		return out, misfit(codeData, "the data does not fit", err)
	}
	return out, nil
}

// The codes of values that do not fit; the engine has the same for those that it refuses itself.
const (
	codeParams = "invalid_params"
	codeData   = "invalid_data"
	codeOutput = "invalid_output"
)

func misfit(code, what string, err error) *flow.Problem {
	p := flow.Problemf(code, "%s: %s", what, told(err))
	p.Permanent = true
	return p
}

// replaced has own in place of, or behind, the fields of the same names.
func replaced(fields, own []Field) []Field {
	for _, f := range own {
		if i := indexOf(fields, f.Name); i >= 0 {
			fields[i] = f
		} else {
			fields = append(fields, f)
		}
	}
	return fields
}
