package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"prana/engine/flow"
)

// TestExhaustedRetryAlertsOnceByEventWorkflowAndPost lets many nodes use up their
// retries while all tasks are duplicated and a worker is killed.
func TestExhaustedRetryAlertsOnceByEventWorkflowAndPost(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, `
id: alert_flow
nodes:
  - {key: start, type: manual.trigger}
  - {key: told, type: test.effect, params: {name: alerted}}
connections: [start -> told]
`, `
id: alert_listener
nodes:
  - {key: start, type: manual.trigger}
  - {key: first, type: wait.wait_for_event, params: {event_type: exhausted, event_filter: {execution_id: $input.id}, timeout_ms: 90000}}
  - {key: second, type: wait.wait_for_event, params: {event_type: exhausted, event_filter: {execution_id: $nodes.start.output.id}, timeout_ms: 3000, on_timeout: once}}
  - {key: once, type: core.log, params: {message: once}}
connections: [start -> first, first -> second, second.once -> once]
`,
		alwaysFails("by_event", "{event: exhausted}"),
		alwaysFails("by_workflow", "{workflow: alert_flow}"),
		alwaysFails("by_post", `{url: "WORLD/alert/exhausted"}`))
	const n = 15
	stop := s.duplicateTasks(t)
	ids := s.startMany(t, n, "by_event", gate(""))
	listeners := s.startMany(t, n, "alert_listener", func(i int) any { return map[string]any{"id": ids[i]} })
	ids = append(append(ids, s.startMany(t, n, "by_workflow", gate(""))...), s.startMany(t, n, "by_post", gate(""))...)
	s.world.awaitCalls(t, "/flaky/always", 10*n, 30*time.Second) // the last attempts begin
	s.living()[0].Kill()
	s.awaitAll(t, ids, flow.Failed, 60*time.Second)
	views := s.awaitAll(t, listeners, flow.Completed, 60*time.Second)
	t.Logf("%d copies of tasks were enqueued", stop())
	for _, v := range views {
		if !ran(v, "once") || run(t, v, "first").ResumedBy != flow.ByEvent {
			t.Errorf("listener %s did not hear exactly one event", v.ID)
		}
	}
	s.checkAlertStarts(t, n)
	s.checkPosts(t, n)
	if calls := byKey(s.world.calls("/flaky/always")); len(calls) != 3*n {
		t.Errorf("the failing node used %d keys; want %d", len(calls), 3*n)
	}
}

// alwaysFails is a workflow that uses up the retries of its node.
func alwaysFails(id, alert string) string {
	return `
id: ` + id + `
on_retry_exhausted: ` + alert + `
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: http.request, params: {url: "WORLD/flaky/always?fail=1000", method: POST}, settings: {retry_on_failed: true, max_retries: 3, retry_delay_ms: 400}}
connections: [start -> pay]
`
}

// checkAlertStarts checks that the alert's workflow was started once for each failure.
func (s *system) checkAlertStarts(t *testing.T, n int) {
	t.Helper()
	page, err := s.app.Store().Executions(t.Context(), flow.ExecutionFilter{Workflow: "alert_flow", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Items) != n {
		t.Errorf("the alert's workflow was started %d times; want %d", len(page.Items), n)
	}
}

// checkPosts checks the alerts by POST. One that was answered, and whose sender died before it could note that, comes
// again with the same webhook-id: for the receiver it still counts once.
func (s *system) checkPosts(t *testing.T, n int) {
	t.Helper()
	posts := s.world.awaitCalls(t, "/alert/", n, 30*time.Second)
	ids := byKey(posts)
	t.Logf("%d POSTs with %d ids", len(posts), len(ids))
	if len(ids) != n || ids[""] != nil {
		t.Errorf("the POSTs have %d ids; want %d", len(ids), n)
	}
	if len(posts) > n+5 {
		t.Errorf("%d POSTs for %d alerts: more were repeated than a killed worker explains", len(posts), n)
	}
}

// duplicateTasks copies whatever waits or runs in the partition's queue, over and over, until stop.
func (s *system) duplicateTasks(t *testing.T) (stop func() int) {
	t.Helper()
	c, inspect := s.asynq(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		copies := 0
		for ctx.Err() == nil {
			copies += copyTasks(ctx, c, inspect, copies)
			time.Sleep(5 * time.Millisecond)
		}
		done <- copies
	}()
	stopped := false
	stop = func() int {
		if stopped {
			return 0
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { stop() })
	return stop
}

func copyTasks(ctx context.Context, c *asynq.Client, inspect *asynq.Inspector, number int) int {
	var found []*asynq.TaskInfo
	for _, list := range []func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
		inspect.ListPendingTasks, inspect.ListActiveTasks, inspect.ListScheduledTasks,
	} {
		tasks, _ := list("prana-0", asynq.PageSize(20)) // the queue may not be known yet
		found = append(found, tasks...)
	}
	n := 0
	for _, task := range found {
		id := fmt.Sprintf("copy-%d-%d", number, n)
		if _, err := c.EnqueueContext(ctx, asynq.NewTask(task.Type, task.Payload), asynq.Queue("prana-0"), asynq.TaskID(id)); err == nil {
			n++
		}
	}
	return n
}
