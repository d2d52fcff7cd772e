package tasks

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"prana/engine/flow"
)

// Encoder turns dispatches into what asynq's Client.Enqueue would write. It is
// a deliberate exception: this way a commit writes the next task together with
// the state that it belongs to. TestEncoder compares it with asynq itself.
//
// A task for now is written as
//
//	EXISTS Key == 0
//	HSET   Key msg Message state pending pending_since <unix nanoseconds>
//	LPUSH  Pending ID            (RPUSH puts it ahead of everything that waits)
//
// and an alarm as
//
//	EXISTS Key == 0
//	HSET   Key msg Message state scheduled
//	ZADD   Scheduled <unix seconds> ID
//
// A task that its writer works on next is written as asynq's Dequeue leaves it
//
//	EXISTS Paused == 0
//	HSET   Key msg Message state active
//	LPUSH  Active ID
//	ZADD   Lease <unix seconds> ID
//
// and one that is over is acknowledged as asynq's Done does it
//
//	LREM   Active 0 ID == 1
//	ZREM   Lease ID
//	DEL    Key
//
// but for its counters, which a [Waker] writes once a second.
type Encoder struct{}

// Encode makes the task of a dispatch. The same dispatch always gives the same
// bytes. It fails for a dispatch without a valid execution, token, kind or queue name.
func (e Encoder) Encode(d flow.Dispatch) (flow.Task, error) {
	t, err := e.Locate(d)
	if err != nil {
		return flow.Task{}, err
	}
	kind, err := typeOf(d.Kind)
	if err != nil {
		return flow.Task{}, err
	}
	t.Message = encodeMessage(kind, writeStep(d), t.ID, t.Queue, d.Trace)
	return t, nil
}

// Locate is Encode without the Message.
func (Encoder) Locate(d flow.Dispatch) (flow.Task, error) {
	if err := checkStep(d); err != nil {
		return flow.Task{}, err
	}
	queue, err := queueFor(d)
	if err != nil {
		return flow.Task{}, err
	}
	id := TaskID(d)
	return flow.Task{ID: id, Key: queueKey(queue, "t:"+id), QueueKeys: keysOf(queue)}, nil
}

// TaskID is "<execution>:<step>:<token>": another dispatch of the same step is
// another task, so that an old one never stands in its way.
func TaskID(d flow.Dispatch) string {
	return d.Execution + ":" + d.Step.String() + ":" + d.Token
}

func queueFor(d flow.Dispatch) (string, error) {
	// Among others, a brace would end the hash tag early and tear the queue's keys apart.
	if d.Queue != "" && !flow.ValidQueue(d.Queue) {
		return "", fmt.Errorf("%q cannot be the name of a queue", flow.Cut(d.Queue, 64))
	}
	partition, _ := flow.PartitionOf(d.Execution)
	return NamedQueue(partition, d.Queue), nil
}

// Fields of asynq's protobuf message TaskMessage, in the order in which they are written.
const (
	fieldType    protowire.Number = 1
	fieldPayload protowire.Number = 2
	fieldID      protowire.Number = 3
	fieldQueue   protowire.Number = 4
	fieldRetry   protowire.Number = 5
	fieldTimeout protowire.Number = 8
	fieldHeaders protowire.Number = 15
)

func encodeMessage(taskType string, payload []byte, id, queue string, headers map[string]string) []byte {
	b := make([]byte, 0, len(payload)+len(id)+len(queue)+64)
	b = appendBytes(b, fieldType, taskType)
	b = protowire.AppendBytes(protowire.AppendTag(b, fieldPayload, protowire.BytesType), payload)
	b = appendBytes(b, fieldID, id)
	b = appendBytes(b, fieldQueue, queue)
	b = appendNumber(b, fieldRetry, maxRetry)
	b = appendNumber(b, fieldTimeout, uint64(stepTimeout/time.Second))
	return appendHeaders(b, headers)
}

func appendHeaders(b []byte, headers map[string]string) []byte {
	if len(headers) == 0 {
		return b
	}
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		var entry []byte
		entry = appendBytes(entry, 1, name)
		entry = appendBytes(entry, 2, headers[name])
		b = appendBytes(b, fieldHeaders, string(entry))
	}
	return b
}

func appendBytes(b []byte, field protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), value)
}

func appendNumber(b []byte, field protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), value)
}
