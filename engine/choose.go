package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"

	"prana/engine/flow"
)

// chooseWait finds the wait that a resume means.
func chooseWait(p *compiled, x *flow.Execution, r flow.ResumeRequest) (flow.SuspensionID, error) {
	if r.Suspension != nil {
		s := x.Steps[r.Suspension.Step]
		if s == nil || s.Turn < r.Suspension.Turn {
			return flow.SuspensionID{}, flow.NotFound("suspension", r.Suspension.String())
		}
		if r.Type != "" && s.Wait != nil && s.Wait.Type != r.Type {
			return flow.SuspensionID{}, flow.Problemf(flow.ErrConflict.Code, "suspension %s is no %s; end it with resume", r.Suspension, r.Type)
		}
		return *r.Suspension, nil
	}
	if r.Node != "" {
		if _, ok := p.Node(r.Node); !ok {
			return flow.SuspensionID{}, flow.NotFound("node", flow.Cut(r.Node, 64))
		}
	}
	open := openWaits(p, x, r)
	switch len(open) {
	case 1:
		return open[0], nil
	case 0:
		return flow.SuspensionID{}, errNothingWaits
	}
	return flow.SuspensionID{}, severalWait(p, x, open)
}

// errNothingWaits: nothing that a resume could mean waits now.
var errNothingWaits = errors.New("nothing waits")

// openWaits lists the waits of an execution that a person may end, of those that the request may mean.
func openWaits(p *compiled, x *flow.Execution, r flow.ResumeRequest) []flow.SuspensionID {
	var ids []flow.SuspensionID
	for id, s := range x.Steps {
		if s.Status != flow.StepSuspended || s.Wait == nil || s.Wait.Type == flow.Concurrency || r.Node != "" && p.Nodes[id.Node].Key != r.Node {
			continue
		}
		if r.Type != "" && s.Wait.Type != r.Type {
			continue
		}
		ids = append(ids, flow.SuspensionID{Execution: x.ID, Step: id, Turn: s.Turn})
	}
	slices.SortFunc(ids, func(a, b flow.SuspensionID) int { return a.Step.Compare(b.Step) })
	return ids
}

func nothingWaits(c *compiled, x *flow.Execution, r flow.ResumeRequest) error {
	node := r.Node
	if p := answered(c, x, r); p != nil {
		return p
	}
	for id, s := range x.Steps {
		if asleep(s) && (node == "" || c.Nodes[id.Node].Key == node) {
			return onlyPlace(flow.SuspensionID{Execution: x.ID, Step: id, Turn: s.Turn})
		}
	}
	p := flow.Problemf(flow.ErrConflict.Code, "execution %s is %s; nothing in it waits", x.ID, x.Status)
	if node != "" {
		p.Message = "node " + node + " of execution " + x.ID + " does not wait; the execution is " + string(x.Status)
	}
	p.Details = map[string]any{"execution_status": string(x.Status)}
	return p
}

// answered says why no wait of the type that was asked for is left: who answered last, or what waits instead. nil = neither.
func answered(c *compiled, x *flow.Execution, r flow.ResumeRequest) *flow.Problem {
	if r.Type == "" {
		return nil
	}
	var last *flow.Step
	for id, s := range x.Steps {
		asks := c.Nodes[id.Node].Type.Brings != nil && (r.Node == "" || c.Nodes[id.Node].Key == r.Node)
		if asks && s.Resumed != nil && s.Status != flow.StepSuspended && (last == nil || s.Resumed.At.After(last.Resumed.At)) {
			last = s
		}
	}
	if last != nil {
		p := flow.Problemf(flow.ErrConflict.Code, "the %s at node %s of execution %s is over", r.Type, c.Nodes[last.ID.Node].Key, x.ID)
		tellWinner(p, last.Resumed)
		p.Details["execution_status"] = string(x.Status)
		return p
	}
	others := r
	if others.Type = ""; len(openWaits(c, x, others)) == 0 {
		return nil
	}
	p := flow.Problemf(flow.ErrConflict.Code, "no %s waits in execution %s, but something else does; end that with resume", r.Type, x.ID)
	p.Details = map[string]any{"execution_status": string(x.Status)}
	return p
}

func severalWait(p *compiled, x *flow.Execution, open []flow.SuspensionID) error {
	var list []any
	for _, id := range open {
		list = append(list, map[string]any{"id": id.String(), "node": p.Nodes[id.Step.Node].Key, "suspend_type": x.Steps[id.Step].Wait.Type})
	}
	problem := flow.Problemf(flow.ErrConflict.Code, "%d nodes of execution %s wait; say which with node or suspension", len(open), x.ID)
	problem.Details = map[string]any{"suspensions": list}
	return problem
}

func tooLarge(what string, raw []byte, limit int) *flow.Problem {
	if limit == 0 || len(raw) <= limit {
		return nil
	}
	p := flow.Problemf(flow.ErrTooLarge.Code, "%s has %d bytes; the limit is %d", what, len(raw), limit)
	p.Permanent = true
	return p
}

func digest(raw []byte) string {
	v, err := flow.Decode(raw)
	if err == nil {
		raw, _ = flow.Encode(v) // object keys sorted: the same value has the same digest
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func isNotFound(err error) bool { return errors.Is(err, flow.ErrNotFound) }
