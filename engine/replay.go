package engine

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"prana/engine/flow"
)

// Bounds of what a rerun keeps: all of it is stored in one commit.
const (
	maxKept      = 5000     // steps
	maxKeptBytes = 16 << 20 // of their values
)

// replay repeats in a new execution what completed in an old one, as far as it is kept: the same rules decide what follows as
// when it ran, so that joins, rounds and runs come out as they were. What is live at the end is what runs.
type replay struct {
	*rerun
	t       *transition
	ids     map[flow.StepID]flow.StepID // of the old execution -> of the new one
	edges   map[int]int
	same    map[string]flow.Ref // where a large value stands already
	bytes   int
	seen    int                  // steps of the change that were looked at
	waiting map[int][]*flow.Step // live steps outside of fans, by node
}

// keep lets the new execution, just begun, go as far as it can with what is kept.
func (a *rerun) keep(t *transition) error {
	all, err := a.kept()
	if err != nil {
		return err
	}
	r := &replay{
		rerun: a, t: t, ids: map[flow.StepID]flow.StepID{}, waiting: map[int][]*flow.Step{},
		edges: a.sameEdges(), same: map[string]flow.Ref{string(t.x.Input): flow.InputRef},
	}
	if err := r.run(all); err != nil {
		return err
	}
	r.contexts()
	if err := r.give(); err != nil {
		return err
	}
	t.ch.State, t.x.Undo = a.old.State, nil
	if err := t.settle(); err != nil {
		return err
	}
	if t.ch.Ended {
		return a.cannot("it would end before it begins: %v", t.ch.Error)
	}
	t.x.Seq, t.ch.Records = 1, t.ch.Records[:1] // nobody is told of what was kept
	t.ch.Front = t.x.Front
	return nil
}

// kept lists the steps that completed and are kept, outside of fans, in the order in which they ended.
func (a *rerun) kept() ([]*flow.Step, error) {
	runs := a.again()
	var all []*flow.Step
	for _, s := range a.old.InOrder() {
		if s.Part != nil || s.Status != flow.StepCompleted || runs[s.ID.Node] {
			continue
		}
		if err := a.keepable(s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b *flow.Step) int { return a.EndedAt.Compare(b.EndedAt) })
	return all, nil
}

// again tells which nodes of the old version run again, or stand beside the graph to undo others.
func (a *rerun) again() map[int]bool {
	runs := map[int]bool{}
	if n, ok := a.was.Node(a.plan.Nodes[a.from].Key); ok {
		for _, m := range a.was.Following(n.Index) {
			runs[m] = true
		}
	}
	for _, m := range a.plan.Following(a.from) {
		if n, ok := a.was.Node(a.plan.Nodes[m].Key); ok {
			runs[n.Index] = true
		}
	}
	for _, n := range a.was.Nodes {
		if n.Undo != nil {
			runs[*n.Undo] = true
		}
	}
	return runs
}

// keepable refuses to keep what was undone, or what another version of the workflow would do otherwise.
func (a *rerun) keepable(s *flow.Step) error {
	if undo := a.was.Nodes[s.ID.Node].Undo; undo != nil && a.old.Nodes[*undo].Runs > 0 && !s.Kept {
		return a.cannot("what node %s did was undone when it ended; run it again from there", a.was.Nodes[s.ID.Node].Key)
	}
	if a.plan == a.was {
		return nil
	}
	old := a.was.Workflow.Nodes[s.ID.Node]
	n, ok := a.plan.Node(old.Key)
	if !ok {
		return a.cannot("version %s has no node %s, whose results would be kept", a.plan.Version, old.Key)
	}
	now := a.plan.Workflow.Nodes[n.Index]
	before, err1 := flow.Encode([]any{old.Type, old.Params, old.Settings})
	after, err2 := flow.Encode([]any{now.Type, now.Params, now.Settings})
	if err1 != nil || err2 != nil || string(before) != string(after) {
		return a.cannot("node %s, whose results would be kept, is another one in version %s; run it again from there", old.Key, a.plan.Version)
	}
	return nil
}

// sameEdges finds the connections of the old version in the new one.
func (a *rerun) sameEdges() map[int]int {
	name := func(p *compiled, i int) [4]string {
		e := p.Edges[i]
		return [4]string{p.Nodes[e.From].Key, e.FromPort, p.Nodes[e.To].Key, e.ToPort}
	}
	index := map[[4]string]int{}
	for i := range a.plan.Edges {
		index[name(a.plan, i)] = i
	}
	edges := map[int]int{}
	for i := range a.was.Edges {
		if n, ok := index[name(a.was, i)]; ok {
			edges[i] = n
		}
	}
	return edges
}

