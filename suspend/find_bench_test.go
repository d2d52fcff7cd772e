package suspend_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
)

// BenchmarkFind is a page of 100 among 100,000 executions, by every filter that finds them; 50 ms is the budget of one. Half of them
// failed, each with one of a few errors; of all filters together nothing is short.
func BenchmarkFind(b *testing.B) {
	parent := flow.NewExecutionID(0)
	s := hundredThousand(b, func(n int) *flow.Change { return numbered(n, parent) })
	rare, half := map[string]string{"batch": "7"}, map[string]string{"team": "a"}
	for name, f := range map[string]flow.ExecutionFilter{
		"nothing asked":                       {},
		"rare tag":                            {Tags: rare},
		"tag of half":                         {Tags: half},
		"rare tag and status":                 {Tags: rare, Status: flow.Failed},
		"tag of half, workflow and status":    {Tags: half, Workflow: "order", Status: flow.Failed},
		"4,000 children":                      {Parent: parent},
		"4,000 children and status":           {Parent: parent, Status: flow.Failed},
		"words of half":                       {Error: "connection refused"},
		"words of a hundredth":                {Error: "no route"},
		"word of nobody":                      {Error: "nothing"},
		"words, tag, children and status":     {Error: "connection refused", Tags: half, Parent: parent, Status: flow.Failed},
		"two halves that have nothing common": {Error: "refused", Tags: map[string]string{"lives": "yes"}},
		"a thousand by words and tag":         {Error: "connection refused", Tags: half, Limit: 1000},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Executions(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// hundredThousand is a store with that many executions, on the real Redis.
func hundredThousand(b *testing.B, numbered func(n int) *flow.Change) *suspend.Store {
	b.Helper()
	db := <-databases
	c := redis.NewClient(&redis.Options{Network: server.Network(), Addr: server.Addr(), DB: db})
	b.Cleanup(func() {
		c.FlushDB(context.WithoutCancel(b.Context()))
		_ = c.Close()
		databases <- db
	})
	s := storeOn(c)
	for i := 0; i < 100_000; i += 200 {
		var changes []*flow.Change
		for n := i; n < i+200; n++ {
			changes = append(changes, numbered(n))
		}
		if err := s.Commit(b.Context(), changes...); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkPageOfAll is a page of 100 among 100,000 executions, whatever their workflows, of which there are few or many; 50 ms is the
// budget of one. Half of the executions failed, a tenth waits.
func BenchmarkPageOfAll(b *testing.B) {
	for _, workflows := range []int{1, 10, 100, 1000} {
		b.Run(strconv.Itoa(workflows), func(b *testing.B) { pagesOfAll(b, workflows) })
	}
}

func pagesOfAll(b *testing.B, workflows int) {
	z := &zoo{}
	s := hundredThousand(b, func(n int) *flow.Change {
		ch := numbered(n, "0")
		if ch.Head.Parent = nil; n%10 == 0 {
			ch = suspended(z.birth("", waits(1, flow.Wait{Type: flow.Delay, In: time.Duration(n) * time.Minute})))
			ch.Execution = flow.NewExecutionID(0)
			for i := range ch.Opened {
				ch.Opened[i].Execution = ch.Execution
			}
		}
		ch.Head.Workflow = "order-" + strconv.Itoa(n%workflows)
		return ch
	})
	deep := func(f flow.ExecutionFilter) flow.ExecutionFilter {
		f.Limit = 1000
		for range 20 {
			page, err := s.Executions(b.Context(), f)
			if err != nil {
				b.Fatal(err)
			}
			f.Cursor = page.Cursor
		}
		f.Limit = 0
		return f
	}
	for name, f := range map[string]flow.ExecutionFilter{
		"first":               {},
		"deep":                deep(flow.ExecutionFilter{}),
		"by status":           {Status: flow.Failed},
		"deep by status":      deep(flow.ExecutionFilter{Status: flow.Failed}),
		"rare tag and status": {Status: flow.Failed, Tags: map[string]string{"batch": "7"}},
		"beginning":           {Prefix: "00000000"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Executions(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("suspensions", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Suspensions(b.Context(), flow.SuspensionFilter{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// numbered is an execution of which the number says what it has.
func numbered(n int, parent string) *flow.Change {
	ch := &flow.Change{
		Execution: flow.NewExecutionID(0), Op: flow.NewToken(), Input: []byte(`{"order":7}`), Front: flow.Front{Status: flow.Running},
		Head: &flow.Head{Workflow: "order", Version: "v1", Tags: map[string]string{"team": []string{"a", "b"}[n%3%2], "batch": strconv.Itoa(n / 100)}},
	}
	if n%25 == 0 {
		ch.Head.Parent = &flow.Parent{Execution: parent, Mode: "async"}
	}
	switch {
	case n%2 == 0:
		ch.Head.Tags["lives"] = "yes"
		return ch
	case n%100 == 1:
		ch.Error = flow.Problemf("net", "dial tcp 10.0.0.1:443: connect: no route to host")
	default:
		ch.Error = flow.Problemf("net", "dial tcp 10.0.0.1:443: connect: connection refused")
	}
	ch.Front.Status, ch.Ended = flow.Failed, true
	return ch
}
