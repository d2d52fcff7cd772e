package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"prana/engine/flow"
	"prana/engine/plan"
)

// maxLetters bounds the inbox of an execution: it stands in the front, which every commit writes.
const maxLetters = 100

// anyNode is the node of a letter that is meant for the first wait that begins, wherever that is.
const anyNode = -1

// errMovedOn: what a resume is meant for begins to wait, or ended, while it is looked at. It looks again.
var errMovedOn = errors.New("the waits of the execution moved on meanwhile")

// posted: somebody brought what a wait needs before the wait began.
type posted struct {
	letter flow.Letter
	data   json.RawMessage
	again  bool // for the next wait, also where others ended before
}

func (posted) wants(*compiled) flow.Want { return flow.Want{All: true} }

func (f posted) done(x *flow.Execution, _ []string) bool { return has(x, f.letter.Ref) }

// has tells whether the data of a letter is stored, in the inbox or delivered.
func has(x *flow.Execution, ref flow.Ref) bool {
	_, stored := x.Values[ref]
	return stored
}

func (f posted) apply(t *transition) error {
	if has(t.x, f.letter.Ref) || slices.ContainsFunc(t.x.Inbox, f.same) {
		return nil
	}
	if !t.x.Whole {
		return errNeedAll
	}
	if len(openWaits(t.plan, t.x, f.request(t.plan))) > 0 {
		return errMovedOn
	}
	if err := t.early(f); err != nil {
		return err
	}
	t.x.Inbox = append(slices.Clone(t.x.Inbox), f.letter)
	t.ch.Values[f.letter.Ref] = flow.Value{Raw: f.data}
	t.ch.Posted = true
	if f.letter.ID != "" { // no wait that begins later is ended by the same request
		t.ch.Takes = append(t.ch.Takes, flow.Taken{Event: flow.ByManual + ":" + f.letter.ID, Began: t.x.Seq, Now: t.x.Seq})
	}
	return nil
}

// request is what was asked for, as far as it says which wait is meant.
func (f posted) request(p *compiled) flow.ResumeRequest {
	return flow.ResumeRequest{Node: keyOf(p, f.letter.Node)}
}

func (f posted) same(l flow.Letter) bool { return f.letter.ID != "" && l.ID == f.letter.ID }

// keyOf names the node that a letter is meant for; empty = any.
func keyOf(p *compiled, n int) string {
	if n == anyNode {
		return ""
	}
	return p.Nodes[n].Key
}

// early tells why a letter is not kept; nil = it came before its wait.
func (t *transition) early(f posted) error {
	over := t.x.Status.Terminal() || t.x.Status == flow.Cancelling
	switch {
	case over, !t.mayWait(f.letter.Node), !f.again && t.tooLateFor(f.letter.Node):
		return nothingWaits(t.plan, t.x, f.request(t.plan))
	case len(t.x.Inbox) >= maxLetters:
		return flow.Problemf(flow.ErrConflict.Code, "the inbox of execution %s holds %d resumes that nothing waited for yet; it takes no more", t.x.ID, len(t.x.Inbox))
	}
	return nil
}

// mayWait tells whether the node, or any node, can wait for something from outside. What asks somebody something takes no
// letters: an answer is held against the question, and there is none yet.
func (t *transition) mayWait(node int) bool {
	if node != anyNode {
		return t.takesLetters(t.plan.Nodes[node])
	}
	return slices.ContainsFunc(t.plan.Nodes, t.takesLetters)
}

func (t *transition) takesLetters(n *plan.Node) bool { return t.listens(n) && n.Type.Brings == nil }

func (t *transition) listens(n *plan.Node) bool {
	return n.Type.Hears(t.plan.Workflow.Nodes[n.Index].Params)
}

// tooLateFor tells whether a wait of the node, or any wait, ended before: who brings the same twice, or too late, must not
// end the next wait by accident.
func (t *transition) tooLateFor(node int) bool {
	for id, s := range t.x.Steps {
		switch over := s.Resumed != nil || !s.Status.Live(); {
		case !over:
		case id.Node == node, node == anyNode && t.listens(t.plan.Nodes[id.Node]):
			return true
		}
	}
	return false
}

// takeLetter ends a wait that begins with the oldest letter that is meant for it.
func (t *transition) takeLetter(s *flow.Step) error {
	if t.x.Status == flow.Cancelling || s.Status != flow.StepSuspended || !t.takesLetters(t.plan.Nodes[s.ID.Node]) || !forOutside(s.Wait) {
		return nil // what it emitted may have ended it; and nothing brought before is for what undoes
	}
	i := slices.IndexFunc(t.x.Inbox, func(l flow.Letter) bool { return l.Node == anyNode || l.Node == s.ID.Node })
	if i < 0 {
		return nil
	}
	l := t.x.Inbox[i]
	t.x.Inbox = slices.Delete(slices.Clone(t.x.Inbox), i, i+1)
	s.Wait.Since = t.x.Now
	t.ch.Values[flow.ResumeRef(s.ID)] = flow.Value{Same: l.Ref}
	return t.wakeStep(s, waitEnded{by: flow.ByManual, actor: l.Actor, event: l.ID, err: l.Error})
}

// forOutside tells whether something from outside is what the wait is for.
func forOutside(w *flow.Wait) bool {
	switch w.Type {
	case flow.Retry, flow.Concurrency, flow.Delay, flow.TimedWait, flow.Polling, flow.SubWorkflow:
		return false
	}
	return true
}

// post keeps a resume for a wait that begins later.
func (e *Engine) post(ctx context.Context, p *compiled, r flow.ResumeRequest) (flow.ResumeResult, error) {
	l := flow.Letter{Node: anyNode, ID: r.ID, Actor: r.By, Error: r.Error, Ref: flow.LetterRef(flow.NewToken())}
	if n, ok := p.Node(r.Node); ok {
		l.Node = n.Index
	}
	err := e.apply(ctx, r.Execution, p, nil, posted{letter: l, data: orNull(r.Data), again: r.Early})
	return e.once(ctx, r, flow.ResumeResult{Node: r.Node, Buffered: true}, err)
}
