package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"prana/engine/eval"
	"prana/engine/flow"
	"prana/engine/node"
)

// field is one declared parameter of one node; value is nil when it is not given.
type field struct {
	spec  node.Field
	value value
}

// value is a compiled parameter. It follows the fields of its items as far as
// the definition writes them out; below that it is one program.
type value interface {
	eval(env eval.Env) (any, error)
}

// literal is taken as it stands.
type literal struct{ v any }

func (l literal) eval(eval.Env) (any, error) { return l.v, nil }

// leaf is a program; its errors are reported below path.
type leaf struct {
	program   *eval.Program
	path      string
	condition bool
}

func (l leaf) eval(env eval.Env) (any, error) {
	v, err := l.run(env)
	if e, ok := errors.AsType[*eval.Error](err); ok {
		located := *e
		located.Path = under(l.path, e.Path)
		return nil, &located
	}
	return v, err
}

func (l leaf) run(env eval.Env) (any, error) {
	if l.condition {
		return l.program.EvalBool(env)
	}
	return l.program.Eval(env)
}

// under joins two paths.
func under(path, rest string) string {
	if path == "" || rest == "" || strings.HasPrefix(rest, "[") {
		return path + rest
	}
	return path + "." + rest
}

// lazy is a lazy parameter with what is written in the definition.
type lazy struct {
	field
	source any
}

type elements []value

func (l elements) eval(env eval.Env) (any, error) {
	out := make([]any, len(l))
	for i, e := range l {
		v, err := e.eval(env)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// members are in the order of the fields, so that of two errors always the
// same one is reported.
type members []member

type member struct {
	name  string
	value value
}

func (m members) eval(env eval.Env) (any, error) {
	out := make(map[string]any, len(m))
	for _, e := range m {
		v, err := e.value.eval(env)
		if err != nil {
			return nil, err
		}
		out[e.name] = v
	}
	return out, nil
}

// Params evaluates the parameters that are not lazy: cast to their kinds, with
// defaults, checked. What the type does not declare is left out. Values may be
// shared with env and the definition: they are to be read only. An error is a
// *flow.Problem that lists every parameter at fault.
func (n *Node) Params(env eval.Env) (map[string]any, error) {
	out := make(map[string]any, len(n.fields))
	var faults []fault
	for _, f := range n.fields {
		if f.spec.Lazy {
			continue
		}
		v, wrong := f.compute(env)
		faults = append(faults, wrong...)
		if v != nil || f.value != nil && f.spec.Kind == node.Any {
			out[f.spec.Name] = v
		}
	}
	if len(faults) > 0 {
		return nil, n.problem(faults)
	}
	return out, nil
}

// EvalLazy evaluates one lazy parameter; conditions give a bool. Without a
// value in the definition it gives the default. One inside of another is named by its path, such as "for[2].match".
func (n *Node) EvalLazy(name string, env eval.Env) (any, error) {
	f, ok := n.lazies["params."+name]
	if i := slices.IndexFunc(n.fields, func(f field) bool { return f.spec.Name == name }); i >= 0 {
		f.field, ok = n.fields[i], true
	}
	if !ok {
		return nil, fmt.Errorf("evaluating parameter %s of node %s: type %s does not declare it", name, n.Key, n.Type.Name)
	}
	v, faults := f.compute(env)
	if len(faults) > 0 {
		return nil, n.problem(faults)
	}
	return v, nil
}

// Lazy gives a lazy parameter as it is written; false when it is not written out in the definition.
func (n *Node) Lazy(name string) (source any, ok bool) {
	f, ok := n.lazies["params."+name]
	return f.source, ok
}

func (f field) compute(env eval.Env) (any, []fault) {
	path := Join("params", f.spec.Name)
	var v any
	if f.value != nil {
		var err error
		if v, err = f.value.eval(env); err != nil {
			return nil, []fault{evalFault(path, err)}
		}
	}
	if f.spec.Raw && v != nil || f.spec.Kind == node.Expression && f.value != nil {
		return v, nil
	}
	return shape(f.spec, v, path)
}

func evalFault(path string, err error) fault {
	e, ok := errors.AsType[*eval.Error](err)
	if !ok {
		return fault{path: path, code: CodeBadExpression, message: err.Error()}
	}
	return fault{path: e.Path, code: CodeBadExpression, message: e.Message, line: e.Line, column: e.Column}
}

// The codes of problems with parameters.
const (
	// ProblemParams: a parameter is missing, or not what the node type accepts.
	ProblemParams = "invalid_params"
	// ProblemExpression: an expression of a parameter failed.
	ProblemExpression = "expression_error"
)

// problem tells all faults; its details give the place of the first, and all
// of them as "fields".
func (n *Node) problem(faults []fault) *flow.Problem {
	code := ProblemParams
	var texts []string
	var fields []any
	for _, f := range faults {
		if f.code == CodeBadExpression {
			code = ProblemExpression
		}
		texts = append(texts, f.String())
		fields = append(fields, f.details())
	}
	details := faults[0].details()
	delete(details, "message")
	if len(faults) > 1 {
		details["fields"] = fields
	}
	return &flow.Problem{
		Code: code, Node: n.Key, Details: details, Permanent: true,
		Message: flow.Cut(strings.Join(texts, "; "), 2048),
	}
}

func (f fault) String() string {
	if f.line == 0 {
		return f.path + ": " + f.message
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.path, f.line, f.column, f.message)
}

func (f fault) details() map[string]any {
	d := map[string]any{"path": f.path, "message": flow.Cut(f.message, 512)}
	if f.line > 0 {
		d["line"], d["column"] = f.line, f.column
	}
	return d
}
