package engine

import (
	"encoding/json"

	"prana/engine/flow"
)

// fan is a node.Fan in stored form.
type fan struct {
	items       []json.RawMessage
	width, need int
	emit, port  string
	lenient     bool
}

// fanOut makes a step wait for parts of its own, one for each item, and begins the first of them.
func (t *transition) fanOut(s *flow.Step, f *fan) error {
	s.Turn++
	s.Deaths = 0
	s.Token, s.Status = flow.NewToken(), flow.StepOpen
	t.shift(s, flow.Live{Pending: -1, Open: +1})
	t.write(s)
	for i, raw := range f.items {
		t.ch.Values[flow.ItemRef(s.ID, i)] = flow.Value{Raw: raw}
	}
	open := &flow.Fan{
		Part: s.Part, Items: len(f.items), Need: f.need, Width: f.width,
		Emit: f.emit, Port: f.port, Lenient: f.lenient, Parts: map[flow.StepID]*flow.Part{},
	}
	if open.Need == 0 || open.Need > open.Items {
		open.Need = open.Items
	}
	if open.Width == 0 || open.Width > open.Items {
		open.Width = open.Items
	}
	if t.plan.Workflow.Mode == flow.Sequential && open.Emit != "" {
		open.Width = min(1, open.Items)
	}
	if t.x.Fans == nil {
		t.x.Fans = map[flow.StepID]*flow.Fan{}
	}
	t.x.Fans[s.ID] = open
	return t.beginParts(s.ID, open)
}

// beginParts begins as many parts as may live at a time.
func (t *transition) beginParts(owner flow.StepID, f *flow.Fan) error {
	for f.Next < f.Items && len(f.Parts) < f.Width {
		if err := t.beginPart(owner, f); err != nil {
			return err
		}
	}
	return nil
}

// beginPart makes the step of the next item. It leaves at once with the item, or is run by the node.
func (t *transition) beginPart(owner flow.StepID, f *flow.Fan) error {
	index := f.Next
	f.Next++
	s := t.newStep(owner.Node)
	s.Part, s.Of = &s.ID, &flow.PartOf{Owner: owner, Index: index}
	f.Parts[s.ID] = &flow.Part{Index: index, Region: flow.Region{Live: map[int]flow.Live{}}}
	item := flow.ItemRef(owner, index)
	t.shift(s, flow.Live{Pending: +1})
	if f.Emit != "" {
		s.Inputs = []flow.Arrival{{Edge: -1, Port: flow.PortMain, Ref: item}}
		return t.complete(s, f.Emit, flow.Value{Same: item})
	}
	of, err := t.step(owner)
	if err != nil {
		return err
	}
	s.Inputs = of.Inputs
	t.ready(s)
	return nil
}

// runsItself tells whether the step is a part that its node runs, instead of one that leaves with its item.
func (t *transition) runsItself(s *flow.Step) bool {
	return s.Of != nil && t.x.Fans[s.Of.Owner] != nil && t.x.Fans[s.Of.Owner].Emit == ""
}

// emitter finds the fan of node n that a step of this part came from, and its part: what arrives at n comes back to it.
func (t *transition) emitter(n int, part *flow.StepID) (*flow.Fan, *flow.Part) {
	for part != nil {
		owner, p := t.part(*part)
		f := t.x.Fans[owner]
		if f == nil || owner.Node == n {
			return f, p
		}
		part = f.Part
	}
	return nil, nil
}

// comeBack notes what came back to a node that emitted the item of this part. By port break no more
// items begin, and whatever still lives of the others goes.
func (t *transition) comeBack(a flow.Arrival, f *flow.Fan, p *flow.Part) error {
	p.Back = append(p.Back, a)
	if a.Port != flow.PortBreak {
		return nil
	}
	f.Items, f.Need = f.Next, f.Next
	return t.withdrawParts(f.Parts)
}

