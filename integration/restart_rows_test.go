package integration

import "prana/engine/flow"

// row is a small workflow, and by hand what must come of it. It is started with the input
// {case, list: [1, 2, 3], n: 7}; its case is a name of this one execution, also for what happens in the world.
//
// Waits are answered from outside, with the filter of the event and {answer: "yes"}, but nobody answers a node that is
// called unanswered, or whose filter has {by: nobody}, and a node that is called cancel has its execution cancelled.
type row struct {
	name    string // and id of the workflow
	nodes   string // the first is the trigger; and whatever else a definition says
	child   string // of another workflow, NAME_child
	status  flow.Status
	code    string         // of the error
	output  string         // JSON; not looked at unless it completed
	reply   string         // JSON
	effects map[string]int // how often something was done in the world, by name
	early   string         // type of an event with {case} that is published before it starts
	crowd   int            // how many were in its room at once, at most
	clock   bool           // its moments pass with the time
	loose   bool           // how far steps came that are withdrawn depends on when: only what is above must be the same, and children must end
}

// sources are the definitions, the row's own first.
func (r row) sources() []string {
	all := []string{"id: " + r.name + "\n" + r.nodes}
	if r.child != "" {
		all = append(all, "id: "+r.name+"_child\n"+r.child)
	}
	return all
}

// want is the status that the execution must come to.
func (r row) want() flow.Status {
	if r.status == "" {
		return flow.Completed
	}
	return r.status
}

var restartRows = []row{
	{
		name: "trigger_manual",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: log, type: core.log, params: {message: "n is {{ $input.n }}", data: $input.list}}
  - {key: out, type: code.expr, params: {expression: "$input.n * 6"}}
connections: [start -> log, log -> out]
`,
		output: `42`,
	},
	{
		name: "trigger_webhook",
		nodes: `
nodes:
  - {key: hook, type: http.webhook_trigger, params: {response_type: at_return_node}}
  - {key: reply, type: http.webhook_respond, params: {respond_with: json, status_code: 201, json_data: {n: $input.n}}}
  - {key: late, type: http.webhook_respond, params: {respond_with: text, text_data: "too late"}}
  - {key: pay, type: test.effect, params: {name: "{{ $trigger.case }}/pay"}}
output: "{{ $trigger.n + 1 }}"
connections: [hook -> reply, reply -> pay, pay -> late]
`,
		output: `8`, reply: `{"status":201,"headers":{"Content-Type":["application/json"]},"body":"{\"n\":7}"}`,
		effects: map[string]int{"effect/pay": 1},
	},
	{
		name: "trigger_cron",
		nodes: `
nodes:
  - {key: tick, type: schedule.cron_trigger, params: {cron_pattern: "0 0 29 2 *", misfire: skip}}
  - {key: out, type: data.set_data, params: {mapping_map: "{{ $input.pattern }}"}}
connections: [tick -> out]
`,
		output: `"0 0 29 2 *"`,
	},
	{
		name: "request",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: call, type: http.request, params: {url: "WORLD/http/{{ $trigger.case }}/call", method: POST, json: {n: $input.n}}}
  - {key: out, type: code.expr, params: {expression: "$input.status"}}
connections: [start -> call, call -> out]
`,
		output: `200`, effects: map[string]int{"http/call": 1},
	},
	{
		name: "if_true",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: if, type: logic.if_condition, params: {condition: "$input.n > 5"}}
  - {key: more, type: data.set_data, params: {mapping_map: more}}
  - {key: less, type: data.set_data, params: {mapping_map: less}}
