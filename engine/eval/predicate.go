package eval

import (
	"strconv"

	"github.com/expr-lang/expr/ast"
)

// byName are the predicates of expr that also take the name of a field.
var byName = map[string]string{
	"map": "@map_by", "groupBy": "@group_by", "sortBy": "@sort_by", "sum": "@sum_by",
}

// wantsTest are the predicates whose body must give a boolean.
var wantsTest = map[string]bool{
	"all": true, "none": true, "any": true, "one": true, "filter": true, "count": true,
	"find": true, "findIndex": true, "findLast": true, "findLastIndex": true,
}

// predicate rewrites map, filter and their kin, the only loops of the language.
func (w *rewriter) predicate(n *ast.BuiltinNode) ast.Node {
	if n.Name == "reduce" {
		return w.refuse(n, CodeNotAllowed, "reduce is not available", "use sum, join, min, max or map")
	}
	items := w.node(n.Arguments[0])
	if len(n.Arguments) == 1 {
		return call(n, map[string]string{"sum": "@sum", "count": "@count"}[n.Name], items)
	}
	body := n.Arguments[1]
	if p, ok := body.(*ast.PredicateNode); ok {
		body = p.Node
	}
	if out := w.named(n, items, body); out != nil {
		return out
	}
	return w.loop(n, items, body)
}

// named handles a field's name in place of a predicate: map(x, "price"). It
// returns nil when body is a true predicate.
func (w *rewriter) named(n *ast.BuiltinNode, items, body ast.Node) ast.Node {
	field, ok := body.(*ast.StringNode)
	if !ok {
		return w.namedFilter(n, items, body)
	}
	if n.Name == "filter" {
		return call(n, "@filter_some", items, literal(field.Value), &ast.BoolNode{Value: true})
	}
	name, ok := byName[n.Name]
	if !ok {
		return w.refuse(n, CodeBadArguments, n.Name+" takes a predicate, such as .price > 10", "")
	}
	args := []ast.Node{items, literal(field.Value)}
	return call(n, name, append(args, w.nodes(n.Arguments[2:])...)...)
}

// namedFilter knows reject(x, "field") by the negation that scan wrote.
func (w *rewriter) namedFilter(n *ast.BuiltinNode, items, body ast.Node) ast.Node {
	not, ok := body.(*ast.UnaryNode)
	if !ok || n.Name != "filter" {
		return nil
	}
	field, ok := not.Node.(*ast.StringNode)
	if !ok {
		return nil
	}
	return call(n, "@filter_some", items, literal(field.Value), &ast.BoolNode{Value: false})
}

// loop compiles to expr's own loop over a checked list; the body counts a step
// for each turn.
func (w *rewriter) loop(n *ast.BuiltinNode, items, body ast.Node) ast.Node {
	w.predicates++
	defer func() { w.predicates-- }()
	if w.predicates > maxPredicate {
		return w.refuse(n, CodeNotAllowed, "predicates are nested deeper than 2", "compute the inner list in a node of its own")
	}
	turn := "@turn"
	if wantsTest[n.Name] {
		turn = "@test"
	} else if n.Name == "groupBy" {
		turn = "@key" // keys of an object are text, and text can be a key
	}
	p := &ast.PredicateNode{Node: call(body, turn, w.node(body))}
	p.SetLocation(body.Location())
	out := &ast.BuiltinNode{
		Name:      n.Name,
		Arguments: []ast.Node{call(n, "@list", items, literal(n.Name)), p},
	}
	out.Arguments = append(out.Arguments, w.nodes(n.Arguments[2:])...)
	out.SetLocation(n.Location())
	switch n.Name {
	case "groupBy":
		return call(n, "@groups", out)
	case "sum": // expr's own sum and order would lose digits
		out.Name = "map"
		return call(n, "@sum", out)
	case "sortBy":
		return w.sortBy(n, out, p)
	}
	return out
}

// sortBy maps the list to its keys and sorts by those. The list is kept in a
// variable, so it is computed once.
func (w *rewriter) sortBy(n, loop *ast.BuiltinNode, key *ast.PredicateNode) ast.Node {
	w.temps++
	name := "@" + strconv.Itoa(w.temps)
	list := func() ast.Node { return &ast.IdentifierNode{Value: name} }
	keys := &ast.BuiltinNode{Name: "map", Arguments: []ast.Node{list(), key}}
	keys.SetLocation(n.Location())
	var order ast.Node = &ast.NilNode{}
	if len(loop.Arguments) > 2 {
		order = loop.Arguments[2]
	}
	return &ast.VariableDeclaratorNode{Name: name, Value: loop.Arguments[0], Expr: call(n, "@sort_keys", list(), keys, order)}
}
