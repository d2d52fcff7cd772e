package nodes

import (
	"context"
	"strconv"

	"prana/engine/node"
)

var ifFields = []node.Field{
	{Name: "condition", Kind: node.Condition, Required: true, Summary: "Gives true or false; anything else is an error."},
}

func logicIf() node.Type {
	return node.Type{
		Name:    "logic.if_condition",
		Summary: "Leaves by port true or false, with the input as it came.",
		Fields:  ifFields,
		Outputs: []string{"true", "false"},
		Output:  []node.Output{{Pass: true}},
		Examples: []node.Example{
			{
				Title: "Large orders", Params: map[string]any{"condition": "$input.total > 1000"},
				Input: map[string]any{"total": 1500}, Port: "true", Output: map[string]any{"total": 1500},
			},
		},
		Run: runIf,
	}
}

func runIf(_ context.Context, c *node.Call) (node.Outcome, error) {
	v := values(c.Params)
	return node.Outcome{Port: strconv.FormatBool(v.flag("condition")), PassInput: true}, nil
}
