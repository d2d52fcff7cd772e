package failpoints

// workerScenarios are worked by the product's own worker, so that asynq's commands fail, too.
var workerScenarios = []*Scenario{
	{
		Name:   "a chain on asynq",
		Worker: true,
		Sources: []string{`
id: chain
output: $nodes.two.output
nodes:
  - {key: start, type: manual.trigger}
  - {key: one, type: test.effect, params: {out: $input.n}}
  - {key: nap, type: time.delay, params: {duration_ms: 1}}
  - {key: two, type: test.effect, params: {out: "{{ $nodes.one.output + 1 }}"}}
connections: [start -> one, one -> nap, nap -> two]
`},
		Play: func(s *Stage) { s.ends(s.start("chain", "s1", `{"n": 1}`)) },
		Want: `
chain/s1 completed 2: nap by timer, one, start, two
effect one: 1
effect two: 1
`,
	},
	{
		Name:    "an event on asynq",
		Worker:  true,
		Sources: []string{hears},
		Play: func(s *Stage) {
			x := s.start("hears", "s1", `{"n": 1}`)
			s.waits(x, "hear")
			s.publish(event("e1", "go", `{"n": 1}`))
			s.ends(x)
		},
		Want: `
hears/s1 completed {"n":1}: after, hear by event, start
effect after: 1
event e1 reached 1, is kept: false
`,
	},
}
