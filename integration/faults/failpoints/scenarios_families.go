package failpoints

// child does one thing, or waits first.
const child = `
id: child
nodes:
  - {key: start, type: manual.trigger}
  - {key: act, type: test.effect, params: {out: $input.n}}
connections: [start -> act]
`

const waiting = `
id: waiting
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: test.effect, params: {out: 1}, settings: {on_cancel: refund}}
  - {key: hear, type: wait.wait_for_event, params: {event_type: never}}
  - {key: refund, type: test.effect, params: {out: 2}}
connections: [start -> pay, pay -> hear]
`

// parentOf starts a child in a mode.
func parentOf(workflow, mode string) string {
	return `
id: parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: call, type: workflow.execute_workflow, params: {workflow_id: ` + workflow + `, ` + mode + `, input_data: {n: 1}}}
  - {key: after, type: test.effect, params: {out: done}}
connections: [start -> call, call -> after]
`
}

// familyScenarios have executions that start others.
var familyScenarios = []*Scenario{
	{
		Name:    "a child that is waited for",
		Sources: []string{child, parentOf("child", "execution_mode: sync")},
		Play:    func(s *Stage) { s.ends(s.start("parent", "s1", `null`)) },
		Want: `
child of parent completed 1: act, start
parent/s1 completed "done": after, call by child, start
effect act: 1
effect after: 1
`,
	},
	{
		Name:    "a child in a queue",
		Sources: []string{child, parentOf("child", "execution_mode: async, queue: slow")},
		Play:    func(s *Stage) { s.ends(s.start("parent", "s1", `null`)) },
		Want: `
child of parent completed 1: act, start
parent/s1 completed "done": after, call by child, start
effect act: 1
effect after: 1
`,
	},
	{
		Name:    "a child that is forgotten",
		Sources: []string{child, parentOf("child", "execution_mode: fire_and_forget")},
		Play: func(s *Stage) {
			x := s.start("parent", "s1", `null`)
			s.ends(x)
			s.ends(s.childOf(x, "call"))
		},
		Want: `
child of parent completed 1: act, start
parent/s1 completed "done": after, call, start
effect act: 1
effect after: 1
`,
	},
	{
		Name:    "a parent that is cancelled",
		Sources: []string{waiting, parentOf("waiting", "execution_mode: sync")},
		Play: func(s *Stage) {
			x := s.start("parent", "s1", `null`)
			s.waits(x, "call")
			y := s.childOf(x, "call")
			s.waits(y, "hear")
			s.cancel(x, "c1")
			s.ends(x, y)
		},
		Want: `
parent/s1 cancelled (cancelled): call cancelled, start
waiting of parent cancelled (cancelled): hear cancelled, pay, refund, start
effect pay: 1
effect refund: 1
`,
	},
	{
		Name: "a parent that ends before its child",
		Sources: []string{waiting, `
id: parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: call, type: workflow.execute_workflow, params: {workflow_id: waiting, execution_mode: fire_and_forget, parent_close_policy: request_cancel}}
  - {key: hear, type: wait.wait_for_event, params: {event_type: end}}
connections: [start -> call, call -> hear]
`},
		Play: func(s *Stage) {
			x := s.start("parent", "s1", `null`)
			s.waits(x, "hear")
			y := s.childOf(x, "call")
			s.waits(y, "hear")
			s.publish(event("e1", "end", `"ended"`))
			s.ends(x, y)
		},
		Want: `
parent/s1 completed "ended": call, hear by event, start
waiting of parent cancelled (cancelled): hear cancelled, pay, refund, start
effect pay: 1
effect refund: 1
event e1 reached 1, is kept: false
`,
	},
	{
		Name:    "a cancellation that undoes",
		Sources: []string{waiting},
		Play: func(s *Stage) {
			x := s.start("waiting", "s1", `null`)
			s.waits(x, "hear")
			s.cancel(x, "c1")
			s.ends(x)
		},
		Want: `
waiting/s1 cancelled (cancelled): hear cancelled, pay, refund, start
effect pay: 1
effect refund: 1
`,
	},
}
