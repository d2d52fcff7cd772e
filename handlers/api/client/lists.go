package client

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"prana/engine/flow"
)

// List lists executions, newest first.
func (c *Client) List(ctx context.Context, f flow.ExecutionFilter) (flow.Page[flow.Summary], error) {
	query := listQuery(f.Limit, f.Cursor, map[string]string{
		"status": string(f.Status), "workflow": f.Workflow, "parent_execution_id": f.Parent, "error": f.Error, "id_prefix": f.Prefix,
		"since": moment(f.Since), "until": moment(f.Until),
	})
	for _, name := range slices.Sorted(maps.Keys(f.Tags)) {
		query.Add("tag", name+"="+f.Tags[name])
	}
	return page[flow.Summary](ctx, c, "/v1/executions", query)
}

// Suspensions lists what waits.
func (c *Client) Suspensions(ctx context.Context, f flow.SuspensionFilter) (flow.Page[flow.Suspension], error) {
	return list[flow.Suspension](ctx, c, "/v1/suspensions", f.Limit, f.Cursor, map[string]string{
		"type": f.Type, "event_type": f.EventType, "workflow": f.Workflow, "execution_id": f.Execution,
		"expires_before": moment(f.ExpiresBefore), "expires_after": moment(f.ExpiresAfter),
	})
}

// Relations lists parents and children.
func (c *Client) Relations(ctx context.Context, f flow.RelationFilter) (flow.Page[flow.Relation], error) {
	return list[flow.Relation](ctx, c, "/v1/relations", f.Limit, f.Cursor, map[string]string{
		"parent_execution_id": f.Parent, "child_execution_id": f.Child,
	})
}

// Family tells the tree that an execution stands in, so many generations up and down; 0 = all.
func (c *Client) Family(ctx context.Context, id string, depth int) (*flow.Family, error) {
	query := url.Values{}
	if depth > 0 {
		query.Set("depth", strconv.Itoa(depth))
	}
	f := new(flow.Family)
	_, err := c.do(ctx, get(execution(id, "/relations"), query), f)
	return f, err
}

// Delays lists delays.
func (c *Client) Delays(ctx context.Context, f flow.DelayFilter) (flow.Page[flow.DelayView], error) {
	return list[flow.DelayView](ctx, c, "/v1/delays", f.Limit, f.Cursor, map[string]string{
		"workflow": f.Workflow, "execution_id": f.Execution, "from": moment(f.From), "until": moment(f.Until),
	})
}

// Schedules lists the workflows that start by themselves.
func (c *Client) Schedules(ctx context.Context, f flow.ScheduleFilter) (flow.Page[flow.ScheduleView], error) {
	return list[flow.ScheduleView](ctx, c, "/v1/schedules", f.Limit, f.Cursor, map[string]string{"workflow": f.Workflow})
}

func list[T any](ctx context.Context, c *Client, path string, limit int, cursor string, filter map[string]string) (flow.Page[T], error) {
	return page[T](ctx, c, path, listQuery(limit, cursor, filter))
}

func page[T any](ctx context.Context, c *Client, path string, query url.Values) (flow.Page[T], error) {
	var p flow.Page[T]
	_, err := c.do(ctx, get(path, query), &p)
	return p, err
}

func listQuery(limit int, cursor string, filter map[string]string) url.Values {
	query := url.Values{}
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	for name, value := range filter {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// largestPage is the most that the server gives at once.
const largestPage = 1000

// listAll reads a whole list, page by page.
func listAll[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	var all []T
	for cursor := ""; ; {
		page, err := list[T](ctx, c, path, largestPage, cursor, nil)
		if err != nil {
			return nil, err
		}
		all, cursor = append(all, page.Items...), page.Cursor
		if cursor == "" {
			return all, nil
		}
	}
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
