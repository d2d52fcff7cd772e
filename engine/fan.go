package engine

import (
	"encoding/json"
	"fmt"
	"maps"

	"prana/engine/flow"
)

// fan is a node.Fan in stored form.
type fan struct {
	items       []json.RawMessage
	width, need int
	emit, port  string
	lenient     bool
	discard     bool
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
		Emit: f.emit, Port: f.port, Lenient: f.lenient, Discard: f.discard, Parts: map[flow.StepID]*flow.Part{},
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
	if open.Emit != "" && !t.plan.HasBody(s.ID.Node) {
		t.skipParts(s, open)
		return nil
	}
	return t.beginParts(s.ID, open)
}

// skipParts ends a fan whose items lead to nothing that could be done for them: they come back as they are, or not at all.
func (t *transition) skipParts(s *flow.Step, f *flow.Fan) {
	if len(t.plan.Nodes[s.ID.Node].Out[f.Emit]) > 0 && !f.Discard {
		for i := range f.Items {
			t.ch.Values[flow.ResultRef(s.ID, i)] = flow.Value{Same: flow.ItemRef(s.ID, i)}
		}
	}
	f.Next, f.Over = f.Items, f.Items
}

// beginParts begins as many parts as may live at a time. One that leaves with its item may end the fan, or what the fan belongs to.
func (t *transition) beginParts(owner flow.StepID, f *flow.Fan) error {
	for f.Next < f.Items && f.Alive < f.Width && t.x.Fans[owner] == f && t.broken == nil {
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
	f.Alive++
	f.Parts[s.ID] = &flow.Part{Owner: owner, Index: index, Region: flow.Region{Live: map[int]flow.Live{}}}
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
	t.dispatch(s, flow.KindStep) // no branch of its own: it waits for no turn
	return nil
}

// runsItself tells whether the step is a part that its node runs, instead of one that leaves with its item.
func (t *transition) runsItself(s *flow.Step) bool {
	f := t.fanOf(s)
	return f != nil && f.Emit == ""
}

// fanOf is the fan of which the step is a part; nil = of none that is open.
func (t *transition) fanOf(s *flow.Step) *flow.Fan {
	if s.Of == nil {
		return nil
	}
	return t.x.Fans[s.Of.Owner]
}

// emitter finds the fan of node n that a step of this part came from, and its part: what arrives at n comes back to it.
func (t *transition) emitter(n int, part *flow.StepID) (*flow.Fan, *flow.Part) {
	for _, a := range partsAround(t.x, part) {
		if a.owner.Node == n {
			return a.fan, a.part
		}
	}
	return nil, nil
}

// emitters lists the nodes whose items a part belongs to.
func (t *transition) emitters(part *flow.StepID) []int {
	var all []int
	for _, a := range partsAround(t.x, part) {
		all = append(all, a.owner.Node)
	}
	return all
}

// comeBack notes what came back to a node that emitted the item of this part. By port break no more
// items begin, and whatever still lives of the others goes.
func (t *transition) comeBack(a flow.Arrival, f *flow.Fan, p *flow.Part) error {
	if a.Aside && a.Port != flow.PortBreak {
		return nil // what was emitted on the way is no result of the item
	}
	p.Back = append(p.Back, a)
	if a.Port != flow.PortBreak {
		return nil
	}
	f.Items, f.Need = f.Next, f.Next
	return t.withdrawAll(f)
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
		if f.Alive == 0 { // there was no item, or nothing to be done for them
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
	p := f.Parts[id]
	if p.Came {
		f.Came--
	}
	delete(f.Parts, id)
	f.Alive--
	f.Over++
	if !f.Discard {
		t.ch.Values[flow.ResultRef(owner, p.Index)] = result
		f.Bytes += t.size(result)
	}
	switch {
	case t.limits.Results > 0 && f.Bytes > t.limits.Results:
		return t.tooManyResults(owner, f)
	case f.Over >= f.Need:
		return t.closeFan(owner, f)
	}
	if err := t.sufficed(f); err != nil {
		return err
	}
	return t.beginParts(owner, f)
}

// size is how many bytes a value has, as far as it is known here: all but what only passes through from elsewhere,
// such as an item, which was bounded there.
func (t *transition) size(v flow.Value) int {
	switch {
	case v.Results != nil:
		return v.Results.Bytes
	case v.Same == "":
		return len(v.Raw)
	}
	if fresh, ok := t.ch.Values[v.Same]; ok {
		return t.size(fresh)
	}
	return len(t.x.Values[v.Same])
}

// tooManyResults fails a step whose results are more than anybody could read at once.
func (t *transition) tooManyResults(owner flow.StepID, f *flow.Fan) error {
	s, err := t.endFan(owner, f)
	if err != nil {
		return err
	}
	p := flow.Problemf("results_too_large", "the results of %d parts have %d bytes together; the limit is %d: leave less behind for each, or keep no results",
		f.Over, f.Bytes, t.limits.Results)
	p.Permanent, p.Node = true, t.key(s)
	return t.unrecovered(s, p)
}

// closeFan goes on with the step whose parts are over; those that nobody waits for any more are withdrawn.
func (t *transition) closeFan(owner flow.StepID, f *flow.Fan) error {
	s, err := t.endFan(owner, f)
	if err != nil {
		return err
	}
	results := flow.Value{Results: &flow.Results{Of: owner, Count: f.Next, Bytes: f.Bytes}}
	if f.Discard {
		results = flow.Value{Raw: fmt.Appendf(nil, `{"count":%d}`, f.Over)}
	}
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
	if err := t.withdrawAll(f); err != nil {
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

// came notes that what a part waited for came.
func (t *transition) came(s *flow.Step) error {
	if !t.runsItself(s) {
		return nil
	}
	f := t.fanOf(s)
	f.Parts[s.ID].Came = true
	f.Came++
	return t.sufficed(f)
}

// sufficed withdraws the parts that still wait once what enough others waited for came: nothing
// that comes for them now is lost on them.
func (t *transition) sufficed(f *flow.Fan) error {
	if f.Emit != "" || f.Over+f.Came < f.Need {
		return nil
	}
	f.Items = f.Next
	switch {
	case f.Came == f.Alive:
		return nil
	case f.Alive > len(f.Parts):
		return t.needParts(f)
	}
	waiting := maps.Clone(f.Parts)
	maps.DeleteFunc(waiting, func(_ flow.StepID, p *flow.Part) bool { return p.Came })
	if err := t.withdrawParts(waiting); err != nil {
		return err
	}
	for id := range waiting {
		delete(f.Parts, id)
		f.Alive--
	}
	return nil
}

// withdrawAll withdraws every live step of a fan's parts.
func (t *transition) withdrawAll(f *flow.Fan) error {
	if f.Alive > len(f.Parts) {
		return t.needParts(f)
	}
	return t.withdrawParts(f.Parts)
}

// needParts asks for the parts of a fan that are not loaded.
func (t *transition) needParts(f *flow.Fan) error {
	if t.x.Whole {
		return fmt.Errorf("a fan of execution %s counts %d live parts, and %d are stored", t.x.ID, f.Alive, len(f.Parts))
	}
	return errNeedAll
}

// withdrawParts withdraws every live step of the parts, and of the parts of those.
func (t *transition) withdrawParts(parts map[flow.StepID]*flow.Part) error {
	gone := map[flow.StepID]bool{}
	empty := true
	for id, p := range parts {
		gone[id] = true
		empty = empty && len(p.Live) == 0
		p.Joins = nil
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
			t.shift(s, liveAs(s, -1))
			t.withdraw(s)
		}
	}
	for owner, f := range t.x.Fans {
		if f.Part != nil && gone[*f.Part] {
			delete(t.x.Fans, owner)
		}
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
		if err := t.withdrawAll(f); err != nil {
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
	case s.Wait != nil && !s.Wait.Held: // also one whose workers died when its time had come
		return flow.Live{Suspended: by}
	}
	return flow.Live{Pending: by}
}

// loadedFans lists the fans and the parts that an execution was loaded with.
func loadedFans(x *flow.Execution) (map[flow.StepID]*flow.Fan, map[flow.StepID]*flow.Part) {
	parts := map[flow.StepID]*flow.Part{}
	for _, f := range x.Fans {
		maps.Copy(parts, f.Parts)
	}
	fans := map[flow.StepID]*flow.Fan{}
	maps.Copy(fans, x.Fans)
	return fans, parts
}

// forget notes what there is no more.
func forget[T any](now map[flow.StepID]*T, before map[flow.StepID]*T) {
	for id := range before {
		if now[id] == nil {
			now[id] = nil
		}
	}
}