// run replays the steps. Those that ended at the same time are taken as they become possible.
func (r *replay) run(all []*flow.Step) error {
	for len(all) > 0 {
		if err := r.t.settleAll(); err != nil {
			return err
		}
		r.look()
		i := slices.IndexFunc(all, func(s *flow.Step) bool { return r.match(s) != nil })
		if i < 0 || r.t.broken != nil {
			return r.cannot("what is recorded of node %s does not fit version %s of the workflow; run it again from the beginning",
				r.was.Nodes[all[0].ID.Node].Key, r.plan.Version)
		}
		if err := r.complete(all[i], r.match(all[i])); err != nil {
			return err
		}
		all = slices.Delete(all, i, i+1)
	}
	return r.t.settleAll()
}

// look notes the steps that came to be.
func (r *replay) look() {
	for _, s := range r.t.ch.Steps[r.seen:] {
		if s.Part == nil && s.Status == flow.StepPending {
			r.waiting[s.ID.Node] = append(r.waiting[s.ID.Node], s)
		}
	}
	r.seen = len(r.t.ch.Steps)
}

// match finds the live step that is the old one's next self: best is one to which the same came, over the same connections.
func (r *replay) match(old *flow.Step) *flow.Step {
	n, ok := r.plan.Node(r.was.Nodes[old.ID.Node].Key)
	if !ok {
		return nil
	}
	var best *flow.Step
	most := 0
	for _, s := range r.waiting[n.Index] {
		if fits := r.fits(old, s); s.Status == flow.StepPending && fits > most {
			best, most = s, fits
		}
	}
	return best
}

// fits tells how much two steps of a node resemble one another; 0 = not at all.
func (r *replay) fits(old, s *flow.Step) int {
	_, given := givenTo(old)
	if !given && len(old.Inputs) != len(s.Inputs) {
		return 0
	}
	fits := 1
	for _, a := range old.Inputs { // branches may have come in another order
		i := slices.IndexFunc(s.Inputs, func(b flow.Arrival) bool { return a.Edge < 0 && b.Edge < 0 || a.Edge >= 0 && r.edge(a.Edge) == b.Edge })
		if i < 0 {
			continue
		}
		fits += 2
		if r.ref(a.Ref) == s.Inputs[i].Ref {
			fits++
		}
	}
	if join := r.plan.Nodes[s.ID.Node].Join; fits < 1+2*len(s.Inputs) && !given && !join.Any && join.N == 0 {
		return 0 // it came another way
	}
	return fits
}

func (r *replay) edge(was int) int {
	if e, ok := r.edges[was]; ok {
		return e
	}
	return -1
}

// complete ends a step as it ended in the old execution.
func (r *replay) complete(old, s *flow.Step) error {
	r.ids[old.ID] = s.ID
	if ref, ok := givenTo(old); ok {
		r.giveTo(s, r.old.Values[ref])
	}
	if err := r.inside(old); err != nil {
		return err
	}
	if len(r.ids) > maxKept {
		return r.cannot("more than %d steps would be kept; run it again from the beginning", maxKept)
	}
	v, err := r.value(flow.OutputRef(s.ID), r.old.Values[flow.OutputRef(old.ID)])
	if err != nil {
		return err
	}
	if err := r.emitted(old, s); err != nil {
		return err
	}
	t := r.t
	t.ch.Dispatch = slices.DeleteFunc(t.ch.Dispatch, func(d flow.Dispatch) bool { return d.Step == s.ID })
	t.x.Ready = slices.DeleteFunc(t.x.Ready, func(id flow.StepID) bool { return id == s.ID })
	r.waiting[s.ID.Node] = slices.DeleteFunc(r.waiting[s.ID.Node], func(w *flow.Step) bool { return w == s })
	if err := t.complete(s, old.Port, v); err != nil {
		return err
	}
	if s.Status != flow.StepCompleted {
		return r.cannot("it took too many steps; raise limits.transitions")
	}
	keepStep(old, s)
	return nil
}

// emitted sends on again what a kept step had emitted before it ended, as far as it led to something.
func (r *replay) emitted(old, s *flow.Step) error {
	ports := map[int]string{}
	for _, o := range r.old.Steps {
		for _, a := range o.Inputs {
			if n, ok := emissionOf(a.Ref, old.ID); ok && a.Edge >= 0 && r.was.Edges[a.Edge].From == old.ID.Node {
				ports[n] = r.was.Edges[a.Edge].FromPort
			}
		}
	}
	for _, n := range slices.Sorted(maps.Keys(ports)) {
		s.Emitted = n
		v, err := r.value(flow.EmissionRef(s.ID, n), r.old.Values[flow.EmissionRef(old.ID, n)])
		if err != nil {
			return err
		}
		if err := r.t.emitOne(s, ports[n], v); err != nil {
			return err
		}
	}
	return nil
}

