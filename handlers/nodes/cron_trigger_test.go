package nodes

import (
	"testing"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

const cronType = "schedule.cron_trigger"

func TestCronTriggerTellsItsTick(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, cronType)
	for _, c := range []struct{ input, want any }{
		{obj{"scheduled_at": "2026-03-29T01:00:00Z"}, "2026-03-29T03:00:00.000+02:00"},
		{obj{"scheduled_at": "2026-03-29T00:59:00+01:00"}, "2026-03-29T00:59:00.000+01:00"},
		{nil, nil}, // by hand
		{obj{"scheduled_at": "soon"}, nil},
		{"text", nil},
	} {
		call := callFor(typ, obj{"cron_pattern": "30 2 * * *", "timezone": "Europe/Berlin"})
		call.Input = c.input
		same(t, "the output", run(t, typ, call).Output, obj{
			"scheduled_at": c.want, "fired_at": "2026-03-01T12:00:00.005Z", "pattern": "30 2 * * *", "timezone": "Europe/Berlin",
		})
	}
}

// TestCronTriggerIsCheckedWithItsDefinition: what could never fire is not published.
func TestCronTriggerIsCheckedWithItsDefinition(t *testing.T) {
	t.Parallel()
	reg := node.NewRegistry(Builtin(Options{})...)
	for _, c := range []struct {
		params     obj
		code, path string // of the only diagnostic; empty = none
	}{
		{obj{"cron_pattern": "0 9 * * MON-FRI"}, "", ""},
		{obj{"cron_pattern": "0 9 * * 1-7", "timezone": "Australia/Lord_Howe", "misfire": "Skip"}, "", ""},
		{obj{}, plan.CodeMissingParam, "cron_pattern"},
		{obj{"cron_pattern": "0 24 * * *"}, plan.CodeBadParam, "cron_pattern"},
		{obj{"cron_pattern": "0 0 30 2 *"}, plan.CodeBadParam, "cron_pattern"},
		{obj{"cron_pattern": "TZ=UTC 0 0 * * *"}, plan.CodeBadParam, "cron_pattern"},
		{obj{"cron_pattern": 5}, plan.CodeBadParam, "cron_pattern"},
		{obj{"cron_pattern": []any{"@daily"}}, plan.CodeWrongKind, "cron_pattern"},
		{obj{"cron_pattern": "$vars.pattern"}, plan.CodeNotLiteral, "cron_pattern"},
		{obj{"cron_pattern": "{{ '@daily' }}"}, plan.CodeNotLiteral, "cron_pattern"},
		{obj{"cron_pattern": "0 {{ 9 }} * * *"}, plan.CodeNotLiteral, "cron_pattern"},
		{obj{"cron_pattern": "{{ nobody closes"}, plan.CodeNotLiteral, "cron_pattern"},
		{obj{"cron_pattern": "@daily", "timezone": "Europe/Berlln"}, plan.CodeBadParam, "timezone"},
		{obj{"cron_pattern": "@daily", "timezone": "Local"}, plan.CodeBadParam, "timezone"},
		{obj{"cron_pattern": "@daily", "timezone": "$env.TZ"}, plan.CodeNotLiteral, "timezone"},
		{obj{"cron_pattern": "@daily", "misfire": "twice"}, plan.CodeNotInEnum, "misfire"},
		{obj{"cron_pattern": "@daily", "misfire": "{{ $vars.m }}"}, plan.CodeNotLiteral, "misfire"},
	} {
		w := &flow.Workflow{ID: "nightly", Nodes: []flow.Node{{Key: "tick", Type: cronType, Params: c.params}}}
		_, found := plan.Compile(w, reg, plan.Options{})
		switch {
		case c.code == "" && len(found) == 0:
		case len(found) != 1 || found[0].Code != c.code || found[0].Path != "nodes[0].params."+c.path || found[0].Message == "":
			t.Errorf("%v: got %v, want one %s at %s", c.params, found, c.code, c.path)
		case found[0].Hint == "" && c.code != plan.CodeWrongKind:
			t.Errorf("%v: %s has no hint", c.params, c.code)
		}
	}
}
