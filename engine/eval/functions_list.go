package eval

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"prana/engine/flow"
)

// listFunctions work on lists and objects, some on text as well. nil counts as
// an empty list. They return new lists: the data is never changed.
var listFunctions = map[string]function{
	"length":       {1, 1, length},
	"len":          {1, 1, length},
	"first":        {1, 1, func(r *run, a []any) (any, error) { return r.edge("first", a[0], 0) }},
	"last":         {1, 1, func(r *run, a []any) (any, error) { return r.edge("last", a[0], -1) }},
	"sort":         {1, 2, sortList},
	"reverse":      {1, 1, reverse},
	"uniq":         {1, 1, uniq},
	"slice":        {2, 3, sliceFrom},
	"take":         {2, 2, func(r *run, a []any) (any, error) { return r.slice(a[0], nil, a[1]) }},
	"concat":       {1, 32, concat},
	"compact":      {1, 1, compact},
	"flatten":      {1, 1, flatten},
	"keys":         {1, 1, keys},
	"values":       {1, 1, values},
	"get":          {2, 2, func(_ *run, a []any) (any, error) { return get(a[0], a[1]), nil }},
	"reject":       {3, 3, func(r *run, a []any) (any, error) { return r.filterBy("reject", a, false) }},
	fnFilterBy:     {3, 3, func(r *run, a []any) (any, error) { return r.filterBy("filter", a, true) }},
	fnContains:     {2, 2, contains},
	"@sum":         {1, 1, func(r *run, a []any) (any, error) { return r.sum(a[0]) }},
	"@count":       {1, 1, count},
	"@map_by":      {2, 2, mapBy},
	"@sum_by":      {2, 2, sumBy},
	"@sort_by":     {2, 3, sortBy},
	"@sort_keys":   {3, 3, sortKeys},
	"@group_by":    {2, 2, groupBy},
	"@groups":      {1, 1, groups},
	"@filter_some": {3, 3, filterSome},
}

// items takes a list argument and pays for reading it.
func (r *run) items(name string, v any) ([]any, error) {
	list, ok := toList(v)
	if !ok {
		return nil, wrong(name, "a list", v)
	}
	return list, r.step(len(list))
}

func length(r *run, a []any) (any, error) {
	if s, ok := a[0].(string); ok {
		return utf8.RuneCountInString(s), r.scan(len(s), 1)
	}
	if list, ok := toList(a[0]); ok {
		return len(list), nil
	}
	fields, ok := toObject(a[0])
	if !ok {
		return nil, wrong("length", "a list, an object or a string", a[0])
	}
	return len(fields), nil
}

func (r *run) edge(name string, v any, at int) (any, error) {
	if s, ok := v.(string); ok {
		if err := r.scan(len(s), weightRunes); err != nil || s == "" {
			return nil, err
		}
		runes := []rune(s)
		return string(runes[(at+len(runes))%len(runes)]), nil
	}
	list, ok := toList(v)
	if !ok {
		return nil, wrong(name, "a list or a string", v)
	}
	return index(list, at), nil
}

// compare orders numbers, strings, booleans and times; ok is false for others.
func compare(a, b any) (order int, ok bool) {
	if order, ok := flow.CompareNumbers(a, b); ok {
		return order, true
	}
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return strings.Compare(x, y), ok
	case time.Time:
		y, ok := b.(time.Time)
		return x.Compare(y), ok
	case time.Duration:
		y, ok := b.(time.Duration)
		return cmp.Compare(x, y), ok
	}
	return 0, false
}

// sorted sorts by keys that compare with one another.
func (r *run) sorted(name string, list, by []any, order any) (any, error) {
	sign, err := direction(name, order)
	if err != nil {
		return nil, err
	}
	// A sort compares each element some 17 times at the limit of steps.
	if err := r.step(4 * len(list)); err != nil {
		return nil, err
	}
	at := make([]int, len(list))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(i, j int) int {
		order, ok := compare(by[i], by[j])
		if !ok && err == nil {
			err = fmt.Errorf("%s cannot compare %s with %s", name, kindOf(by[i]), kindOf(by[j]))
		}
		return order * sign
	})
	out := make([]any, len(list))
	for i, from := range at {
		out[i] = list[from]
	}
	return out, err
}

func direction(name string, order any) (int, error) {
	switch order {
	case nil, "asc":
		return 1, nil
	case "desc":
		return -1, nil
	}
	return 0, fmt.Errorf(`%s sorts "asc" or "desc"`, name)
}

func sortList(r *run, a []any) (any, error) {
	list, err := r.items("sort", a[0])
	if err != nil {
		return nil, err
	}
	return r.sorted("sort", list, list, argument(a, 1))
}

func argument(a []any, i int) any {
	if i < len(a) {
		return a[i]
	}
	return nil
}

func reverse(r *run, a []any) (any, error) {
	if s, ok := a[0].(string); ok {
		if err := r.scan(len(s), weightRunes); err != nil {
			return nil, err
		}
		runes := []rune(s)
		slices.Reverse(runes)
		return r.checkBuilt(string(runes))
	}
	list, err := r.items("reverse", a[0])
	out := slices.Clone(list)
	slices.Reverse(out)
	return out, err
}

func uniq(r *run, a []any) (any, error) {
	list, err := r.items("uniq", a[0])
	if err != nil {
		return nil, err
	}
	out := []any{}
	seen := map[any]bool{} // scalars; what is left is compared one with another
	for _, v := range list {
		if key, ok := scalarKey(v); ok {
			if !seen[key] {
				seen[key] = true
				out = append(out, v)
			}
			continue
		}
		known, err := r.in(v, out)
		if err != nil {
			return nil, err
		}
		if known == false {
			out = append(out, v)
		}
	}
	return out, nil
}

