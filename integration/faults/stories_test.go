package faults

import "prana/integration/faults/partner"

// replyStory is a workflow, what is to be told to it, and what it must come to.
type replyStory struct {
	name    string
	sources []string // the last is the workflow
	event   string   // its type; empty = none
	steps   int
	end     func(id string) string   // its output
	effects func(id string) []string // what its effects are done to; the name of each is "reply"
}

// digest is what an effect on a text leaves.
func digest(to string) string { return partner.Digest("reply", to) }

const replyEffect = `type: faults.effect, params: {name: reply, fail: 0, to: `

var replyStories = []replyStory{{
	name: "chain", steps: 4,
	sources: []string{`
id: chain
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, ` + replyEffect + `"{{ $input.id }}"}}
  - {key: b, ` + replyEffect + `"{{ $input }}"}}
  - {key: c, ` + replyEffect + `"{{ $input }}"}}
connections: [start -> a, a -> b, b -> c]
`},
	end:     func(id string) string { return digest(digest(digest(id))) },
	effects: func(id string) []string { return []string{id, digest(id), digest(digest(id))} },
}, {
	name: "event", steps: 3, event: "reply_event",
	sources: []string{`
id: event
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: reply_event, event_filter: {id: "{{ $input.id }}"}, timeout_ms: 600000, on_timeout: fail}}
  - {key: after, ` + replyEffect + `"{{ $input.id }}"}}
connections: [start -> wait, wait -> after]
`},
	end:     digest,
	effects: func(id string) []string { return []string{id} },
}, {
	name: "child", steps: 2,
	sources: []string{`
id: reply_child
nodes:
  - {key: start, type: manual.trigger}
  - {key: only, ` + replyEffect + `"{{ $input.id }}"}}
connections: [start -> only]
`, `
id: child
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: reply_child, execution_mode: async, timeout_ms: 600000}}
connections: [start -> child]
`},
	end:     digest,
	effects: func(id string) []string { return []string{id} },
}, {
	name: "delay", steps: 3,
	sources: []string{`
id: delay
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 300}}
  - {key: after, ` + replyEffect + `"{{ $nodes.start.output.id }}"}}
connections: [start -> nap, nap -> after]
`},
	end:     digest,
	effects: func(id string) []string { return []string{id} },
}, {
	name: "fan-out", steps: 5,
	sources: []string{`
id: fan-out
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, ` + replyEffect + `"{{ $input.id }}a"}}
  - {key: b, ` + replyEffect + `"{{ $input.id }}b"}}
  - {key: c, ` + replyEffect + `"{{ $input.id }}c"}}
  - {key: all, ` + replyEffect + `"{{ $nodes.a.output }}{{ $nodes.b.output }}{{ $nodes.c.output }}"}, settings: {join: all}}
connections: [start -> a, start -> b, start -> c, a -> all, b -> all, c -> all]
`},
	end: func(id string) string { return digest(digest(id+"a") + digest(id+"b") + digest(id+"c")) },
	effects: func(id string) []string {
		return []string{id + "a", id + "b", id + "c", digest(id+"a") + digest(id+"b") + digest(id+"c")}
	},
}}
