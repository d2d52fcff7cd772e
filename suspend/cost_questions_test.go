package suspend_test

import (
	"time"

	"prana/engine/flow"
)

// questions are asked of a crowd whose others have much in common with what is asked for, but do not match.
type questions struct {
	others []grouped
	asks   func(w *crowd) map[string]ask
}

const eventType = "paid"

var costQuestions = map[string]questions{
	"executions unlike mine": {
		[]grouped{{workflow: "other", wide: 1}},
		func(w *crowd) map[string]ask {
			return map[string]ask{
				"executions":   executionsBy(flow.ExecutionFilter{}),
				"by status":    executionsBy(flow.ExecutionFilter{Status: flow.Suspended}),
				"by workflow":  executionsBy(flow.ExecutionFilter{Workflow: "mine"}),
				"by time":      executionsBy(flow.ExecutionFilter{Since: w.from, Until: w.until}),
				"one":          executionsBy(flow.ExecutionFilter{ID: w.one}),
				"by tag":       executionsBy(flow.ExecutionFilter{Tags: map[string]string{"of": "mine"}}),
				"asleep":       executionsBy(flow.ExecutionFilter{Tags: map[string]string{"of": "mine"}, Status: flow.Suspended}),
				"children":     executionsBy(flow.ExecutionFilter{Parent: w.few}),
				"relations":    relationsBy(flow.RelationFilter{}),
				"by parent":    relationsBy(flow.RelationFilter{Parent: w.few}),
				"many of one":  relationsBy(flow.RelationFilter{Parent: w.many}),
				"by child":     relationsBy(flow.RelationFilter{Child: w.one}),
				"by both":      relationsBy(flow.RelationFilter{Parent: w.few, Child: w.one}),
				"not its own":  relationsBy(flow.RelationFilter{Parent: w.many, Child: w.one}),
				"waits of one": suspensionsBy(flow.SuspensionFilter{Execution: w.one}),
				"sleep of one": delaysBy(flow.DelayFilter{Execution: w.one}),
			}
		},
	},
	"executions of the workflow or of the status": {
		[]grouped{{workflow: "mine", wide: 1}, {workflow: "other", kind: flow.CustomWait, wide: 1}},
		func(w *crowd) map[string]ask {
			return map[string]ask{
				"by status and parent":         executionsBy(flow.ExecutionFilter{Status: flow.Suspended, Parent: w.few}),
				"by status and workflow":       executionsBy(flow.ExecutionFilter{Status: flow.Suspended, Workflow: "mine"}),
				"by status and time":           executionsBy(flow.ExecutionFilter{Status: flow.Suspended, Since: w.from, Until: w.until}),
				"by workflow and time":         executionsBy(flow.ExecutionFilter{Workflow: "mine", Since: w.from, Until: w.until}),
				"by status, workflow and time": executionsBy(flow.ExecutionFilter{Status: flow.Suspended, Workflow: "mine", Since: w.from, Until: w.until}),
			}
		},
	},
	"waits unlike mine": {
		[]grouped{
			{"other", flow.CustomWait, "shipped", 10 * time.Minute, 200}, {"other", flow.CustomWait, "shipped", 0, 200}, {"other", flow.Retry, "", 3 * time.Hour, 200},
		},
		func(w *crowd) map[string]ask {
			return map[string]ask{
				"waits":         suspensionsBy(flow.SuspensionFilter{}),
				"by type":       suspensionsBy(flow.SuspensionFilter{Type: flow.ExternalEvent}),
				"by event type": suspensionsBy(flow.SuspensionFilter{EventType: eventType}),
				"by workflow":   suspensionsBy(flow.SuspensionFilter{Workflow: "mine"}),
				"by end":        suspensionsBy(flow.SuspensionFilter{ExpiresBefore: w.later, ExpiresAfter: w.soon}),
				"by late end":   suspensionsBy(flow.SuspensionFilter{ExpiresAfter: w.soon}),
				"delays":        delaysBy(flow.DelayFilter{}),
			}
		},
	},
	"waits of the type or the event type": {
		[]grouped{mine.but(otherType), mine.but(otherEvent)},
		func(*crowd) map[string]ask {
			return map[string]ask{"by both": suspensionsBy(flow.SuspensionFilter{Type: flow.ExternalEvent, EventType: eventType})}
		},
	},
	"waits of the type or the workflow": {
		[]grouped{mine.but(otherType), mine.but(elsewhere), mineAsleep.but(elsewhere)},
		func(*crowd) map[string]ask {
			return map[string]ask{
				"by both": suspensionsBy(flow.SuspensionFilter{Type: flow.ExternalEvent, Workflow: "mine"}),
				"delays":  delaysBy(flow.DelayFilter{Workflow: "mine"}),
			}
		},
	},
	"waits with the same end, type or event type": {
		[]grouped{mine.but(otherType), mine.but(otherEvent), mine.but(sooner), mine.but(never), mineAsleep.but(sooner)},
		func(w *crowd) map[string]ask {
			f := flow.SuspensionFilter{ExpiresBefore: w.later, ExpiresAfter: w.soon, Type: flow.ExternalEvent, EventType: eventType}
			return map[string]ask{"by all": suspensionsBy(f), "delays by end": delaysBy(flow.DelayFilter{From: w.soon, Until: w.later})}
		},
	},
	"waits with the same end or type": {
		[]grouped{mine.but(otherType), mine.but(sooner), mine.but(never)},
		func(w *crowd) map[string]ask {
			return map[string]ask{"by both": suspensionsBy(flow.SuspensionFilter{ExpiresBefore: w.later, ExpiresAfter: w.soon, Type: flow.ExternalEvent})}
		},
	},
	"waits with the same end or event type": {
		[]grouped{mine.but(otherEvent), mine.but(sooner), mine.but(never)},
		func(w *crowd) map[string]ask {
			return map[string]ask{"by both": suspensionsBy(flow.SuspensionFilter{ExpiresBefore: w.later, ExpiresAfter: w.soon, EventType: eventType})}
		},
	},
	"waits with the same end or workflow": {
		[]grouped{mine.but(elsewhere), mine.but(sooner), mine.but(never), mineAsleep.but(elsewhere), mineAsleep.but(sooner)},
		func(w *crowd) map[string]ask {
			f := flow.SuspensionFilter{ExpiresBefore: w.later, ExpiresAfter: w.soon, Workflow: "mine"}
			return map[string]ask{"by both": suspensionsBy(f), "delays": delaysBy(flow.DelayFilter{From: w.soon, Until: w.later, Workflow: "mine"})}
		},
	},
	"waits with the same end, type or workflow": {
		[]grouped{mine.but(elsewhere), mine.but(otherType), mine.but(sooner), mine.but(never)},
		func(w *crowd) map[string]ask {
			f := flow.SuspensionFilter{ExpiresBefore: w.later, ExpiresAfter: w.soon, Workflow: "mine", Type: flow.ExternalEvent}
			return map[string]ask{"by all": suspensionsBy(f)}
		},
	},
}
