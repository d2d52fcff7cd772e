package eval

import (
	"errors"
	"slices"
)

// A directive is an object with one name that begins with "#" and a list of
// arguments. Its result stands in the object's place:
//
//	#map      [list, template]            the template for each element
//	#flat_map [list, template]            the same; lists are spliced in, nil adds nothing
//	#filter   [list, condition]           the elements for which it is true
//	#if       [condition, then, else]     without else: nil
//	#cond     [[[condition, then], …]]    the first that is true, or nil
//	#case     [value, [[pattern, then], …], default]
//	#merge    [object, …]                 later members win; what is no object counts as {}
//	#pick     [object, names]             the members of these names that are there
//	#pipe     [value, [template, …]]      each template gets the last one's result as $self
//
// Lists that are nil, or no lists, count as []. Inside #map, #flat_map and
// #filter, $loop is {item, index (from 0), parentloop}, where parentloop is the
// $loop around it. Conditions are expressions with or without braces, and must
// give a boolean. Only the branch that is taken is evaluated. All of it counts
// against the limits of one evaluation.
type directive struct {
	usage   string
	fits    func(args []any) bool
	compile func(c *compiler, path string, args []any) computation
}

// computation is a compiled directive.
type computation func(r *run) (any, error)

var directives map[string]directive

func init() { // not in the declaration: directives may hold directives
	pair := func(args []any) bool { return len(args) == 2 }
	directives = map[string]directive{
		"#map":      {"[list, template]", pair, each((*turns).add)},
		"#flat_map": {"[list, template]", pair, each((*turns).splice)},
		"#filter":   {"[list, condition]", pair, compileFilter},
		"#if":       {"[condition, then, else]", func(a []any) bool { return len(a) == 2 || len(a) == 3 }, compileIf},
		"#cond":     {"[[[condition, then], ...]]", func(a []any) bool { return len(a) == 1 && pairs(a[0]) }, compileCond},
		"#case":     {"[value, [[pattern, then], ...], default]", func(a []any) bool { return (len(a) == 2 || len(a) == 3) && pairs(a[1]) }, compileCase},
		"#merge":    {"[object, ...]", func([]any) bool { return true }, compileMerge},
		"#pick":     {"[object, names]", pair, compilePick},
		"#pipe":     {"[value, [template, ...]]", func(a []any) bool { return len(a) == 2 && isList(a[1]) }, compilePipe},
	}
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

// pairs tells a list of lists of two.
func pairs(v any) bool {
	list, ok := v.([]any)
	return ok && !slices.ContainsFunc(list, func(e any) bool {
		pair, ok := e.([]any)
		return !ok || len(pair) != 2
	})
}

// IsDirective tells whether v is an object that is replaced by what its
// directive gives.
func IsDirective(v any) bool {
	m, _ := v.(map[string]any)
	name, malformed := directiveName(m)
	return name != "" && !malformed
}

// directiveName gives the name of a directive among those of an object.
// Malformed ones are ordinary objects.
func directiveName(m map[string]any) (name string, malformed bool) {
	for _, key := range sortedKeys(m) {
		d, ok := directives[key]
		if !ok {
			continue
		}
		args, ok := m[key].([]any)
		return key, len(m) > 1 || !ok || !d.fits(args)
	}
	return "", false
}

// directive compiles an object that is one; otherwise it gives nil.
func (c *compiler) directive(path string, m map[string]any) evaluator {
	name, malformed := directiveName(m)
	if name == "" {
		return nil
	}
	path = join(path, name)
	if malformed {
		c.report(Issue{
			Path: path, Code: CodeBadDirective, Warning: true,
			Message: name + " is taken for an ordinary name, because it stands beside others or has other arguments than a directive",
			Hint:    "a directive is an object of its own: {" + name + ": " + directives[name].usage + "}",
		})
		return nil
	}
	args, _ := m[name].([]any)
	return computed{path, directives[name].compile(c, path, args)}
}

// computed is a directive in a compiled tree.
type computed struct {
	path string
	do   computation
}

func (d computed) eval(r *run) (any, error) {
	v, err := d.do(r)
	if err == nil {
		return v, nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return nil, err
	}
	return nil, &Error{Path: d.path, Message: err.Error()}
}

func (c *compiler) argument(path string, args []any, i int) evaluator {
	if i >= len(args) {
		return constant{}
	}
	return c.value(at(path, i), args[i])
}

// test compiles a condition, which needs no braces.
func (c *compiler) test(path string, v any) evaluator {
	if s, ok := v.(string); ok {
		return c.condition(path, s)
	}
	return c.value(path, v)
}

// inLoop compiles what is evaluated once for each element.
func (c *compiler) inLoop(compile func() evaluator) evaluator {
	c.loops++
	defer func() { c.loops-- }()
	return compile()
}

// leavesLoops tells whether a path from $loop may lead out of the directives
// around it, to the $loop of the execution.
func (c *compiler) leavesLoops(keys []any) bool {
	for level := range c.loops {
		if level >= len(keys) {
			return true // the whole of a $loop holds those around it
		}
		if keys[level] != "parentloop" {
			return false
		}
	}
	return true
}

const selfRoot = "$self"

// inPipe compiles what may name $self.
func (c *compiler) inPipe(compile func() evaluator) evaluator {
	outer := c.roots[selfRoot]
	c.roots[selfRoot] = true
	defer func() { c.roots[selfRoot] = outer }()
	return compile()
}