connections: [start -> if, if.true -> more, if.false -> less]
`,
		output: `"more"`,
	},
	{
		name: "switch_second",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: switch, type: logic.switch, params: {cases: [{condition: "$input.n > 10", port: big}, {condition: "$input.n > 5", port: middle}], default_port: small}}
  - {key: out, type: data.set_data, params: {mode: json, json_template: '{"was": {{ $input.n }}}'}}
connections: [start -> switch, switch.middle -> out]
`,
		output: `{"was":7}`,
	},
	{
		name: "merge_two",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: data.set_data, params: {mapping_map: {a: 1}}}
  - {key: b, type: time.delay, params: {duration_ms: 300}}
  - {key: bb, type: data.set_data, params: {mapping_map: {b: 2}}}
  - {key: merge, type: data.merge, params: {strategy: merge}}
connections: [start -> a, start -> b, b -> bb, a -> merge.a, bb -> merge.b]
`,
		output: `{"a":1,"b":2}`,
	},
	{
		name: "join_any",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: quick, type: data.set_data, params: {mapping_map: quick}}
  - {key: unanswered, type: wait.wait_for_event, params: {event_type: rs_never}}
  - {key: join, type: core.log, settings: {join: any, cancels: [unanswered]}}
connections: [start -> quick, start -> unanswered, quick -> join, unanswered -> join]
`,
		output: `"quick"`,
	},
	{
		name: "join_two",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: data.set_data, params: {mapping_map: 1}}
  - {key: b, type: time.delay, params: {duration_ms: 200}}
  - {key: bb, type: data.set_data, params: {mapping_map: 2}}
  - {key: unanswered, type: wait.wait_for_event, params: {event_type: rs_never}}
  - {key: join, type: data.merge, settings: {join: 2, cancels: [unanswered]}}
connections: [start -> a, start -> b, b -> bb, start -> unanswered, a -> join.a, bb -> join.b, unanswered -> join.c]
`,
		output: `[1,2]`,
	},
	{
		name: "cancels_the_other",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: "yes", type: wait.wait_for_event, params: {event_type: rs_yes, event_filter: {id: $execution.id}}, settings: {cancels: [unanswered, late]}}
  - {key: unanswered, type: wait.wait_for_event, params: {event_type: rs_no}, settings: {cancels: ["yes", late]}}
  - {key: late, type: time.delay, params: {duration_ms: 3600000}, settings: {cancels: ["yes", unanswered]}}
  - {key: out, type: code.expr, params: {expression: "$input.answer"}}
connections: [start -> yes, start -> unanswered, start -> late, yes -> out, unanswered -> out, late -> out]
`,
		output: `"yes"`,
	},
	{
		name: "each_single",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: $input.list}}
  - {key: pay, type: test.effect, params: {name: "{{ $trigger.case }}/pay"}}
  - {key: times, type: code.expr, params: {expression: "$nodes.each.output * 10"}}
connections: [start -> each, each.loop -> pay, pay -> times, times -> each]
`,
		output: `[10,20,30]`, effects: map[string]int{"effect/pay": 3},
	},
	{
		name: "each_batch",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: $input.list, mode: batch, batch_size: 2}}
  - {key: total, type: code.expr, params: {expression: "sum($nodes.each.output)"}}
connections: [start -> each, each.loop -> total, total -> each]
`,
		output: `[3,3]`,
	},
	{
		name: "each_parallel",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: $input.list, parallel: 3}}
  - {key: pay, type: test.effect, params: {name: "{{ $trigger.case }}/pay"}}
  - {key: times, type: code.expr, params: {expression: "$nodes.each.output * 10"}}
  - {key: out, type: code.expr, params: {expression: "sum($input)"}}
connections: [start -> each, each.loop -> pay, pay -> times, times -> each, each.done -> out]
`,
		output: `60`, effects: map[string]int{"effect/pay": 3},
	},
	{
		name: "each_nested",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: outer, type: core.for_each, params: {collection: [[1, 2], [3]], parallel: 2}}
  - {key: inner, type: core.for_each, params: {collection: $nodes.outer.output}}
  - {key: times, type: code.expr, params: {expression: "$nodes.inner.output * 10"}}
connections: [start -> outer, outer.loop -> inner, inner.loop -> times, times -> inner, inner.done -> outer]
`,
		output: `[[10,20],[30]]`,
	},
	{
		name: "each_waits",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: $input.list, parallel: 2}}
  - {key: wait, type: wait.wait_for_event, params: {event_type: rs_item, event_filter: {id: $execution.id, item: $nodes.each.output}}}
  - {key: nap, type: time.delay, params: {duration_ms: 200}}
  - {key: out, type: code.expr, params: {expression: "[$nodes.wait.output.item, $nodes.wait.output.answer]"}}
