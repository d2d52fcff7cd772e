package engine

import (
	"fmt"

	"prana/engine/flow"
)

// send puts something into the outbox. Its id is the same on every try.
func (t *transition) send(kind, to string, data []byte) {
	id := fmt.Sprintf("%s.%d", t.ch.Op, len(t.ch.Outbox))
	t.ch.Outbox = append(t.ch.Outbox, flow.Outgoing{ID: id, Kind: kind, To: to, Data: data})
}

// record notes what happened; the step as it is now, since it may move on within this change.
func (t *transition) record(name string, s *flow.Step) {
	t.x.Seq++
	r := flow.Record{Seq: t.x.Seq, Name: name}
	if s != nil {
		c := *s
		r.Step, r.Node, r.Type = &c, t.key(s), t.plan.Nodes[s.ID.Node].Type.Name
	}
	t.ch.Records = append(t.ch.Records, r)
}

func (t *transition) recordReason(name, reason string) {
	t.record(name, nil)
	t.ch.Records[len(t.ch.Records)-1].Reason = reason
}

func (t *transition) recordWait(name string, s *flow.Step, w *flow.Wait) {
	t.record(name, s)
	r := &t.ch.Records[len(t.ch.Records)-1]
	r.Wait = w
	if name == flow.NodeResumed && !w.Since.IsZero() {
		r.Slept = t.x.Now.Sub(w.Since)
	}
}
