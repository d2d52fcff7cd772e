package failpoints

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"prana/engine/flow"
)

// hears waits for one event.
const hears = `
id: hears
nodes:
  - {key: start, type: manual.trigger}
  - {key: hear, type: wait.wait_for_event, params: {event_type: go, event_filter: {n: $input.n}}}
  - {key: after, type: test.effect, params: {out: $input}}
connections: [start -> hear, hear -> after]
`

// rivals compete for an event.
const rivals = `
id: rivals
nodes:
  - {key: start, type: manual.trigger}
  - {key: hear, type: wait.wait_for_event, params: {event_type: job, takers: "1", match: $event.data.size <= 10}}
  - {key: after, type: test.effect, params: {out: $input.size}}
connections: [start -> hear, hear -> after]
`

// waitScenarios are workflows that wait for something from outside.
var waitScenarios = []*Scenario{
	{
		Name:    "an event for a wait",
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
	{
		Name:    "an event before its wait",
		Sources: []string{hears},
		Play: func(s *Stage) {
			s.publish(event("e1", "go", `{"n": 1}`))
			s.publish(event("e2", "go", `{"n": 2}`))
			s.ends(s.start("hears", "s1", `{"n": 1}`))
			late := s.start("hears", "s2", `{"n": 1}`) // there is nothing left for it
			s.waits(late, "hear")
			s.cancel(late, "c1")
			s.ends(late)
		},
		Want: `
hears/s1 completed {"n":1}: after, hear by event, start
hears/s2 cancelled (cancelled): hear cancelled, start
effect after: 1
kept event e2
event e1 reached 0, is kept: true
event e2 reached 0, is kept: true
`,
	},
	{
		Name:    "an event for many",
		Sources: []string{hears},
		Play: func(s *Stage) {
			var ids []string
			for _, start := range []string{"s1", "s2", "s3"} {
				ids = append(ids, s.start("hears", start, `{"n": 1}`))
			}
			for _, id := range ids {
				s.waits(id, "hear")
			}
			s.publish(event("e1", "go", `{"n": 1}`))
			s.ends(ids...)
		},
		Want: `
hears/s1 completed {"n":1}: after, hear by event, start
hears/s2 completed {"n":1}: after, hear by event, start
hears/s3 completed {"n":1}: after, hear by event, start
effect after: 3
event e1 reached 3, is kept: false
`,
	},
	{
		Name:    "two that compete for events",
		Sources: []string{rivals},
		Play: func(s *Stage) {
			one := s.start("rivals", "s1", `null`)
			two := s.start("rivals", "s2", `null`)
			s.waits(one, "hear")
			s.waits(two, "hear")
			s.publish(event("big", "job", `{"size": 11}`))
			s.publish(event("e1", "job", `{"size": 1}`))
			s.publish(event("e2", "job", `{"size": 1}`))
			s.ends(one, two)
		},
		Want: `
rivals/s1 completed 1: after, hear by event, start
rivals/s2 completed 1: after, hear by event, start
effect after: 2
kept event big
event big reached 0, is kept: true
event e1 reached 1, is kept: false
event e2 reached 1, is kept: false
`,
	},
	{
		Name: "a wait whose time runs out",
		Sources: []string{`
id: short
nodes:
  - {key: start, type: manual.trigger}
  - {key: hear, type: wait.wait_for_event, params: {event_type: never, timeout_ms: 1, on_timeout: late}}
  - {key: after, type: test.effect, params: {out: on time}}
  - {key: late, type: test.effect, params: {out: late}}
connections: [start -> hear, hear -> after, hear.late -> late]
`},
		Play: func(s *Stage) { s.ends(s.start("short", "s1", `null`)) },
		Want: `
short/s1 completed "late": hear by timeout -> late, late, start
effect late: 1
`,
	},
	{
		Name:    "a resume by hand",
		Sources: []string{hears},
		Play: func(s *Stage) {
			x := s.start("hears", "s1", `{"n": 1}`)
			s.waits(x, "hear")
			s.resume(x, "hear", "r1", `"brought"`)
			s.ends(x)
		},
		Want: `
hears/s1 completed "brought": after, hear by manual, start
effect after: 1
resume r1 for hear
`,
	},
	{
		Name:    "a letter before its wait",
		Sources: []string{hears},
		Play: func(s *Stage) {
			x := s.start("hears", "s1", `{"n": 1}`)
			s.resume(x, "hear", "r1", `"brought"`)
			s.ends(x)
		},
		Want: `
hears/s1 completed "brought": after, hear by manual, start
effect after: 1
resume r1 for hear
`,
	},
	{
		Name: "a resume by URL",
		Sources: []string{`
id: mailed
nodes:
  - {key: start, type: manual.trigger}
  - {key: mail, type: test.effect, params: {out: $execution.resume_urls.hear}}
  - {key: hear, type: wait.wait_for_event, params: {event_type: never}}
  - {key: after, type: test.effect, params: {out: $input}}
connections: [start -> mail, mail -> hear, hear -> after]
`},
		Play: func(s *Stage) {
			x := s.start("mailed", "s1", `null`)
			s.waits(x, "hear")
			s.call(x)
			s.ends(x)
		},
		Want: `
mailed/s1 completed "clicked": after, hear by url, mail, start
effect after: 1
effect mail: 1
`,
	},
	{
		Name: "an approval with a reminder",
		Sources: []string{`
id: gate
nodes:
  - {key: start, type: manual.trigger}
  - {key: gate, type: wait.approval, params: {title: "Open?", remind: {every_ms: 1, max: 1}}}
  - {key: mail, type: test.effect, params: {out: $input.number}}
  - {key: open, type: test.effect, params: {out: $input.by}}
connections: [start -> gate, gate.reminder -> mail, gate.approved -> open]
`},
		Play: func(s *Stage) {
			x := s.start("gate", "s1", `null`)
			s.until("the reminder is sent", func() bool {
				for _, n := range s.view(x).Nodes {
					if n.Node == "mail" && n.Status == flow.StepCompleted {
						return true
					}
				}
				return false
			})
			s.waits(x, "gate")
			s.resume(x, "gate", "r1", `{"decision": "approved"}`)
			s.ends(x)
		},
		Want: `
gate/s1 completed "ada": gate by manual -> approved, mail, open, start
effect mail: 1
effect open: 1
resume r1 for gate
`,
	},
	{
		Name: "a section for one",
		Sources: []string{`
id: section
nodes:
  - {key: start, type: manual.trigger}
  - {key: inside, type: wait.wait_for_event, params: {event_type: leave, event_filter: {n: $input.n}}, settings: {concurrency_key: vault, concurrency_limit: 1}}
  - {key: after, type: test.effect, params: {out: $input.n}}
connections: [start -> inside, inside -> after]
`},
		Play: func(s *Stage) {
			one := s.start("section", "s1", `{"n": 1}`)
			s.waits(one, "inside")
			two := s.start("section", "s2", `{"n": 2}`)
			s.waits(two, "inside")
			s.publish(event("e1", "leave", `{"n": 1}`))
			s.ends(one)
			s.hears(two, "leave")
			s.publish(event("e2", "leave", `{"n": 2}`))
			s.ends(two)
		},
		Want: `
section/s1 completed 1: after, inside by event, start
section/s2 completed 2: after, inside by event, start
effect after: 2
event e1 reached 1, is kept: false
event e2 reached 1, is kept: false
`,
	},
}

// call has somebody follow the URL that was mailed.
func (s *Stage) call(id string) {
	var url string
	for _, n := range s.view(id).Nodes {
		if n.Node == "mail" {
			s.must(json.Unmarshal(n.Output, &url))
		}
	}
	_, token, _ := strings.Cut(url, "/resume/")
	s.ask("following the URL", func(ctx context.Context, p *process) error {
		_, err := p.engine.ResumeByToken(ctx, token, flow.ResumeRequest{Data: json.RawMessage(`"clicked"`)})
		if errors.Is(err, flow.ErrConflict) && strings.HasSuffix(err.Error(), "url was first") {
			return nil // a click has no id: who clicks again is told that it was done
		}
		return err
	})
}
