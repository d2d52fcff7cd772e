package suspend_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/suspend"
)

// failures commits executions that failed so, and have these tags.
func (w *crowd) failures(n int, message string, tags map[string]string) {
	w.Helper()
	for range n / 100 {
		var changes []*flow.Change
		for range 100 {
			id := flow.NewExecutionID(0)
			ch := over(w.birth("failure", stepOf(0, flow.StepCompleted)), flow.Failed)
			ch.Execution, ch.Error, ch.Head.Tags = id, flow.Problemf("net", "%s", message), tags
			changes = append(changes, ch)
		}
		w.commit(changes...)
	}
}

// TestErrorsCostWhatTheyTell: a page of those with an error is read by as many commands, be what failed otherwise little or much.
func TestErrorsCostWhatTheyTell(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		w := &crowd{zoo: newZoo(t, c), meter: new(meter)}
		w.failures(100, "connection refused", map[string]string{"team": "a"})
		w.failures(200, "connection lost", nil)
		c.AddHook(w.meter)
		costs := func() []string {
			return append(w.costs("by error", executionsBy(flow.ExecutionFilter{Error: "net refused"})),
				w.costs("by error, status and tag", executionsBy(flow.ExecutionFilter{Error: "connection", Status: flow.Failed, Tags: map[string]string{"team": "a"}}))...)
		}
		costs() // scripts are read once
		few := fmt.Sprint(costs())
		w.failures(1000, "connection lost", nil)
		costs()
		if many := fmt.Sprint(costs()); many != few {
			t.Errorf("among few %s, among many %s", few, many)
		}
	})
}

// TestFindingIsBounded: where no index is short, a page costs no more than its bound, and all pages together miss nothing.
func TestFindingIsBounded(t *testing.T) {
	t.Parallel()
	w := &crowd{zoo: newZoo(t, real(t)), meter: new(meter)}
	w.failures(100, "connection refused", map[string]string{"team": "a"})
	w.failures(5200, "connection lost", map[string]string{"team": "a"})
	w.failures(5300, "refused", nil)
	w.redis.AddHook(w.meter)
	f := flow.ExecutionFilter{Status: flow.Failed, Error: "refused", Tags: map[string]string{"team": "a"}, Limit: 4}
	found, pages := map[string]bool{}, 0
	for ; pages < 1000; pages++ {
		w.meter.reset()
		page, err := w.store.Executions(t.Context(), f)
		w.must(err)
		if c := w.meter.reset(); c.commands > 2100 || c.values > 13_000 {
			t.Fatalf("a page of %d cost %+v", len(page.Items), c)
		}
		for _, x := range page.Items {
			found[x.ID] = true
		}
		if f.Cursor = page.Cursor; f.Cursor == "" {
			break
		}
	}
	if len(found) != 100 || pages > 40 {
		t.Errorf("found %d in %d pages, want 100", len(found), pages)
	}
}

// TestNotFoundByErrorsOfThePast: what is retried is found by the error that it has now, and leaves no trace when it is purged.
func TestNotFoundByErrorsOfThePast(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := &zoo{T: t, redis: c, store: storeOn(c)}
		why, s := "connection refused", &timed{Store: z.store}
		e, err := engine.New(engine.Config{Store: s, Registry: node.NewRegistry(node.Type{Name: "test.start", Trigger: true, Run: func(context.Context, *node.Call) (node.Outcome, error) {
			return node.Outcome{}, flow.Problemf("net", "%s", why)
		}})})
		z.must(err)
		_, _, err = e.Deploy(t.Context(), &flow.Workflow{ID: "fails", Nodes: []flow.Node{{Key: "ask", Type: "test.start"}}})
		z.must(err)
		started, err := e.Start(t.Context(), flow.StartRequest{Workflow: "fails", Tags: map[string]string{"team": "a"}})
		z.must(err)
		run := func() {
			d, _ := s.pop()
			z.must(e.RunStep(t.Context(), d))
		}
		found := func(text string) int {
			page, err := z.store.Executions(t.Context(), flow.ExecutionFilter{Error: text})
			z.must(err)
			return len(page.Items)
		}
		run()
		if found("ask refused") != 1 {
			t.Error("it is not found by its error")
		}
		why = "no route"
		_, err = e.Retry(t.Context(), flow.RetryRequest{Execution: started.ExecutionID})
		z.must(err)
		run()
		if n, m := found("refused"), found("route"); n != 0 || m != 1 {
			t.Errorf("after the retry it is found %d times by the first error, and %d times by the second", n, m)
		}
		z.wantFindings(z.audit(suspend.AuditOptions{}).Findings, nil)
		if _, err = z.store.Purge(t.Context(), 0, map[flow.Status]time.Duration{flow.Failed: 0}, 10); err != nil {
			t.Error(err)
		}
		if left := c.Keys(t.Context(), "{prana-0}:[te][ar][gr]:*").Val(); len(left) > 0 {
			t.Errorf("what is left after the purge: %q", left)
		}
	})
}
