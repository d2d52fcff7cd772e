package nodes

import (
	"context"
	"fmt"
	"time"

	"prana/engine/cron"
	"prana/engine/flow"
	"prana/engine/node"
)

// cronFields are read by the schedule loop while nothing runs, so all are literals.
var cronFields = []node.Field{
	{
		Name: "cron_pattern", Kind: node.String, Required: true, Literal: true, Check: checkPattern,
		Summary: "Minute, hour, day of the month, month, day of the week, such as \"0 9 * * MON-FRI\"; or a name such as @daily.",
	},
	{
		Name: "timezone", Kind: node.String, Default: "UTC", Literal: true, Check: checkZone,
		Summary: "The IANA time zone of the pattern, such as Europe/Berlin.",
	},
	{
		Name: "misfire", Kind: node.String, Default: string(flow.MisfireOnce), Literal: true,
		Enum:    []string{string(flow.MisfireSkip), string(flow.MisfireOnce), string(flow.MisfireAll)},
		Summary: "What becomes of ticks that passed while no worker ran: none fires, the newest fires for all, or each of the newest 100.",
	},
}

func checkPattern(v any) error { return cron.CheckPattern(fmt.Sprint(v)) }

func checkZone(v any) error {
	_, err := cron.Zone(fmt.Sprint(v))
	return err
}

func cronTrigger() node.Type {
	return node.Type{
		Name:    flow.CronTrigger,
		Summary: "Begins an execution at each tick of a cron pattern, once, whatever the number of workers; can also be started by hand.",
		Trigger: true,
		Fields:  cronFields,
		Output: []node.Output{{Fields: []node.Field{
			{Name: "scheduled_at", Kind: node.String, Summary: "The tick, in the zone of the schedule; null when it was started by hand."},
			{Name: "fired_at", Kind: node.String, Summary: "When it began."},
			{Name: "pattern", Kind: node.String, Summary: "The cron_pattern."},
			{Name: "timezone", Kind: node.String, Summary: "The timezone."},
		}}},
		Examples: []node.Example{
			{
				Title: "Every working day at nine in Berlin", Params: map[string]any{"cron_pattern": "0 9 * * MON-FRI", "timezone": "Europe/Berlin"},
				Input:  map[string]any{"scheduled_at": "2026-01-02T08:00:00Z"},
				Output: map[string]any{"scheduled_at": "2026-01-02T09:00:00.000+01:00", "fired_at": "…", "pattern": "0 9 * * MON-FRI", "timezone": "Europe/Berlin"},
			},
			{
				Title: "Every five minutes, also for those that were missed", Params: map[string]any{"cron_pattern": "*/5 * * * *", "misfire": "all"},
				Output: map[string]any{"scheduled_at": nil, "fired_at": "…", "pattern": "*/5 * * * *", "timezone": "UTC"},
			},
		},
		Run: runCronTrigger,
	}
}

// runCronTrigger leaves with the tick that the input names. By hand there is
// none, unless the input names the one that is to be made up for.
func runCronTrigger(_ context.Context, c *node.Call) (node.Outcome, error) {
	v := values(c.Params)
	zone, err := cron.Zone(v.text("timezone"))
	if err != nil {
		return node.Outcome{}, invalid("timezone", "is wrong: %v", err)
	}
	out := map[string]any{
		"scheduled_at": nil, "fired_at": c.Now.UTC().Format(stamp),
		"pattern": v.text("cron_pattern"), "timezone": v.text("timezone"),
	}
	input, _ := c.Input.(map[string]any)
	if at, err := time.Parse(time.RFC3339, values(input).text("scheduled_at")); err == nil {
		out["scheduled_at"] = at.In(zone).Format(stamp)
	}
	return node.Outcome{Output: out}, nil
}