connections: [start -> each, each.loop -> wait, wait -> nap, nap -> out, out -> each]
`,
		output: `[[1,"yes"],[2,"yes"],[3,"yes"]]`,
	},
	{
		name: "each_breaks",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: $input.list}}
  - {key: if, type: logic.if_condition, params: {condition: "$input == 2"}}
  - {key: found, type: data.set_data, params: {mapping_map: found}}
connections: [start -> each, each.loop -> if, if.false -> each, if.true -> found, found -> each.break]
`,
		output: `[1,"found"]`,
	},
	{
		name: "each_breaks_while_another_waits",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: [1, 2], parallel: 2}}
  - {key: wait, type: wait.wait_for_event, params: {event_type: rs_break, event_filter: {id: $execution.id, by: "{{ $nodes.each.output == 2 ? 'us' : 'nobody' }}"}}}
  - {key: found, type: data.set_data, params: {mapping_map: found}}
connections: [start -> each, each.loop -> wait, wait -> found, found -> each.break]
`,
		output: `[null,"found"]`,
	},
	{
		name: "each_item_fails",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: $input.list, on_item_error: continue}}
  - {key: odd, type: logic.switch, params: {cases: [{condition: "$input != 2", port: main}]}}
  - {key: out, type: data.set_data, params: {mapping_map: ["{{ $input[0] }}", "{{ $input[1].error.code }}", "{{ $input[2] }}"]}}
connections: [start -> each, each.loop -> odd, odd -> each, each.done -> out]
`,
		output: `[1,"no_matching_case",3]`,
	},
	{
		name: "wait_interval",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait, params: {mode: interval, duration: 1.2, unit: seconds, pass_through: true}}
  - {key: out, type: code.expr, params: {expression: "[$input.input.n, $input.resumed]"}}
connections: [start -> wait, wait -> out]
`,
		output: `[7,{}]`,
	},
	{
		name: "wait_schedule", clock: true, // its date may have passed when it is run again
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait, params: {mode: schedule, schedule_at: $input.soon, on_past: continue}}
connections: [start -> wait]
`,
		output: `{}`,
	},
	{
		name: "wait_webhook",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait, params: {mode: webhook}}
connections: [start -> wait]
`,
		output: `{"answer":"yes"}`,
	},
	{
		name: "wait_webhook_times_out",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: unanswered, type: wait.wait, params: {mode: webhook, timeout_hours: 0.0003}}
  - {key: out, type: code.expr, params: {expression: "$input.type"}}
connections: [start -> unanswered, unanswered.timeout -> out]
`,
		output: `"timeout"`,
	},
	{
		name: "approval",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: gate, type: wait.approval, params: {title: "Pay {{ $input.n }}?", assignees: [ada], form: {type: object, properties: {n: {type: integer}}}, timeout_ms: 3600000, on_timeout: fail}}
  - {key: pay, type: test.effect, params: {name: "{{ $trigger.case }}/pay"}}
