package eval

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"sync"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
)

// function is one function of the language, called as f(x, args) or x | f(args).
type function struct {
	min, max int // arguments, counting the piped one
	call     func(r *run, args []any) (any, error)
}

func (f function) arity() string {
	switch {
	case f.max == math.MaxInt:
		return fmt.Sprintf("at least %d arguments", f.min)
	case f.min != f.max:
		return fmt.Sprintf("%d to %d arguments", f.min, f.max)
	case f.min == 1:
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", f.min)
}

// Names that scan writes: for functions whose own name means something else to
// the parser, and for numbers that it cannot read.
const (
	fnContains = "_contains"
	fnNumber   = "_number"
	fnFilterBy = "_filter_by_value"
)

// functions are all functions by name. Those that begin with "@" are operators
// and cannot be spelled.
var functions = merge(textFunctions, listFunctions, mathFunctions, otherFunctions, operatorFunctions)

func merge(groups ...map[string]function) map[string]function {
	all := map[string]function{}
	for _, g := range groups {
		maps.Copy(all, g)
	}
	return all
}

// table is functions in the form that expr wants. Each call costs a step.
var table = func() conf.FunctionsTable {
	t := conf.FunctionsTable{}
	for name, f := range functions {
		t[name] = &builtin.Function{Name: name, Validate: checks[name], Func: func(args ...any) (any, error) {
			r := args[0].(*run)
			if err := r.step(1); err != nil {
				return nil, err
			}
			return f.call(r, args[1:])
		}}
	}
	return t
}()

// functionNames are the names that a person can write, for hints.
var functionNames = sync.OnceValue(func() []string {
	names := []string{
		"all", "any", "none", "one", "count", "contains", "filter", "find", "findIndex", "findLast", "findLastIndex",
		"group_by", "map", "sortBy", "sum",
	}
	for _, name := range sortedKeys(functions) {
		if !strings.HasPrefix(name, "@") && !strings.HasPrefix(name, "_") {
			names = append(names, name)
		}
	}
	return names
})

// wrong says that a function cannot work on a kind of value, never on which value.
func wrong(name, wants string, v any) error {
	return fmt.Errorf("%s needs %s, not %s", name, wants, kindOf(v))
}

func stringArg(name string, args []any, i int) (string, error) {
	s, ok := args[i].(string)
	if !ok {
		return "", wrong(name, "a string", args[i])
	}
	return s, nil
}

func intArg(name string, args []any, i int) (int, error) {
	n, ok := toInt(args[i])
	if !ok {
		return 0, wrong(name, "a whole number", args[i])
	}
	return n, nil
}
