package eval

import (
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
)

// rewriter turns a syntax tree as parsed into the one that is compiled: paths
// that give nil where nothing is, operators with our meaning, predicates that
// count their turns. It builds a new tree, because a<b<c puts b into the old
// one twice.
type rewriter struct {
	c          *compiler
	path       string
	at         location
	lets       []string // names bound around the node
	predicates int      // predicates around the node
	count      int
	temps      int
	stopped    bool                  // too large: the rest is not looked at
	compared   map[ast.Node]matching // root of a path -> what stands beside the path
	first      int                   // of the compiler's paths that belongs to this expression
}

func (w *rewriter) issue(pos int, code, message, hint string) {
	offset, line, column := w.at.at(pos)
	w.c.report(Issue{
		Path: w.path, Offset: offset, Line: line, Column: column,
		Code: code, Message: message, Hint: hint,
	})
}

func (w *rewriter) refuse(n ast.Node, code, message, hint string) ast.Node {
	w.issue(n.Location().From, code, message, hint)
	return &ast.NilNode{}
}

// call makes a call of one of our functions, which takes the run first.
func call(at ast.Node, name string, args ...ast.Node) ast.Node {
	n := &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: name},
		Arguments: append([]ast.Node{&ast.IdentifierNode{Value: runName}}, args...),
	}
	n.SetLocation(at.Location())
	return n
}

func literal(s string) ast.Node { return &ast.StringNode{Value: s} }

func (w *rewriter) node(n ast.Node) ast.Node {
	w.count++
	if w.count > maxExpanded && !w.stopped {
		w.stopped = true
		w.issue(0, CodeTooLarge, "the expression is too large", "")
	}
	if w.stopped || n == nil {
		return &ast.NilNode{}
	}
	out := w.kind(n)
	if out != n {
		out.SetLocation(n.Location())
	}
	return out
}

func (w *rewriter) kind(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode:
		return n
	case *ast.PointerNode:
		return w.pointer(n)
	case *ast.IdentifierNode:
		return w.identifier(n)
	case *ast.MemberNode:
		return w.member(n)
	case *ast.ChainNode:
		return w.node(n.Node)
	case *ast.SliceNode:
		return call(n, "@slice", w.node(n.Node), w.node(n.From), w.node(n.To))
	case *ast.UnaryNode:
		return w.unary(n)
	case *ast.BinaryNode:
		return w.binary(n)
	case *ast.CallNode:
		return w.call(n)
	case *ast.BuiltinNode:
		return w.predicate(n)
	}
	return w.compound(n)
}

func (w *rewriter) compound(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.ConditionalNode:
		return &ast.ConditionalNode{
			Ternary: n.Ternary,
			Cond:    call(n.Cond, "@test", w.node(n.Cond)),
			Exp1:    w.node(n.Exp1),
			Exp2:    w.node(n.Exp2),
		}
	case *ast.VariableDeclaratorNode:
		return w.let(n)
	case *ast.SequenceNode:
		return &ast.SequenceNode{Nodes: w.nodes(n.Nodes)}
	case *ast.ArrayNode:
		return &ast.ArrayNode{Nodes: w.nodes(n.Nodes)}
	case *ast.MapNode:
		return &ast.MapNode{Pairs: w.nodes(n.Pairs)}
	case *ast.PairNode:
		key := w.node(n.Key)
		if _, ok := key.(*ast.StringNode); !ok {
			key = call(n, "@key", key)
		}
		return &ast.PairNode{Key: key, Value: w.node(n.Value)}
	}
	return w.refuse(n, CodeNotAllowed, "this form is not part of the language", "")
}

func (w *rewriter) nodes(in []ast.Node) []ast.Node {
	out := make([]ast.Node, len(in))
	for i, n := range in {
		out[i] = w.node(n)
	}
	return out
}

func (w *rewriter) pointer(n *ast.PointerNode) ast.Node {
	if n.Name == "acc" {
		return w.refuse(n, CodeNotAllowed, "#acc is not available", "")
	}
	return &ast.PointerNode{Name: n.Name}
}

