package nodes

import (
	"context"
	"fmt"
	"slices"

	"prana/engine/flow"
	"prana/engine/node"
)

// The modes of core.for_each.
const (
	modeSingle = "single"
	modeBatch  = "batch"
)

// The ports of core.for_each besides main.
const (
	portLoop = "loop"
	portDone = "done"
)

// maxParallel bounds how many items are worked on at a time.
const maxParallel = 1000

var forEachFields = []node.Field{
	{Name: "collection", Kind: node.Any, Required: true, Summary: "The list whose items are worked on. It is read once, when the loop is entered."},
	{Name: "mode", Kind: node.String, Default: modeSingle, Enum: []string{modeSingle, modeBatch}, Summary: "single: each item by itself; batch: lists of batch_size items, the last may be shorter."},
	{Name: "batch_size", Kind: node.Int, Min: new(1.0), Max: new(100_000.0), Summary: "Mode batch: items in a batch."},
	{Name: "parallel", Kind: node.Int, Default: 1, Min: new(1.0), Max: new(float64(maxParallel)), Summary: "How many items are worked on at a time; in mode sequential of a workflow it is 1."},
	{Name: "results", Kind: node.String, Default: "list", Enum: []string{"list", "none"}, Summary: "list: port done leaves with the results, 16 MiB of them at most; none: they are not kept, and it leaves with {count}."},
	{Name: "on_item_error", Kind: node.String, Default: "fail", Enum: []string{"fail", goOn}, Summary: "What an error in the body does that nothing there handles: fail the loop, or be the item's result, {\"error\": …}."},
}

func coreForEach() node.Type {
	return node.Type{
		Name: "core.for_each",
		Summary: "Sends each item of a list by port loop into a body that leads back to it, and the results by port done: for each item, in order, what came back. " +
			"An item is over when everything in its body is; what leads from the body to port break ends the loop.",
		Fields:  forEachFields,
		Inputs:  []string{flow.PortMain, flow.PortBreak},
		Outputs: []string{portLoop, portDone},
		Body:    portLoop,
		Output: []node.Output{
			{Port: portLoop, Summary: "The item, or the batch."},
			{Port: portDone, Summary: "The list of the results, in the order of the items; or {count}."},
		},
		Examples: []node.Example{
			{
				Title: "Each order", Params: map[string]any{"collection": "$input.orders"},
				Input: map[string]any{"orders": []any{7, 8}},
				Port:  portDone, Output: []any{map[string]any{"did": 7}, map[string]any{"did": 8}},
			},
			{
				Title: "Ten batches of a hundred at a time, whatever fails",
				Params: map[string]any{
					"collection": "$input.rows", "mode": modeBatch, "batch_size": 100, "parallel": 10, "on_item_error": goOn,
				},
				Input: map[string]any{"rows": []any{1, 2, 3}},
				Port:  portDone, Output: []any{map[string]any{"did": []any{1, 2, 3}}},
			},
		},
		Run: runForEach,
	}
}

func runForEach(_ context.Context, c *node.Call) (node.Outcome, error) {
	v := values(c.Params)
	items, ok := v["collection"].([]any)
	if !ok {
		return node.Outcome{}, &flow.Problem{
			Code: "invalid_collection_type", Permanent: true,
			Message: fmt.Sprintf("collection is %s; it must be a list", kindOf(v["collection"])),
		}
	}
	if v.text("mode") == modeBatch {
		size := int(v.whole("batch_size"))
		if size < 1 {
			return node.Outcome{}, invalid("batch_size", "is missing; mode batch needs it")
		}
		items = batches(items, size)
	}
	return node.Outcome{Fan: &node.Fan{
		Items: items, Width: int(v.whole("parallel")), Emit: portLoop, Port: portDone, Lenient: v.text("on_item_error") == goOn, Discard: v.text("results") == "none",
	}}, nil
}

func batches(items []any, size int) []any {
	var all []any
	for b := range slices.Chunk(items, size) {
		all = append(all, b)
	}
	return all
}

// kindOf names the kind of a value the way JSON does.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a text"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	}
	return "a number"
}
