package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"prana/engine/flow"
	"prana/engine/node"
)

// closing is what becomes of a child when its parent ends, or does not wait for it any more.
func closing(p *flow.Parent) string {
	switch {
	case p != nil && p.Close != "":
		return p.Close
	case p != nil && p.Mode == node.FireAndForget:
		return node.Abandon
	}
	return node.RequestCancel
}

// checkClosing refuses what nobody knows how to do.
func checkClosing(c node.Child) error {
	switch c.Close {
	case "", node.RequestCancel, node.Terminate, node.Abandon:
		return nil
	}
	return &flow.Problem{Code: "invalid_child", Permanent: true, Message: fmt.Sprintf(
		"a child cannot be closed as %q; use %s, %s or %s", flow.Cut(c.Close, 40), node.RequestCancel, node.Terminate, node.Abandon)}
}

// closedByEnd tells whether the end of its parent must reach a new child, though that did not wait for it.
func closedByEnd(born *flow.Change) bool {
	p := born.Head.Parent
	return p.Mode == node.FireAndForget && closing(p) != node.Abandon
}

// closeAtOnce bounds how many children one entry of the outbox names, so that what was done is noted often.
const closeAtOnce = 100

// childrenLeft is the data of flow.SendClose.
type childrenLeft struct {
	Children []string `json:"children"`
	Why      string   `json:"why"`
}

// closeChildren has the children closed that nobody waited for. Which of them are, stands in their own heads.
func (t *transition) closeChildren() error {
	if !t.x.Closes {
		return nil
	}
	if !t.x.Whole {
		return errNeedAll
	}
	var all []string
	for _, id := range sortedSteps(t.x.Steps) {
		if s := t.x.Steps[id]; !s.Kept {
			all = append(all, s.Children...)
		}
	}
	for some := range slices.Chunk(all, closeAtOnce) {
		data, err := flow.Encode(childrenLeft{Children: some, Why: "its parent is " + string(t.x.Status)})
		if err != nil {
			return err
		}
		t.send(flow.SendClose, "", data)
	}
	return nil
}

// sendCancel closes a child that nobody waits for any more.
func (e *Engine) sendCancel(ctx context.Context, o flow.Outgoing) error {
	var why string
	_ = json.Unmarshal(o.Data, &why)
	x, err := e.store.Load(ctx, o.To, flow.Want{})
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return e.closeChild(ctx, x, "its parent does not wait for it any more ("+why+")")
}

// sendClose closes children that nobody waited for; the others were told when their waits ended. One that cannot be closed now
// keeps no other from it.
func (e *Engine) sendClose(ctx context.Context, o flow.Outgoing) error {
	var left childrenLeft
	if err := json.Unmarshal(o.Data, &left); err != nil {
		return fmt.Errorf("reading which children are to be closed: %w", err)
	}
	var errs []error
	for _, id := range left.Children {
		x, err := e.store.Load(ctx, id, flow.Want{})
		if isNotFound(err) {
			continue
		}
		if err == nil && x.Parent != nil && x.Parent.Mode == node.FireAndForget {
			err = e.closeChild(ctx, x, left.Why)
		}
		if errors.Is(err, flow.ErrUnavailable) {
			return err
		}
		errs = append(errs, wrap("closing", id, err))
	}
	return errors.Join(errs...)
}

// closeChild does to a child what it was born with. One that ended, or is ending as it should, is left alone.
func (e *Engine) closeChild(ctx context.Context, x *flow.Execution, why string) (err error) {
	r := flow.CancelRequest{Execution: x.ID, Reason: why}
	switch closing(x.Parent) {
	case node.RequestCancel:
		err = e.Cancel(ctx, r)
	case node.Terminate:
		err = e.Terminate(ctx, r)
	}
	if errors.Is(err, flow.ErrConflict) || isNotFound(err) {
		return nil
	}
	return err
}
