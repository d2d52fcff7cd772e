package definition

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"prana/engine/flow"
	"prana/engine/node"
)

const preface = `# Node types

Generated from the types themselves. Every example is run by the tests, as the only node between a start and an end. While it
waits, ` + "`advance`" + ` lets time pass, ` + "`publish`" + ` offers an event, and ` + "`resume`" + ` ends the wait by hand; … stands for what is another each time.

`

// Reference documents every type of a registry, as Markdown.
func Reference(reg *node.Registry) (string, error) {
	var b strings.Builder
	b.WriteString(preface)
	names := reg.Names()
	for _, name := range names {
		fmt.Fprintf(&b, "- [%s](#%s)\n", name, strings.ReplaceAll(name, ".", ""))
	}
	for _, name := range names {
		t, _ := reg.Lookup(name)
		page, err := ReferenceOf(t.Describe())
		if err != nil {
			return "", err
		}
		b.WriteString("\n" + page)
	}
	return b.String(), nil
}

// ReferenceOf documents one type, as Markdown.
func ReferenceOf(d node.Description) (string, error) {
	p := &page{}
	p.line("## %s", d.Name)
	p.line("")
	p.line("%s", d.Summary)
	p.line("")
	p.line("%s", portsOf(d))
	p.parameters(d)
	p.output(d)
	for _, e := range d.Examples {
		if err := p.example(d, e); err != nil {
			return "", fmt.Errorf("writing example %q of %s: %w", e.Title, d.Name, err)
		}
	}
	return p.String(), nil
}

// page is one type's part of the reference.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func portsOf(d node.Description) string {
	in := "Entered by " + ports(d.Inputs)
	if d.Trigger {
		in = "Begins a workflow"
	}
	out := in + "; leaves by " + ports(slices.DeleteFunc(slices.Clone(d.Outputs), func(port string) bool { return slices.Contains(d.Emits, port) }))
	if len(d.Emits) > 0 {
		out += "; emits by " + ports(d.Emits) + " while it waits"
	}
	if d.Body != "" {
		out += "; port " + code(d.Body) + " leads to what is done for each item"
	}
	return out + "."
}

func ports(names []string) string {
	var all []string
	for _, name := range names {
		if name == anyField {
			all = append(all, "ports of any name")
			continue
		}
		all = append(all, "port "+code(name))
	}
	return strings.Join(all, ", ")
}

func code(s string) string { return "`" + s + "`" }

func (p *page) parameters(d node.Description) {
	p.line("")
	if len(d.Fields) == 0 {
		p.line("It has no parameters.")
		return
	}
	p.line("| parameter | kind | default | |")
	p.line("|---|---|---|---|")
	p.fields("", d.Fields, func(name string, f node.Field) string {
		return fmt.Sprintf("| %s | %s | %s | %s |", name, kindOf(f), defaultOf(f), cell(f.Summary+rootsOf(f)))
	})
}

// fields writes a row for each field, and below it those of its items.
func (p *page) fields(prefix string, fields []node.Field, row func(name string, f node.Field) string) {
	for _, f := range fields {
		name := prefix + f.Name
		p.line("%s", row(nameOf(name), f))
		if f.Kind == node.Array {
			name += "[]"
		}
		p.fields(name+".", f.Items, row)
	}
}

func nameOf(name string) string {
	if name == anyField {
		return "any name"
	}
	return code(name)
}

// cell keeps a text from ending its cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func kindOf(f node.Field) string {
	kind := string(f.Kind)
	if len(f.Enum) > 0 {
		kind = strings.Join(quoted(f.Enum), ", ")
	}
	if bounds := boundsOf(f); bounds != "" {
		kind += ", " + bounds
	}
	if f.Required {
		kind += ", **required**"
	}
	return kind
}

func quoted(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, code(s))
	}
	return out
}

func boundsOf(f node.Field) string {
	number := func(n *float64) string { return strconv.FormatFloat(*n, 'f', -1, 64) }
	unit := map[node.Kind]string{node.String: " characters", node.Array: " elements"}[f.Kind]
	switch {
	case f.Min != nil && f.Max != nil:
		return number(f.Min) + " to " + number(f.Max) + unit
	case f.Min != nil:
		return "at least " + number(f.Min) + unit
	case f.Max != nil:
		return "at most " + number(f.Max) + unit
	}
	return ""
}

func defaultOf(f node.Field) string {
	if f.Default == nil {
		return ""
	}
	return code(inline(f.Default))
}

func rootsOf(f node.Field) string {
	if len(f.Roots) == 0 {
		return ""
	}
	return " It may also read " + strings.Join(quoted(f.Roots), ", ") + "."
}

func inline(v any) string {
	raw, err := flow.Encode(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func (p *page) output(d node.Description) {
	p.line("")
	p.line("**Output**")
	for _, o := range d.Output {
		p.line("")
		p.line("%s", outputOf(o))
		if len(o.Fields) > 0 {
			p.line("")
			p.line("| member | kind | |")
			p.line("|---|---|---|")
			p.fields("", o.Fields, func(name string, f node.Field) string {
				return fmt.Sprintf("| %s | %s | %s |", name, f.Kind, cell(f.Summary))
			})
		}
	}
	if len(d.Output) == 0 {
		p.line("")
		p.line("Any value.")
	}
}

func outputOf(o node.Output) string {
	text := o.Summary
	switch {
	case o.Pass:
		text = strings.TrimSpace("The input, as it came. " + text)
	case text == "" && o.Fields == nil:
		text = "Any value."
	case text == "":
		text = "An object:"
	}
	if o.Port != "" {
		return "By port " + code(o.Port) + ": " + text
	}
	return text
}

func (p *page) example(d node.Description, e node.Example) error {
	n := map[string]any{"key": "example", "type": d.Name}
	if len(e.Params) > 0 {
		n["params"] = e.Params
	}
	text, err := write(yamlNode([]any{n}, nodeOrder))
	if err != nil {
		return err
	}
	p.line("")
	p.line("**%s**", e.Title)
	p.line("")
	p.line("```yaml\n%s```", text)
	p.line("")
	for name, v := range inOrder(e.Vars) {
		p.line("- the workflow's variable %s is %s", code(name), code(inline(v)))
	}
	switch {
	case e.Input != nil:
		p.line("- in: %s", code(inline(e.Input)))
	case e.Inputs != nil:
		for port, v := range inOrder(e.Inputs) {
			p.line("- in by port %s: %s", code(port), code(inline(v)))
		}
	}
	for _, what := range e.Then {
		p.line("- while it waits: %s", code(what))
	}
	p.line("- out by port %s: %s", code(cmp.Or(e.Port, flow.PortMain)), code(inline(e.Output)))
	return nil
}

func inOrder(m map[string]any) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !yield(name, m[name]) {
				return
			}
		}
	}
}
