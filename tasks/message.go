package tasks

import (
	"sync"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// messageType is asynq's own TaskMessage, which its package registers.
var messageType = sync.OnceValues(func() (protoreflect.MessageType, error) {
	return protoregistry.GlobalTypes.FindMessageByName("asynq.TaskMessage")
})

// readable tells whether asynq can read what a dequeue brought. A task that it cannot read never comes to a handler.
func readable(dequeued *redis.Cmd) bool {
	t, err := messageType()
	if err != nil {
		return true // TestMessageType fails before that
	}
	text, err := dequeued.Text()
	return err == nil && proto.Unmarshal([]byte(text), t.New().Interface()) == nil
}
