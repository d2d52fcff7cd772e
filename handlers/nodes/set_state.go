package nodes

import (
	"context"

	"prana/engine/node"
)

var setStateFields = []node.Field{
	{Name: "*", Kind: node.Any, Summary: "Each parameter is a key of the state with its new value; null removes the key."},
}

func setState() node.Type {
	return node.Type{
		Name:    "workflow.set_state",
		Summary: "Merges its parameters into the state that all nodes of the execution share; leaves with {}.",
		Fields:  setStateFields,
		Output:  []node.Output{{Summary: "An empty object; read the state as $execution.state.", Fields: []node.Field{}}},
		Examples: []node.Example{
			{
				Title:  "Remember a customer, forget a draft",
				Params: map[string]any{"email": "$input.email", "orders": "{{ ($execution.state.orders ?? 0) + 1 }}", "draft": nil},
				Input:  map[string]any{"email": "ada@example.com"}, Output: map[string]any{},
			},
		},
		Run: runSetState,
	}
}

// runSetState replaces whole keys: what stands below one is not merged. Keys
// that no parameter names stay.
func runSetState(_ context.Context, c *node.Call) (node.Outcome, error) {
	return node.Outcome{State: c.Params, Output: map[string]any{}}, nil
}
