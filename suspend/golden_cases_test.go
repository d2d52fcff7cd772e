package suspend_test

import (
	"encoding/json"
	"time"

	"prana/engine/flow"
)

type raw = json.RawMessage

var trace = map[string]string{"traceparent": "00-11111111111111111111111111111111-2222222222222222-01"}

var boom = &flow.Problem{Code: "http_error", Message: "503 <Service Unavailable>", Node: "a", Details: map[string]any{"status": 503}}

var (
	step0 = flow.StepID{Node: 0}
	step1 = flow.StepID{Node: 1}
	step2 = flow.StepID{Node: 2}
	step3 = flow.StepID{Node: 3, Run: 1}
)

// alive is what most of them have in common: revision and birth.
func alive(name, rev string, f flow.Front) *flow.Execution {
	if f.Live == nil {
		f.Live = map[int]flow.Live{}
	}
	return &flow.Execution{
		ID: animal(name), Rev: rev, Head: flow.Head{Workflow: "order", Version: "v1", CreatedAt: began}, Front: f,
		Input: raw(`{"n":1}`), Values: map[flow.Ref]raw{"i": raw(`{"n":1}`)},
		Steps: map[flow.StepID]*flow.Step{}, Nodes: map[int]flow.NodeState{}, Claims: map[flow.StepID]string{}, State: map[string]raw{}, Whole: true,
	}
}

// holding adds steps, each as the first run of a node whose states are given.
func holding(x *flow.Execution, nodes map[int]flow.NodeState, steps ...*flow.Step) *flow.Execution {
	x.Nodes = nodes
	for _, s := range steps {
		x.Steps[s.ID] = s
	}
	return x
}

var fresh = flow.NodeState{Runs: 1, Last: -1}

