package nodes

import (
	"slices"

	"prana/engine/flow"
)

// check compares with the table: how everybody ended, how often each was told, and what was undone.
func (p *play) check() {
	p.t.Helper()
	p.checkEnd("the parent", p.parent, p.scene.parent)
	for i, kid := range p.kids() {
		want := p.siblings()
		if i == p.target() {
			want = p.child
		}
		switch {
		case want == "-":
			if kid != "" {
				p.t.Errorf("child %d was born", i)
			}
		case kid == "":
			p.t.Errorf("child %d was not born", i)
		default:
			p.checkEnd("the child", kid, want)
			p.checkUndone(kid, want)
			p.checkTold(kid)
		}
	}
	if p.scene.parent == "completed" && p.size() > 1 && !p.forgotten() {
		p.checkResults()
	}
}

// checkEnd wants an execution to have ended like this, once, with nothing left to tell.
func (p *play) checkEnd(who, id, want string) {
	p.t.Helper()
	v := p.env.Execution(id)
	got := string(v.Status)
	if v.Error != nil && v.Error.Code == "terminated" {
		got = v.Error.Code
	}
	if got != want {
		p.t.Errorf("%s ended as %s, want %s (%v)", who, got, want, v.Error)
	}
	ends := 0
	for _, n := range p.env.Notices(id) {
		if slices.Contains([]string{flow.ExecutionCompleted, flow.ExecutionFailed, flow.WorkflowCancelled}, n.Name) {
			ends++
		}
	}
	out, err := p.env.Store().Outbox(p.t.Context(), id)
	if ends != 1 && (!p.killed || ends > 1) || len(out) > 0 || err != nil || len(v.Suspensions) > 0 {
		p.t.Errorf("%s ended %d times, has to tell %v (%v), and waits for %v", who, ends, out, err, v.Suspensions)
	}
}

// checkUndone wants what a child did to be undone once, if it was ended before its time but not terminated.
func (p *play) checkUndone(kid, want string) {
	p.t.Helper()
	begun, mended := 0, 0
	for _, r := range p.env.Execution(kid).Nodes {
		if r.Node == "mend" {
			begun++
			if r.Status == flow.StepCompleted {
				mended++
			}
		}
	}
	worked := p.has(kid, "work", flow.StepCompleted)
	undone := worked && want != "completed" && want != "terminated"
	if p.when == "undoing" && want == "terminated" && kid == p.kid() {
		begun-- // and was left at it
	}
	if undone != (begun == 1) || begun != mended {
		p.t.Errorf("a child that is %s, and had done something (%t), began to undo it %d times and did so %d times", want, worked, begun, mended)
	}
}

// checkTold counts how often the child was told of its parent, and the parent of the child.
func (p *play) checkTold(kid string) {
	p.t.Helper()
	closed := 0
	for _, o := range p.posts.sent {
		if o.Kind == flow.SendCancel && o.To == kid {
			closed++
		}
	}
	parent := p.env.Execution(p.parent)
	for _, r := range parent.Nodes {
		if !slices.Contains(r.Children, kid) {
			continue
		}
		told := 0
		for _, n := range p.env.Notices(p.parent) {
			if n.Name == flow.NodeResumed && n.Node == r.Node && n.Run == r.RunIndex {
				told++
			}
		}
		over := r.Status == flow.StepCompleted || r.Status == flow.StepFailed || r.ResumedBy != ""
		if !p.forgotten() && over != (told == 1) && (!p.killed || told > 1) || p.forgotten() && told > 0 {
			p.t.Errorf("the parent's step is %s and was told %d times of the end of its wait", r.Status, told)
		}
		byChild := r.ResumedBy == flow.ByChild
		if want := !p.forgotten() && !byChild; want != (closed == 1) {
			p.t.Errorf("the parent's step was resumed by %q, and the child was told %d times", r.ResumedBy, closed)
		}
	}
}

// checkResults wants the results of a batch in the order of its items, each with the child that it is of.
func (p *play) checkResults() {
	p.t.Helper()
	out, err := flow.Decode(p.env.Execution(p.parent).Output)
	all, _ := out.([]any)
	kids := p.kids()
	if err != nil || len(all) != len(kids) {
		p.t.Fatalf("the results are %v, %v", out, err)
	}
	for i, one := range all {
		r, _ := one.(map[string]any)
		v := p.env.Execution(kids[i])
		switch {
		case one == "by hand" && p.what == "resumed_by_hand" && i == p.target():
		case r["execution_id"] != kids[i]:
			p.t.Errorf("result %d is of another child: %v", i, one)
		case r["status"] == string(flow.Completed):
			if _, failed := r["error"]; r["output"] != i || failed || v.Status != flow.Completed {
				p.t.Errorf("result %d of a child that is %s: %v", i, v.Status, one)
			}
		default:
			problem, _ := r["error"].(map[string]any)
			_, left := r["output"]
			over := p.what == "wait_timed_out" && problem["code"] == "sub_workflow_timeout" && r["status"] == string(flow.TimedOut)
			if left || !over && (problem["code"] != v.Error.Code || r["status"] != string(v.Status)) {
				p.t.Errorf("result %d of a child that is %s (%v): %v", i, v.Status, v.Error, one)
			}
		}
	}
}
