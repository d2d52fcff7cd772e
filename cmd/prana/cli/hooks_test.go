package cli

import (
	"testing"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

func TestHooks(t *testing.T) {
	t.Parallel()
	deliveries := flow.Page[flow.Delivery]{Cursor: "next", Items: []flow.Delivery{
		{ID: "a4-0", At: noon, Outcome: flow.DeliveryProcessed, Size: 9, Source: "192.0.2.1", Key: "d4", Count: 2, Executions: []string{"x", "y"}},
		{ID: "a3-0", At: noon, Outcome: flow.DeliveryProcessed, Size: 9, Key: "d3", Repeated: true, Executions: []string{"x"}},
		{ID: "a2-0", At: noon, Outcome: flow.DeliveryProcessed, Size: 9, Key: "d2", Buffered: true, ReplayOf: "r1-0"},
		{ID: "a1-0", At: noon, Outcome: flow.DeliveryIgnored, Size: 9, Key: "d1"},
	}}
	f := newFake(t, map[string]any{
		"GET /v1/hooks": flow.Page[flow.HookView]{Items: []flow.HookView{
			{Name: "github", Scheme: "github", Event: "push", Kept: flow.DeliveryCounts{Accepted: 3, Refused: 1}}, {Name: "shop", Scheme: "none", Workflow: "order"},
		}},
		"GET /v1/hooks/github/deliveries":            deliveries,
		"GET /v1/hooks/-/deliveries":                 flow.Page[flow.Delivery]{Items: []flow.Delivery{{ID: "r1-0", Outcome: flow.DeliveryRefused, Reason: "there is no such hook: \x1b[31m"}}},
		"GET /v1/hooks/github/deliveries/a1-0":       flow.Delivery{ID: "a1-0", Body: `{"n":1}`},
		"POST /v1/hooks/github/deliveries/r1:replay": wire.Processed{Status: "processed", Count: 1, Executions: []string{"x"}},
	})
	r := prana(t, f.url, "hooks")
	if got, want := trimmed(r.stdout), trimmed(`
		HOOK    SCHEME  EVENT  WORKFLOW  ACCEPTED  REFUSED
		github  github  push             3         1
		shop    none           order     0         0`); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	r = prana(t, f.url, "hooks", "github", "--limit", "4")
	r.wants(t, 0, "", "--cursor next")
	if got, want := trimmed(r.stdout), trimmed(`
		DELIVERY  AT                        OUTCOME    SIZE  SOURCE     ID  WHAT
		a4-0      2026-01-02T12:00:00.000Z  processed  9     192.0.2.1  d4  x y
		a3-0      2026-01-02T12:00:00.000Z  processed  9                d3  came before
		a2-0      2026-01-02T12:00:00.000Z  processed  9                d2  replay of r1-0: kept for a wait
		a1-0      2026-01-02T12:00:00.000Z  ignored    9                d1  -`); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	prana(t, f.url, "hooks", "-", "--refused").wants(t, 0, "there is no such hook:  [31m", "")
	if got := f.asked()[2].query.Encode(); got != "refused=true" {
		t.Errorf("asked with %s", got)
	}
	prana(t, f.url, "hooks", "show", "github", "a1-0").wants(t, 0, `{"n":1}`, "")
	prana(t, f.url, "hooks", "replay", "github", "r1", "--id", "once").wants(t, 0, "processed: 1 x", "")
	if got := f.asked()[4].header.Get("Idempotency-Key"); got != "once" {
		t.Errorf("the key is %q", got)
	}
}