output: {by: "{{ $nodes.gate.output.by }}", decision: "{{ $nodes.gate.output.decision }}", form: "{{ $nodes.gate.output.form }}"}
connections: [start -> gate, gate.approved -> pay]
`,
		output: `{"by":"Ada","decision":"approved","form":{"n":7}}`, effects: map[string]int{"effect/pay": 1},
	},
	{
		name: "approval_reminds",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: unanswered, type: wait.approval, params: {title: "Open?", assignees: [ada], remind: {every_ms: 400, max: 2}, escalate_ms: 600, escalate_to: [grace], timeout_ms: 1500}}
  - {key: mail, type: core.log, params: {message: "reminder {{ $input.number }}"}}
  - {key: others, type: core.log, params: {message: "{{ $input.escalated_to }}"}}
  - {key: out, type: code.expr, params: {expression: "$input.decision"}}
connections: [start -> unanswered, unanswered.reminder -> mail, unanswered.escalated -> others, unanswered.timeout -> out]
`,
		output: `"timeout"`, loose: true, clock: true,
	},
	{
		name: "wait_event",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: rs_go, event_filter: {id: $execution.id}, timeout_ms: 3600000, on_timeout: fail}}
  - {key: pay, type: test.effect, params: {name: "{{ $trigger.case }}/pay"}}
output: "{{ $nodes.wait.output.answer }}"
connections: [start -> wait, wait -> pay]
`,
		output: `"yes"`, effects: map[string]int{"effect/pay": 1},
	},
	{
		name: "wait_event_early", early: "rs_early",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: unanswered, type: wait.wait_for_event, params: {event_type: rs_early, event_filter: {case: $trigger.case}}}
  - {key: out, type: code.expr, params: {expression: "$input.early"}}
connections: [start -> unanswered, unanswered -> out]
`,
		output: `true`,
	},
	{
		name: "wait_event_times_out",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: unanswered, type: wait.wait_for_event, params: {event_type: rs_never, timeout_ms: 1200, on_timeout: late}}
  - {key: out, type: code.expr, params: {expression: "$input.type"}}
connections: [start -> unanswered, unanswered.late -> out]
`,
		output: `"timeout"`,
	},
	{
		name: "wait_event_fails",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: unanswered, type: wait.wait_for_event, params: {event_type: rs_never, timeout_ms: 1200, on_timeout: fail}}
connections: [start -> unanswered]
`,
		status: flow.Failed, code: "timeout",
	},
	{
		name: "wait_any_event",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - key: wait
    type: wait.wait_for
    params: {for: [{name: answer, event_type: rs_any, event_filter: {id: $execution.id}, port: came}, {name: late, duration_ms: 3600000, port: late}]}
  - {key: out, type: code.expr, params: {expression: "[$input.came, $input.data.answer.answer]"}}
connections: [start -> wait, wait.came -> out]
`,
		output: `[["answer"],"yes"]`,
	},
	{
		name: "wait_any_time",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - key: unanswered
    type: wait.wait_for
    params: {for: [{name: answer, event_type: rs_never, port: came}, {name: late, duration_ms: 900, port: late}]}
  - {key: out, type: code.expr, params: {expression: "[$input.came, $input.data.late.type]"}}
connections: [start -> unanswered, unanswered.late -> out]
`,
		output: `[["late"],"delay_completed"]`,
	},
	{
		name: "wait_all",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - key: wait
    type: wait.wait_for
    params:
      need: all
      for: [{name: answer, event_type: rs_all, event_filter: {id: $execution.id}}, {name: nap, duration_ms: 800}, {name: kid, workflow_id: wait_all_child}]
  - {key: out, type: data.set_data, params: {mapping_map: [$input.came, $input.data.answer.answer, $input.data.kid.output]}}
connections: [start -> wait, wait -> out]
`,
		child: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: test.effect, params: {name: "{{ $trigger.case }}/pay"}}
  - {key: out, type: code.expr, params: {expression: "$trigger.n"}}
connections: [start -> pay, pay -> out]
`,
		output: `[["answer","nap","kid"],"yes",7]`, effects: map[string]int{"effect/pay": 1},
	},
	{
		name: "delay",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 1200}}
  - {key: pay, type: test.effect, params: {name: "{{ $trigger.case }}/pay"}}
