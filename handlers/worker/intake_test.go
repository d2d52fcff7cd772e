package worker_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/handlers/worker"
	"prana/tasks"
)

var anExecution = flow.NewExecutionID(0)

func enqueue(t *testing.T, client redis.UniversalClient, taskType, payload, queue string, opts ...asynq.Option) *asynq.TaskInfo {
	t.Helper()
	task := asynq.NewTaskWithHeaders(taskType, []byte(payload), map[string]string{"traceparent": "00-a-b-01", "private": "x"})
	info, err := asynq.NewClientFromRedisClient(client).EnqueueContext(patient(t), task, append(opts, asynq.Queue(queue))...)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// archived gives the error that a task lies archived with; empty = it does not.
func archived(t *testing.T, client redis.UniversalClient, queue, id string) string {
	t.Helper()
	info, err := inspector(client).GetTaskInfo(queue, id)
	if err != nil || info.State != asynq.TaskStateArchived {
		return ""
	}
	return info.LastErr
}

func gone(client redis.UniversalClient, queue, id string) bool {
	_, err := inspector(client).GetTaskInfo(queue, id)
	return errors.Is(err, asynq.ErrTaskNotFound)
}

// TestIntake: all four kinds from a plain asynq client.
func TestIntake(t *testing.T) {
	t.Parallel()
	trace := map[string]string{"traceparent": "00-a-b-01"}
	data := []byte(`{"a":1}`)
	cases := map[string]struct {
		taskType, payload string
		want              request
	}{
		"start by TaskID": {
			"prana:start", `{"v":1,"workflow":"w","input":{"a":1}}`,
			request{"start", flow.StartRequest{Workflow: "w", Input: data, ID: "task-1", Trace: trace}, "task-1"},
		},
		"start by id": {
			"prana:start", `{"v":1,"workflow":"w","input":{"a":1},"id":"mine"}`,
			request{"start", flow.StartRequest{Workflow: "w", Input: data, ID: "mine", Trace: trace}, "mine"},
		},
		"event": {
			"prana:event", `{"v":1,"type":"t","data":{"a":1},"id":"e"}`,
			request{"event", flow.Event{ID: "e", Type: "t", Data: data, Trace: trace}, "e"},
		},
		"resume": {
			"prana:resume", fmt.Sprintf(`{"v":1,"execution_id":%q,"node":"n","data":{"a":1}}`, anExecution),
			request{"resume", flow.ResumeRequest{Execution: anExecution, Node: "n", Data: data, ID: "task-1"}, "task-1"},
		},
		"token": {"prana:resume", `{"v":1,"token":"tok","data":{"a":1}}`, request{"token", `{"a":1}`, "tok"}},
		"cancel": {
			"prana:cancel", fmt.Sprintf(`{"v":1,"execution_id":%q,"reason":"r"}`, anExecution),
			request{"cancel", flow.CancelRequest{Execution: anExecution, Reason: "r", ID: "task-1"}, "task-1"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, client *redis.Client) {
				e := newEngine()
				start(t, worker.Config{Redis: client, Intake: true, Intaker: e})
				info := enqueue(t, client, c.taskType, c.payload, "prana", asynq.TaskID("task-1"))
				if got := receive(t, "the request", e.asked); !reflect.DeepEqual(got, c.want) {
					t.Errorf("asked %+v, want %+v", got, c.want)
				}
				eventually(t, "the acknowledgement", func() bool { return gone(client, info.Queue, info.ID) })
			})
		})
	}
}

// TestIntakeTwice: the same TaskID again is the same id again, for the engine to recognise.
func TestIntakeTwice(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		e := newEngine()
		start(t, worker.Config{Redis: client, Intake: true, Intaker: e})
		for range 2 {
			info := enqueue(t, client, tasks.TypeStart, `{"v":1,"workflow":"w","input":null}`, "prana", asynq.TaskID("once"))
			if got := receive(t, "the request", e.asked); got.id != "once" {
				t.Errorf("started under the id %q", got.id)
			}
			eventually(t, "the acknowledgement", func() bool { return gone(client, info.Queue, info.ID) })
		}
	})
}

// TestIntakeRefused: what cannot work is archived at once, with the reason.
func TestIntakeRefused(t *testing.T) {
	t.Parallel()
	start1 := `{"v":1,"workflow":"w","input":null}`
	for name, c := range map[string]struct {
		taskType, payload string
		answer            error
		want              string
	}{
		"garbage":          {"prana:start", "\x00garbage", nil, "not a JSON object"},
		"unknown type":     {"prana:other", `{}`, nil, "no task type"},
		"version":          {"prana:event", `{"v":2,"type":"t"}`, nil, `"v" must be 1`},
		"unknown workflow": {"prana:start", start1, flow.NotFound("workflow", "w"), `no workflow "w"`},
		"too late":         {"prana:cancel", fmt.Sprintf(`{"v":1,"execution_id":%q,"reason":""}`, anExecution), flow.ErrConflict, "conflict"},
		"used up":          {"prana:resume", `{"v":1,"token":"t","data":null}`, flow.ErrGone, "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, client *redis.Client) {
				e := newEngine()
				e.answer = func(string, string) error { return c.answer }
				start(t, worker.Config{Redis: client, Intake: true, Intaker: e})
				info := enqueue(t, client, c.taskType, c.payload, "prana")
				eventually(t, "the archiving", func() bool { return archived(t, client, info.Queue, info.ID) != "" })
				if got := archived(t, client, info.Queue, info.ID); !strings.Contains(got, c.want) {
					t.Errorf("archived with %q, want it to say %q", got, c.want)
				}
			})
		})
	}
}

// TestIntakeTransient: what may work later is tried as often as the sender said, then lies there for all to see.
func TestIntakeTransient(t *testing.T) {
	t.Parallel()
	for _, err := range []error{flow.ErrUnavailable, flow.TooManyEvents("paid", 100), flow.ErrNotWaitingYet} {
		onEach(t, func(t *testing.T, client *redis.Client) { intakeTriesAgain(t, client, err) })
	}
}

func intakeTriesAgain(t *testing.T, client *redis.Client, err error) {
	t.Helper()
	e := newEngine()
	var calls atomic.Int64
	e.answer = func(string, string) error {
		calls.Add(1)
		return err
	}
	start(t, worker.Config{Redis: client, Intake: true, Intaker: e})
	info := enqueue(t, client, tasks.TypeStart, `{"v":1,"workflow":"w","input":null}`, "prana", asynq.MaxRetry(1))
	eventually(t, "the archiving", func() bool { return archived(t, client, info.Queue, info.ID) != "" })
	if n := calls.Load(); n != 2 {
		t.Errorf("tried %d times", n)
	}
}
