package eval

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// Path is one constant path from a root that a program reads, such as
// $nodes.call.output.status.
type Path struct {
	Root   string // with its dollar
	Keys   []any  // the steps after it: string or int
	At     string // where in the parameter tree; "" is the value itself
	Offset int    // of the root, in bytes from the start of the string
	Only   bool   // the value of the program is what stands there
	// Operator compares the path with the literal Beside, a string, number or boolean; empty = with none.
	Operator string
	Beside   any
}

// Paths lists what the program reads, in the order of the parameter tree. What
// stands in a branch that is never taken counts as well.
func (p *Program) Paths() []Path { return slices.Clone(p.paths) }

// matching is a comparison of a path with a literal.
type matching struct {
	operator string
	literal  any
}

var comparisons = []string{"==", "!=", "<", "<=", ">", ">="}

// compares remembers what a path is compared with until it is read.
func (w *rewriter) compares(n *ast.BinaryNode) {
	if !slices.Contains(comparisons, n.Operator) {
		return
	}
	for _, sides := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
		_, root, _ := w.constantPath(sides[0])
		if v := literalOf(sides[1]); root != nil && v != nil {
			if w.compared == nil {
				w.compared = map[ast.Node]matching{}
			}
			w.compared[root] = matching{n.Operator, v}
		}
	}
}

func literalOf(n ast.Node) any {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.IntegerNode:
		return n.Value
	case *ast.FloatNode:
		return n.Value
	case *ast.BoolNode:
		return n.Value
	}
	return nil
}

// reads records a path, with each matching once: a<b<c brings b twice.
func (w *rewriter) reads(root ast.Node, name string, keys []any) {
	offset, _, _ := w.at.at(root.Location().From)
	c := w.compared[root]
	again := func(p Path) bool { return p.Offset == offset && p.Operator == c.operator && p.Beside == c.literal }
	if !slices.ContainsFunc(w.c.paths[w.first:], again) {
		w.c.paths = append(w.c.paths, Path{Root: name, Keys: keys, At: w.path, Offset: offset, Operator: c.operator, Beside: c.literal})
	}
}