var goldens = []golden{
	{"running", "one step completed, one claimed by a worker; a child with everything that a head can say", writeRunning, readRunning()},
	{"event", "a wait for an event, with a timeout", writeEvent, holding(
		alive("event", "op000000001", flow.Front{Status: flow.Suspended, Region: flow.Region{Live: map[int]flow.Live{1: {Suspended: 1}}}, Seq: 1}), map[int]flow.NodeState{1: fresh},
		&flow.Step{ID: step1, Status: flow.StepSuspended, Token: "token000001", Op: "op000000001", At: began, Turn: 1, CreatedAt: began, Wait: &flow.Wait{
			Type: flow.ExternalEvent, Data: raw(`{"approver":"a"}`), In: time.Hour, Due: after(time.Hour), Since: began,
			Event: &flow.Subscription{Type: "paid", Filter: map[string]any{"order.id": "7", "n": 1}, Match: "$event.ok"},
		}})},
	{"takers", "a wait that is one of those of whom three may take one event", writeTakers, holding(
		alive("takers", "op000000001", flow.Front{Status: flow.Suspended, Region: flow.Region{Live: map[int]flow.Live{1: {Suspended: 1}}}, Seq: 1}), map[int]flow.NodeState{1: fresh},
		&flow.Step{ID: step1, Status: flow.StepSuspended, Token: "token000001", Op: "op000000001", At: began, Turn: 1, CreatedAt: began, Wait: &flow.Wait{
			Type: flow.ExternalEvent, Since: began, Event: &flow.Subscription{Type: "job", Takers: 3},
		}})},
	{"told", "two waits for events whose data say what they wait for; one has no time", writeTold, holding(
		alive("told", "op000000001", flow.Front{Status: flow.Suspended, Region: flow.Region{Live: map[int]flow.Live{1: {Suspended: 1}, 2: {Suspended: 1}}}, Seq: 1}), map[int]flow.NodeState{1: fresh, 2: fresh},
		&flow.Step{ID: step1, Status: flow.StepSuspended, Token: "token000001", Op: "op000000001", At: began, Turn: 1, CreatedAt: began, Wait: &flow.Wait{
			Type: flow.ExternalEvent, Data: raw(toldTimed), In: time.Hour, Due: after(time.Hour), Since: began, Event: &flow.Subscription{Type: "paid", Filter: map[string]any{"order": 7}},
		}},
		&flow.Step{ID: step2, Status: flow.StepSuspended, Token: "token000002", Op: "op000000001", At: began, Turn: 1, CreatedAt: began, Wait: &flow.Wait{
			Type: flow.ExternalEvent, Data: raw(toldForever), Since: began, Event: &flow.Subscription{Type: "shipped"},
		}})},
	{"delay", "a delay, and a wait until a date", writeDelay, holding(
		alive("delay", "op000000001", flow.Front{Status: flow.Suspended, Region: flow.Region{Live: map[int]flow.Live{1: {Suspended: 1}, 2: {Suspended: 1}}}, Seq: 1}), map[int]flow.NodeState{1: fresh, 2: fresh},
		&flow.Step{ID: step1, Status: flow.StepSuspended, Token: "token000001", Op: "op000000001", At: began, Turn: 1, CreatedAt: began, Wait: &flow.Wait{
			Type: flow.Delay, Timer: true, In: 1500 * time.Millisecond, Due: after(1500 * time.Millisecond), Since: began, Began: 4,
		}},
		&flow.Step{ID: step2, Status: flow.StepSuspended, Token: "token000002", Op: "op000000001", At: began, Turn: 1, CreatedAt: began, Wait: &flow.Wait{
			Type: flow.TimedWait, Timer: true, Due: after(24 * time.Hour), Since: began,
		}})},
	{"retry", "between two attempts; a worker died once", writeRetry, holding(
		alive("retry", "op000000002", flow.Front{Status: flow.Suspended, Region: flow.Region{Live: map[int]flow.Live{1: {Suspended: 1}}}, Seq: 2, Transitions: 1}), map[int]flow.NodeState{1: fresh},
		&flow.Step{
			ID: step1, Status: flow.StepSuspended, Token: "token000001", Op: "op000000002", At: after(time.Second), Attempt: 1, Turn: 1, Deaths: 1, CreatedAt: began, StartedAt: after(900 * time.Millisecond),
			Attempts: []flow.Attempt{{StartedAt: after(100 * time.Millisecond), EndedAt: after(200 * time.Millisecond), Error: boom}, {Number: 1, StartedAt: after(900 * time.Millisecond), EndedAt: after(time.Second), Error: boom}},
			Wait:     &flow.Wait{Type: flow.Retry, Data: raw(`{"attempt_number":1}`), Timer: true, Due: after(3 * time.Second), In: 2 * time.Second, Since: after(time.Second)},
		})},
	{"parent", "waits for a child that sleeps by now, with a timeout", writeParent, holding(
		alive("parent", "op000000002", flow.Front{Status: flow.Suspended, Region: flow.Region{Live: map[int]flow.Live{1: {Suspended: 1}}}, Seq: 1}), map[int]flow.NodeState{0: {Runs: 1}, 1: fresh},
		&flow.Step{ID: step0, Status: flow.StepCompleted, Token: "token000000", Op: "op000000001", At: began, Port: flow.PortMain, CreatedAt: began, StartedAt: after(-2 * time.Second), EndedAt: after(-time.Second)},
		&flow.Step{ID: step1, Status: flow.StepSuspended, Token: "token000001", Op: "op000000002", At: after(time.Second), Turn: 2, CreatedAt: began, Children: []string{animal("one"), animal("two")}, Wait: &flow.Wait{
			Type: flow.SubWorkflow, Child: animal("two"), Due: after(time.Minute), Since: began,
		}})},
	{"held", "waits for a child that runs", writeHeld, holding(
		alive("held", "op000000001", flow.Front{Status: flow.Running, Region: flow.Region{Live: map[int]flow.Live{1: {Pending: 1}}}, Seq: 1}), map[int]flow.NodeState{1: fresh},
		&flow.Step{ID: step1, Status: flow.StepSuspended, Token: "token000001", Op: "op000000001", At: began, Turn: 1, CreatedAt: began, Wait: &flow.Wait{
			Type: flow.SubWorkflow, Child: animal("two"), Held: true, Since: began,
		}})},
	{"joins", "joins with open rounds, sequential steps whose turn has not come, a path that ended", writeJoins, valued("o0.000", `{"n":1}`, holding(
		alive("joins", "op000000001", flow.Front{
			Status: flow.Running, Ready: []flow.StepID{step3}, Ends: map[int]int{0: 0}, Seq: 1,
			Region: flow.Region{Live: map[int]flow.Live{3: {Pending: 1}}, Joins: map[int]*flow.Open{
				4: {Arrived: []flow.Arrival{{Edge: 1, Port: flow.PortMain, Ref: "o0.000"}, {Edge: 2, Port: "left"}}},
				5: {Arrived: []flow.Arrival{{Edge: 3, Port: flow.PortMain, Ref: "i"}}, Fired: true},
			}},
		}), map[int]flow.NodeState{0: {Runs: 1}, 3: {Runs: 2, Last: 0}},
		&flow.Step{ID: step0, Status: flow.StepCompleted, Token: "token000000", Op: "op000000001", At: began, Port: flow.PortMain, CreatedAt: began, StartedAt: after(-5 * time.Millisecond), EndedAt: began},
		&flow.Step{ID: step3, Status: flow.StepPending, Token: "token000003", Op: "op000000001", At: began, CreatedAt: began, Inputs: []flow.Arrival{{Edge: 4, Port: flow.PortMain, Ref: "o0.000"}}}))},
	{"failed", "one step failed, another was withdrawn", writeFailed, readFailed()},
	{"rerun", "another one from a node on, with another input; it failed, was retried, and failed again", writeRerun, readRerun()},
	{"completed", "woken by an event, by hand, and with an error; ended well", writeCompleted, readCompleted()},
	{"poison", "in quarantine", writePoison, readPoison()},
	{"fan", "a loop over items, in one of which a step has parts of its own; what a node's runs share; a list of results", writeFan, readFan()},
	{"undoing", "failed, and a step that undoes another runs", writeUndoing, readUndoing()},
	{"paused", "paused before it began, with a step that is held", writePaused, readPaused()},
	{"closing", "started a child that nobody waits for, and has it terminated when it ends; its own parent abandons it", writeClosing, readClosing()},
	{"approval", "waits since the turn before, when it reminded; what follows from the reminder; another one, decided by somebody", writeApproval, readApproval()},
	{"section", "holds a place of its workflow's concurrency key; one step holds a place, another waits for one, a third gives its place up", writeSection, readSection()},
}

