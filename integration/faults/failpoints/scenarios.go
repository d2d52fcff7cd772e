package failpoints

import (
	"context"
	"encoding/json"
	"slices"

	"prana/engine"
	"prana/engine/flow"
)

// Scenarios are what is broken off at every command.
func Scenarios() []*Scenario {
	return slices.Concat(plainScenarios, waitScenarios, familyScenarios, operatorScenarios, workerScenarios)
}

// plainScenarios are workflows that need nobody once they were started.
var plainScenarios = []*Scenario{
	{
		Name: "a chain",
		Sources: []string{`
id: chain
output: $nodes.two.output
nodes:
  - {key: start, type: manual.trigger}
  - {key: one, type: test.effect, params: {out: $input.n}}
  - {key: two, type: test.effect, params: {out: "{{ $input + 1 }}"}}
connections: [start -> one, one -> two]
`},
		Play: func(s *Stage) { s.ends(s.start("chain", "s1", `{"n": 1}`)) },
		Want: `
chain/s1 completed 2: one, start, two
effect one: 1
effect two: 1
`,
	},
	{
		Name: "a chain that somebody follows",
		Sources: []string{`
id: followed
nodes:
  - {key: start, type: manual.trigger}
  - {key: one, type: test.effect, params: {out: $input}}
connections: [start -> one]
`},
		Play: func(s *Stage) {
			from := s.follow()
			s.ends(s.start("followed", "s1", `7`))
			s.tell("the feed: %v", s.followed(from))
		},
		Want: `
followed/s1 completed 7: one, start
effect one: 1
the feed: [execution_started node_completed start node_completed one execution_completed]
`,
	},
	{
		Name: "the same start again and again",
		Sources: []string{`
id: again
nodes:
  - {key: start, type: manual.trigger}
  - {key: one, type: test.effect, params: {out: $input}}
connections: [start -> one]
`},
		Play: func(s *Stage) {
			first := s.start("again", "s1", `7`)
			same := s.start("again", "s1", `7`) == first
			s.ends(first)
			s.tell("the same: %t %t", same, s.start("again", "s1", `7`) == first)
		},
		Want: `
again/s1 completed 7: one, start
effect one: 1
the same: true true
`,
	},
	{
		Name: "a delay",
		Sources: []string{`
id: nap
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 1}}
  - {key: after, type: test.effect, params: {out: woke}}
connections: [start -> nap, nap -> after]
`},
		Play: func(s *Stage) { s.ends(s.start("nap", "s1", `null`)) },
		Want: `
nap/s1 completed "woke": after, nap by timer, start
effect after: 1
`,
	},
	{
		Name: "a node that fails twice",
		Sources: []string{`
id: flaky
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: test.effect, params: {fails: 2, out: paid}, settings: {retry_on_failed: true, max_retries: 2, retry_delay_ms: 1}}
connections: [start -> pay]
`},
		Play: func(s *Stage) { s.ends(s.start("flaky", "s1", `null`)) },
		Want: `
flaky/s1 completed "paid": pay attempt 2, start
effect pay: 1
`,
	},
	{
		Name: "branches that join",
		Sources: []string{`
id: joined
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: test.effect, params: {out: 1}}
  - {key: b, type: test.effect, params: {out: 2}}
  - {key: c, type: test.effect, params: {out: 3}}
  - {key: all, type: data.merge}
connections: [start -> a, start -> b, start -> c, a -> all.a, b -> all.b, c -> all.c]
`},
		Play: func(s *Stage) { s.ends(s.start("joined", "s1", `null`)) },
		Want: `
joined/s1 completed [1,2,3]: a, all, b, c, start
effect a: 1
effect b: 1
effect c: 1
`,
	},
	{
		Name: "each of a list",
		Sources: []string{`
id: each
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: $input, parallel: 2}}
  - {key: pay, type: test.effect, params: {out: "{{ $loop.item * 10 }}"}}
connections: [start -> each, each.loop -> pay, pay -> each]
`},
		Play: func(s *Stage) { s.ends(s.start("each", "s1", `[1, 2, 3]`)) },
		Want: `
each/s1 completed [10,20,30]: each -> done, each[0] -> loop, each[1] -> loop, each[2] -> loop, pay[0], pay[1], pay[2], start
effect pay: 3
`,
	},
	{
		Name: "a poll",
		Sources: []string{`
id: poll
nodes:
  - {key: start, type: manual.trigger}
  - {key: poll, type: poll.poll_until, params: {endpoint: "http://job.test/", condition: $response.done, interval_ms: 10}}
  - {key: after, type: test.effect, params: {out: $input.body.done}}
connections: [start -> poll, poll -> after]
`},
		Play: func(s *Stage) {
			x := s.start("poll", "s1", `null`)
			s.waits(x, "poll")
			s.world.mend()
			s.ends(x)
		},
		Want: `
poll/s1 completed true: after, poll by timer, start
effect after: 1
`,
	},
	{
		Name: "steps of a named queue",
		Sources: []string{`
id: queued
nodes:
  - {key: start, type: manual.trigger}
  - {key: slow, type: test.effect, params: {out: 1}, settings: {queue: slow}}
  - {key: nap, type: time.delay, params: {duration_ms: 1}, settings: {queue: slow}}
  - {key: here, type: test.effect, params: {out: 2}}
connections: [start -> slow, slow -> nap, nap -> here]
`},
		Play: func(s *Stage) { s.ends(s.start("queued", "s1", `null`)) },
		Want: `
queued/s1 completed 2: here, nap by timer, slow, start
effect here: 1
effect slow: 1
`,
	},
	{
		Name: "a deadline",
		Sources: []string{`
id: late
timeout_ms: 3600000
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: test.effect, params: {out: 1}, settings: {on_cancel: refund}}
  - {key: hear, type: wait.wait_for_event, params: {event_type: never}}
  - {key: refund, type: test.effect, params: {out: $input}}
connections: [start -> pay, pay -> hear]
`},
		Play: func(s *Stage) {
			x := s.start("late", "s1", `null`)
			s.waits(x, "hear")
			s.hourLater(x)
			s.ends(x)
		},
		Want: `
late/s1 timed_out (execution_timeout): hear cancelled, pay, refund, start
effect pay: 1
effect refund: 1
`,
	},
	{
		Name: "a step that kills whoever runs it",
		Sources: []string{`
id: poison
nodes:
  - {key: start, type: manual.trigger}
  - {key: poison, type: test.effect, params: {kills: 3, out: alive}}
connections: [start -> poison]
`},
		Play: func(s *Stage) { s.ends(s.start("poison", "s1", `null`)) },
		Want: `
poison/s1 completed "alive": poison, start
effect poison: 1
`,
		Rounds: 6, // each death is found within two
	},
	{
		Name: "ticks of a schedule",
		Sources: []string{`
id: yearly
nodes:
  - {key: tick, type: schedule.cron_trigger, params: {cron_pattern: "0 0 1 1 *", timezone: UTC, misfire: all}}
  - {key: act, type: test.effect, params: {out: $input.scheduled_at}}
connections: [tick -> act]
`},
		Play: func(s *Stage) {
			s.rewindSchedule("yearly", 2)
			s.until("two ticks started something", func() bool {
				_ = s.do(func(ctx context.Context, p *process) error {
					_, err := p.engine.Tick(ctx)
					return err
				})
				page, err := s.store.Executions(s.ctx, flow.ExecutionFilter{})
				s.must(err)
				return len(page.Items) == 2
			})
		},
		Want: `
yearly/cron:LASTYEAR-01-01T00:00:00Z completed "LASTYEAR-01-01T00:00:00.000Z": act, tick
yearly/cron:THISYEAR-01-01T00:00:00Z completed "THISYEAR-01-01T00:00:00.000Z": act, tick
effect act: 2
`,
	},
	{
		Name:    "what durable middleware is told",
		Durable: true,
		Sources: []string{`
id: told
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 1}}
  - {key: end, type: test.effect, params: {out: done}}
connections: [start -> nap, nap -> end]
`},
		Play: func(s *Stage) { s.ends(s.start("told", "s1", `null`)) },
		Want: `
told/s1 completed "done": end, nap by timer, start
effect end: 1
notice 01 execution_started
notice 02 node_completed start
notice 03 node_suspended nap
notice 04 execution_suspended
notice 05 execution_resumed
notice 06 node_resumed nap
notice 07 node_completed nap
notice 08 node_completed end
notice 09 execution_completed
`,
	},
}

func (s *Stage) deployed(src string) {
	w := s.workflow(src)
	s.with("deploying", func(ctx context.Context, e *engine.Engine) error {
		_, _, err := e.Deploy(ctx, w)
		return err
	})
}

func event(id, kind, data string) flow.Event {
	return flow.Event{ID: id, Type: kind, Data: json.RawMessage(data)}
}
