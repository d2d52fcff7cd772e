package failpoints

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine"
	"prana/engine/flow"
)

// broken fails until the world is mended.
const broken = `
id: broken
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: test.effect, params: {out: paid}}
  - {key: ship, type: test.effect, params: {broken: true, out: shipped}}
connections: [start -> pay, pay -> ship]
`

// alerting uses up its retries and tells somebody.
func alerting(id, whom string) string {
	return `
id: ` + id + `
on_retry_exhausted: ` + whom + `
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: test.effect, params: {fails: 9}, settings: {retry_on_failed: true, max_retries: 1, retry_delay_ms: 1}}
connections: [start -> pay]
`
}

// operatorScenarios are what people do who keep it running.
var operatorScenarios = []*Scenario{
	{
		Name: "a deployment",
		Play: func(s *Stage) {
			const source = `
id: fresh
nodes:
  - {key: start, type: schedule.cron_trigger, params: {cron_pattern: "0 0 1 1 *"}}
  - {key: act, type: test.effect, params: {out: VERSION}, settings: {queue: slow}}
connections: [start -> act]
`
			s.deployed(strings.ReplaceAll(source, "VERSION", "1"))
			s.deployed(strings.ReplaceAll(source, "VERSION", "2"))
			infos, err := s.store.Versions(s.ctx, "fresh")
			s.must(err)
			queues, err := s.store.Queues(s.ctx)
			s.must(err)
			s.tell("%d versions, queues %v", len(infos), queues)
			s.ends(s.start("fresh", "s1", `null`))
		},
		Want: `
fresh/s1 completed 2: act, start
effect act: 1
2 versions, queues [slow]
`,
	},
	{
		Name:    "a retry of what failed",
		Sources: []string{broken},
		Play: func(s *Stage) {
			x := s.start("broken", "s1", `null`)
			s.ends(x)
			s.world.mend()
			s.retry(x, "again")
			s.ends(x)
		},
		Want: `
broken/s1 completed "shipped": pay, ship, start
effect pay: 1
effect ship: 1
`,
	},
	{
		Name:    "a rerun of what failed",
		Sources: []string{broken},
		Play: func(s *Stage) {
			x := s.start("broken", "s1", `null`)
			s.ends(x)
			s.world.mend()
			var r flow.RerunResult
			s.with("rerunning", func(ctx context.Context, e *engine.Engine) (err error) {
				r, err = e.Rerun(ctx, flow.RerunRequest{Execution: x, From: "ship", ID: "again"})
				return err
			})
			s.ends(r.ExecutionID)
		},
		Want: `
broken/again again completed "shipped": pay kept, ship, start kept
broken/s1 failed (error): pay, ship failed, start
effect pay: 1
effect ship: 2
`,
	},
	{
		Name: "alerts",
		Sources: []string{
			alerting("by_workflow", "{workflow: told}"), alerting("by_event", "{event: exhausted}"), alerting("by_url", "{url: http://ops.test/}"),
			`
id: told
nodes:
  - {key: start, type: manual.trigger}
  - {key: act, type: test.effect, params: {out: $input.node}}
connections: [start -> act]
`,
		},
		Play: func(s *Stage) {
			s.ends(s.start("by_workflow", "s1", `null`), s.start("by_event", "s1", `null`), s.start("by_url", "s1", `null`))
			s.settle()
		},
		Want: `
by_event/s1 failed (error): pay failed attempt 1, start
by_url/s1 failed (error): pay failed attempt 1, start
by_workflow/s1 failed (error): pay failed attempt 1, start
told/ALERT completed "pay": act, start
effect act: 1
effect pay: 3
kept event ALERT
post
`,
	},
	{
		Name:    "a purge",
		Sources: []string{waiting, parentOf("waiting", "execution_mode: sync"), broken},
		Play: func(s *Stage) {
			x := s.start("parent", "s1", `null`)
			s.waits(x, "call")
			y := s.childOf(x, "call")
			s.waits(y, "hear")
			s.cancel(x, "c1")
			s.ends(x, y, s.start("broken", "s1", `null`))
			s.settle()
			time.Sleep(2 * time.Millisecond) // so that all of them ended in the past
			ages := map[flow.Status]time.Duration{flow.Cancelled: 0, flow.Failed: 0}
			s.ask("purging", func(ctx context.Context, p *process) error {
				_, err := p.store.Purge(ctx, 0, ages, 100)
				return err
			})
			s.tell("keys of the partition: %v", slices.Sorted(slices.Values(s.raw.Keys(s.ctx, "{prana-0}:*").Val())))
			s.tell("start ids: %v", s.raw.Keys(s.ctx, "{prana-r*}:start:*").Val())
		},
		Want: `
effect pay: 2
effect refund: 1
effect ship: 1
keys of the partition: [{prana-0}:types {prana-0}:workflows]
start ids: []
`,
	},
}

// rewindSchedule makes a schedule of the first of January look as if nobody had been there for so many years.
func (s *Stage) rewindSchedule(workflow string, years int) {
	keys := s.raw.Keys(s.ctx, "{prana-r*}:cron:"+workflow).Val()
	if len(keys) != 1 {
		s.fail("the schedule stands in %v", keys)
	}
	now, err := s.raw.Time(s.ctx).Result()
	s.must(err)
	after := time.Date(now.UTC().Year()-years, time.June, 1, 0, 0, 0, 0, time.UTC)
	s.must(s.raw.HSet(s.ctx, keys[0], "after", after.UnixMilli()).Err())
	s.must(s.raw.ZAdd(s.ctx, strings.TrimSuffix(keys[0], "cron:"+workflow)+"crons", redis.Z{Member: workflow}).Err())
}