func valued(ref flow.Ref, v string, x *flow.Execution) *flow.Execution {
	x.Values[ref] = raw(v)
	return x
}

// inbox holds what came before its wait.
var inbox = []flow.Letter{{Node: 2, ID: "letter-1", Actor: "Ada", Ref: "bletter00001"}, {Node: -1, Ref: "bletter00002", Error: &flow.Problem{Code: "refused", Message: "no"}}}

func writeRunning(z *zoo, clock func(time.Duration)) {
	ch := z.birth("running", stepOf(0, flow.StepCompleted), stepOf(1, flow.StepPending))
	ch.Head = &flow.Head{
		Workflow: "order", Version: "v1", StartID: "start-1", Depth: 2, Trace: trace, Tags: map[string]string{"team": "a"}, Timeout: time.Hour,
		Parent: &flow.Parent{Execution: animal("parent"), Step: step1, Turn: 2, Mode: "async", Index: 3},
	}
	ch.Steps[0].Trace = trace
	ch.Steps[1].Inputs = []flow.Arrival{{Edge: 2, Port: "left", Ref: "o0.000"}}
	ch.Values = map[flow.Ref]flow.Value{"o0.000": {Same: "i"}}
	ch.State = map[string]json.RawMessage{"k": raw(`[1]`)}
	ch.Outbox = []flow.Outgoing{{ID: "1", Kind: flow.SendCancel, To: animal("one"), Data: raw(`"timeout"`)}}
	ch.Takes = []flow.Taken{{Event: "event:evt-1", Began: 3, Now: 5}}
	ch.Front.Transitions, ch.Front.Generation = 1, 1
	ch.Values["bletter00001"] = flow.Value{Raw: raw(`{"yes":true}`)}
	ch.Front.Inbox = inbox
	z.commit(ch)
	clock(3 * time.Second)
	if _, err := z.store.Renew(z.Context(), "worker00001", []flow.Dispatch{dispatchOf(ch.Execution, ch.Steps[1])}, 12*time.Second); err != nil {
		z.Fatal(err)
	}
}