func (w *rewriter) let(n *ast.VariableDeclaratorNode) ast.Node {
	if strings.HasPrefix(n.Name, "$") {
		return w.refuse(n, CodeBadExpression, "a variable's name cannot begin with a dollar", "")
	}
	value := w.node(n.Value)
	w.lets = append(w.lets, n.Name)
	body := w.node(n.Expr)
	w.lets = w.lets[:len(w.lets)-1]
	return &ast.VariableDeclaratorNode{Name: n.Name, Value: value, Expr: body}
}

func (w *rewriter) identifier(n *ast.IdentifierNode) ast.Node {
	if slices.Contains(w.lets, n.Value) {
		return &ast.IdentifierNode{Value: n.Value}
	}
	if n.Value == "null" {
		return &ast.NilNode{}
	}
	return w.root(n, n.Value, nil)
}

// root reads a constant path from a root: the usual case, one call.
func (w *rewriter) root(n ast.Node, name string, keys []any) ast.Node {
	if !w.c.roots[name] {
		return w.unknownRoot(n, name)
	}
	w.reference(n.Location().From, name, keys)
	w.reads(n, name, keys)
	key := strings.TrimPrefix(name, "$")
	if key == "variables" {
		key = "vars"
	}
	return call(n, "@path", &ast.ConstantNode{Value: &rootPath{key, keys}})
}

func (w *rewriter) unknownRoot(n ast.Node, name string) ast.Node {
	hint := where[name]
	if hint == "" {
		hint = didYouMean(name, sortedKeys(w.c.roots))
	}
	if _, ok := functions[name]; ok {
		hint = name + " is a function: write " + name + "(...)"
	}
	return w.refuse(n, CodeUnknownRoot, "there is nothing named "+quote(name), hint)
}

// rootPath is a path known at compile time.
type rootPath struct {
	root string
	keys []any // string or int
}

// member reads one step of a path. Steps are nil-safe, so "?." means what "."
// means.
func (w *rewriter) member(n *ast.MemberNode) ast.Node {
	if name, at, keys := w.constantPath(n); at != nil {
		return w.root(at, name, keys)
	}
	return call(n, "@get", w.node(n.Node), w.node(n.Property))
}

// constantPath gives the root and the steps of a path, or a nil node when n is
// not one. The node is the root's, where problems are reported.
func (w *rewriter) constantPath(n ast.Node) (root string, at ast.Node, keys []any) {
	var back []any
	for {
		switch m := n.(type) {
		case *ast.ChainNode:
			n = m.Node
			continue
		case *ast.MemberNode:
			key, ok := constantKey(m.Property)
			if !ok {
				return "", nil, nil
			}
			back = append(back, key)
			n = m.Node
			continue
		case *ast.IdentifierNode:
			if !strings.HasPrefix(m.Value, "$") {
				return "", nil, nil
			}
			for _, b := range slices.Backward(back) {
				keys = append(keys, b)
			}
			return m.Value, m, keys
		}
		return "", nil, nil
	}
}

func constantKey(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode:
		return n.Value, true
	}
	return nil, false
}

func (w *rewriter) unary(n *ast.UnaryNode) ast.Node {
	switch n.Operator {
	case "not":
		return call(n, "@not", w.node(n.Node))
	case "!":
		return call(n, "@bang", w.node(n.Node))
	}
	if n.Operator == "-" {
		return call(n, "@neg", w.node(n.Node))
	}
	return &ast.UnaryNode{Operator: n.Operator, Node: w.node(n.Node)}
}

// operators with a meaning of ours, as functions.
var operators = map[string]string{
	"==": "@eq", "!=": "@ne", "+": "@add", "/": "@div", "%": "@mod", "in": "@in", "..": "@range",
	"-": "@sub", "*": "@mul", "**": "@pow", "^": "@pow", "<": "@lt", "<=": "@le", ">": "@gt", ">=": "@ge",
	"contains": fnContains, "startsWith": "@starts", "endsWith": "@ends",
}

