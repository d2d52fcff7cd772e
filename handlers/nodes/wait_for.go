package nodes

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

// maxThings bounds what one wait.wait_for waits for.
const maxThings = 100

// What need accepts besides a number.
const (
	needAny = "any"
	needAll = "all"
)

var waitForFields = []node.Field{
	{Name: "for", Kind: node.Array, Required: true, Summary: "What is waited for, 1 to 100 things; each is an event, a time or a child.", Items: []node.Field{
		{Name: "name", Kind: node.String, Required: true, Summary: "What the thing is called in the output."},
		{Name: "port", Kind: node.String, Raw: true, Summary: "With need any: the port to leave by when it comes first; default main."},
		{Name: "event_type", Kind: node.String, Summary: "An event: its type."},
		{Name: "event_filter", Kind: node.Object, Summary: "An event: path in its data -> the value it must have."},
		matchField,
		takersField,
		{Name: "duration_ms", Kind: node.Int, Min: new(0.0), Max: new(float64(maxWaitMS)), Summary: "A time: after so many milliseconds."},
		{Name: "workflow_id", Kind: node.String, Summary: "A child: the workflow to execute."},
		{Name: "input_data", Kind: node.Any, Summary: "A child: its input; by default the input of this node."},
	}},
	{Name: "need", Kind: node.String, Default: needAny, Summary: "How many of them: any, all or a number. The others are withdrawn then: waits end, children are cancelled."},
}

func waitFor() node.Type {
	return node.Type{
		Name: "wait.wait_for",
		Summary: "Waits for any, all or some of several things, and withdraws the others. Leaves with {came: [name, …], data: {name: what it brought}}; " +
			"a time brings {type: \"delay_completed\"}, a child {execution_id, status, output, error}.",
		Fields:     waitForFields,
		Outputs:    []string{flow.PortMain, "*"},
		OutputsFor: waitForPorts,
		Waits:      true,
		Output: []node.Output{{Fields: []node.Field{
			{Name: "came", Kind: node.Array, Summary: "The names of what came, in the order of the list."},
			{Name: "data", Kind: node.Object, Summary: "Name -> what it brought."},
		}}},
		Examples: []node.Example{
			{
				Title: "An answer, or two days", Params: map[string]any{"for": answerOrLate}, Input: map[string]any{"id": 7},
				Then:   []string{`publish answered {"id":7,"ok":true}`},
				Output: map[string]any{"came": []any{"answer"}, "data": map[string]any{"answer": map[string]any{"id": 7, "ok": true}}},
			},
			{
				Title: "An answer, or two days: too late", Params: map[string]any{"for": answerOrLate}, Input: map[string]any{"id": 7}, Then: []string{"advance 48h"}, Port: "late",
				Output: map[string]any{"came": []any{"late"}, "data": map[string]any{"late": map[string]any{"type": "delay_completed", "resumed_at": "…"}}},
			},
		},
		Run: runWaitFor,
	}
}

var answerOrLate = []any{
	map[string]any{"name": "answer", "event_type": "answered", "event_filter": map[string]any{"id": "$input.id"}},
	map[string]any{"name": "late", "duration_ms": 172800000, "port": "late"},
}

