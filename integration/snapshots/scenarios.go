package snapshots

import "prana/engine/flow"

// Scenario is executions that rest somewhere, and how they go on.
type Scenario struct {
	Name string
	// Sources are definitions, of which the last is started, by the name of the scenario; PARTNER is where the partner is.
	Sources []string
	Inputs  []string // JSON, one for each execution; nil = one, of nothing
	// Before is asked for while the version runs that is frozen, After by the one that goes on. ID is the first execution.
	Before, After []Ask
	Rests         flow.Status // where they are frozen; empty = suspended
	Ends          flow.Status // empty = completed
	Output        string      // JSON; empty = not looked at
}

// Ask is a request to the API.
type Ask struct{ Path, Body string }

func publish(event string) Ask { return Ask{"/v1/events", event} }

// Scenarios are one of each kind that there is. The answers are told here, by hand.
var Scenarios = []Scenario{
	{
		Name: "delay", Output: `"slept well"`,
		Sources: []string{`{id: delay, output: "slept {{ $nodes.start.output.how }}", connections: [start -> sleep, sleep -> end], nodes: [
			{key: start, type: manual.trigger}, {key: sleep, type: time.delay, params: {duration_ms: 60000}}, {key: end, type: core.log, params: {message: awake}}]}`},
		Inputs: []string{`{"how":"well"}`},
	},
	{
		Name: "event", Output: `"paid 12345678901234567890"`,
		Sources: []string{`{id: event, output: "paid {{ $nodes.wait.output.n }}", connections: [start -> wait], nodes: [
			{key: start, type: manual.trigger}, {key: wait, type: wait.wait_for_event, params: {event_type: paid, event_filter: {order.id: "{{ $input.order }}"}, timeout_ms: 86400000}}]}`},
		Inputs: []string{`{"order":7}`},
		After:  []Ask{publish(`{"type":"paid","data":{"order":{"id":8},"n":1}}`), publish(`{"type":"paid","data":{"order":{"id":7.0},"n":12345678901234567890}}`)},
	},
	{
		Name: "timeout", Output: `"timeout"`,
		Sources: []string{`{id: timeout, output: "$nodes.late.output.type", connections: [start -> wait, wait.late -> late], nodes: [
			{key: start, type: manual.trigger}, {key: wait, type: wait.wait_for_event, params: {event_type: never, timeout_ms: 60000, on_timeout: late}}, {key: late, type: core.log, params: {message: late}}]}`},
	},
	{
		Name: "child", Output: `"a child said yes"`,
		Sources: []string{
			`{id: asked, output: {answer: "{{ $nodes.wait.output.answer }}"}, connections: [start -> wait], nodes: [
				{key: start, type: manual.trigger}, {key: wait, type: wait.wait_for_event, params: {event_type: answered}}]}`,
			`{id: child, output: "a child said {{ $nodes.call.output.answer }}", connections: [start -> call], nodes: [
				{key: start, type: manual.trigger}, {key: call, type: workflow.execute_workflow, params: {workflow_id: asked, execution_mode: sync, timeout_ms: 86400000}}]}`,
		},
		After: []Ask{publish(`{"type":"answered","data":{"answer":"yes"}}`)},
	},
	{
		Name: "async", Output: `"a child slept"`,
		Sources: []string{
			`{id: sleeper, output: {answer: slept}, connections: [start -> sleep], nodes: [
				{key: start, type: manual.trigger}, {key: sleep, type: time.delay, params: {duration_ms: 60000}}]}`,
			`{id: async, output: "a child {{ $nodes.call.output.answer }}", connections: [start -> call], nodes: [
				{key: start, type: manual.trigger}, {key: call, type: workflow.execute_workflow, params: {workflow_id: sleeper, execution_mode: async, timeout_ms: 86400000}}]}`,
		},
	},
	{
		Name: "poll", Output: `"polled"`,
		Sources: []string{`{id: poll, output: "$nodes.ask.output.body.result", connections: [start -> ask], nodes: [
			{key: start, type: manual.trigger}, {key: ask, type: poll.poll_until, params: {endpoint: "PARTNER/poll", condition: "$response.result == 'polled'", interval_ms: 60000}}]}`},
	},
	{
		Name: "retry", Output: `"answered"`,
		Sources: []string{`{id: retry, output: "$nodes.call.output.body.result", connections: [start -> call], nodes: [
			{key: start, type: manual.trigger},
			{key: call, type: http.request, params: {url: "PARTNER/call"}, settings: {retry_on_failed: true, max_retries: 3, retry_delay_ms: 60000}}]}`},
	},
	{
		Name: "retried", Rests: flow.Failed, Output: `"answered"`,
		Sources: []string{`{id: retried, output: "$nodes.call.output.body.result", connections: [start -> call], nodes: [
			{key: start, type: manual.trigger}, {key: call, type: http.request, params: {url: "PARTNER/call"}}]}`},
		After: []Ask{{"/v1/executions/ID:retry", `{}`}},
	},
	{
		Name: "loop", Output: `"round 2"`,
		Sources: []string{`{id: loop, output: "round {{ $nodes.wait.output.n }}", connections: [start -> wait, wait -> last, last.false -> wait], nodes: [
			{key: start, type: manual.trigger}, {key: wait, type: wait.wait_for_event, params: {event_type: round}},
			{key: last, type: logic.if_condition, params: {condition: "$input.last"}}]}`},
		Before: []Ask{publish(`{"type":"round","data":{"last":false,"n":1}}`)},
		After:  []Ask{publish(`{"type":"round","data":{"last":true,"n":2}}`)},
	},
	{
		Name: "join", Output: `[{"at":"once"},{"at":"last"}]`,
		Sources: []string{`{id: join, output: "$nodes.both.output", connections: [start -> now, start -> wait, now -> both.a, wait -> both.b], nodes: [
			{key: start, type: manual.trigger}, {key: now, type: core.log, params: {message: now}}, {key: wait, type: wait.wait_for_event, params: {event_type: last}},
			{key: both, type: data.merge}]}`},
		Inputs: []string{`{"at":"once"}`},
		After:  []Ask{publish(`{"type":"last","data":{"at":"last"}}`)},
	},
	{
		Name: "sequential", Output: `"first then second"`,
		Sources: []string{`{id: sequential, mode: sequential, output: "{{ $nodes.first.output.n }} then {{ $nodes.second.output.n }}", connections: [start -> first, start -> second], nodes: [
			{key: start, type: manual.trigger}, {key: first, type: wait.wait_for_event, params: {event_type: step, event_filter: {n: first}}},
			{key: second, type: wait.wait_for_event, params: {event_type: step, event_filter: {n: second}}}]}`},
		After: []Ask{publish(`{"type":"step","data":{"n":"second"}}`), publish(`{"type":"step","data":{"n":"first"}}`)},
	},
	{
		Name: "kept", Output: `"kept for long"`, Inputs: []string{},
		Sources: []string{`{id: kept, output: "kept for {{ $nodes.wait.output.how }}", connections: [start -> wait], nodes: [
			{key: start, type: manual.trigger}, {key: wait, type: wait.wait_for_event, params: {event_type: early, event_filter: {k: 1}}}]}`},
		Before: []Ask{publish(`{"type":"early","data":{"k":1,"how":"long"},"ttl_ms":86400000}`)},
		After:  []Ask{{"/v1/workflows/kept/executions", `{}`}},
	},
	{
		Name: "completed", Rests: flow.Completed, Output: `"done it"`,
		Sources: []string{`{id: completed, output: "done {{ $nodes.start.output.what }}", connections: [start -> end], nodes: [
			{key: start, type: manual.trigger}, {key: end, type: core.log, params: {message: done}}]}`},
		Inputs: []string{`{"what":"it"}`},
	},
	{
		Name: "state", Output: `"kept in mind"`,
		Sources: []string{`{id: state, output: "kept in {{ $execution.state.where }}", connections: [start -> note, note -> sleep], nodes: [
			{key: start, type: manual.trigger}, {key: note, type: workflow.set_state, params: {where: mind}}, {key: sleep, type: time.delay, params: {duration_ms: 60000}}]}`},
	},
	{
		Name: "each", Output: `[{"did":1},{"did":2},{"did":3}]`,
		Sources: []string{`{id: each, output: "$nodes.report.output", connections: [start -> each, each.loop -> wait, wait -> did, did -> each, each.done -> report], nodes: [
			{key: start, type: manual.trigger}, {key: each, type: core.for_each, params: {collection: [1, 2, 3], parallel: 2}},
			{key: wait, type: wait.wait_for_event, params: {event_type: item, event_filter: {n: "{{ $loop.item }}"}}},
			{key: did, type: code.expr, params: {expression: "{did: $input.n}"}}, {key: report, type: core.log, params: {message: report}}]}`},
		Before: []Ask{publish(`{"type":"item","data":{"n":1}}`)},
		After:  []Ask{publish(`{"type":"item","data":{"n":3}}`), publish(`{"type":"item","data":{"n":2}}`)},
	},
	{
		Name: "nested", Output: `[[{"n":1},{"n":1}],[{"n":2},{"n":2}]]`,
		Sources: []string{`{id: nested, output: "$nodes.report.output", connections: [start -> outer, outer.loop -> inner, inner.loop -> wait, wait -> inner, inner.done -> outer, outer.done -> report], nodes: [
			{key: start, type: manual.trigger}, {key: outer, type: core.for_each, params: {collection: [1, 2], parallel: 2}}, {key: inner, type: core.for_each, params: {collection: ["{{ $loop.item }}", "{{ $loop.item }}"], parallel: 2}},
			{key: wait, type: wait.wait_for_event, params: {event_type: part, event_filter: {n: "{{ $loop.item }}"}}}, {key: report, type: core.log, params: {message: report}}]}`},
		After: []Ask{publish(`{"type":"part","data":{"n":1}}`), publish(`{"type":"part","data":{"n":2}}`)},
	},
	{
		Name: "undo", Rests: flow.Cancelling, Ends: flow.Failed,
		Sources: []string{`{id: undo, connections: [start -> book, book -> break], nodes: [
			{key: start, type: manual.trigger}, {key: book, type: core.log, params: {message: book}, settings: {on_cancel: unbook}}, {key: break, type: http.request, params: {url: "PARTNER/broken"}},
			{key: unbook, type: wait.wait_for_event, params: {event_type: unbooked}}]}`},
		After: []Ask{publish(`{"type":"unbooked","data":{}}`)},
	},
	{
		Name: "section", Output: `"let in"`, Inputs: []string{`{}`, `{}`},
		Sources: []string{`{id: section, output: "let {{ $nodes.inside.output.where }}", connections: [start -> inside], nodes: [
			{key: start, type: manual.trigger}, {key: inside, type: wait.wait_for_event, params: {event_type: leave}, settings: {concurrency_key: vault, concurrency_limit: 1}}]}`},
		After: []Ask{publish(`{"type":"leave","data":{"where":"in"},"keep":true}`)},
	},
	{
		Name: "queue", Output: `"from the slow one"`,
		Sources: []string{`{id: queue, output: "from the {{ $nodes.end.output.which }}", connections: [start -> wait, wait -> end], nodes: [
			{key: start, type: manual.trigger}, {key: wait, type: wait.wait_for_event, params: {event_type: queued}}, {key: end, type: core.log, params: {message: end}, settings: {queue: slow}}]}`},
		After: []Ask{publish(`{"type":"queued","data":{"which":"slow one"}}`)},
	},
	{
		Name: "choice", Output: `["b"]`,
		Sources: []string{`{id: choice, output: "$nodes.wait.output.came", connections: [start -> wait], nodes: [
			{key: start, type: manual.trigger}, {key: wait, type: wait.wait_for, params: {for: [{name: a, event_type: choice_a}, {name: b, event_type: choice_b}, {name: c, duration_ms: 86400000}]}}]}`},
		After: []Ask{publish(`{"type":"choice_b","data":{}}`)},
	},
	{
		Name: "inbox", Output: `"came before"`,
		Sources: []string{`{id: inbox, output: "came {{ $nodes.later.output.when }}", connections: [start -> hold, hold -> later], nodes: [
			{key: start, type: manual.trigger}, {key: hold, type: wait.wait_for_event, params: {event_type: go_on}}, {key: later, type: wait.wait_for_event, params: {event_type: never}}]}`},
		Before: []Ask{{"/v1/executions/ID:resume", `{"node":"later","data":{"when":"before"},"early":true}`}},
		After:  []Ask{publish(`{"type":"go_on","data":{}}`)},
	},
	{
		Name: "approval", Output: `"Ada approved 3"`,
		Sources: []string{`{id: approval, output: "{{ $nodes.gate.output.by }} {{ $nodes.gate.output.decision }} {{ $nodes.gate.output.form.amount }}", connections: [start -> gate, gate.approved -> end, gate.reminder -> mail], nodes: [
			{key: start, type: manual.trigger},
			{key: gate, type: wait.approval, params: {title: "Buy?", assignees: [ada], form: {type: object, required: [amount], properties: {amount: {type: integer}}}, remind: {every_ms: 1000, max: 1}, timeout_ms: 86400000}},
			{key: end, type: core.log, params: {message: end}}, {key: mail, type: core.log, params: {message: mail}}]}`},
		After: []Ask{{"/v1/executions/ID:approve", `{"by":"Ada","form":{"amount":3}}`}},
	},
	{
		Name: "takers", Output: `"has a job"`, Inputs: []string{`{}`, `{}`},
		Sources: []string{`{id: takers, output: "has {{ $nodes.wait.output.what }}", connections: [start -> wait], nodes: [
			{key: start, type: manual.trigger}, {key: wait, type: wait.wait_for_event, params: {event_type: job, takers: "1", match: "$event.data.what != 'rest'"}}]}`},
		After: []Ask{publish(`{"type":"job","data":{"what":"rest"}}`), publish(`{"type":"job","data":{"what":"a job"}}`), publish(`{"type":"job","data":{"what":"a job"}}`)},
	},
	{
		Name: "closing", Ends: flow.Cancelled,
		Sources: []string{
			`{id: closed, connections: [start -> wait], nodes: [{key: start, type: manual.trigger}, {key: wait, type: wait.wait_for_event, params: {event_type: never}}]}`,
			`{id: closing, connections: [start -> forget, forget -> wait], nodes: [
				{key: start, type: manual.trigger}, {key: forget, type: workflow.execute_workflow, params: {workflow_id: closed, execution_mode: fire_and_forget, parent_close_policy: terminate}},
				{key: wait, type: wait.wait_for_event, params: {event_type: never}}]}`,
		},
		After: []Ask{{"/v1/executions/ID:cancel", `{"reason":"enough"}`}},
	},
}
