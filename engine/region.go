package engine

import (
	"maps"
	"slices"

	"prana/engine/flow"
)

// region gives where the branches of a part meet; of no part, the execution itself.
func (t *transition) region(part *flow.StepID) *flow.Region {
	if part == nil {
		return &t.x.Region
	}
	_, p := t.part(*part)
	return &p.Region
}

// part finds a live part and the step that it is a part of.
func (t *transition) part(id flow.StepID) (owner flow.StepID, p *flow.Part) {
	if a, ok := findPart(t.x, id); ok {
		return a.owner, a.part
	}
	return owner, &flow.Part{Region: flow.Region{Live: map[int]flow.Live{}}} // it is over: what is left of it counts for nothing
}

// regions lists every region that is loaded, the execution itself first. What happened concerns no other.
func (t *transition) regions() []spot {
	all := []spot{{region: &t.x.Region}}
	for _, owner := range sortedSteps(t.x.Fans) {
		parts := t.x.Fans[owner].Parts
		for _, id := range sortedSteps(parts) {
			all = append(all, spot{part: &id, region: &parts[id].Region})
		}
	}
	return all
}

// spot is a region with the part it belongs to.
type spot struct {
	part   *flow.StepID
	region *flow.Region
}

func sortedSteps[V any](m map[flow.StepID]V) []flow.StepID {
	return slices.SortedFunc(maps.Keys(m), flow.StepID.Compare)
}

// counts adds up the live steps of all regions.
func (t *transition) counts() flow.Live {
	sum := total(t.x.Live)
	add(&sum, t.x.InParts)
	return sum
}

func add(sum *flow.Live, l flow.Live) {
	sum.Pending += l.Pending
	sum.Suspended += l.Suspended
	sum.Open += l.Open
}

func total(live map[int]flow.Live) flow.Live {
	var sum flow.Live
	for _, l := range live {
		add(&sum, l)
	}
	return sum
}

// shift moves the counts of the live steps of a node, where the step lives.
func (t *transition) shift(s *flow.Step, by flow.Live) {
	live := t.region(s.Part).Live
	if s.Part != nil {
		add(&t.x.InParts, by)
	}
	l := live[s.ID.Node]
	add(&l, by)
	if l == (flow.Live{}) {
		delete(live, s.ID.Node)
		return
	}
	live[s.ID.Node] = l
}