// scalarKey is equal for values that are equal; 1 and 1.0 are.
func scalarKey(v any) (any, bool) {
	switch v := v.(type) {
	case nil, bool, string, int:
		return v, true
	}
	text, ok := flow.NumberText(v)
	if n, err := strconv.Atoi(text); err == nil {
		return n, ok
	}
	return json.Number(text), ok
}

func sliceFrom(r *run, a []any) (any, error) {
	if len(a) == 2 || a[2] == nil {
		return r.slice(a[0], a[1], nil)
	}
	start, err := intArg("slice", a, 1)
	if err != nil {
		return nil, err
	}
	n, err := intArg("slice", a, 2)
	if err != nil {
		return nil, err
	}
	rest, err := r.slice(a[0], start, nil)
	if err != nil {
		return nil, err
	}
	return r.slice(rest, nil, max(n, 0))
}

func concat(r *run, a []any) (any, error) {
	out := []any{}
	for _, v := range a {
		list, err := r.items("concat", v)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

func contains(r *run, a []any) (any, error) {
	if a[0] == nil {
		return false, nil
	}
	return r.in(a[1], a[0])
}

func compact(r *run, a []any) (any, error) {
	list, err := r.items("compact", a[0])
	out := []any{}
	for _, v := range list {
		if v != nil {
			out = append(out, v)
		}
	}
	return out, err
}

func flatten(r *run, a []any) (any, error) {
	list, err := r.items("flatten", a[0])
	if err != nil {
		return nil, err
	}
	return r.flat([]any{}, list, 0)
}

func (r *run) flat(out, list []any, depth int) ([]any, error) {
	if depth > maxResultDepth {
		return nil, errResultDepth
	}
	for _, v := range list {
		if err := r.step(1); err != nil {
			return nil, err
		}
		inner, ok := toList(v)
		if !ok || v == nil {
			out = append(out, v)
			continue
		}
		var err error
		if out, err = r.flat(out, inner, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *run) fields(name string, v any) (map[string]any, error) {
	m, ok := toObject(v)
	if !ok {
		return nil, wrong(name, "an object", v)
	}
	return m, r.step(2 * len(m))
}

// keys are sorted, so that the same data always gives the same list.
func keys(r *run, a []any) (any, error) {
	m, err := r.fields("keys", a[0])
	if err != nil {
		return nil, err
	}
	out, _ := toList(sortedKeys(m))
	return append([]any{}, out...), nil
}

// values come in the order of the keys.
func values(r *run, a []any) (any, error) {
	m, err := r.fields("values", a[0])
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, key := range sortedKeys(m) {
		out = append(out, m[key])
	}
	return out, nil
}

func (r *run) sum(v any) (any, error) {
	list, err := r.items("sum", v)
	if err != nil {
		return nil, err
	}
	var total any = 0
	for _, item := range list {
		if _, ok := toFloat(item); !ok {
			return nil, wrong("sum", "numbers", item)
		}
		if total, err = r.add(total, item); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// count without a predicate counts what is neither nil nor false.
func count(r *run, a []any) (any, error) {
	list, err := r.items("count", a[0])
	n := 0
	for _, v := range list {
		if some(v) {
			n++
		}
	}
	return n, err
}

// mapBy takes one field of each element and drops what is missing.
func mapBy(r *run, a []any) (any, error) {
	list, err := r.items("map", a[0])
	out := []any{}
	for _, v := range list {
		if f := get(v, a[1]); f != nil {
			out = append(out, f)
		}
	}
	return out, err
}

func sumBy(r *run, a []any) (any, error) {
	list, err := mapBy(r, a)
	if err != nil {
		return nil, err
	}
	return r.sum(list)
}

func sortBy(r *run, a []any) (any, error) {
	list, err := r.items("sortBy", a[0])
	if err != nil {
		return nil, err
	}
	by := make([]any, len(list))
	for i, v := range list {
		by[i] = get(v, a[1])
	}
	return r.sorted("sortBy", list, by, argument(a, 2))
}

// sortKeys sorts by keys that a predicate gave.
func sortKeys(r *run, a []any) (any, error) {
	list, err := r.items("sortBy", a[0])
	if err != nil {
		return nil, err
	}
	return r.sorted("sortBy", list, a[1].([]any), a[2])
}

func groupBy(r *run, a []any) (any, error) {
	list, err := r.items("group_by", a[0])
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, v := range list {
		key := keyText(get(v, a[1]))
		group, _ := out[key].([]any)
		out[key] = append(group, v)
	}
	return out, nil
}

// groups makes an object of what expr's groupBy gives.
func groups(_ *run, a []any) (any, error) {
	m, _ := toObject(a[0])
	return m, nil
}

// filterBy keeps, or drops, the elements whose field has a value.
func (r *run) filterBy(name string, a []any, keep bool) (any, error) {
	list, err := r.items(name, a[0])
	if err != nil {
		return nil, err
	}
	field, err := stringArg(name, a, 1)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, v := range list {
		is, err := r.equal(get(v, field), a[2])
		if err != nil {
			return nil, err
		}
		if is == keep {
			out = append(out, v)
		}
	}
	return out, nil
}

// filterSome keeps the elements whose field is set, or those where it is not.
func filterSome(r *run, a []any) (any, error) {
	list, err := r.items("filter", a[0])
	out := []any{}
	for _, v := range list {
		if some(get(v, a[1])) == a[2] {
			out = append(out, v)
		}
	}
	return out, err
}
