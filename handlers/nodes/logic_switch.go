package nodes

import (
	"context"
	"slices"

	"prana/engine/flow"
	"prana/engine/node"
)

var switchFields = []node.Field{
	{
		Name: "cases", Kind: node.Array, Required: true, Summary: "Looked at in order; the first whose condition is true wins.",
		Items: []node.Field{
			{Name: "condition", Kind: node.Condition, Required: true, Summary: "Gives true or false."},
			{Name: "port", Kind: node.String, Required: true, Raw: true, Summary: "The port to leave by."},
		},
	},
	{Name: "default_port", Kind: node.String, Raw: true, Summary: "The port when no case matches; without it that is an error."},
}

func logicSwitch() node.Type {
	return node.Type{
		Name:       "logic.switch",
		Summary:    "Leaves by the port of the first case that is true, with the input as it came.",
		Fields:     switchFields,
		Outputs:    []string{"*"},
		Output:     []node.Output{{Pass: true}},
		OutputsFor: switchPorts,
		Examples: []node.Example{{Title: "Three ways", Params: map[string]any{
			"cases": []any{
				map[string]any{"condition": "$input.kind == 'refund'", "port": "refund"},
				map[string]any{"condition": "$input.total > 1000", "port": "review"},
			},
			"default_port": "book",
		}, Input: map[string]any{"kind": "sale", "total": 1500}, Port: "review", Output: map[string]any{"kind": "sale", "total": 1500}}},
		Run: runSwitch,
	}
}

// switchPorts lists the ports that the cases and the default name, each once.
func switchPorts(params map[string]any) []string {
	ports := []string{}
	add := func(v any) {
		if s, ok := isConstant(v); ok && !slices.Contains(ports, s) {
			ports = append(ports, s)
		}
	}
	cases, _ := params["cases"].([]any)
	for _, e := range cases {
		if m, ok := e.(map[string]any); ok {
			add(m["port"])
		}
	}
	add(params["default_port"])
	return ports
}

func runSwitch(_ context.Context, c *node.Call) (node.Outcome, error) {
	v := values(c.Params)
	for _, e := range v.list("cases") {
		if one, _ := e.(map[string]any); values(one).flag("condition") {
			return node.Outcome{Port: values(one).text("port"), PassInput: true}, nil
		}
	}
	if port := v.text("default_port"); port != "" {
		return node.Outcome{Port: port, PassInput: true}, nil
	}
	return node.Outcome{}, &flow.Problem{
		Code:      "no_matching_case",
		Message:   "No matching case found, and there is no default_port",
		Permanent: true,
	}
}
