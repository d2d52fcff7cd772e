package graph

import (
	"fmt"
	"strconv"
	"strings"
)

// Mermaid gives a flowchart for Markdown. Nodes are numbered, since keys may be words of the language.
func (g *Graph) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	for i, n := range g.Nodes {
		open, end := "[", "]"
		if n.Begins {
			open, end = "([", "])"
		}
		fmt.Fprintf(&b, "  n%d%s\"%s<br/>%s\"%s\n", i, open, mermaidText(n.Key), mermaidText(n.Type), end)
	}
	for _, e := range g.Edges {
		arrow := "-->"
		if e.Back {
			arrow = "-.->"
		}
		if text := ports(e); text != "" {
			arrow += "|\"" + mermaidText(text) + "\"|"
		}
		fmt.Fprintf(&b, "  n%d %s n%d\n", e.from, arrow, e.to)
	}
	return b.String()
}

var mermaidEscapes = strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "\n", " ")

func mermaidText(s string) string { return mermaidEscapes.Replace(s) }

// ports names those that are not main.
func ports(e Edge) string {
	if to := label(e.ToPort); to != "" {
		return strings.TrimSpace(label(e.FromPort) + " → " + to)
	}
	return label(e.FromPort)
}

// DOT gives a graph for Graphviz.
func (g *Graph) DOT() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  node [shape=box, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n", strconv.Quote(g.Workflow))
	for _, n := range g.Nodes {
		style := ""
		if n.Begins {
			style = ", style=rounded"
		}
		fmt.Fprintf(&b, "  %s [label=%s%s];\n", strconv.Quote(n.Key), strconv.Quote(n.Key+"\n"+n.Type), style)
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  %s -> %s%s;\n", strconv.Quote(e.From), strconv.Quote(e.To), dotAttributes(e))
	}
	b.WriteString("}\n")
	return b.String()
}

// dotAttributes keep a back edge from pulling its target down.
func dotAttributes(e Edge) string {
	var all []string
	if text := ports(e); text != "" {
		all = append(all, "label="+strconv.Quote(text))
	}
	if e.Back {
		all = append(all, "style=dashed", "constraint=false")
	}
	if len(all) == 0 {
		return ""
	}
	return " [" + strings.Join(all, ", ") + "]"
}