func waitForPorts(params map[string]any) []string {
	ports := []string{flow.PortMain}
	things, _ := params["for"].([]any)
	for _, e := range things {
		m, _ := e.(map[string]any)
		if port, ok := isConstant(m["port"]); ok && !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

func runWaitFor(_ context.Context, c *node.Call) (node.Outcome, error) {
	if c.Part != nil {
		return waitForOne(c)
	}
	v := values(c.Params)
	things := v.list("for")
	need, err := needed(v.text("need"), len(things))
	if err != nil {
		return node.Outcome{}, err
	}
	if c.Resume != nil {
		return cameOf(c, things)
	}
	if err := checkThings(things, need); err != nil {
		return node.Outcome{}, err
	}
	return node.Outcome{Fan: &node.Fan{Items: things, Need: need}}, nil
}

func needed(need string, things int) (int, error) {
	switch need {
	case needAny:
		return 1, nil
	case needAll:
		return things, nil
	}
	n, err := strconv.Atoi(need)
	if err != nil || n < 1 || n > things {
		return 0, invalid("need", "is %q; it must be any, all or 1 to %d", flow.Cut(need, 40), things)
	}
	return n, nil
}

func checkThings(things []any, need int) error {
	if len(things) < 1 || len(things) > maxThings {
		return invalid("for", "names %d things; it must be 1 to %d", len(things), maxThings)
	}
	seen := map[string]bool{}
	for i, e := range things {
		m, _ := e.(map[string]any)
		v, at := values(m), fmt.Sprintf("for[%d]", i)
		if err := checkThing(v, at); err != nil {
			return err
		}
		if name := v.text("name"); seen[name] {
			return invalid(at+".name", "is %q, and so is another", flow.Cut(name, 40))
		}
		seen[v.text("name")] = true
		if v.text("port") != "" && need != 1 {
			return invalid(at+".port", "says where to leave if it comes first, but %d things are needed", need)
		}
	}
	return nil
}

// checkThing wants exactly one kind of thing.
func checkThing(v values, at string) error {
	kinds := 0
	for _, name := range []string{"event_type", "duration_ms", "workflow_id"} {
		if _, ok := v[name]; ok {
			kinds++
		}
	}
	if kinds != 1 {
		return invalid(at, "must have exactly one of event_type, duration_ms and workflow_id")
	}
	if _, ok := v["event_type"]; ok {
		return thingOf(v).check()
	}
	if id, ok := v["workflow_id"]; ok && !flow.ValidWorkflowID(fmt.Sprint(id)) {
		return invalid(at+".workflow_id", "is %q, which no workflow can be called", flow.Cut(fmt.Sprint(id), 80))
	}
	return nil
}

// waitForOne waits for one thing. What it leaves is {name, data}.
func waitForOne(c *node.Call) (node.Outcome, error) {
	m, _ := c.Part.Item.(map[string]any)
	v := values(m)
	if c.Resume == nil {
		return beginThing(c, v), nil
	}
	if c.Resume.Error != nil {
		return node.Outcome{}, c.Resume.Error
	}
	data := c.Resume.Data
	if c.Resume.By == flow.ByTimer {
		data = map[string]any{"resumed_at": c.Now.UTC().Format(stamp), "type": "delay_completed"}
	}
	return node.Outcome{Output: map[string]any{"name": v.text("name"), "data": data}}, nil
}

// thingOf is the wait for an event that a thing asks for.
func thingOf(v values) eventWait {
	return eventWait{EventType: v.text("event_type"), EventFilter: v.object("event_filter"), Match: v["match"], Takers: v.text("takers")}
}

func beginThing(c *node.Call, v values) node.Outcome {
	data := map[string]any{"name": v.text("name")}
	switch {
	case v.text("event_type") != "":
		w := thingOf(v)
		data["event_type"], data["event_filter"] = w.EventType, w.EventFilter
		if w.Match != nil {
			data["match"] = w.Match
		}
		if w.Takers != "" {
			data["takers"] = w.Takers
		}
		sub := w.subscription(fmt.Sprintf("for[%d].match", c.Part.Index))
		return node.Outcome{Suspend: &node.Suspend{Type: flow.ExternalEvent, Data: data, Event: sub}}
	case v.text("workflow_id") != "":
		data["workflow_id"] = v.text("workflow_id")
		input, given := v["input_data"]
		if !given {
			input = c.Input
		}
		child := node.Child{Workflow: v.text("workflow_id"), Input: input, Mode: node.Async}
		return node.Outcome{Suspend: &node.Suspend{Type: flow.SubWorkflow, Data: data}, Start: []node.Child{child}}
	}
	data["duration_ms"] = v.whole("duration_ms")
	return node.Outcome{Suspend: &node.Suspend{Type: flow.Delay, Timer: true, In: time.Duration(v.whole("duration_ms")) * time.Millisecond, Data: data}}
}

// cameOf tells what came, in the order of the list.
func cameOf(c *node.Call, things []any) (node.Outcome, error) {
	results, _ := c.Resume.Data.([]any)
	came, data := []any{}, map[string]any{}
	port := ""
	for i, r := range results {
		one, ok := r.(map[string]any)
		if !ok {
			continue
		}
		name, _ := one["name"].(string)
		came, data[name] = append(came, name), one["data"]
		if thing, _ := things[i].(map[string]any); port == "" && len(came) == 1 {
			port = values(thing).text("port")
		}
	}
	return node.Outcome{Port: port, Output: map[string]any{"came": came, "data": data}}, nil
}
