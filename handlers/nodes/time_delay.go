package nodes

import (
	"context"

	"prana/engine/flow"
	"prana/engine/node"
)

// stamp is RFC 3339 with milliseconds, as all times that nodes give out.
const stamp = "2006-01-02T15:04:05.000Z07:00"

var delayFields = []node.Field{
	{Name: "duration_ms", Kind: node.Int, Required: true, Min: new(1.0), Max: new(float64(maxWaitMS)), Summary: "How long to wait, in milliseconds; at most 400 days."},
}

func timeDelay() node.Type {
	return node.Type{
		Name:    "time.delay",
		Summary: "Waits for a time, durably, however short or long.",
		Fields:  delayFields,
		Output: []node.Output{{Fields: []node.Field{
			{Name: "resumed_at", Kind: node.String, Summary: "When it went on, in RFC 3339."},
			{Name: "type", Kind: node.String, Summary: "Always delay_completed."},
			{Name: "data", Kind: node.Any, Summary: "What somebody handed in who cut the delay short."},
		}}},
		Examples: []node.Example{{
			Title: "One hour", Params: map[string]any{"duration_ms": 3600000}, Then: []string{"advance 1h"},
			Output: map[string]any{"resumed_at": "2026-01-01T01:00:00.000Z", "type": "delay_completed"},
		}},
		Run: runDelay,
	}
}

func runDelay(_ context.Context, c *node.Call) (node.Outcome, error) {
	if c.Resume != nil {
		return delayOver(c)
	}
	v := values(c.Params)
	return node.Outcome{Suspend: &node.Suspend{
		Type:  flow.Delay,
		Timer: true,
		In:    v.millis("duration_ms"),
		Data:  map[string]any{"duration_ms": v.whole("duration_ms")},
	}}, nil
}

// delayOver leaves the same way whether the time came or somebody cut it
// short; what they handed in then stands under data.
func delayOver(c *node.Call) (node.Outcome, error) {
	if c.Resume.Error != nil {
		return node.Outcome{}, c.Resume.Error
	}
	out := map[string]any{"resumed_at": c.Now.UTC().Format(stamp), "type": "delay_completed"}
	if c.Resume.By != flow.ByTimer && c.Resume.Data != nil {
		out["data"] = c.Resume.Data
	}
	return node.Outcome{Output: out}, nil
}
