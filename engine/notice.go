package engine

import (
	"context"
	"time"

	"prana/engine/flow"
)

// told passes on what a stored change records. x gives what is known of the
// execution; nil when it is new or was only touched.
func (e *Engine) told(ctx context.Context, p *compiled, x *flow.Execution, ch *flow.Change) {
	for _, r := range ch.Records {
		e.cfg.Notify(ctx, noticeOf(p, x, ch, r))
	}
	if ch.Front.Status == flow.Quarantined && ch.Was != flow.Quarantined {
		e.cfg.Counters.Quarantined(ctx)
	}
	e.afterwards(ctx, ch)
}

// owe puts what a change records into its outbox, for who must not miss it.
func (e *Engine) owe(p *compiled, x *flow.Execution, ch *flow.Change) {
	if e.cfg.Durable == nil || len(ch.Records) == 0 {
		return
	}
	notices := make([]flow.Notice, len(ch.Records))
	for i, r := range ch.Records {
		notices[i] = noticeOf(p, x, ch, r)
	}
	raw, err := flow.Encode(notices)
	if err != nil {
		e.log.Error("notices for durable middleware cannot be stored", "execution", ch.Execution, "error", err)
		return
	}
	ch.Outbox = append(ch.Outbox, flow.Outgoing{ID: ch.Op + ".notices", Kind: flow.SendMiddleware, Data: raw})
}

// toldChild passes on the birth of a child.
func (e *Engine) toldChild(ctx context.Context, ch *flow.Change) {
	p, err := e.planFor(ctx, ch.Head.Workflow, ch.Head.Version)
	if err == nil {
		e.told(ctx, p, nil, ch)
	}
}

func noticeOf(p *compiled, x *flow.Execution, ch *flow.Change, r flow.Record) flow.Notice {
	n := flow.Notice{
		Name: r.Name, Execution: ch.Execution, Workflow: p.Workflow.ID, Version: p.Version,
		Node: r.Node, NodeType: r.Type, Seq: r.Seq, Time: time.Now(), Reason: r.Reason, Slept: r.Slept,
	}
	switch {
	case ch.Head != nil && ch.Head.Parent != nil:
		n.ParentID = ch.Head.Parent.Execution
	case x != nil && x.Parent != nil:
		n.ParentID = x.Parent.Execution
	}
	if r.Wait != nil {
		n.SuspendType = r.Wait.Type
		n.SuspensionData = r.Wait.Data
	}
	if r.Step == nil {
		if ends(r.Name) { // not what came before it in the same change
			n.Error = ch.Error
		}
		return n
	}
	stepNotice(&n, r.Step)
	return n
}

// ends tells whether a record is of the end of an execution that has an error.
func ends(name string) bool { return name == flow.ExecutionFailed || name == flow.WorkflowCancelled }

func stepNotice(n *flow.Notice, s *flow.Step) {
	n.Run, n.Attempt, n.Port, n.Error, n.Took = s.ID.Run, s.Attempt, s.Port, s.Error, s.Ran
	if n.Error == nil && len(s.Attempts) > 0 && n.Name == flow.NodeRetryScheduled {
		n.Error = s.Attempts[len(s.Attempts)-1].Error
	}
	if s.Resumed != nil {
		n.ResumedBy, n.Actor = s.Resumed.By, s.Resumed.Actor
	}
}

// noticeStarting is told before anything is stored.
func (e *Engine) noticeStarting(ctx context.Context, j *job) {
	e.cfg.Notify(ctx, flow.Notice{
		Name: flow.NodeStarting, Execution: j.x.ID, Workflow: j.x.Workflow, Version: j.x.Version,
		Node: j.node.Key, NodeType: j.node.Type.Name, Run: j.Step.Run, Attempt: j.attempt, Time: time.Now(),
	})
}

// afterwards does at once what the sweeper would otherwise do a little later:
// look for kept events, and deliver the outbox.
func (e *Engine) afterwards(ctx context.Context, ch *flow.Change) {
	ctx = context.WithoutCancel(ctx)
	for _, id := range ch.Opened {
		switch w := waitOf(ch, id); {
		case w == nil:
		case w.Event != nil:
			e.background(func() { e.look(ctx, id, *w) })
		case w.Type == flow.Concurrency:
			e.background(func() { e.askAgain(ctx, id) })
		}
	}
	if len(ch.Outbox) > 0 {
		e.background(func() { e.deliver(ctx, ch.Execution) })
	}
}

func waitOf(ch *flow.Change, id flow.SuspensionID) *flow.Wait {
	for _, s := range ch.Steps {
		if s.ID == id.Step && s.Turn == id.Turn {
			return s.Wait
		}
	}
	return nil
}

// background runs f beside the caller; Close waits for it.
func (e *Engine) background(f func()) {
	e.pending.Go(func() {
		f()
	})
}
