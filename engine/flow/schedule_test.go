package flow

import "testing"

func TestScheduleOfAWorkflow(t *testing.T) {
	t.Parallel()
	trigger := func(params map[string]any) *Workflow {
		return &Workflow{Nodes: []Node{{Key: "x", Type: "core.log"}, {Key: "tick", Type: CronTrigger, Params: params}}}
	}
	short, _ := trigger(map[string]any{"cron_pattern": "@daily"}).Schedule()
	if want := (Schedule{"@daily", "UTC", MisfireOnce}); short != want {
		t.Errorf("the defaults are %+v", short)
	}
	long, ok := trigger(map[string]any{"cron_pattern": "@daily", "timezone": "Asia/Tokyo", "misfire": "ALL"}).Schedule()
	if want := (Schedule{"@daily", "Asia/Tokyo", MisfireAll}); long != want || !ok || long.SameTicks(short) {
		t.Errorf("all written out is %+v", long)
	}
	if s, ok := (&Workflow{Nodes: []Node{{Type: "manual.trigger"}}}).Schedule(); ok {
		t.Errorf("a workflow without a cron trigger has %+v", s)
	}
}
