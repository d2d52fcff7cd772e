package client

import (
	"context"
	"net/http"
	"net/url"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Queues lists the queues, with what is in them.
func (c *Client) Queues(ctx context.Context, f wire.QueueFilter) (flow.Page[wire.Queue], error) {
	return list[wire.Queue](ctx, c, "/v1/queues", f.Limit, f.Cursor, map[string]string{"name": f.Name})
}

// Workers lists the workers, with what each runs.
func (c *Client) Workers(ctx context.Context, f wire.PageFilter) (flow.Page[wire.Worker], error) {
	return list[wire.Worker](ctx, c, "/v1/workers", f.Limit, f.Cursor, nil)
}

// Dead lists the tasks of other services that were given up, newest first.
func (c *Client) Dead(ctx context.Context, f wire.PageFilter) (flow.Page[wire.DeadTask], error) {
	return list[wire.DeadTask](ctx, c, "/v1/dead", f.Limit, f.Cursor, nil)
}

// AllDead lists all of them.
func (c *Client) AllDead(ctx context.Context) ([]wire.DeadTask, error) {
	return listAll[wire.DeadTask](ctx, c, "/v1/dead")
}

// DeadTask shows one, with its payload.
func (c *Client) DeadTask(ctx context.Context, id string) (wire.DeadTask, error) {
	var t wire.DeadTask
	_, err := c.do(ctx, get(dead(id), nil), &t)
	return t, err
}

// RunDead lets one run again.
func (c *Client) RunDead(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: dead(id) + ":run"}, new(wire.Dead))
	return err
}

// DeleteDead removes one for good.
func (c *Client) DeleteDead(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: dead(id)}, new(wire.Dead))
	return err
}

func dead(id string) string { return "/v1/dead/" + url.PathEscape(id) }