func readRunning() *flow.Execution {
	x := valued("o0.000", `{"n":1}`, holding(
		alive("running", "op000000001", flow.Front{Status: flow.Running, Region: flow.Region{Live: map[int]flow.Live{1: {Pending: 1}}}, Seq: 1, Transitions: 1, Generation: 1, Inbox: inbox}),
		map[int]flow.NodeState{0: {Runs: 1}, 1: fresh},
		&flow.Step{ID: step0, Status: flow.StepCompleted, Token: "token000000", Op: "op000000001", At: began, Port: flow.PortMain, Trace: trace, CreatedAt: began, StartedAt: after(-5 * time.Millisecond), EndedAt: began},
		&flow.Step{ID: step1, Status: flow.StepPending, Token: "token000001", Op: "op000000001", At: began, CreatedAt: began, Inputs: []flow.Arrival{{Edge: 2, Port: "left", Ref: "o0.000"}}},
	))
	x.Head = flow.Head{
		Workflow: "order", Version: "v1", CreatedAt: began, StartID: "start-1", Depth: 2, Trace: trace, Tags: map[string]string{"team": "a"}, Timeout: time.Hour,
		Parent: &flow.Parent{Execution: animal("parent"), Step: step1, Turn: 2, Mode: "async", Index: 3},
	}
	x.Claims[step1] = "worker00001"
	x.State["k"] = raw(`[1]`)
	x.Values["bletter00001"] = raw(`{"yes":true}`)
	return x
}

func writeEvent(z *zoo, _ func(time.Duration)) {
	z.commit(suspended(z.birth("event", waits(1, flow.Wait{
		Type: flow.ExternalEvent, Data: raw(`{"approver":"a"}`), In: time.Hour,
		Event: &flow.Subscription{Type: "paid", Filter: map[string]any{"order.id": "7", "n": 1}, Match: "$event.ok"},
	}))))
}

// What waits for events say of themselves, as nodes write it.
const (
	toldTimed   = `{"event_type":"paid","event_filter":{"order":7},"timeout_ms":3600000,"on_timeout":"late"}`
	toldForever = `{"event_type":"shipped","on_timeout":"main"}`
)

func writeTold(z *zoo, _ func(time.Duration)) {
	z.commit(suspended(z.birth("told",
		waits(1, flow.Wait{Type: flow.ExternalEvent, Data: raw(toldTimed), In: time.Hour, Event: &flow.Subscription{Type: "paid", Filter: map[string]any{"order": 7}}}),
		waits(2, flow.Wait{Type: flow.ExternalEvent, Data: raw(toldForever), Event: &flow.Subscription{Type: "shipped"}}),
	)))
}

func writeTakers(z *zoo, _ func(time.Duration)) {
	z.commit(suspended(z.birth("takers", waits(1, flow.Wait{Type: flow.ExternalEvent, Event: &flow.Subscription{Type: "job", Takers: 3}}))))
}

func writeDelay(z *zoo, _ func(time.Duration)) {
	z.commit(suspended(z.birth("delay",
		waits(1, flow.Wait{Type: flow.Delay, Timer: true, In: 1500 * time.Millisecond, Began: 4}),
		waits(2, flow.Wait{Type: flow.TimedWait, Timer: true, Until: after(24 * time.Hour)}),
	)))
}

