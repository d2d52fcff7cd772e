package nodes

import (
	"context"
	"maps"
	"slices"

	"prana/engine/node"
)

var mergeFields = []node.Field{
	{Name: "strategy", Kind: node.String, Default: "append", Enum: []string{"append", "merge", "concat"}, Summary: "append: a list of the inputs; merge: one object, later inputs win; concat: one flat list of the inputs that are lists."},
	{Name: "input_a", Kind: node.Any, Summary: "Instead of what arrived on port input_a."},
	{Name: "input_b", Kind: node.Any, Summary: "Instead of what arrived on port input_b."},
}

func dataMerge() node.Type {
	return node.Type{
		Name:    "data.merge",
		Summary: "Waits for its branches and joins what they bring, ports in the order of their names.",
		Fields:  mergeFields,
		Inputs:  []string{"*"},
		Output:  []node.Output{{Summary: "An object with strategy merge, else a list."}},
		Examples: []node.Example{
			{
				Title: "Both answers in one object", Params: map[string]any{"strategy": "merge"},
				Inputs: map[string]any{"customer": map[string]any{"name": "Ada", "level": 1}, "scores": map[string]any{"level": 2}},
				Output: map[string]any{"name": "Ada", "level": 2},
			},
			{Title: "A list of what came", Inputs: map[string]any{"a": 1, "b": []any{2, 3}}, Output: []any{1, []any{2, 3}}},
			{
				Title: "One list of all", Params: map[string]any{"strategy": "concat"},
				Inputs: map[string]any{"first": []any{1, 2}, "second": []any{3}}, Output: []any{1, 2, 3},
			},
		},
		Run: runMerge,
	}
}

func runMerge(_ context.Context, c *node.Call) (node.Outcome, error) {
	v := values(c.Params)
	inputs := mergeInputs(c.Inputs, v)
	switch v.text("strategy") {
	case "merge":
		return node.Outcome{Output: mergeObjects(inputs)}, nil
	case "concat":
		return node.Outcome{Output: flatten([]any{}, inputs)}, nil
	}
	return node.Outcome{Output: inputs}, nil
}

// mergeInputs gives what there is to join, in the order of the ports' names;
// branches that brought null have nothing to join.
func mergeInputs(ports map[string]any, v values) []any {
	all := maps.Clone(ports)
	if all == nil {
		all = map[string]any{}
	}
	for _, name := range []string{"input_a", "input_b"} {
		if own := v[name]; own != nil {
			all[name] = own
		}
	}
	list := []any{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != nil {
			list = append(list, all[name])
		}
	}
	return list
}

func mergeObjects(inputs []any) map[string]any {
	out := map[string]any{}
	for _, in := range inputs {
		if m, ok := in.(map[string]any); ok {
			maps.Copy(out, m)
		}
	}
	return out
}

// flatten appends the elements of those inputs that are lists, whatever their depth.
func flatten(out, inputs []any) []any {
	for _, in := range inputs {
		if list, ok := in.([]any); ok {
			out = appendFlat(out, list)
		}
	}
	return out
}

func appendFlat(out, list []any) []any {
	for _, e := range list {
		if inner, ok := e.([]any); ok {
			out = appendFlat(out, inner)
			continue
		}
		out = append(out, e)
	}
	return out
}