// emissionOf gives the number of an emission of the step that a ref names.
func emissionOf(ref flow.Ref, id flow.StepID) (n int, ok bool) {
	number, ok := strings.CutPrefix(string(ref), strings.TrimSuffix(string(flow.EmissionRef(id, 0)), "0"))
	n, err := strconv.Atoi(number)
	return n, ok && err == nil
}

// keepStep gives a step what is known of its old self.
func keepStep(old, s *flow.Step) {
	s.Kept, s.Below = true, nil
	s.Status, s.Port, s.Error, s.Attempt, s.Attempts, s.Children = old.Status, old.Port, old.Error, old.Attempt, old.Attempts, old.Children
	s.CreatedAt, s.StartedAt, s.EndedAt = old.CreatedAt, old.StartedAt, old.EndedAt
}

// inside copies the parts of a step that had some, and all that followed from them: they are over, and lead nowhere else.
func (r *replay) inside(owner *flow.Step) error {
	var all []*flow.Step
	for _, id := range sortedSteps(r.old.Steps) {
		if s := r.old.Steps[id]; s.Part != nil && r.old.Steps[*s.Part] != nil && r.outermost(s) == owner.ID {
			if err := r.keepable(s); err != nil {
				return err
			}
			all = append(all, s)
			n, _ := r.plan.Node(r.was.Nodes[id.Node].Key)
			r.ids[id] = r.t.newStep(n.Index).ID
		}
	}
	for _, old := range all {
		if err := r.copy(old, r.t.x.Steps[r.ids[old.ID]]); err != nil {
			return err
		}
	}
	return nil
}

// outermost is the step outside of all fans that a step in a part belongs to.
func (r *replay) outermost(s *flow.Step) flow.StepID {
	for s != nil && s.Part != nil {
		part := r.old.Steps[*s.Part]
		if part == nil || part.Of == nil {
			break
		}
		owner := r.old.Steps[part.Of.Owner]
		if owner == nil || owner.Part == nil {
			return part.Of.Owner
		}
		s = owner
	}
	return flow.StepID{Node: -1}
}

func (r *replay) copy(old, s *flow.Step) error {
	keepStep(old, s)
	part := r.ids[*old.Part]
	s.Part = &part
	if old.Of != nil {
		s.Of = &flow.PartOf{Owner: r.ids[old.Of.Owner], Index: old.Of.Index}
	}
	values := []flow.Ref{}
	for _, a := range old.Inputs {
		s.Inputs = append(s.Inputs, flow.Arrival{Edge: r.edge(a.Edge), Port: a.Port, Ref: r.ref(a.Ref), Aside: a.Aside})
		values = append(values, a.Ref)
	}
	if old.Status == flow.StepCompleted {
		values = append(values, flow.OutputRef(old.ID))
	}
	for _, ref := range values {
		if err := r.copyValue(ref); err != nil {
			return err
		}
	}
	return nil
}

func (r *replay) copyValue(ref flow.Ref) error {
	to, raw := r.ref(ref), r.old.Values[ref]
	if _, known := r.t.ch.Values[to]; known || raw == nil || to == "" || to == flow.InputRef {
		return nil
	}
	v, err := r.value(to, raw)
	r.t.ch.Values[to] = v
	return err
}

// ref names in the new execution what a name of the old one means; empty if it is not kept.
func (r *replay) ref(old flow.Ref) flow.Ref {
	if old == "" || old == flow.InputRef {
		return old
	}
	step, rest, _ := strings.Cut(string(old[1:]), ":")
	id, err := flow.ParseStepID(step)
	now, ok := r.ids[id]
	if err != nil || !ok {
		return ""
	}
	name := string(old[:1]) + now.String()
	if rest != "" {
		name += ":" + rest
	}
	return flow.Ref(name)
}

// value stores a value under a name: once only, if it is large.
func (r *replay) value(ref flow.Ref, raw json.RawMessage) (flow.Value, error) {
	if at, ok := r.same[string(raw)]; ok {
		return flow.Value{Same: at}, nil
	}
	if len(raw) > 64 {
		r.same[string(raw)] = ref
	}
	if r.bytes += len(raw); r.bytes > maxKeptBytes {
		return flow.Value{}, r.cannot("the results that would be kept have more than %d MiB; run it again from the beginning", maxKeptBytes>>20)
	}
	return flow.Value{Raw: orNull(raw)}, nil
}

