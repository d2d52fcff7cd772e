package engine

import (
	"slices"
	"strings"

	"prana/engine/flow"
)

// links adds to $execution the resume URLs that the step's expressions name, and no others: whoever reads one may end the wait.
func (e *Engine) links(ex map[string]any, j *job, sc *scope) {
	needs := j.node.Needs
	link := func(id flow.StepID) string { return e.cfg.PublicURL + "/resume/" + j.key.token(j.x.ID, id) }
	if needs.ResumeURL {
		ex["resume_url"] = link(j.Step)
	}
	urls := map[string]any{}
	for _, n := range needs.ResumeURLs {
		id, ok := emittedBy(j.step, n)
		if !ok {
			id, ok = sc.nextWait(n)
		}
		if ok {
			urls[j.plan.Nodes[n].Key] = link(id)
		}
	}
	if len(needs.ResumeURLs) > 0 {
		ex["resume_urls"] = urls
	}
}

// emittedBy is the run of a node that emitted what arrived at the step, however many others live.
func emittedBy(s *flow.Step, n int) (flow.StepID, bool) {
	for _, a := range s.Inputs {
		name, emitted := strings.CutPrefix(string(a.Ref), "m")
		step, _, _ := strings.Cut(name, ":")
		if id, err := flow.ParseStepID(step); emitted && err == nil && id.Node == n {
			return id, true
		}
	}
	return flow.StepID{}, false
}

// nextWait is the run of a node that waits now or is about to, else the run that comes next. It is unknown where several
// live, and in the body of a loop over items unless the loop takes one at a time and the reader stands in it too.
func (sc *scope) nextWait(n int) (flow.StepID, bool) {
	if slices.ContainsFunc(sc.p.Nodes[n].Within, func(owner int) bool { return !sc.inTurn(owner) }) {
		return flow.StepID{}, false
	}
	next := flow.StepID{Node: n, Run: sc.x.Nodes[n].Runs}
	last := flow.StepID{Node: n, Run: next.Run - 1}
	others := sc.living(n)
	s := sc.x.Steps[last]
	if s != nil && s.Status.Live() {
		others--
	}
	if others > 0 {
		return flow.StepID{}, false
	}
	if s == nil {
		return next, true
	}
	if state := urlState(sc.x, last); state == flow.ResumePending || state == flow.ResumeActive {
		return last, true
	}
	return next, true
}

// inTurn tells whether the step works on an item of node n, which takes one at a time.
func (sc *scope) inTurn(n int) bool {
	return slices.ContainsFunc(sc.around, func(a around) bool { return a.owner.Node == n && a.fan.Width <= 1 })
}

// living counts the live steps of a node, wherever they are.
func (sc *scope) living(n int) int {
	count := func(r flow.Region) int { return r.Live[n].Pending + r.Live[n].Suspended + r.Live[n].Open }
	all := count(sc.x.Region)
	for _, f := range sc.x.Fans {
		for _, p := range f.Parts {
			all += count(p.Region)
		}
	}
	return all
}

// lastRuns names the last runs of the nodes whose resume URLs the step names, as far as they are not loaded: which run waits
// is known only from them.
func lastRuns(p *compiled, x *flow.Execution, id flow.StepID) []flow.StepID {
	var all []flow.StepID
	for _, n := range p.Nodes[id.Node].Needs.ResumeURLs {
		last := flow.StepID{Node: n, Run: x.Nodes[n].Runs - 1}
		if last.Run >= 0 && x.Steps[last] == nil {
			all = append(all, last)
		}
	}
	return all
}