func (w *rewriter) binary(n *ast.BinaryNode) ast.Node {
	w.compares(n)
	if name, ok := operators[n.Operator]; ok {
		return call(n, name, w.node(n.Left), w.node(n.Right))
	}
	switch n.Operator {
	case "||", "&&", "and":
		return w.logic(n)
	case "or":
		t := &ast.BoolNode{Value: true}
		return &ast.ConditionalNode{Cond: w.truth(n.Left), Exp1: t, Exp2: w.truth(n.Right)}
	case "matches":
		return w.matches(n)
	}
	return &ast.BinaryNode{Operator: n.Operator, Left: w.node(n.Left), Right: w.node(n.Right)}
}

func (w *rewriter) truth(n ast.Node) ast.Node { return call(n, "@truth", w.node(n)) }

// logic gives back operands, as Prana does: x || "default". The left one is
// kept in a variable, so it is computed once.
func (w *rewriter) logic(n *ast.BinaryNode) ast.Node {
	w.temps++
	name := "@" + strconv.Itoa(w.temps)
	left := func() ast.Node { return &ast.IdentifierNode{Value: name} }
	value, right := w.node(n.Left), w.node(n.Right)
	c := &ast.ConditionalNode{}
	switch n.Operator {
	case "||":
		c.Cond, c.Exp1, c.Exp2 = call(n, "@some", left()), left(), right
	case "&&":
		c.Cond, c.Exp1, c.Exp2 = call(n, "@some", left()), right, left()
	default:
		c.Cond, c.Exp1, c.Exp2 = call(n, "@truth", left()), right, &ast.BoolNode{}
	}
	c.SetLocation(n.Location())
	return &ast.VariableDeclaratorNode{Name: name, Value: value, Expr: c}
}

// matches wants its pattern now: one that comes from data could not be checked.
func (w *rewriter) matches(n *ast.BinaryNode) ast.Node {
	s, ok := n.Right.(*ast.StringNode)
	if !ok {
		return w.refuse(n, CodeNotAllowed, "the pattern of matches must be a string literal", "")
	}
	if len(s.Value) > maxPattern {
		return w.refuse(s, CodeTooLarge, "the pattern is longer than 256 bytes", "")
	}
	p, err := newPattern(s.Value)
	if err != nil {
		return w.refuse(s, CodeBadExpression, err.Error(), "")
	}
	if p.size > maxProgram {
		return w.refuse(s, CodeTooLarge, "the pattern repeats too much", "")
	}
	return call(n, "@matches", w.node(n.Left), &ast.ConstantNode{Value: p})
}

func (w *rewriter) call(n *ast.CallNode) ast.Node {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		return w.function(n, callee.Value, n.Arguments)
	case *ast.MemberNode:
		return w.method(n, callee)
	}
	return w.refuse(n, CodeUnknownFunction, "only functions can be called", "")
}

func (w *rewriter) function(n ast.Node, name string, args []ast.Node) ast.Node {
	f, ok := functions[name]
	if !ok || strings.HasPrefix(name, "@") {
		return w.unknownFunction(n, name)
	}
	if len(args) < f.min || len(args) > f.max {
		shown := strings.TrimPrefix(strings.TrimSuffix(name, "_by_value"), "_")
		return w.refuse(n, CodeBadArguments, shown+" takes "+f.arity()+", counting what stands before the pipe", "")
	}
	if name == "now" {
		w.c.refs.Now = true
	}
	return call(n, name, w.nodes(args)...)
}

func (w *rewriter) unknownFunction(n ast.Node, name string) ast.Node {
	if _, ok := builtin.Index[name]; ok {
		return w.refuse(n, CodeNotAllowed, name+" is not available", "")
	}
	return w.refuse(n, CodeUnknownFunction, "there is no function "+quote(name), didYouMean(name, functionNames()))
}

func (w *rewriter) method(n *ast.CallNode, callee *ast.MemberNode) ast.Node {
	name, ok := constantKey(callee.Property)
	s, _ := name.(string)
	if !ok || !timeMethods[s] {
		return w.refuse(n, CodeUnknownFunction, "there is no method "+quote(s), didYouMean(s, sortedKeys(timeMethods)))
	}
	args := append([]ast.Node{w.node(callee.Node), literal(s)}, w.nodes(n.Arguments)...)
	return call(n, "@method", args...)
}