// contexts keeps what the runs of each kept node shared, and which of them completed last.
func (r *replay) contexts() {
	for _, old := range sortedSteps(r.ids) {
		s := r.t.x.Steps[r.ids[old]]
		if raw := r.old.Values[flow.ContextRef(old.Node)]; raw != nil {
			r.t.ch.Values[flow.ContextRef(s.ID.Node)] = flow.Value{Raw: raw}
		}
		if st := r.t.x.Nodes[s.ID.Node]; r.old.Nodes[old.Node].Last == old.Run {
			st.Last = s.ID.Run
			r.t.setNode(s.ID.Node, st)
		}
	}
}

// give hands the edited input to the node that runs again first, which must have been reached.
func (r *replay) give() error {
	r.look()
	first := slices.DeleteFunc(slices.Clone(r.waiting[r.from]), func(s *flow.Step) bool { return s.Status != flow.StepPending })
	if len(first) == 0 {
		return r.cannot("nothing that is kept leads to it, since it was not reached there")
	}
	if r.Input == nil {
		return nil
	}
	for _, s := range first {
		r.giveTo(s, r.Input)
	}
	return nil
}

// giveTo replaces what arrived at a step on port main.
func (r *replay) giveTo(s *flow.Step, raw json.RawMessage) {
	ref, aside := flow.GivenRef(s.ID), s.Aside()
	r.t.ch.Values[ref] = flow.Value{Raw: orNull(raw)}
	s.Inputs = slices.DeleteFunc(slices.Clone(s.Inputs), func(a flow.Arrival) bool { return a.Port == flow.PortMain })
	s.Inputs = append(s.Inputs, flow.Arrival{Edge: -1, Port: flow.PortMain, Ref: ref, Aside: aside})
}

// givenTo names what somebody gave to a step.
func givenTo(s *flow.Step) (flow.Ref, bool) {
	for _, a := range s.Inputs {
		if a.Ref == flow.GivenRef(s.ID) {
			return a.Ref, true
		}
	}
	return "", false
}

// describe says what becomes of each node.
func (a *rerun) describe(t *transition) (flow.RerunPlan, error) {
	n := a.plan.Nodes[a.from]
	p := flow.RerunPlan{
		RerunOf: a.old.ID, Workflow: a.plan.Workflow.ID, Version: a.plan.Version, From: n.Key,
		Kept: []flow.RerunNode{}, Again: []flow.RerunNode{}, Warnings: a.warnings(t),
	}
	kept, live := map[int]int{}, map[int]bool{}
	for _, s := range t.x.Steps {
		if s.Kept {
			kept[s.ID.Node]++
		}
		live[s.ID.Node] = live[s.ID.Node] || s.Status == flow.StepPending
	}
	follows := a.plan.Following(a.from)
	for i, node := range a.plan.Nodes {
		row := flow.RerunNode{Node: node.Key, Type: node.Type.Name, Runs: kept[i]}
		if row.Runs > 0 {
			p.Kept = append(p.Kept, row)
		}
		if slices.Contains(follows, i) || live[i] {
			row.Runs = a.ran(node.Key)
			p.Again = append(p.Again, row)
		}
	}
	var err error
	for _, id := range sortedSteps(t.x.Steps) {
		if s := t.x.Steps[id]; id.Node == a.from && s.Status == flow.StepPending && p.Input == nil {
			p.Input, err = newScope(a.plan, t.x, t.ch.Values).inputs(s)
		}
	}
	return p, err
}

// ran counts the runs of a node in the old execution that began.
func (a *rerun) ran(key string) int {
	runs := 0
	for _, s := range a.old.Steps {
		if !s.StartedAt.IsZero() && a.was.Nodes[s.ID.Node].Key == key {
			runs++
		}
	}
	return runs
}

// warnings say what whoever runs it again may not expect.
func (a *rerun) warnings(t *transition) []string {
	all := []string{}
	n := a.plan.Nodes[a.from].Key
	if a.From != "" && a.From != n {
		all = append(all, "node "+a.From+" works on the items of node "+n+": the whole loop runs again")
	}
	if a.plan != a.was {
		all = append(all, "the old execution ran version "+a.was.Version)
	}
	var done []string
	for _, m := range a.plan.Following(a.from) {
		if key := a.plan.Nodes[m].Key; a.ran(key) > 0 && !a.plan.Nodes[m].Type.Trigger {
			done = append(done, key+" ("+a.plan.Nodes[m].Type.Name+")")
		}
	}
	if len(done) > 0 {
		all = append(all, "what these nodes did is done again, under new idempotency keys: "+strings.Join(done, ", "))
	}
	if !a.whole && len(a.old.State) > 0 {
		all = append(all, "the shared state begins as it was when the old execution ended")
	}
	children := 0
	for _, s := range t.x.Steps {
		children += len(s.Children)
	}
	if children > 0 {
		all = append(all, strconv.Itoa(children)+" child executions are kept as they are, as those of the old execution")
	}
	return all
}
