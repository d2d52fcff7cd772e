package failpoints

import (
	"context"
	"encoding/json"

	"prana/engine"
	"prana/engine/flow"
)

// start starts an execution under a start id, and gives its id.
func (s *Stage) start(workflow, id, input string) string {
	var r flow.StartResult
	s.ask("starting "+workflow, func(ctx context.Context, p *process) (err error) {
		r, err = p.engine.Start(ctx, flow.StartRequest{Workflow: workflow, ID: id, Input: json.RawMessage(input)})
		return err
	})
	return r.ExecutionID
}

// publish publishes an event, and tells how many it reached.
func (s *Stage) publish(ev flow.Event) {
	var r flow.PublishResult
	s.ask("publishing "+ev.ID, func(ctx context.Context, p *process) (err error) {
		r, err = p.engine.Publish(ctx, ev)
		return err
	})
	s.tell("event %s reached %d, is kept: %t", r.ID, r.Matched, r.Buffered)
}

// resume brings something for a node, and tells whether it has to wait there.
func (s *Stage) resume(id, node, request, data string) {
	var r flow.ResumeResult
	s.ask("resuming "+node, func(ctx context.Context, p *process) (err error) {
		r, err = p.engine.Resume(ctx, flow.ResumeRequest{Execution: id, Node: node, ID: request, Data: json.RawMessage(data), By: "ada"})
		return err
	})
	s.tell("resume %s for %s", request, r.Node)
}

func (s *Stage) cancel(id, request string) {
	s.ask("cancelling", func(ctx context.Context, p *process) error {
		return p.engine.Cancel(ctx, flow.CancelRequest{Execution: id, ID: request})
	})
}

func (s *Stage) retry(id, request string) {
	s.ask("retrying", func(ctx context.Context, p *process) error {
		r, err := p.engine.Retry(ctx, flow.RetryRequest{Execution: id, ID: request})
		if err == nil && r.Generation != 1 {
			s.world.mistake("a retry made it generation %d", r.Generation)
		}
		return err
	})
}

// with has the engine of the process do something that is safe to repeat.
func (s *Stage) with(what string, f func(ctx context.Context, e *engine.Engine) error) {
	s.ask(what, func(ctx context.Context, p *process) error { return f(ctx, p.engine) })
}

// follow begins to follow the executions, and gives the place from which on all is told.
func (s *Stage) follow() (from flow.FeedPlace) {
	s.ask("following", func(ctx context.Context, p *process) (err error) {
		from, err = p.store.NewFeed(s.raw).Open(ctx, 0)
		return err
	})
	return from
}

// followed gives what was told, and of which nodes.
func (s *Stage) followed(from flow.FeedPlace) (told []string) {
	entries, err := s.store.NewFeed(s.raw).Read(s.ctx, 0, from)
	s.must(err)
	for _, e := range entries[1:] { // the first stands at the place itself
		events, err := e.Events()
		s.must(err)
		for _, ev := range events {
			told = append(told, ev.Name)
			if ev.Node != "" {
				told = append(told, ev.Node)
			}
		}
	}
	return told
}