func writeRetry(z *zoo, clock func(time.Duration)) {
	z.commit(z.birth("retry", stepOf(1, flow.StepPending)))
	clock(time.Second)
	s := waits(1, flow.Wait{Type: flow.Retry, Data: raw(`{"attempt_number":1}`), Timer: true, In: 2 * time.Second})
	s.Attempt, s.Deaths, s.Ran, s.CreatedAt = 1, 1, 100*time.Millisecond, began
	s.Attempts = []flow.Attempt{{StartedAt: after(100 * time.Millisecond), EndedAt: after(200 * time.Millisecond), Error: boom}, {Number: 1, Error: boom}}
	ch := suspended(z.next("retry", s))
	ch.Front.Seq, ch.Front.Transitions = 2, 1
	z.commit(ch)
}

func writeParent(z *zoo, clock func(time.Duration)) {
	first, s := stepOf(0, flow.StepCompleted), waits(1, flow.Wait{Type: flow.SubWorkflow, Child: animal("two"), Held: true, In: time.Minute})
	first.Ran, first.StartedAt, first.EndedAt = 0, after(-2*time.Second), after(-time.Second)
	s.Turn, s.Children = 2, []string{animal("one"), animal("two")}
	z.commit(z.birth("parent", first, s))
	clock(time.Second)
	slept := z.load("parent").Steps[step1]
	slept.Wait.Held = false
	ch := suspended(z.next("parent", slept))
	ch.Opened = nil
	z.commit(ch)
}

func writeHeld(z *zoo, _ func(time.Duration)) {
	z.commit(z.birth("held", waits(1, flow.Wait{Type: flow.SubWorkflow, Child: animal("two"), Held: true})))
}

func writeJoins(z *zoo, _ func(time.Duration)) {
	next := stepOf(3, flow.StepPending)
	next.ID.Run, next.Inputs = 1, []flow.Arrival{{Edge: 4, Port: flow.PortMain, Ref: "o0.000"}}
	ch := z.birth("joins", stepOf(0, flow.StepCompleted), next)
	ch.Dispatch, ch.Nodes[3] = nil, flow.NodeState{Runs: 2, Last: 0}
	ch.Values = map[flow.Ref]flow.Value{"o0.000": {Same: "i"}}
	ch.Front.Ready, ch.Front.Ends = []flow.StepID{step3}, map[int]int{0: 0}
	ch.Front.Joins = map[int]*flow.Open{
		4: {Arrived: []flow.Arrival{{Edge: 1, Port: flow.PortMain, Ref: "o0.000"}, {Edge: 2, Port: "left"}}},
		5: {Arrived: []flow.Arrival{{Edge: 3, Port: flow.PortMain, Ref: "i"}}, Fired: true},
	}
	z.commit(ch)
}

func writeFailed(z *zoo, clock func(time.Duration)) {
	z.commit(z.birth("failed", stepOf(1, flow.StepPending), stepOf(2, flow.StepPending)))
	clock(time.Second)
	bad, gone := stepOf(1, flow.StepFailed), stepOf(2, flow.StepCancelled)
	bad.Error, bad.Ran, bad.CreatedAt, gone.CreatedAt = boom, time.Second, began, began
	ch := z.next("failed", bad, gone)
	ch.Front.Status, ch.Front.Seq, ch.Ended, ch.Error = flow.Failed, 3, true, boom
	z.commit(ch)
}

func readFailed() *flow.Execution {
	x := holding(alive("failed", "op000000002", flow.Front{Status: flow.Failed, Seq: 3}), map[int]flow.NodeState{1: fresh, 2: fresh},
		&flow.Step{ID: step1, Status: flow.StepFailed, Token: "token000001", Op: "op000000002", At: after(time.Second), Error: boom, CreatedAt: began, StartedAt: began, EndedAt: after(time.Second)},
		&flow.Step{ID: step2, Status: flow.StepCancelled, Token: "token000002", Op: "op000000002", At: after(time.Second), CreatedAt: began, EndedAt: after(time.Second)})
	x.Error, x.EndedAt = boom, after(time.Second)
	return x
}

