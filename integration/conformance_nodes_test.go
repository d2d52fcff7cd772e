package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"prana/engine/flow"
	"prana/engine/node"
)

// conformanceNodes are the node types that the conformance cases name: each does one thing that
// a node can do right or wrong.
func conformanceNodes() []node.Type {
	return []node.Type{
		{Name: "test.trigger", Trigger: true, Run: func(context.Context, *node.Call) (node.Outcome, error) {
			return node.Outcome{Output: map[string]any{"triggered": true}}, nil
		}},
		{Name: "test.echo", Run: echo},
		{Name: "test.fail", Run: func(context.Context, *node.Call) (node.Outcome, error) {
			return node.Outcome{}, &flow.Problem{Code: "action_error", Message: "this node never succeeds", Details: map[string]any{"error": "on purpose"}}
		}},
		{Name: "test.fail_n", Fields: []node.Field{{Name: "n", Kind: node.Int, Required: true}}, Run: failFirst},
		{Name: "test.suspend", Outputs: []string{flow.PortMain, "resumed"}, Waits: true, Run: sleepUntilResumed},
		{Name: "test.panic", Run: func(context.Context, *node.Call) (node.Outcome, error) { panic("out of order") }},
		{Name: "test.raw_error", Run: func(context.Context, *node.Call) (node.Outcome, error) {
			return node.Outcome{}, errors.New("an error without a code")
		}},
		{Name: "test.bad_return", Run: func(context.Context, *node.Call) (node.Outcome, error) {
			return node.Outcome{Output: make(chan int)}, nil
		}},
		{Name: "test.bad_port", Run: func(context.Context, *node.Call) (node.Outcome, error) {
			return node.Outcome{Port: "nonexistent_port"}, nil
		}},
		{Name: "test.route", Outputs: []string{"*"}, Fields: []node.Field{{Name: "type", Kind: node.String, Required: true}}, Run: route},
		{Name: "test.typed", Fields: typedFields, Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
			return node.Outcome{Output: map[string]any{"received": c.Params}}, nil
		}},
		{Name: "test.state", Fields: []node.Field{{Name: "set", Kind: node.Object}, {Name: "ctx", Kind: node.Object}}, Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
			set, _ := c.Params["set"].(map[string]any)
			ctx, _ := c.Params["ctx"].(map[string]any)
			return node.Outcome{Output: set, State: set, Context: ctx}, nil
		}},
		{Name: "test.tier", Outputs: []string{"premium", "basic", flow.PortMain}, Fields: tierFields, Run: tier},
	}
}

var typedFields = []node.Field{
	{Name: "name", Kind: node.String, Required: true, Min: new(1.0)},
	{Name: "age", Kind: node.Int, Required: true, Min: new(0.0), Max: new(150.0)},
	{Name: "email", Kind: node.String},
}

// echo adds a mark to what came in.
func echo(_ context.Context, c *node.Call) (node.Outcome, error) {
	out := map[string]any{"processed": true}
	if in, ok := c.Input.(map[string]any); ok {
		maps.Copy(out, in)
	}
	return node.Outcome{Output: out}, nil
}

// failFirst fails the first n attempts of each run.
func failFirst(_ context.Context, c *node.Call) (node.Outcome, error) {
	if n, _ := c.Params["n"].(int); c.Attempt < n {
		return node.Outcome{}, &flow.Problem{Code: "action_error", Message: fmt.Sprintf("attempt %d fails on purpose", c.Attempt)}
	}
	return node.Outcome{Output: map[string]any{"ok": true, "attempt": c.Attempt}}, nil
}

// sleepUntilResumed leaves with what resumed it.
func sleepUntilResumed(_ context.Context, c *node.Call) (node.Outcome, error) {
	switch {
	case c.Resume == nil:
		return node.Outcome{Suspend: &node.Suspend{Type: flow.CustomWait, Data: json.RawMessage(`{"test":"data"}`)}}, nil
	case c.Resume.Error != nil:
		return node.Outcome{}, c.Resume.Error
	}
	return node.Outcome{Port: "resumed", PassResume: true}, nil
}

// route leaves by a port that no declaration names.
func route(_ context.Context, c *node.Call) (node.Outcome, error) {
	port := fmt.Sprintf("dynamic_%v", c.Params["type"])
	return node.Outcome{Port: port, Output: map[string]any{"port_used": port}}, nil
}

var tierFields = []node.Field{
	{Name: "premium", Kind: node.Bool, Required: true},
	{Name: "status", Kind: node.Any},
}

// tier has a choice of ports, none of which is the first for everybody.
func tier(_ context.Context, c *node.Call) (node.Outcome, error) {
	port := "basic"
	if premium, _ := c.Params["premium"].(bool); premium {
		port = "premium"
	}
	return node.Outcome{Port: port, Output: map[string]any{"status": c.Params["status"]}}, nil
}
