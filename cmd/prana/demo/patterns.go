package demo

import (
	"context"
	"embed"
	"fmt"
	"path"

	"prana/engine/definition"
	"prana/engine/flow"
)

//go:embed workflows/*.yaml
var definitions embed.FS

// The patterns, by the names that the summary gives them.
const (
	externalEvent = "external_event"
	polling       = "polling"
	delay         = "delay"
	retry         = "retry"
)

// patterns lists them in the order of the summary. The workflow of each is called demo_ and its name.
var patterns = []string{
	externalEvent, "sub_workflow_sync", "sub_workflow_async", "sub_workflow_fire_and_forget", polling, delay, retry,
}

// deploy publishes the definitions in this directory.
func (d *Demo) deploy(ctx context.Context) error {
	files, err := definitions.ReadDir("workflows")
	if err != nil {
		return err
	}
	for _, f := range files {
		src, err := definitions.ReadFile(path.Join("workflows", f.Name()))
		if err != nil {
			return err
		}
		w, _, found := definition.Read(f.Name(), src)
		if w == nil {
			return fmt.Errorf("reading %s: %v", f.Name(), found)
		}
		if _, _, err := d.app.Deploy(ctx, w); err != nil {
			return fmt.Errorf("publishing %s: %w", f.Name(), err)
		}
	}
	d.say("", "published %d workflows", len(files))
	return nil
}

// startAll starts one execution of each pattern. They take from the same input what they need.
func (d *Demo) startAll(ctx context.Context) error {
	input, err := flow.Encode(map[string]any{
		"request_id": d.request, "job_id": "job-" + d.request, "order_id": "order-" + d.request,
		"user": "ada", "partner": d.partner.url,
	})
	if err != nil {
		return err
	}
	for _, p := range patterns {
		res, err := d.app.Engine().Start(ctx, flow.StartRequest{Workflow: "demo_" + p, Input: input})
		if err != nil {
			return fmt.Errorf("starting %s: %w", p, err)
		}
		d.track(p, res.ExecutionID, false)
	}
	return nil
}
