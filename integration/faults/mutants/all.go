package mutants

// All are the mutants of the programme.
var All = []Mutant{
	{
		Name: "no revision", Guard: "a commit is refused that was decided from a state that is not the newest", Caught: "^TestModel$",
		Misses: `stale: the store refuses what it should not, or the other way round; want the execution moved`,
		Edits:  []Edit{{"suspend/lua/commit.lua", "elseif seen[1] ~= prev or (seen[2] and revived ~= '1') then", "elseif seen[2] and revived ~= '1' then"}},
	},
	{
		Name: "no memory of what was stored", Guard: "a commit whose reply was lost is recognised when it is repeated", Caught: "^TestModel$",
		Misses: `the store refuses what it should not, or the other way round; want <nil>`,
		Edits:  []Edit{{"suspend/lua/commit.lua", "if seen[1] == op then\n    return 'repeated'\n  elseif", "if"}},
	},
	{
		Name: "no outbox", Guard: "what others must be told is stored with the commit that says so", Caught: "^TestFailpoints$",
		Misses: `(a parent that is cancelled|alerts|what durable middleware is told), while nothing fails: it `,
		Edits:  []Edit{{"suspend/commit.go", "if len(ch.Outbox) == 0 {\n\t\treturn nil", "if true {\n\t\treturn nil"}},
	},
	{
		Name: "delivered before it is told", Guard: "an entry leaves the outbox only after it was delivered", Caught: "^TestFailpoints$",
		Misses: `, \[[^]]* at delivered \d+\]: it `,
		Edits: []Edit{{
			"engine/outbox.go", "func (e *Engine) deliverOne(ctx context.Context, execution string, o flow.Outgoing) error {\n\tvar err error\n",
			"func (e *Engine) deliverOne(ctx context.Context, execution string, o flow.Outgoing) error {\n\terr := e.store.Delivered(ctx, execution, o.ID)\n\tif err != nil {\n\t\treturn err\n\t}\n",
		}},
	},
	{
		Name: "no line for a fresh step", Guard: "a step whose task is lost comes up again", Caught: "^TestKilled$",
		Misses: `not reached: a killed step ran again within, p99: `,
		Edits:  []Edit{{"suspend/commit.go", "b.op(\"+\", due, flow.FreshDue.Milliseconds(), entry)", "b.op(\"=\", due, \"+inf\", entry)"}},
	},
	{
		Name: "no token in the task", Guard: "a dispatch of a step does not stand in the way of the next one", Caught: "^TestFailpoints$",
		Misses: `: steps of a named queue, \[crash [^]]*\]: it does not come to that|, while nothing fails: \d+ rounds passed although nothing failed`,
		Edits:  []Edit{{"tasks/encode.go", "return d.Execution + \":\" + d.Step.String() + \":\" + d.Token", "return d.Execution + \":\" + d.Step.String()"}},
	},
	{
		Name: "no look at the clock", Guard: "an alarm that rings early ends no wait", Caught: "^TestOtherClock$",
		Misses: `not reached: timers that were early by Redis' clock: `,
		Edits:  []Edit{{"engine/run.go", "|| s.Wait.Due.IsZero() || s.Wait.Due.After(x.Now):", "|| s.Wait.Due.IsZero():"}},
	},
	{
		Name: "no look for kept events", Guard: "a wait is due until it was looked whether its event came before it", Caught: "^TestFailpoints$",
		Misses: `: an event before its wait, \[[^]]*\]: it does not come to that: execution \w+ ends`,
		Edits:  []Edit{{"suspend/commit.go", "if w != nil && w.Looks() && !(w.In > 0 && w.In < flow.LookDue) {", "if w != nil && w.Looks() && !w.HasDue() && false {"}},
	},
	{
		Name: "no start ids", Guard: "a start that is repeated starts once", Caught: "^TestFailpoints$",
		Misses: `: the same start again and again, while nothing fails: it came to`,
		Edits:  []Edit{{"suspend/rendezvous.go", "\tif won {\n\t\treturn execution, nil\n\t}\n", "\tif won || true {\n\t\treturn execution, nil\n\t}\n"}},
	},
	{
		Name: "no places for an event", Guard: "an event for some goes to no more than these", Caught: "^TestRaces$",
		Misses: `: one event for two of four waits, .*: no register gives these answers:`,
		Edits:  []Edit{{"suspend/lua/event_offer.lua", "local function room(group)\n", "local function room(group)\n  if true then return true end\n"}},
	},
	{
		Name: "no fence", Guard: "what a worker brings is refused once its step was given to another", Caught: "^TestPausedWorkers$",
		Misses: ` left what a process brought that had lost the step: `,
		Edits:  []Edit{{"engine/advance.go", "if s == nil || !s.Status.Live() || s.Token != f.token || t.x.Status.Terminal() || t.x.Status == flow.Quarantined {", "if s == nil || !s.Status.Live() || t.x.Status.Terminal() || t.x.Status == flow.Quarantined {"}},
	},
	{
		Name: "a wait ends twice", Guard: "the first resolution of a wait wins", Caught: "^TestRaces$",
		Misses: `: event, hand, URL: no register gives these answers:`,
		Edits:  []Edit{{"engine/advance.go", "if s == nil || !s.WaitsAs(f.wait.Turn) || t.x.Status.Terminal() {", "if s == nil || s.Wait == nil && s.Resumed == nil || t.x.Status.Terminal() {"}},
	},
	{
		Name: "memory is never full", Guard: "a Redis that refuses writes is away for a while, and no reason to fail", Caught: "^TestRedisMemoryFull$",
		Misses: `not reached: other refusals: `,
		Edits:  []Edit{{"suspend/store.go", "\"OOM \", ", ""}},
	},
	{
		Name: "any store is ours", Guard: "a process whose store is gone stops", Caught: "^TestRedisEmptied$",
		Misses: `not reached: workers and servers that stopped, and said why: `,
		Edits:  []Edit{{"suspend/storeid.go", "case errors.Is(err, redis.Nil):", "case false:"}},
	},
	{
		Name: "a task is where it says", Guard: "a task counts only where it stands", Caught: "^TestAsynqForgetsAList$",
		Misses: `: \d+ things have not ended within 2m0s, \d+ executions or more among them`,
		Edits:  []Edit{{"suspend/lua/task.lua", "if not stands then", "if false then"}},
	},
}