output: "{{ $nodes.nap.output.type }}"
connections: [start -> nap, nap -> pay]
`,
		output: `"delay_completed"`, effects: map[string]int{"effect/pay": 1},
	},
	{
		name: "poll",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - key: poll
    type: poll.poll_until
    params: {endpoint: "WORLD/poll/{{ $trigger.case }}/job?after=2", method: POST, condition: "$response.status == 'completed'", interval_ms: 400}
  - {key: out, type: code.expr, params: {expression: "$input.attempts"}}
connections: [start -> poll, poll -> out]
`,
		output: `3`, effects: map[string]int{"poll/job": 3},
	},
	{
		name: "poll_times_out",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - key: poll
    type: poll.poll_until
    params: {endpoint: "WORLD/poll/{{ $trigger.case }}/job?after=9", method: POST, condition: "$response.status == 'completed'", interval_ms: 400, max_attempts: 2}
  - {key: out, type: code.expr, params: {expression: "$input.attempts"}}
connections: [start -> poll, poll.timeout -> out]
`,
		output: `2`, effects: map[string]int{"poll/job": 2},
	},
	{
		name: "child_sync",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: child_sync_child}}
  - {key: out, type: code.expr, params: {expression: "$input + 1"}}
connections: [start -> child, child -> out]
`,
		child: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 300}}
  - {key: pay, type: test.effect, params: {name: "{{ $trigger.case }}/pay"}}
  - {key: out, type: code.expr, params: {expression: "$trigger.n"}}
connections: [start -> nap, nap -> pay, pay -> out]
`,
		output: `8`, effects: map[string]int{"effect/pay": 1},
	},
	{
		name: "child_async",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: child_async_child, execution_mode: async, failure_strategy: continue}}
  - {key: out, type: code.expr, params: {expression: "$input.status"}}
connections: [start -> child, child -> out]
`,
		child: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: test.effect, params: {name: "{{ $trigger.case }}/pay"}}
  - {key: fail, type: logic.switch, params: {cases: [{condition: "false", port: main}]}}
connections: [start -> pay, pay -> fail]
`,
		output: `"failed"`, effects: map[string]int{"effect/pay": 1},
	},
	{
		name: "child_forgotten",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: child_forgotten_child, execution_mode: fire_and_forget}}
  - {key: out, type: code.expr, params: {expression: "len($input.execution_id)"}}
connections: [start -> child, child -> out]
`,
		child: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 300}}
  - {key: pay, type: test.effect, params: {name: "{{ $trigger.case }}/pay"}}
connections: [start -> nap, nap -> pay]
`,
		output: `23`, effects: map[string]int{"effect/pay": 1},
	},
	{
		name: "child_batch",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: list, type: data.set_data, params: {mapping_map: [{case: $trigger.case, i: 1}, {case: $trigger.case, i: 2}, {case: $trigger.case, i: 3}]}}
  - {key: children, type: workflow.execute_workflow, params: {workflow_id: child_batch_child, batch_mode: single}}
  - {key: out, type: code.expr, params: {expression: "map($input, .output)"}}
connections: [start -> list, list -> children, children -> out]
`,
		child: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: test.effect, params: {name: "{{ $trigger.case }}/pay"}}
  - {key: out, type: code.expr, params: {expression: "$trigger.i * 10"}}