// settleFans ends the parts in which nothing lives any more. done is false as long as there was one.
func (t *transition) settleFans() (done bool, err error) {
	for _, owner := range sortedSteps(t.x.Fans) {
		f := t.x.Fans[owner]
		for _, id := range sortedSteps(f.Parts) {
			if p := f.Parts[id]; len(p.Live) == 0 {
				return false, t.endPart(owner, f, id, t.resultOf(f, id, p))
			}
		}
		if len(f.Parts) == 0 { // it never had an item
			return false, t.closeFan(owner, f)
		}
	}
	return true, nil
}

// resultOf is what a part came to: what came back over the connection declared last, or what the node left that ran it.
func (t *transition) resultOf(f *flow.Fan, id flow.StepID, p *flow.Part) flow.Value {
	if f.Emit == "" {
		return flow.Value{Same: flow.OutputRef(id)}
	}
	var last *flow.Arrival
	for _, a := range p.Back {
		if last == nil || a.Edge >= last.Edge {
			last = &a
		}
	}
	if last == nil {
		return flow.Value{Raw: json.RawMessage("null")}
	}
	return flow.Value{Same: last.Ref}
}

// endPart stores the result of a part, and goes on with the next item or with what follows the fan.
func (t *transition) endPart(owner flow.StepID, f *flow.Fan, id flow.StepID, result flow.Value) error {
	t.ch.Values[flow.ResultRef(owner, f.Parts[id].Index)] = result
	delete(f.Parts, id)
	f.Over++
	if f.Over >= f.Need {
		return t.closeFan(owner, f)
	}
	return t.beginParts(owner, f)
}

// closeFan goes on with the step whose parts are over; those that nobody waits for any more are withdrawn.
func (t *transition) closeFan(owner flow.StepID, f *flow.Fan) error {
	s, err := t.endFan(owner, f)
	if err != nil {
		return err
	}
	results := flow.Value{Results: &flow.Results{Of: owner, Count: f.Next}}
	if f.Port != "" {
		return t.complete(s, f.Port, results)
	}
	s.Status, s.Token = flow.StepPending, flow.NewToken()
	s.Resumed = &flow.Resumption{By: flow.ByParts, Turn: s.Turn, Op: t.ch.Op}
	t.ch.Values[flow.ResumeRef(s.ID)] = results
	t.dispatch(s, flow.KindResume)
	return nil
}

// endFan withdraws what is left of a fan and gives its step, which is to move on.
func (t *transition) endFan(owner flow.StepID, f *flow.Fan) (*flow.Step, error) {
	s, err := t.step(owner)
	if err != nil {
		return nil, err
	}
	if err := t.withdrawParts(f.Parts); err != nil {
		return nil, err
	}
	delete(t.x.Fans, owner)
	t.shift(s, flow.Live{Pending: +1, Open: -1})
	return s, nil
}

// caught tells whether the failure of a step in this part ends less than the execution: a fan takes it as a result, or a
// step goes on whose fan fails with it.
func (t *transition) caught(part flow.StepID) bool {
	for {
		a, ok := findPart(t.x, part)
		if !ok || a.fan.Lenient {
			return true // a part that is over counts for nothing
		}
		itself := a.fan.Part != nil && *a.fan.Part == a.owner // its node runs it as a part: on_error is for the step
		if on := t.plan.Nodes[a.owner.Node].Settings.OnError; !itself && (on == flow.Continue || on == flow.ContinueErrorOutput) {
			return true
		}
		if a.fan.Part == nil {
			return false
		}
		part = *a.fan.Part
	}
}

// failPart decides what the failure of a step means to the part it belongs to: a result like others, or the
// failure of the whole fan. It is asked only about failures that are caught.
func (t *transition) failPart(id flow.StepID, p *flow.Problem) error {
	owner, part := t.part(id)
	f := t.x.Fans[owner]
	if f == nil {
		return nil
	}
	if f.Lenient {
		raw, err := flow.Encode(map[string]any{"error": p.Map()})
		if err != nil {
			return err
		}
		if err := t.withdrawParts(map[flow.StepID]*flow.Part{id: part}); err != nil {
			return err
		}
		return t.endPart(owner, f, id, flow.Value{Raw: raw})
	}
	s, err := t.endFan(owner, f)
	if err != nil {
		return err
	}
	return t.unrecovered(s, p)
}

