package client

import (
	"context"
	"net/http"
	"net/url"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Hooks lists the named webhooks.
func (c *Client) Hooks(ctx context.Context) (flow.Page[flow.HookView], error) {
	return list[flow.HookView](ctx, c, "/v1/hooks", 0, "", nil)
}

// Deliveries lists the last deliveries of a named webhook, without their bodies.
func (c *Client) Deliveries(ctx context.Context, f flow.DeliveryFilter) (flow.Page[flow.Delivery], error) {
	filter := map[string]string{}
	if f.Refused {
		filter["refused"] = "true"
	}
	return list[flow.Delivery](ctx, c, deliveries(f.Hook), f.Limit, f.Cursor, filter)
}

// Delivery shows a delivery with its body.
func (c *Client) Delivery(ctx context.Context, hook, id string) (flow.Delivery, error) {
	var d flow.Delivery
	_, err := c.do(ctx, get(deliveries(hook)+"/"+url.PathEscape(id), nil), &d)
	return d, err
}

// ReplayDelivery acts again by a delivery. The same key replays it once; an empty one is always new.
func (c *Client) ReplayDelivery(ctx context.Context, hook, id, key string) (wire.Processed, error) {
	k := call{method: http.MethodPost, path: deliveries(hook) + "/" + url.PathEscape(id) + ":replay"}
	if key != "" {
		k.header = map[string]string{"Idempotency-Key": key}
	}
	var res wire.Processed
	_, err := c.do(ctx, c.once(k, key), &res)
	return res, err
}

func deliveries(hook string) string { return "/v1/hooks/" + url.PathEscape(hook) + "/deliveries" }
