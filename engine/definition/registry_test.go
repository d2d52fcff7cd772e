package definition_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"prana/engine/node"
)

func nothing(context.Context, *node.Call) (node.Outcome, error) { return node.Outcome{}, nil }

// types is a registry with one node type of each sort that checking tells apart.
func types() *node.Registry {
	return node.NewRegistry(
		node.Type{Name: "manual.trigger", Trigger: true, Output: []node.Output{{Pass: true}}, Run: nothing},
		node.Type{Name: "http.webhook_trigger", Trigger: true, Run: nothing, Fields: []node.Field{
			{Name: "path", Kind: node.String, Check: rooted},
			{Name: "auth", Kind: node.Object, Items: []node.Field{
				{Name: "username", Kind: node.String},
				{Name: "password", Kind: node.String, Secret: true},
				{Name: "token", Kind: node.String, Secret: true},
			}},
		}},
		node.Type{Name: "core.log", Run: nothing, Fields: []node.Field{
			{Name: "message", Kind: node.String, Default: "log"},
			{Name: "level", Kind: node.String, Enum: []string{"info", "error"}},
			{Name: "data", Kind: node.Any},
		}},
		node.Type{Name: "schedule.cron_trigger", Trigger: true, Run: nothing, Fields: []node.Field{
			{Name: "cron_pattern", Kind: node.String, Required: true, Literal: true, Check: wellKnown, Summary: "when it ticks"},
			{Name: "misfire", Kind: node.String, Literal: true, Enum: []string{"skip", "once"}},
		}},
		node.Type{Name: "core.end", Run: nothing, Outputs: []string{"out"}},
		node.Type{Name: "logic.if_condition", Run: nothing, Output: []node.Output{{Pass: true}}, Outputs: []string{"true", "false"}, Fields: []node.Field{
			{Name: "condition", Kind: node.Condition, Required: true},
		}},
		node.Type{Name: "logic.switch", Run: nothing, Outputs: []string{"*"}, Fields: []node.Field{
			{Name: "cases", Kind: node.Array, Required: true, Items: []node.Field{
				{Name: "condition", Kind: node.Condition, Required: true},
				{Name: "port", Kind: node.String, Required: true},
			}},
		}},
		node.Type{Name: "test.each", Run: nothing, Inputs: []string{"main", "break"}, Outputs: []string{"loop", "done"}, Body: "loop"},
		node.Type{Name: "test.two", Run: nothing, Inputs: []string{"left", "right"}},
		node.Type{Name: "data.merge", Run: nothing, Inputs: []string{"input_a", "input_b"}},
		node.Type{Name: "time.delay", Run: nothing, Fields: []node.Field{
			{Name: "duration_ms", Kind: node.Int, Required: true, Min: new(0.0), Max: new(1000.0)},
		}},
		node.Type{Name: "http.request", Run: nothing, Output: answers, Unsafe: unsafePost, Fields: []node.Field{
			{Name: "url", Kind: node.String, Required: true, Summary: "where to send it"},
			{Name: "method", Kind: node.String, Default: "GET", Enum: []string{"GET", "POST"}},
			{Name: "headers", Kind: node.Object},
			{Name: "json", Kind: node.Any},
		}},
		node.Type{Name: "wait.wait_for_event", Waits: true, Run: nothing, OutputsFor: waitPorts, Fields: []node.Field{
			{Name: "event_type", Kind: node.String, Required: true},
			{Name: "event_filter", Kind: node.Object},
			{Name: "match", Kind: node.Condition, Lazy: true, Roots: []string{"$event"}},
			{Name: "timeout_ms", Kind: node.Int, Min: new(1.0)},
			{Name: "on_timeout", Kind: node.String},
		}},
		node.Type{
			Name: "test.approval", Run: nothing, Fields: []node.Field{{Name: "form", Kind: node.Object, Literal: true}},
			Outputs: []string{"main", "reminder"}, Emits: []string{"reminder"}, Output: []node.Output{{Port: "main", Fields: []node.Field{{Name: "by", Kind: node.String}}}},
			Brings: func(params map[string]any) map[string]any {
				form := maps.Clone(params["form"].(map[string]any))
				form["$id"] = "prana:///form"
				return map[string]any{"properties": map[string]any{"form": form}}
			},
		},
		node.Type{Name: "workflow.execute_workflow", Run: nothing, Fields: []node.Field{
			{Name: "workflow_id", Kind: node.String, Required: true},
			{Name: "input_data", Kind: node.Any},
			{Name: "execution_mode", Kind: node.String},
			{Name: "timeout_ms", Kind: node.Int},
		}},
	)
}

func wellKnown(v any) error {
	if v != "0 9 * * *" {
		return fmt.Errorf("%q is not known well", v)
	}
	return nil
}

func rooted(v any) error {
	if path, _ := v.(string); !strings.HasPrefix(path, "/") {
		return errors.New("must begin with a slash")
	}
	return nil
}

var answers = []node.Output{{Fields: []node.Field{
	{Name: "status", Kind: node.Int},
	{Name: "headers", Kind: node.Object},
	{Name: "body", Kind: node.Any},
	{Name: "ok", Kind: node.Bool},
}}}

func waitPorts(params map[string]any) []string {
	if port, ok := params["on_timeout"].(string); ok && port != "fail" {
		return []string{"main", port}
	}
	return []string{"main"}
}

// unsafePost warns of some, as the real type does.
func unsafePost(params map[string]any) (what, remedy string) {
	if params["method"] != "post" {
		return "", ""
	}
	return "a POST", "make sure that the receiver honours Idempotency-Key, or name the header yourself"
}
