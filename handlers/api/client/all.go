package client

import (
	"context"
	"iter"

	"prana/engine/flow"
)

// AllExecutions goes through the executions that the filter names, newest first, page by page. Limit is the length of a page.
// An error ends it.
func (c *Client) AllExecutions(ctx context.Context, f flow.ExecutionFilter) iter.Seq2[flow.Summary, error] {
	return all(f.Cursor, func(cursor string) (flow.Page[flow.Summary], error) {
		f.Cursor = cursor
		return c.List(ctx, f)
	})
}

// AllSuspensions goes through what waits, and is like [Client.AllExecutions] otherwise.
func (c *Client) AllSuspensions(ctx context.Context, f flow.SuspensionFilter) iter.Seq2[flow.Suspension, error] {
	return all(f.Cursor, func(cursor string) (flow.Page[flow.Suspension], error) {
		f.Cursor = cursor
		return c.Suspensions(ctx, f)
	})
}

// AllDelays goes through the delays, and is like [Client.AllExecutions] otherwise.
func (c *Client) AllDelays(ctx context.Context, f flow.DelayFilter) iter.Seq2[flow.DelayView, error] {
	return all(f.Cursor, func(cursor string) (flow.Page[flow.DelayView], error) {
		f.Cursor = cursor
		return c.Delays(ctx, f)
	})
}

// AllRelations goes through parents and children, and is like [Client.AllExecutions] otherwise.
func (c *Client) AllRelations(ctx context.Context, f flow.RelationFilter) iter.Seq2[flow.Relation, error] {
	return all(f.Cursor, func(cursor string) (flow.Page[flow.Relation], error) {
		f.Cursor = cursor
		return c.Relations(ctx, f)
	})
}

// AllSchedules goes through the workflows that start by themselves, and is like [Client.AllExecutions] otherwise.
func (c *Client) AllSchedules(ctx context.Context, f flow.ScheduleFilter) iter.Seq2[flow.ScheduleView, error] {
	return all(f.Cursor, func(cursor string) (flow.Page[flow.ScheduleView], error) {
		f.Cursor = cursor
		return c.Schedules(ctx, f)
	})
}

// AllWorkflows goes through the published workflows, and is like [Client.AllExecutions] otherwise.
func (c *Client) AllWorkflows(ctx context.Context) iter.Seq2[flow.WorkflowInfo, error] {
	return all("", func(cursor string) (flow.Page[flow.WorkflowInfo], error) {
		return list[flow.WorkflowInfo](ctx, c, "/v1/workflows", 0, cursor, nil)
	})
}

// all goes through pages from a cursor on, "" = from the first.
func all[T any](cursor string, page func(cursor string) (flow.Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for at := cursor; ; {
			p, err := page(at)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if at = p.Cursor; at == "" {
				return
			}
		}
	}
}
