package suspend_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// BenchmarkFind is a page of 100 among 100,000 executions, by every filter that finds them; 50 ms is the budget of one. Half of them
// failed, each with one of a few errors; of all filters together nothing is short.
func BenchmarkFind(b *testing.B) {
	db := <-databases
	c := redis.NewClient(&redis.Options{Network: server.Network(), Addr: server.Addr(), DB: db})
	defer func() {
		c.FlushDB(context.WithoutCancel(b.Context()))
		_ = c.Close()
		databases <- db
	}()
	s := storeOn(c)
	parent := flow.NewExecutionID(0)
	for i := 0; i < 100_000; i += 200 {
		var changes []*flow.Change
		for n := i; n < i+200; n++ {
			changes = append(changes, numbered(n, parent))
		}
		if err := s.Commit(b.Context(), changes...); err != nil {
			b.Fatal(err)
		}
	}
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