func writeRerun(z *zoo, clock func(time.Duration)) {
	ch := z.birth("rerun", stepOf(0, flow.StepCompleted), stepOf(1, flow.StepPending))
	ch.Head.From, ch.Head.Only, ch.Head.RerunOf = "b", true, animal("failed")
	ch.Steps[0].Kept, ch.Steps[0].StartedAt, ch.Steps[0].EndedAt = true, after(-2*time.Second), after(-time.Second)
	ch.Steps[1].Inputs = []flow.Arrival{{Edge: 0, Port: flow.PortMain, Ref: "g1.000"}}
	ch.Values = map[flow.Ref]flow.Value{"g1.000": {Raw: raw(`7`)}}
	z.commit(ch)
	clock(time.Second)
	bad := stepOf(1, flow.StepFailed)
	bad.Error, bad.Was, bad.CreatedAt, bad.StartedAt = boom, flow.StepPending, began, after(500*time.Millisecond)
	end := z.next("rerun", bad)
	end.Front.Status, end.Front.Seq, end.Ended, end.Error = flow.Failed, 3, true, boom
	end.Front.Generation, end.Front.Retries, end.Front.Stood = 1, []string{"0011223344556677"}, 1500*time.Millisecond
	z.commit(end)
}

func readRerun() *flow.Execution {
	x := valued("g1.000", `7`, holding(alive("rerun", "op000000002", flow.Front{Status: flow.Failed, Seq: 3, Generation: 1, Retries: []string{"0011223344556677"}, Stood: 1500 * time.Millisecond}),
		map[int]flow.NodeState{0: {Runs: 1}, 1: fresh},
		&flow.Step{ID: step0, Status: flow.StepCompleted, Token: "token000000", Op: "op000000001", At: began, Port: flow.PortMain, Kept: true, CreatedAt: began, StartedAt: after(-2 * time.Second), EndedAt: after(-time.Second)},
		&flow.Step{ID: step1, Status: flow.StepFailed, Token: "token000001", Op: "op000000002", At: after(time.Second), Was: flow.StepPending, Error: boom, CreatedAt: began, StartedAt: after(500 * time.Millisecond), EndedAt: after(time.Second)}))
	x.From, x.Only, x.RerunOf = "b", true, animal("failed")
	x.Error, x.EndedAt = boom, after(time.Second)
	return x
}

func writeCompleted(z *zoo, clock func(time.Duration)) {
	z.commit(z.birth("completed", stepOf(1, flow.StepPending), stepOf(2, flow.StepPending)))
	clock(time.Second)
	heard := stepOf(1, flow.StepPending)
	heard.Turn, heard.CreatedAt, heard.StartedAt = 1, began, after(500*time.Millisecond)
	heard.Resumed = &flow.Resumption{By: flow.ByEvent, Turn: 1, Op: "op000000002", Event: "evt-1", Wait: raw(`{"a":1}`), Since: began}
	ch := z.next("completed", heard)
	ch.Values = map[flow.Ref]flow.Value{"d1.000": {Raw: raw(`{"paid":true}`)}}
	z.commit(ch)
	clock(2 * time.Second)
	done, broken := stepOf(1, flow.StepCompleted), stepOf(2, flow.StepCompleted)
	done.Turn, done.CreatedAt, done.Resumed = 1, began, z.load("completed").Steps[step1].Resumed
	broken.Port, broken.CreatedAt, broken.Resumed = flow.PortError, began, &flow.Resumption{By: flow.ByManual, Turn: 1, Op: "op000000002", Error: boom}
	end := over(z.next("completed", done, broken), flow.Completed)
	end.Values = map[flow.Ref]flow.Value{"o1.000": {Same: "d1.000"}, "o2.000": {Raw: raw(`null`)}}
	end.Result = &flow.Value{Same: "o1.000"}
	end.Reply = raw(`{"status":200,"body":"paid"}`)
	z.commit(end)
}

