package suspend

import (
	"context"
	"encoding/json"
	"time"

	"prana/engine/flow"
)

// delayNode is the type of the nodes whose waits are delays.
const delayNode = "time.delay"

// Delays lists the delays that are pending; of one execution, also those that are over.
func (s *Store) Delays(ctx context.Context, f flow.DelayFilter) (flow.Page[flow.DelayView], error) {
	if f.Execution != "" {
		return s.delaysOf(ctx, f)
	}
	page, err := s.Suspensions(ctx, flow.SuspensionFilter{
		Type: flow.Delay, Workflow: f.Workflow, ExpiresAfter: f.From, ExpiresBefore: f.Until, Limit: f.Limit, Cursor: f.Cursor,
	})
	out := flow.Page[flow.DelayView]{Items: []flow.DelayView{}, Cursor: page.Cursor}
	for _, v := range page.Items {
		d := flow.DelayView{
			ExecutionID: v.ExecutionID, Workflow: v.Workflow, Node: v.Node, RunIndex: v.RunIndex,
			SuspendedAt: v.SuspendedAt, CreatedAt: v.CreatedAt, Status: flow.DelayPending,
		}
		if v.ResumeAt != nil {
			d.ResumeAt = *v.ResumeAt
		}
		out.Items = append(out.Items, d)
	}
	return out, err
}

// delaysOf lists the delays of one execution, which is read whole.
func (s *Store) delaysOf(ctx context.Context, f flow.DelayFilter) (flow.Page[flow.DelayView], error) {
	w, x, err := s.wholeWith(ctx, f.Execution)
	if err != nil || x == nil || f.Workflow != "" && f.Workflow != x.Workflow {
		return flow.Page[flow.DelayView]{Items: []flow.DelayView{}}, err
	}
	var all []placed[flow.DelayView]
	for _, st := range x.InOrder() {
		if d, ok := delayOf(w, x, st); ok && f.Asks(d.ResumeAt) {
			all = append(all, placed[flow.DelayView]{row{float64(d.ResumeAt.UnixMilli()), st.ID.String()}, d})
		}
	}
	return cut(all, f.Cursor, limitOf(f.Limit))
}

// delayOf tells what became of a delay; ok is false for steps that are none.
func delayOf(w *flow.Workflow, x *flow.Execution, s *flow.Step) (flow.DelayView, bool) {
	d := flow.DelayView{ExecutionID: x.ID, Workflow: x.Workflow, Node: w.NodeKey(s.ID.Node), RunIndex: s.ID.Run}
	switch {
	case s.Wait != nil && s.Wait.Type == flow.Delay:
		d.Status, d.SuspendedAt, d.CreatedAt, d.ResumeAt = flow.DelayPending, s.Wait.Since, s.Wait.Since, s.Wait.Due
		return d, true
	case s.ID.Node >= len(w.Nodes) || w.Nodes[s.ID.Node].Type != delayNode || s.Turn == 0:
		return d, false
	}
	d.Status, d.SuspendedAt, d.ResumeAt = flow.DelayCancelled, s.StartedAt, s.EndedAt
	if r := s.Resumed; r != nil {
		d.Status, d.SuspendedAt, d.ResumeAt = flow.DelayCompleted, r.Since, r.At
		if ms := durationOf(r.Wait); ms > 0 {
			d.ResumeAt = r.Since.Add(ms)
		}
	}
	d.CreatedAt = d.SuspendedAt
	return d, true
}

func durationOf(data json.RawMessage) time.Duration {
	var v struct {
		MS int64 `json:"duration_ms"`
	}
	_ = json.Unmarshal(data, &v) // data without a duration has none
	return time.Duration(v.MS) * time.Millisecond
}
