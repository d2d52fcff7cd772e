package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"prana/engine/eval"
	"prana/engine/node"
)

// paramCompiler compiles the parameters of one node. Paths inside the node
// begin with "params"; diagnostics put at, the path of the node, before them.
type paramCompiler struct {
	c    *compiler
	node int
	at   string
	refs eval.Refs
	lazy map[string]lazy
}

// fields compiles what the type declares and reports what it does not.
func (p *paramCompiler) fields(specs []node.Field, params map[string]any) []field {
	p.unknown(specs, params, "params")
	var out []field
	for _, spec := range specs {
		if spec.Name == anyName {
			out = append(out, p.others(specs, spec, params)...)
			continue
		}
		out = append(out, field{spec: spec, value: p.member(spec, params, "params", nil)})
	}
	return out
}

// others gives a field to each name that only "*" covers.
func (p *paramCompiler) others(specs []node.Field, free node.Field, params map[string]any) []field {
	var out []field
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if _, known := findField(specs, name); known {
			continue
		}
		spec := free
		spec.Name = name
		out = append(out, field{spec: spec, value: p.member(spec, params, "params", nil)})
	}
	return out
}

func (p *paramCompiler) unknown(specs []node.Field, params map[string]any, path string) {
	var names []string
	for _, s := range specs {
		if s.Name == anyName {
			return
		}
		names = append(names, s.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if slices.Contains(names, name) {
			continue
		}
		hint := suggest(name, "parameters", names)
		if len(names) == 0 {
			hint = "it takes none"
		}
		p.report(fault{path: Join(path, name), onKey: true, code: CodeUnknownParam, message: fmt.Sprintf("there is no parameter %q", name), hint: hint})
	}
}

// member compiles one field of an object, nil when it is not given.
func (p *paramCompiler) member(spec node.Field, object map[string]any, path string, roots []string) value {
	raw := object[spec.Name]
	path = Join(path, spec.Name)
	if raw == nil {
		_, faults := absent(spec, path)
		p.report(faults...)
		if _, given := object[spec.Name]; !given {
			return nil
		}
		return literal{}
	}
	v := p.value(spec, raw, path, slices.Concat(roots, spec.Roots))
	if !spec.Lazy {
		return v
	}
	if p.lazy == nil {
		p.lazy = map[string]lazy{}
	}
	p.lazy[path] = lazy{field{spec: spec, value: v}, raw}
	if !strings.ContainsAny(strings.TrimPrefix(path, "params."), ".[") {
		return v
	}
	return literal{raw} // what is around it is evaluated before
}

func (p *paramCompiler) value(spec node.Field, raw any, path string, roots []string) value {
	if spec.Raw {
		return literal{raw}
	}
	if spec.Literal {
		return p.literal(spec, raw, path)
	}
	if spec.Kind == node.Condition || spec.Kind == node.Expression {
		return p.expression(spec, raw, path, roots)
	}
	if eval.IsDirective(raw) {
		return p.leaf(spec, raw, path, roots)
	}
	switch t := raw.(type) {
	case map[string]any:
		if spec.Items != nil && spec.Kind == node.Object {
			p.report(checkMore(spec, t, path)...)
			return p.object(spec.Items, t, path, roots)
		}
	case []any:
		if spec.Items != nil && spec.Kind == node.Array {
			p.report(checkRange(spec, t, path)...)
			return p.list(spec, t, path, roots)
		}
	}
	return p.leaf(spec, raw, path, roots)
}

// expression compiles what needs no braces.
func (p *paramCompiler) expression(spec node.Field, raw any, path string, roots []string) value {
	source, ok := raw.(string)
	if !ok {
		_, faults := shape(spec, raw, path)
		p.report(faults...)
		return literal{raw}
	}
	program, issues := eval.CompileCondition(source, p.c.scope(roots))
	p.issues(path, issues)
	return p.program(spec.Kind, leaf{program: program, path: path, condition: spec.Kind == node.Condition})
}

func (p *paramCompiler) object(specs []node.Field, object map[string]any, path string, roots []string) value {
	p.unknown(specs, object, path)
	var out members
	for _, spec := range specs {
		if spec.Name == anyName {
			continue
		}
		if v := p.member(spec, object, path, roots); v != nil {
			out = append(out, member{spec.Name, v})
		}
	}
	return append(out, p.freeMembers(specs, object, path, roots)...)
}

func (p *paramCompiler) freeMembers(specs []node.Field, object map[string]any, path string, roots []string) members {
	i := slices.IndexFunc(specs, func(f node.Field) bool { return f.Name == anyName })
	if i < 0 {
		return nil
	}
	var out members
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, known := findField(specs, name); !known {
			spec := specs[i]
			spec.Name = name
			out = append(out, member{name, p.member(spec, object, path, roots)})
		}
	}
	return out
}

func (p *paramCompiler) list(spec node.Field, list []any, path string, roots []string) value {
	element := node.Field{Name: "each of " + spec.Name, Kind: node.Object, Items: spec.Items, Required: true}
	out := make(elements, len(list))
	for i, e := range list {
		out[i] = p.value(element, e, At(path, i), roots)
	}
	return out
}

// leaf compiles a value as one program; a constant is checked at once.
func (p *paramCompiler) leaf(spec node.Field, raw any, path string, roots []string) value {
	program, issues := eval.CompileValue(raw, p.c.scope(roots))
	p.issues(path, issues)
	p.c.lookalikes(under(p.at, path), raw)
	if program == nil {
		return literal{}
	}
	if program.IsConstant() {
		v, _ := program.Eval(nil)
		p.constant(spec, v, path)
	}
	return p.program(spec.Kind, leaf{program: program, path: path})
}

// literal takes a value as it stands, which must not ask to be evaluated.
func (p *paramCompiler) literal(spec node.Field, raw any, path string) value {
	program, issues := eval.CompileValue(raw, p.c.scope(nil))
	if len(issues) > 0 || program == nil || !program.IsConstant() {
		message := fmt.Sprintf("%s must be written out: it is read while nothing runs", spec.Name)
		p.report(fault{path: path, code: CodeNotLiteral, message: message, hint: spec.Summary})
		return literal{}
	}
	p.constant(spec, raw, path)
	return literal{raw}
}

// constant checks a value that is known before anything runs, and warns of a credential that is written out.
func (p *paramCompiler) constant(spec node.Field, v any, path string) {
	_, faults := shape(spec, v, path)
	p.report(faults...)
	if spec.Secret && v != "" {
		p.c.warn(under(p.at, path), CodeSecretLiteral, "write {{ $secrets.NAME }} or {{ $env.NAME }}",
			"%s is written out: whoever may read the definition reads it", spec.Name)
	}
}

func (p *paramCompiler) program(kind node.Kind, l leaf) value {
	if l.program == nil {
		return literal{}
	}
	p.refs = p.refs.Union(l.program.Refs())
	p.c.reads(read{node: p.node, at: under(p.at, l.path), kind: kind}, l.program)
	return l
}

func (p *paramCompiler) issues(path string, issues []eval.Issue) {
	p.c.issues(under(p.at, path), issues)
}

func (p *paramCompiler) report(faults ...fault) {
	for _, f := range faults {
		p.c.add(Diagnostic{
			Severity: SeverityError, Code: f.code, Message: f.message, Hint: f.hint,
			Path: under(p.at, f.path), OnKey: f.onKey,
		})
	}
}
