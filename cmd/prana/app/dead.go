package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"prana/engine/flow"
	"prana/handlers/api/wire"
	"prana/tasks"
)

// Bounds of what is told of a payload, in bytes.
const (
	payloadListed = 256
	payloadShown  = 64 << 10
)

// Dead gives a page of the tasks of other services that were given up, newest first.
func (q queues) Dead(ctx context.Context, f wire.PageFilter) (flow.Page[wire.DeadTask], error) {
	rows, err := q.client.ZRangeWithScores(ctx, keyOf(tasks.IntakeQueue)+"archived", 0, -1).Result() // asynq keeps 10,000 at most
	if err != nil {
		return flow.Page[wire.DeadTask]{}, away("listing the dead tasks", err)
	}
	all := make([]wire.DeadTask, 0, len(rows))
	for _, row := range rows {
		id, _ := row.Member.(string)
		all = append(all, wire.DeadTask{ID: id, GivenUpAt: time.Unix(int64(row.Score), 0).UTC()})
	}
	page, err := wire.CutPage(all, placeOfDead, f.Limit, f.Cursor)
	if err != nil {
		return page, err
	}
	found := flow.Page[wire.DeadTask]{Cursor: page.Cursor}
	for _, t := range page.Items {
		info, err := q.archived(t.ID)
		if errors.Is(err, flow.ErrNotFound) {
			continue // it went meanwhile
		}
		if err != nil {
			return page, err
		}
		found.Items = append(found.Items, deadTask(info, payloadListed))
	}
	return found, nil
}

// placeOfDead orders tasks from new to old.
func placeOfDead(t wire.DeadTask) string {
	return fmt.Sprintf("%020d %s", math.MaxInt64-t.GivenUpAt.Unix(), t.ID)
}

// DeadTask shows one.
func (q queues) DeadTask(_ context.Context, id string) (wire.DeadTask, error) {
	info, err := q.archived(id)
	if err != nil {
		return wire.DeadTask{}, err
	}
	return deadTask(info, payloadShown), nil
}

// RunDead puts a dead task into the intake queue again.
func (q queues) RunDead(_ context.Context, id string) error {
	return q.end(id, q.inspector().RunTask)
}

// DeleteDead removes a dead task for good.
func (q queues) DeleteDead(_ context.Context, id string) error {
	return q.end(id, q.inspector().DeleteTask)
}

// end does something to a dead task that is its end as one. Asynq would do it to tasks that live, too.
func (q queues) end(id string, do func(queue, id string) error) error {
	if _, err := q.archived(id); err != nil {
		return err
	}
	if err := do(tasks.IntakeQueue, id); err != nil {
		if _, gone := q.archived(id); gone != nil {
			return gone // somebody else was faster
		}
		return away("ending dead task "+id, err)
	}
	return nil
}

// archived finds a dead task.
func (q queues) archived(id string) (*asynq.TaskInfo, error) {
	info, err := q.inspector().GetTaskInfo(tasks.IntakeQueue, id)
	switch {
	case errors.Is(err, asynq.ErrQueueNotFound), errors.Is(err, asynq.ErrTaskNotFound), err == nil && info.State != asynq.TaskStateArchived:
		return nil, flow.NotFound("dead task", flow.Cut(id, 256))
	case err != nil:
		return nil, away("looking at dead task "+id, err)
	}
	return info, nil
}

func deadTask(info *asynq.TaskInfo, most int) wire.DeadTask {
	payload, token := withoutToken(info.Type, info.Payload)
	reason := info.LastErr
	if token != "" {
		reason = strings.ReplaceAll(reason, token, hidden)
	}
	return wire.DeadTask{
		ID: info.ID, Type: info.Type, Reason: flow.Cut(reason, 2048), GivenUpAt: info.LastFailedAt.UTC(), Retried: info.Retried, MaxRetry: info.MaxRetry,
		Payload: flow.Cut(payload, most), Size: len(info.Payload), Truncated: len(payload) > most,
	}
}

const hidden = "[REDACTED]"

// withoutToken gives a payload as text, and the token that was hidden in it: whoever has that may end a wait. What should have one
// and cannot be read is hidden as a whole.
func withoutToken(taskType string, payload []byte) (text, token string) {
	if taskType != tasks.TypeResume {
		return strings.ToValidUTF8(string(payload), "\uFFFD"), ""
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(payload, &m) != nil {
		return hidden, ""
	}
	if m["token"] == nil {
		return string(payload), ""
	}
	_ = json.Unmarshal(m["token"], &token) // one that is no text is hidden all the same
	m["token"] = json.RawMessage(`"` + hidden + `"`)
	raw, err := flow.Encode(m)
	if err != nil {
		return hidden, token
	}
	return string(raw), token
}