// came notes that what a part waited for came. Once enough did, those that still wait are withdrawn: nothing
// that comes for them now is lost on them.
func (t *transition) came(s *flow.Step) error {
	if !t.runsItself(s) {
		return nil
	}
	f := t.x.Fans[s.Of.Owner]
	f.Parts[s.ID].Came = true
	came, waiting := f.Over, map[flow.StepID]*flow.Part{}
	for id, p := range f.Parts {
		if p.Came {
			came++
		} else {
			waiting[id] = p
		}
	}
	if came < f.Need || len(waiting) == 0 && f.Next == f.Items {
		return nil
	}
	f.Items = f.Next
	if err := t.withdrawParts(waiting); err != nil {
		return err
	}
	for id := range waiting {
		delete(f.Parts, id)
	}
	return nil
}

// withdrawParts withdraws every live step of the parts, and of the parts of those.
func (t *transition) withdrawParts(parts map[flow.StepID]*flow.Part) error {
	gone := map[flow.StepID]bool{}
	empty := true
	for id, p := range parts {
		gone[id] = true
		empty = empty && len(p.Live) == 0
	}
	if empty {
		return nil
	}
	if !t.x.Whole {
		return errNeedAll
	}
	for more := true; more; {
		more = t.within(gone)
	}
	for _, s := range t.liveSteps() {
		if s.Part != nil && gone[*s.Part] {
			t.withdraw(s)
		}
	}
	for owner, f := range t.x.Fans {
		if f.Part != nil && gone[*f.Part] {
			delete(t.x.Fans, owner)
		}
	}
	for _, p := range parts {
		p.Live, p.Joins = map[int]flow.Live{}, nil
	}
	return nil
}

// within adds the parts of steps that belong to parts of the set; false when there are no more.
func (t *transition) within(gone map[flow.StepID]bool) bool {
	before := len(gone)
	for _, f := range t.x.Fans {
		if f.Part == nil || !gone[*f.Part] {
			continue
		}
		for id := range f.Parts {
			gone[id] = true
		}
	}
	return len(gone) > before
}

// withdrawNodes withdraws the live steps of some nodes, with their parts, where the step lives that asks for it.
func (t *transition) withdrawNodes(by *flow.Step, nodes []int) error {
	region := t.region(by.Part)
	for _, n := range nodes {
		delete(region.Joins, n)
		if _, lives := region.Live[n]; !lives {
			continue
		}
		if !t.x.Whole {
			return errNeedAll
		}
		for _, s := range t.liveSteps() {
			if s.ID.Node != n || s.ID == by.ID || !samePart(s.Part, by.Part) {
				continue
			}
			if err := t.withdrawStep(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func samePart(a, b *flow.StepID) bool { return a == b || a != nil && b != nil && *a == *b }

// withdrawStep withdraws a live step with its parts, while the execution goes on.
func (t *transition) withdrawStep(s *flow.Step) error {
	if f := t.x.Fans[s.ID]; f != nil {
		if err := t.withdrawParts(f.Parts); err != nil {
			return err
		}
		delete(t.x.Fans, s.ID)
	}
	t.shift(s, liveAs(s, -1))
	t.withdraw(s)
	return nil
}

// liveAs is how a live step counts.
func liveAs(s *flow.Step, by int) flow.Live {
	switch {
	case s.Status == flow.StepOpen:
		return flow.Live{Open: by}
	case s.Status == flow.StepSuspended && !s.Wait.Held:
		return flow.Live{Suspended: by}
	}
	return flow.Live{Pending: by}
}