connections: [start -> pay, pay -> out]
`,
		output: `[10,20,30]`, effects: map[string]int{"effect/pay": 3},
	},
	{
		name: "child_section",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: list, type: data.set_data, params: {mapping_map: [{case: $trigger.case, i: 1}, {case: $trigger.case, i: 2}, {case: $trigger.case, i: 3}]}}
  - {key: children, type: workflow.execute_workflow, params: {workflow_id: child_section_child, batch_mode: single, execution_mode: async}}
  - {key: out, type: code.expr, params: {expression: "map($input, .output)"}}
connections: [start -> list, list -> children, children -> out]
`,
		child: `
concurrency_key: "rs_child/{{ $input.case }}"
nodes:
  - {key: start, type: manual.trigger}
  - {key: inside, type: test.room, params: {name: "{{ $trigger.case }}/room"}}
  - {key: nap, type: time.delay, params: {duration_ms: 100}}
  - {key: out, type: code.expr, params: {expression: "$trigger.i * 10"}}
connections: [start -> inside, inside -> nap, nap -> out]
`,
		output: `[10,20,30]`, effects: map[string]int{"room/room": 3}, crowd: 1,
	},
	{
		name: "section",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 900}, settings: {concurrency_key: "rs/{{ $trigger.case }}"}}
  - {key: later, type: time.delay, params: {duration_ms: 200}}
  - {key: inside, type: test.room, params: {name: "{{ $trigger.case }}/room"}, settings: {concurrency_key: "rs/{{ $trigger.case }}"}}
  - {key: out, type: code.expr, params: {expression: "$trigger.n"}, settings: {join: all}}
connections: [start -> nap, start -> later, later -> inside, nap -> out, inside -> out]
`,
		output: `7`, effects: map[string]int{"room/room": 1}, crowd: 1,
	},
	{
		name: "child_spread",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: list, type: data.set_data, params: {mapping_map: [{case: $trigger.case, i: 1}, {case: $trigger.case, i: 2}]}}
  - {key: children, type: workflow.execute_workflow, params: {workflow_id: child_spread_child, batch_mode: single, execution_mode: async, distribution_window_ms: 1200}}
  - {key: out, type: code.expr, params: {expression: "map($input, .output)"}}
connections: [start -> list, list -> children, children -> out]
`,
		child: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: test.effect, params: {name: "{{ $trigger.case }}/pay"}}
  - {key: out, type: code.expr, params: {expression: "$trigger.i * 10"}}
connections: [start -> pay, pay -> out]
`,
		output: `[10,20]`, effects: map[string]int{"effect/pay": 2},
	},
	{
		name: "child_times_out", loose: true,
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: child_times_out_child, timeout_ms: 1200, failure_strategy: continue}}
  - {key: out, type: code.expr, params: {expression: "$input.sub_workflow_timeout"}}
connections: [start -> child, child -> out]
`,
		child: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: unanswered, type: wait.wait_for_event, params: {event_type: rs_never}}
connections: [start -> unanswered]
`,
		output: `true`,
	},
	{
		name: "child_closed", loose: true,
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: child_closed_child, execution_mode: fire_and_forget, parent_close_policy: terminate}}
  - {key: nap, type: time.delay, params: {duration_ms: 200}}
  - {key: out, type: code.expr, params: {expression: "$nodes.child.output.execution_id != nil"}}
connections: [start -> child, child -> nap, nap -> out]
`,
		child: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: unanswered, type: wait.wait_for_event, params: {event_type: rs_never}}
connections: [start -> unanswered]
`,
		output: `true`,
	},
	{
		name: "wait_any_withdraws_a_child", loose: true,
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - key: wait
    type: wait.wait_for
    params: {for: [{name: kid, workflow_id: wait_any_withdraws_a_child_child}, {name: answer, event_type: rs_any, event_filter: {id: $execution.id}}]}
  - {key: out, type: code.expr, params: {expression: "$input.came"}}
connections: [start -> wait, wait -> out]
`,
		child: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: unanswered, type: wait.wait_for_event, params: {event_type: rs_never}}
connections: [start -> unanswered]
`,
		output: `["answer"]`,
	},
	{
		name: "times_out", loose: true, clock: true,
		nodes: `
timeout_ms: 4000
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 200}}
  - {key: unanswered, type: wait.wait_for_event, params: {event_type: rs_never}}
