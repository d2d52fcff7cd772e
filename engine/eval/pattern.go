package eval

import (
	"errors"
	"regexp"
	"regexp/syntax"
)

// pattern is a compiled regular expression. The time of a search is at most in
// proportion to the length of the text times the size of the program.
type pattern struct {
	search *regexp.Regexp
	size   int // instructions; repetitions such as {30} multiply them
}

func newPattern(s string) (*pattern, error) {
	search, err := regexp.Compile(s)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	return &pattern{search, len(program.Inst)}, nil
}

func matches(r *run, a []any) (any, error) {
	if a[0] == nil {
		return false, nil
	}
	s, ok := a[0].(string)
	if !ok {
		return nil, wrong("matches", "a string", a[0])
	}
	if len(s) > maxString {
		return nil, errors.New("matches cannot search a string longer than 65536 bytes")
	}
	p := a[1].(*pattern)
	if err := r.scan(len(s), 2*p.size); err != nil {
		return nil, err
	}
	return p.search.MatchString(s), nil
}