func readCompleted() *flow.Execution {
	x := holding(alive("completed", "op000000003", flow.Front{Status: flow.Completed, Seq: 1}), map[int]flow.NodeState{1: {Runs: 1}, 2: {Runs: 1}},
		&flow.Step{
			ID: step1, Status: flow.StepCompleted, Token: "token000001", Op: "op000000003", At: after(2 * time.Second), Turn: 1, Port: flow.PortMain,
			CreatedAt: began, StartedAt: after(1995 * time.Millisecond), EndedAt: after(2 * time.Second),
			Resumed: &flow.Resumption{By: flow.ByEvent, At: after(time.Second), Turn: 1, Op: "op000000002", Event: "evt-1", Wait: raw(`{"a":1}`), Since: began},
		},
		&flow.Step{
			ID: step2, Status: flow.StepCompleted, Token: "token000002", Op: "op000000003", At: after(2 * time.Second), Port: flow.PortError,
			CreatedAt: began, StartedAt: after(1995 * time.Millisecond), EndedAt: after(2 * time.Second),
			Resumed: &flow.Resumption{By: flow.ByManual, At: after(2 * time.Second), Turn: 1, Op: "op000000002", Error: boom},
		})
	x.Result, x.EndedAt = raw(`{"paid":true}`), after(2*time.Second)
	x.Reply = raw(`{"status":200,"body":"paid"}`)
	valued("d1.000", `{"paid":true}`, valued("o1.000", `{"paid":true}`, valued("o2.000", `null`, x)))
	return x
}

func writeApproval(z *zoo, clock func(time.Duration)) {
	z.commit(suspended(z.birth("approval", waits(1, flow.Wait{Type: flow.Approval, Timer: true, In: time.Second}), stepOf(3, flow.StepPending))))
	clock(time.Second)
	asks := waits(1, flow.Wait{Type: flow.Approval, Timer: true, Since: began, Due: after(2 * time.Second), Began: 2, First: 1, Data: raw(`{"reminders_sent":1}`)})
	asks.Turn, asks.Emitted, asks.CreatedAt = 2, 1, began
	asks.Resumed = &flow.Resumption{By: flow.ByTimer, Turn: 1, Op: "op000000002", Since: began}
	mail, decided := stepOf(2, flow.StepPending), stepOf(3, flow.StepPending)
	mail.Inputs = []flow.Arrival{{Edge: 1, Port: flow.PortMain, Ref: "m1.000:0", Aside: true}}
	decided.CreatedAt = began
	decided.Resumed = &flow.Resumption{By: flow.ByManual, Actor: "Ada", Turn: 2, First: 1, Op: "op000000002"}
	ch := suspended(z.next("approval", asks, mail, decided))
	ch.Values = map[flow.Ref]flow.Value{"m1.000:0": {Raw: raw(`{"number":1}`)}}
	z.commit(ch)
}

func readApproval() *flow.Execution {
	at := after(time.Second)
	return valued("m1.000:0", `{"number":1}`, holding(
		alive("approval", "op000000002", flow.Front{Status: flow.Suspended, Region: flow.Region{Live: map[int]flow.Live{1: {Suspended: 1}, 2: {Pending: 1}, 3: {Pending: 1}}}, Seq: 1}),
		map[int]flow.NodeState{1: fresh, 2: fresh, 3: fresh},
		&flow.Step{
			ID: step1, Status: flow.StepSuspended, Token: "token000001", Op: "op000000002", At: at, Turn: 2, Emitted: 1, CreatedAt: began,
			Resumed: &flow.Resumption{By: flow.ByTimer, At: at, Turn: 1, Op: "op000000002", Since: began},
			Wait:    &flow.Wait{Type: flow.Approval, Timer: true, Since: began, Due: after(2 * time.Second), Began: 2, First: 1, Data: raw(`{"reminders_sent":1}`)},
		},
		&flow.Step{ID: step2, Status: flow.StepPending, Token: "token000002", Op: "op000000002", At: at, CreatedAt: at, Inputs: []flow.Arrival{{Edge: 1, Port: flow.PortMain, Ref: "m1.000:0", Aside: true}}},
		&flow.Step{
			ID: flow.StepID{Node: 3}, Status: flow.StepPending, Token: "token000003", Op: "op000000002", At: at, CreatedAt: began,
			Resumed: &flow.Resumption{By: flow.ByManual, Actor: "Ada", At: at, Turn: 2, First: 1, Op: "op000000002"},
		}))
}

