package suspend_test

import (
	"time"

	"prana/engine/flow"
)

// Steps of the snapshot "fan": a loop over items in whose second item a step has parts of its own.
var (
	loop0, item1 = flow.StepID{Node: 1}, flow.StepID{Node: 1, Run: 2}
	batch, part2 = flow.StepID{Node: 2}, flow.StepID{Node: 2, Run: 3}
)

func fanFront() flow.Front {
	return flow.Front{
		Status: flow.Running, Seq: 4, Transitions: 2, Undo: &step0, Region: flow.Region{Live: map[int]flow.Live{1: {Open: 1}}},
		InParts: flow.Live{Pending: 1, Open: 1},
	}
}

func fansOfFan() (map[flow.StepID]*flow.Fan, map[flow.StepID]*flow.Part) {
	fans := map[flow.StepID]*flow.Fan{
		loop0: {Items: 3, Next: 2, Alive: 1, Over: 1, Need: 3, Width: 2, Emit: "loop", Port: "done", Lenient: true, Discard: true, Bytes: 7, Parts: map[flow.StepID]*flow.Part{}},
		batch: {Part: &item1, Items: 3, Next: 3, Alive: 1, Came: 1, Over: 2, Need: 3, Width: 3, Parts: map[flow.StepID]*flow.Part{}},
	}
	parts := map[flow.StepID]*flow.Part{
		item1: {
			Owner: loop0, Index: 1, Back: []flow.Arrival{{Edge: 4, Port: flow.PortMain, Ref: "o3.000"}}, Last: map[int]int{1: 2},
			Region: flow.Region{Live: map[int]flow.Live{2: {Open: 1}}, Joins: map[int]*flow.Open{3: {Arrived: []flow.Arrival{{Edge: 2, Port: "left", Ref: "l1.000:1"}}}}},
		},
		part2: {Owner: batch, Index: 2, Came: true, Region: flow.Region{Live: map[int]flow.Live{2: {Pending: 1}}}},
	}
	return fans, parts
}

func fanSteps() []*flow.Step {
	undone, owner, item, open, part := stepOf(0, flow.StepCompleted), stepOf(1, flow.StepOpen), stepOf(1, flow.StepCompleted), stepOf(2, flow.StepOpen), stepOf(2, flow.StepPending)
	undone.Below = &step3
	owner.Turn, open.Turn = 1, 1
	item.ID, item.Port, item.Token = item1, "loop", "token000011"
	item.Part, item.Of, item.Ran = &item1, &flow.PartOf{Owner: loop0, Index: 1}, 0
	item.Inputs = []flow.Arrival{{Edge: -1, Port: flow.PortMain, Ref: "l1.000:1"}}
	open.Part = &item1
	part.ID, part.Token = part2, "token000021"
	part.Part, part.Of = &part2, &flow.PartOf{Owner: batch, Index: 2}
	return []*flow.Step{undone, owner, item, open, part}
}

func writeFan(z *zoo, _ func(time.Duration)) {
	ch := z.birth("fan")
	ch.Head.Line = []string{"order:0123456789abcdef"}
	ch.Front, ch.Steps = fanFront(), fanSteps()
	ch.Fans, ch.Parts = fansOfFan()
	ch.Nodes = map[int]flow.NodeState{0: {Runs: 1}, 1: {Runs: 3, Last: 2, Rounds: 1}, 2: {Runs: 4, Last: 2}}
	ch.Values = map[flow.Ref]flow.Value{
		"l1.000:0": {Raw: raw(`"a"`)}, "l1.000:1": {Raw: raw(`"b"`)}, "o1.002": {Same: "l1.000:1"}, "r1.000:0": {Raw: raw(`{"v":1}`)}, "k2": {Raw: raw(`{"seen":2}`)},
		"o0.000": {Results: &flow.Results{Of: loop0, Count: 2}},
	}
	z.commit(ch)
}

