package nodes

import (
	"context"
	"maps"
	"slices"

	"prana/engine/flow"
	"prana/engine/node"
)

var setFields = []node.Field{
	{Name: "mode", Kind: node.String, Default: "manual", Enum: []string{"manual", "json"}, Summary: "Which of the two parameters below is the output."},
	{Name: "mapping_map", Kind: node.Any, Summary: "Mode manual: the output, of any shape; expressions inside it are evaluated."},
	{Name: "json_template", Kind: node.String, Summary: "Mode json: text that is JSON once its templates are rendered; an object or a list."},
}

func dataSetData() node.Type {
	return node.Type{
		Name:      "data.set_data",
		Summary:   "Leaves with the data that its parameters describe.",
		Fields:    setFields,
		Output:    []node.Output{{Summary: "What mapping_map, or the JSON text, gives."}},
		OutputFor: setOutput,
		Examples: []node.Example{
			{
				Title:  "Pick and rename",
				Params: map[string]any{"mapping_map": map[string]any{"id": "$input.order_id", "note": "order {{ $input.order_id }}"}},
				Input:  map[string]any{"order_id": 7, "total": 12.5}, Output: map[string]any{"id": 7, "note": "order 7"},
			},
			{
				Title:  "From JSON text",
				Params: map[string]any{"mode": "json", "json_template": `{"id": {{ $input.order_id }}}`},
				Input:  map[string]any{"order_id": 7}, Output: map[string]any{"id": 7},
			},
		},
		Run: runSet,
	}
}

func runSet(_ context.Context, c *node.Call) (node.Outcome, error) {
	v := values(c.Params)
	if v.text("mode") == "manual" {
		return node.Outcome{Output: v["mapping_map"]}, nil
	}
	source := v.text("json_template")
	if source == "" {
		return node.Outcome{}, invalid("json_template", "is required in mode json, and is missing or empty")
	}
	return setFromJSON(source)
}

func setFromJSON(source string) (node.Outcome, error) {
	out, err := flow.Decode([]byte(source))
	if err != nil {
		return node.Outcome{}, jsonProblem("json_template does not render to JSON: %v", err)
	}
	switch out.(type) {
	case map[string]any, []any:
		return node.Outcome{Output: out}, nil
	}
	return node.Outcome{}, jsonProblem("json_template must render to an object or a list")
}

func jsonProblem(format string, args ...any) *flow.Problem {
	p := flow.Problemf("json_error", format, args...)
	p.Permanent = true
	return p
}

// setOutput knows the members of a mapping that is written out.
func setOutput(params map[string]any) []node.Output {
	mapping, ok := params["mapping_map"].(map[string]any)
	if mode := params["mode"]; !ok || mode != nil && mode != "manual" {
		return nil
	}
	return []node.Output{{Fields: membersOf(mapping)}}
}

func membersOf(mapping map[string]any) []node.Field {
	fields := []node.Field{}
	for _, name := range slices.Sorted(maps.Keys(mapping)) {
		f := node.Field{Name: name, Kind: node.Any}
		switch v := mapping[name].(type) {
		case map[string]any:
			f.Kind, f.Items = node.Object, membersOf(v)
		case []any:
			f.Kind = node.Array
		case bool:
			f.Kind = node.Bool
		case int, float64:
			f.Kind = node.Number
		case string:
			if _, constant := isConstant(v); constant {
				f.Kind = node.String
			}
		}
		fields = append(fields, f)
	}
	return fields
}
