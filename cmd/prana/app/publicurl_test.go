package app

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/nodes"
)

const linking = `
id: linking
nodes:
  - {key: start, type: manual.trigger}
  - {key: link, type: code.expr, params: {expression: "$execution.resume_url"}}
connections: [start -> link]
`

// TestResumeURLsLeadHere: links begin with what people reach, as far as the process knows.
func TestResumeURLsLeadHere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		api    bool
		public string
		want   func(a *App) string
	}{
		"where it listens":   {true, "", func(a *App) string { return a.URL() }},
		"where it is said":   {true, "https://flows.example.com/prana/", func(*App) string { return "https://flows.example.com/prana" }},
		"a worker by itself": {false, "", func(*App) string { return "http://127.0.0.1:8484" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, o := examined(t)
			o.API, o.Worker, o.Listen, o.Config.PublicURL = c.api, true, "127.0.0.1:0", c.public
			a := started(t, o)
			if got, want := linked(t, a), c.want(a)+"/resume/"; !strings.HasPrefix(got, want) || want == "/resume/" {
				t.Errorf("the URL is %s; want %s…", got, want)
			}
		})
	}
}

// linked runs a workflow that gives a URL.
func linked(t *testing.T, a *App) string {
	t.Helper()
	w, _, diags := definition.Check("w.yaml", []byte(linking), node.NewRegistry(nodes.Builtin(nodes.Options{})...), plan.Options{})
	if plan.HasErrors(diags) {
		t.Fatal(diags)
	}
	if _, _, err := a.Deploy(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	r, err := a.Engine().Start(t.Context(), flow.StartRequest{Workflow: "linking"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	v, err := a.Engine().Await(ctx, r.ExecutionID)
	if err != nil {
		t.Fatal(err)
	}
	var url string
	if err := json.Unmarshal(v.Output, &url); err != nil {
		t.Fatalf("the output is %s: %v", v.Output, err)
	}
	return url
}