func readFan() *flow.Execution {
	x := alive("fan", "op000000001", fanFront())
	x.Line = []string{"order:0123456789abcdef"}
	fans, parts := fansOfFan()
	for id, p := range parts {
		fans[p.Owner].Parts[id] = p
	}
	x.Fans = fans
	x.Nodes = map[int]flow.NodeState{0: {Runs: 1}, 1: {Runs: 3, Last: 2, Rounds: 1}, 2: {Runs: 4, Last: 2}}
	for ref, v := range map[flow.Ref]string{
		"l1.000:0": `"a"`, "l1.000:1": `"b"`, "o1.002": `"b"`, "r1.000:0": `{"v":1}`, "k2": `{"seen":2}`, "o0.000": `[{"v":1},null]`,
	} {
		x.Values[ref] = raw(v)
	}
	for _, s := range fanSteps() {
		s.Op, s.At, s.CreatedAt = "op000000001", began, began
		if s.Ran > 0 {
			s.StartedAt, s.Ran = began.Add(-s.Ran), 0
		}
		if s.Status == flow.StepCompleted {
			s.EndedAt = began
		}
		x.Steps[s.ID] = s
	}
	return x
}

func writeUndoing(z *zoo, clock func(time.Duration)) {
	z.commit(z.birth("undoing", stepOf(1, flow.StepPending)))
	clock(time.Second)
	bad := stepOf(1, flow.StepFailed)
	bad.Error, bad.Ran, bad.CreatedAt = boom, time.Second, began
	ch := z.next("undoing", bad, stepOf(2, flow.StepPending))
	ch.Front.Status, ch.Front.Seq, ch.Error = flow.Cancelling, 3, boom
	ch.Front.Ending = &flow.Ending{Status: flow.Failed, Reason: "a failed", Error: boom}
	z.commit(ch)
}

func readUndoing() *flow.Execution {
	f := flow.Front{Status: flow.Cancelling, Seq: 3, Region: flow.Region{Live: map[int]flow.Live{2: {Pending: 1}}}, Ending: &flow.Ending{Status: flow.Failed, Reason: "a failed", Error: boom}}
	x := holding(alive("undoing", "op000000002", f), map[int]flow.NodeState{1: fresh, 2: fresh},
		&flow.Step{ID: step1, Status: flow.StepFailed, Token: "token000001", Op: "op000000002", At: after(time.Second), Error: boom, CreatedAt: began, StartedAt: began, EndedAt: after(time.Second)},
		&flow.Step{ID: step2, Status: flow.StepPending, Token: "token000002", Op: "op000000002", At: after(time.Second), CreatedAt: after(time.Second)})
	x.Error = boom
	return x
}

func pausedFront() flow.Front {
	return flow.Front{
		Status: flow.Paused, Seq: 2, Region: flow.Region{Live: map[int]flow.Live{1: {Suspended: 1}}},
		Pause: &flow.Pause{Since: after(time.Second), By: "ada", Reason: "the partner is down", Planned: true},
	}
}

func writePaused(z *zoo, clock func(time.Duration)) {
	z.commit(suspended(z.birth("paused", waits(1, flow.Wait{Type: flow.TimedWait, Timer: true, In: time.Second}))))
	clock(time.Second)
	s := waits(1, flow.Wait{Type: flow.TimedWait, Timer: true, Due: after(time.Second), Since: began})
	s.CreatedAt, s.Token = began, ""
	ch := z.next("paused", s)
	ch.Front = pausedFront()
	z.commit(ch)
}

func readPaused() *flow.Execution {
	return holding(alive("paused", "op000000002", pausedFront()), map[int]flow.NodeState{1: fresh}, &flow.Step{
		ID: step1, Status: flow.StepSuspended, Op: "op000000002", At: after(time.Second), Turn: 1, CreatedAt: began,
		Wait: &flow.Wait{Type: flow.TimedWait, Timer: true, Due: after(time.Second), Since: began},
	})
}
