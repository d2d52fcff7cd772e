package client

import (
	"context"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Publish publishes an event. With an ID it counts once, whoever publishes it how often.
func (c *Client) Publish(ctx context.Context, e flow.Event) (flow.PublishResult, error) {
	var res flow.PublishResult
	k, err := event(e, false)
	if err != nil {
		return res, err
	}
	h, err := c.do(ctx, c.once(k, e.ID), &res)
	res.Repeated = wasReplayed(h, e.ID)
	return res, err
}

// Send publishes an event with data that becomes JSON, and is like [Client.Publish] otherwise.
func (c *Client) Send(ctx context.Context, eventType string, data any) (flow.PublishResult, error) {
	raw, err := encode(data)
	if err != nil {
		return flow.PublishResult{}, err
	}
	return c.Publish(ctx, flow.Event{Type: eventType, Data: raw})
}

// DryRun tells what an event would do, and changes nothing.
func (c *Client) DryRun(ctx context.Context, e flow.Event) (flow.EventPreview, error) {
	var res flow.EventPreview
	k, err := event(e, true)
	if err != nil {
		return res, err
	}
	k.again = true
	_, err = c.do(ctx, k, &res)
	return res, err
}

func event(e flow.Event, dry bool) (call, error) {
	k, err := post("/v1/events", wire.Event{
		Type: e.Type, Data: e.Data, ID: e.ID, Keep: e.Keep, Limit: e.Limit, TTLMS: ttl(e.TTL), DryRun: dry,
	})
	k.header = traced(e.Trace)
	return k, err
}

// ttl says it in the words of the API: absent is the default, 0 is not kept.
func ttl(d time.Duration) *int64 {
	if d == 0 {
		return nil
	}
	ms := max(0, flow.Millis(d))
	return &ms
}
