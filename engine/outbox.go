package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"prana/engine/flow"
)

// deliveries bounds how many outboxes one process empties at a time.
const deliveries = 8

// deliverLater empties an outbox beside the sweeper, which must not wait for
// others. With all hands full it leaves it to the next look.
func (e *Engine) deliverLater(ctx context.Context, execution string) {
	select {
	case e.delivering <- struct{}{}:
		e.background(func() {
			defer func() { <-e.delivering }()
			e.deliver(context.WithoutCancel(ctx), execution)
		})
	default:
	}
}

// deliver tells others what an execution has to tell them. Whatever fails stays
// in the outbox, and the sweeper brings it up again.
func (e *Engine) deliver(ctx context.Context, execution string) {
	out, err := e.store.Outbox(ctx, execution)
	for _, o := range out {
		if derr := e.deliverOne(ctx, execution, o); derr != nil {
			err = errors.Join(err, fmt.Errorf("delivering %s %s: %w", o.Kind, o.ID, derr))
		}
	}
	if err != nil {
		e.log.WarnContext(ctx, "the outbox was not emptied; it is tried again", "execution", execution, "error", err)
	}
}

func (e *Engine) deliverOne(ctx context.Context, execution string, o flow.Outgoing) error {
	var err error
	switch o.Kind {
	case flow.SendCancel:
		err = e.sendCancel(ctx, o)
	case flow.SendClose:
		err = e.sendClose(ctx, o)
	case flow.SendRelease:
		err = e.sendRelease(ctx, o)
	case flow.SendTaking:
		err = e.sendTaking(ctx, o)
	case flow.SendAlert:
		err = e.sendAlert(ctx, o)
	case flow.SendMiddleware:
		err = e.sendNotices(ctx, o)
	default:
		err = fmt.Errorf("nobody knows how to deliver %q; a newer version wrote it", o.Kind)
	}
	if err != nil {
		return err
	}
	return e.store.Delivered(ctx, execution, o.ID)
}

// sendNotices tells durable middleware what happened.
func (e *Engine) sendNotices(ctx context.Context, o flow.Outgoing) error {
	if e.cfg.Durable == nil {
		return fmt.Errorf("no durable middleware is configured here; a process that has it delivers this")
	}
	var notices []flow.Notice
	if err := json.Unmarshal(o.Data, &notices); err != nil {
		return fmt.Errorf("reading the notices: %w", err)
	}
	for _, n := range notices {
		e.cfg.Durable(ctx, n)
	}
	return nil
}

// sendAlert tells somebody that the retries of a node are used up. The id of
// the entry makes it count once where it is an event or a start.
func (e *Engine) sendAlert(ctx context.Context, o flow.Outgoing) error {
	var body struct {
		Alert flow.Alert `json:"alert"`
	}
	if err := json.Unmarshal(o.Data, &body); err != nil {
		return fmt.Errorf("reading the alert: %w", err)
	}
	switch a := body.Alert; {
	case a.Event != "":
		_, err := e.Publish(ctx, flow.Event{ID: o.ID, Type: a.Event, Data: o.Data})
		return err
	case a.Workflow != "":
		_, err := e.Start(ctx, flow.StartRequest{Workflow: a.Workflow, ID: o.ID, Input: o.Data})
		return err
	case a.URL != "" && e.cfg.Post != nil:
		return e.cfg.Post(ctx, a.URL, o.ID, o.Data)
	}
	return fmt.Errorf("the alert names nobody that can be told here")
}
