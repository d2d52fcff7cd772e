package suspend

import (
	"encoding/json"
	"time"

	"prana/engine/flow"
)

// delayNode is the type of the nodes whose waits are delays.
const delayNode = "time.delay"

// delayOf tells what became of a delay; ok is false for steps that are none.
func delayOf(w *flow.Workflow, x *flow.Execution, s *flow.Step) (flow.DelayView, bool) {
	d := flow.DelayView{ExecutionID: x.ID, Node: w.NodeKey(s.ID.Node), RunIndex: s.ID.Run}
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
