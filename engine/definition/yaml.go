package definition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"prana/engine/plan"
)

// readYAML parses the source as YAML 1.2 without aliases. The tree is nil when
// the source cannot be understood. needs is what an empty one lacks.
func readYAML(src []byte, needs string) (*tree, []plan.Diagnostic) {
	r := &yamlReader{}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0:
		r.report(place{1, 1}, plan.CodeBadSyntax, "write "+needs, "the file is empty")
		return nil, r.found
	case err != nil:
		r.syntax(src, err)
		return nil, r.found
	}
	if err := dec.Decode(&more); err == nil {
		r.report(place{more.Line, more.Column}, plan.CodeSeveralDocuments, "write one file for each workflow", "the file holds more than one document")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(src, err)
	}
	t := r.tree(doc.Content[0], 0)
	if len(r.found) > 0 {
		return nil, r.found
	}
	t.document = &doc
	return t, nil
}

type yamlReader struct{ checker }

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

// syntax gives the parser's message a place.
func (r *yamlReader) syntax(src []byte, err error) {
	message, line := fault(err)
	at := broken(src, message, line)
	if strings.HasPrefix(message, "unknown anchor") {
		r.report(at, plan.CodeAlias, aliasHint, message)
		return
	}
	r.report(at, plan.CodeBadSyntax, syntaxHint(bytes.Split(src, []byte("\n")), message, at.line-1), message)
}

func fault(err error) (message string, line int) {
	m := yamlError.FindStringSubmatch(err.Error())
	if m == nil {
		return err.Error(), 1
	}
	line, _ = strconv.Atoi(m[1])
	return m[2], max(line, 1)
}

// broken finds the line that breaks the file. The parser often names the
// beginning of what it was reading instead, so this looks for the shortest
// beginning of the file that fails in the same way.
func broken(src []byte, message string, line int) place {
	lines := bytes.SplitAfter(src, []byte("\n"))
	n := sort.Search(len(lines), func(n int) bool {
		var doc yaml.Node
		err := yaml.Unmarshal(bytes.Join(lines[:n+1], nil), &doc)
		if err == nil {
			return false
		}
		m, _ := fault(err)
		return m == message
	})
	if n == len(lines) {
		n = min(line, len(lines)) - 1
	}
	text := lines[n]
	return place{n + 1, 1 + len(text) - len(bytes.TrimLeft(text, " "))}
}

const aliasHint = "write the value out, or put it into variables; a string that begins with * or & needs quotes"

func (r *yamlReader) tree(n *yaml.Node, depth int) *tree {
	at := place{n.Line, n.Column}
	t := &tree{place: at, kind: scalarKind, origin: n}
	switch {
	case depth > plan.MaxDepth:
		r.report(at, plan.CodeTooDeep, "", fmt.Sprintf("nested deeper than %d levels", plan.MaxDepth))
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.report(at, plan.CodeAlias, aliasHint, "anchors and aliases are not accepted")
	case n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!str":
		r.report(at, plan.CodeAlias, "leave it out; a string that begins with ! needs quotes", "the tag "+n.Tag+" is not accepted")
	case n.Kind == yaml.MappingNode:
		t.kind = mappingKind
		r.mapping(t, n, depth)
	case n.Kind == yaml.SequenceNode:
		t.kind = listKind
		for _, e := range n.Content {
			t.items = append(t.items, r.tree(e, depth+1))
		}
	default:
		t.scalar, t.style = scalarOf(n)
	}
	return t
}

func (r *yamlReader) mapping(t *tree, n *yaml.Node, depth int) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		at := place{k.Line, k.Column}
		switch {
		case k.Kind == yaml.AliasNode || k.Anchor != "":
			r.report(at, plan.CodeAlias, aliasHint, "anchors and aliases are not accepted")
		case k.Kind != yaml.ScalarNode:
			r.report(at, plan.CodeBadSyntax, "a template needs quotes", "a name must be a string")
		}
		t.fields = append(t.fields, field{k.Value, at, r.tree(n.Content[i+1], depth+1), k})
	}
}

func scalarOf(n *yaml.Node) (any, style) {
	switch {
	case n.Style&yaml.SingleQuotedStyle != 0:
		return n.Value, single
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return n.Value, double
	case n.Style&yaml.LiteralStyle != 0:
		return n.Value, literal
	case n.Style&yaml.FoldedStyle != 0:
		return n.Value, folded
	case n.Style&yaml.TaggedStyle != 0:
		return n.Value, plain
	}
	return resolve(n.Value), plain
}