connections: [start -> nap, nap -> unanswered]
`,
		status: flow.TimedOut, code: "execution_timeout",
	},
	{
		name: "state",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: one, type: workflow.set_state, params: {count: "{{ ($execution.state.count ?? 0) + 1 }}", gone: x}}
  - {key: two, type: workflow.set_state, params: {count: "{{ $execution.state.count + 1 }}", gone: null}}
  - {key: out, type: code.expr, params: {expression: "$execution.state"}}
connections: [start -> one, one -> two, two -> out]
`,
		output: `{"count":2}`,
	},
	{
		name: "loop",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: count, type: workflow.set_state, params: {count: "{{ ($execution.state.count ?? 0) + 1 }}"}}
  - {key: again, type: logic.if_condition, params: {condition: "$execution.state.count < 3"}}
  - {key: out, type: code.expr, params: {expression: "$execution.state.count"}}
connections: [start -> count, count -> again, again.true -> count, again.false -> out]
`,
		output: `3`,
	},
	{
		name: "sequential",
		nodes: `
mode: sequential
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: code.expr, params: {expression: "$input.n"}}
  - {key: nap, type: time.delay, params: {duration_ms: 200}}
  - {key: b, type: code.expr, params: {expression: "$nodes.a.output + 1"}}
  - {key: out, type: data.merge}
connections: [start -> a, start -> b, a -> nap, nap -> out.a, b -> out.b]
output: "{{ $nodes.b.output }}"
`,
		output: `8`,
	},
	{
		name: "retry",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - key: call
    type: http.request
    params: {url: "WORLD/attempt/{{ $trigger.case }}/call?fail=2", method: POST}
    settings: {retry_on_failed: true, max_retries: 3, retry_delay_ms: 300}
  - {key: out, type: code.expr, params: {expression: "$input.status"}}
connections: [start -> call, call -> out]
`,
		output: `200`, effects: map[string]int{"attempt/call": 1},
	},
	{
		name: "retry_exhausted",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - key: call
    type: http.request
    params: {url: "WORLD/attempt/{{ $trigger.case }}/call?fail=9", method: POST}
    settings: {retry_on_failed: true, max_retries: 1, retry_delay_ms: 300, on_error: continue_error_output}
  - {key: out, type: code.expr, params: {expression: "$nodes.call.error.code"}}
connections: [start -> call, call.error -> out]
`,
		output: `"http_status"`, effects: map[string]int{"attempt/call": 1},
	},
	{
		name: "error_continues",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: fail, type: logic.switch, params: {cases: [{condition: "false", port: main}]}, settings: {on_error: continue}}
  - {key: out, type: code.expr, params: {expression: "$nodes.fail.error.code"}}
connections: [start -> fail, fail -> out]
`,
		output: `"no_matching_case"`,
	},
	{
		name: "undo_failed",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: seat, type: test.effect, params: {name: "{{ $trigger.case }}/seat"}, settings: {on_cancel: unseat}}
  - {key: hotel, type: code.expr, params: {expression: "$trigger.n"}, settings: {on_cancel: leave}}
  - {key: fail, type: logic.switch, params: {cases: [{condition: "false", port: main}]}}
  - {key: unseat, type: test.effect, params: {name: "{{ $trigger.case }}/unseat"}}
  - {key: leave, type: time.delay, params: {duration_ms: 300}}
connections: [start -> seat, seat -> hotel, hotel -> fail]
`,
		status: flow.Failed, code: "no_matching_case", effects: map[string]int{"effect/seat": 1, "effect/unseat": 1},
	},
	{
		name: "undo_cancelled",
		nodes: `
nodes:
  - {key: start, type: manual.trigger}
  - {key: seat, type: test.effect, params: {name: "{{ $trigger.case }}/seat"}, settings: {on_cancel: unseat}}
  - {key: cancel, type: wait.wait_for_event, params: {event_type: rs_cancel}}
  - {key: unseat, type: test.effect, params: {name: "{{ $trigger.case }}/unseat"}}
connections: [start -> seat, seat -> cancel]
`,
		status: flow.Cancelled, code: "cancelled", effects: map[string]int{"effect/seat": 1, "effect/unseat": 1},
	},
}