func writeSection(z *zoo, _ func(time.Duration)) {
	holds, awaits := stepOf(1, flow.StepPending), waits(2, flow.Wait{Type: flow.Concurrency, Data: raw(`{"key":"b"}`)})
	holds.Place, awaits.Place = "a", "b"
	ch := z.birth("section", holds, awaits)
	ch.Head.Place, ch.Head.Queue = "region/eu", "slow"
	ch.Outbox = []flow.Outgoing{{ID: "1", Kind: flow.SendRelease, To: "c", Data: raw(`"` + animal("section") + `:3.001"`)}}
	z.commit(ch)
}

func readSection() *flow.Execution {
	x := holding(alive("section", "op000000001", flow.Front{Status: flow.Running, Region: flow.Region{Live: map[int]flow.Live{1: {Pending: 1}, 2: {Suspended: 1}}}, Seq: 1}), map[int]flow.NodeState{1: fresh, 2: fresh},
		&flow.Step{ID: step1, Status: flow.StepPending, Token: "token000001", Op: "op000000001", At: began, CreatedAt: began, Place: "a"},
		&flow.Step{ID: step2, Status: flow.StepSuspended, Token: "token000002", Op: "op000000001", At: began, Turn: 1, CreatedAt: began, Place: "b", Wait: &flow.Wait{
			Type: flow.Concurrency, Data: raw(`{"key":"b"}`), Since: began,
		}})
	x.Place, x.Queue = "region/eu", "slow"
	return x
}

func writeClosing(z *zoo, _ func(time.Duration)) {
	s := stepOf(1, flow.StepPending)
	s.Children = []string{animal("one")}
	ch := z.birth("closing", s)
	ch.Head.Depth = 1
	ch.Head.Parent = &flow.Parent{Execution: animal("parent"), Step: step1, Turn: 1, Mode: "async", Close: "abandon"}
	ch.Front.Closes = true
	ch.Outbox = []flow.Outgoing{{ID: "1", Kind: flow.SendClose, Data: raw(`{"children":["` + animal("one") + `"],"why":"its parent is failed"}`)}}
	z.commit(ch)
}

func readClosing() *flow.Execution {
	x := holding(alive("closing", "op000000001", flow.Front{Status: flow.Running, Region: flow.Region{Live: map[int]flow.Live{1: {Pending: 1}}}, Seq: 1, Closes: true}), map[int]flow.NodeState{1: fresh},
		&flow.Step{ID: step1, Status: flow.StepPending, Token: "token000001", Op: "op000000001", At: began, CreatedAt: began, Children: []string{animal("one")}})
	x.Depth = 1
	x.Parent = &flow.Parent{Execution: animal("parent"), Step: step1, Turn: 1, Mode: "async", Close: "abandon"}
	return x
}

func writePoison(z *zoo, _ func(time.Duration)) {
	ch := z.poisoned()
	ch.Error = boom
	ch.Steps[0].Error = boom
	z.commit(ch)
}

func readPoison() *flow.Execution {
	x := holding(alive("poison", "op000000001", flow.Front{Status: flow.Quarantined, Region: flow.Region{Live: map[int]flow.Live{1: {Pending: 1}}}, Seq: 1}), map[int]flow.NodeState{1: fresh},
		&flow.Step{ID: step1, Status: flow.StepQuarantined, Token: "token000001", Op: "op000000001", At: began, Deaths: 5, Error: boom, CreatedAt: began, EndedAt: began})
	x.Error = boom
	return x
}
