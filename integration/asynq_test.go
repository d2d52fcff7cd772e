package integration

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"prana/engine/flow"
)

// enqueue is what a service writes that knows asynq and nothing of ours.
func enqueue(t *testing.T, c *asynq.Client, taskType, payload, id string) error {
	t.Helper()
	opts := []asynq.Option{asynq.Queue("prana")}
	if id != "" {
		opts = append(opts, asynq.TaskID(id))
	}
	_, err := c.EnqueueContext(t.Context(), asynq.NewTask(taskType, []byte(payload)), opts...)
	return err
}

// soleExecution waits for the one execution of a workflow, and for no second one.
func (s *system) soleExecution(t *testing.T, workflow string) string {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		page, err := s.app.Store().Executions(t.Context(), flow.ExecutionFilter{Workflow: workflow})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) > 1 {
			t.Fatalf("%d executions of %s", len(page.Items), workflow)
		}
		if len(page.Items) == 1 {
			return page.Items[0].ID
		}
		if time.Now().After(deadline) {
			t.Fatalf("no execution of %s began", workflow)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func asynqFlow(id string) string {
	return strings.ReplaceAll(`
id: NAME
nodes:
  - {key: start, type: manual.trigger}
  - {key: first, type: wait.wait_for_event, params: {event_type: NAME_event, timeout_ms: 60000}}
  - {key: second, type: wait.wait_for_event, params: {event_type: NAME_never, timeout_ms: 60000}}
  - {key: third, type: wait.wait_for_event, params: {event_type: NAME_never, timeout_ms: 60000}}
connections: [start -> first, first -> second, second -> third]
`, "NAME", id)
}

// TestPlainAsynqClientStartsPublishesResumesAndCancels sends each task five times
// with the same TaskID: at once, where asynq refuses the repetitions itself, and
// again after the task is done and forgotten, where only the engine can.
func TestPlainAsynqClientStartsPublishesResumesAndCancels(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, asynqFlow("asynq_flow"))
	c, _ := s.asynq(t)
	five := func(taskType, payload, id string, done func()) {
		t.Helper()
		for i := range 5 {
			if err := enqueue(t, c, taskType, payload, id); err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
				t.Fatal(err)
			}
			if i >= 2 {
				done()
				time.Sleep(60 * time.Millisecond) // until asynq has forgotten the task
			}
		}
	}
	var id string
	five("prana:start", `{"v":1,"workflow":"asynq_flow","input":{"x":1}}`, "start-1", func() {
		id = s.soleExecution(t, "asynq_flow")
		s.staysAt(t, id, "first")
	})
	five("prana:event", `{"v":1,"type":"asynq_flow_event","data":{"y":2}}`, "event-1", func() { s.staysAt(t, id, "second") })
	five("prana:resume", `{"v":1,"execution_id":"`+id+`","data":{"z":3}}`, "resume-1", func() { s.staysAt(t, id, "third") })
	five("prana:cancel", `{"v":1,"execution_id":"`+id+`","reason":"enough"}`, "cancel-1", func() { s.await(t, id, flow.Cancelled, 10*time.Second) })
	v, err := s.engine.Describe(t.Context(), id)
	if err != nil || v.Status != flow.Cancelled || !strings.Contains(v.Error.Message, "enough") {
		t.Errorf("%v, %v", v, err)
	}
	s.soleExecution(t, "asynq_flow")
}

func TestGarbageOnTheIntakeQueueIsArchivedVisibly(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	c, inspect := s.asynq(t)
	unreadable := map[string]string{"bad-json": "hello", "bad-version": `{"v":7,"workflow":"x"}`, "bad-workflow": `{"v":1,"workflow":"nobody_wrote_this","input":{}}`}
	for id, payload := range unreadable {
		if err := enqueue(t, c, "prana:start", payload, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := enqueue(t, c, "prana:dance", `{"v":1}`, "bad-type"); err != nil {
		t.Fatal(err)
	}
	unreadable["bad-type"] = ""
	deadline := time.Now().Add(15 * time.Second)
	for id := range unreadable {
		for {
			info, err := inspect.GetTaskInfo("prana", id)
			if err == nil && info.State == asynq.TaskStateArchived {
				t.Logf("%s: %s", id, info.LastErr)
				if info.LastErr == "" {
					t.Errorf("%s was archived without a reason", id)
				}
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s is not archived: %+v, %v", id, info, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}
