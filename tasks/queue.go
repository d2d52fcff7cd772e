package tasks

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// allQueues is the set in which asynq's tools look for queues.
const allQueues = "asynq:queues"

// Ensure makes queues known to asynq's tools. Whoever writes tasks without
// asynq's client has to; repeating it is harmless.
func Ensure(ctx context.Context, client redis.UniversalClient, queues ...string) error {
	if len(queues) == 0 {
		return nil
	}
	members := make([]any, len(queues))
	for i, q := range queues {
		members[i] = q
	}
	if err := client.SAdd(ctx, allQueues, members...).Err(); err != nil {
		return fmt.Errorf("making the queues %q known: %w", queues, err)
	}
	return nil
}

// Enqueue hands an intake message to Prana through plain asynq. headers carry the
// trace ("traceparent") and may be nil. An asynq.TaskID among opts makes a
// message without an id of its own count once.
func Enqueue(ctx context.Context, client *asynq.Client, m Intake, headers map[string]string, opts ...asynq.Option) (*asynq.TaskInfo, error) {
	payload, err := EncodeIntake(m)
	if err != nil {
		return nil, err
	}
	task := asynq.NewTaskWithHeaders(m.TaskType(), payload, headers)
	return client.EnqueueContext(ctx, task, append([]asynq.Option{asynq.Queue(IntakeQueue)}, opts...)...)
}

// EnqueueStart starts a workflow through plain asynq. It is all that a service
// which knows only asynq has to write; the same id never starts twice, and an
// empty one starts once for each call.
func EnqueueStart(ctx context.Context, client *asynq.Client, workflow string, input any, id string) error {
	raw, err := json.Marshal(input)
	if err != nil {
		return fmt.Errorf("encoding the input of %s: %w", workflow, err)
	}
	_, err = Enqueue(ctx, client, Start{Workflow: workflow, Input: raw, ID: id}, nil)
	return err
}
