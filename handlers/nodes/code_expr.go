package nodes

import (
	"context"

	"prana/engine/node"
)

var exprFields = []node.Field{
	{Name: "expression", Kind: node.Expression, Required: true, Summary: "Expression, with or without braces; its value, null included, is the output. Limits on its steps, time, memory and result hold."},
}

func codeExpr() node.Type {
	return node.Type{
		Name:    "code.expr",
		Summary: "Computes one expression, in a sandbox, and leaves with its value.",
		Fields:  exprFields,
		Output:  []node.Output{{Summary: "The value of the expression."}},
		Examples: []node.Example{
			{
				Title:  "Sum of the open invoices",
				Params: map[string]any{"expression": `$input.invoices | filter("open", true) | map("total") | sum`},
				Input: map[string]any{"invoices": []any{
					map[string]any{"open": true, "total": 5}, map[string]any{"open": false, "total": 70}, map[string]any{"open": true, "total": 2.5},
				}},
				Output: 7.5,
			},
			{
				Title:  "Several lines",
				Params: map[string]any{"expression": "let net = $input.total / 1.2;\n{net: net, tax: $input.total - net}"},
				Input:  map[string]any{"total": 120}, Output: map[string]any{"net": 100, "tax": 20},
			},
		},
		Run: runExpr,
	}
}

// runExpr has nothing left to do: the engine evaluated the parameter, within
// the limits that hold for every expression.
func runExpr(_ context.Context, c *node.Call) (node.Outcome, error) {
	return node.Outcome{Output: c.Params["expression"]}, nil
}
