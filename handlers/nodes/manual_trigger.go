package nodes

import (
	"context"

	"prana/engine/node"
)

func manualTrigger() node.Type {
	return node.Type{
		Name:    "manual.trigger",
		Summary: "Begins an execution that somebody starts; leaves with the input of the start.",
		Trigger: true,
		Output:  []node.Output{{Pass: true, Summary: "{} when there was none."}},
		Examples: []node.Example{
			{Title: "Start by hand or by another service", Input: map[string]any{"order_id": 7}, Output: map[string]any{"order_id": 7}},
			{Title: "Start with nothing", Output: map[string]any{}},
		},
		Run: runManualTrigger,
	}
}

// runManualTrigger passes the input on. No input at all is an empty object, so
// that whatever follows can name its members.
func runManualTrigger(_ context.Context, c *node.Call) (node.Outcome, error) {
	if c.Input == nil {
		return node.Outcome{Output: map[string]any{}}, nil
	}
	return node.Outcome{PassInput: true}, nil
}
