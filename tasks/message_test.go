package tasks

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestMessageType: asynq's message is found, and what our commits write is read as it.
func TestMessageType(t *testing.T) {
	t.Parallel()
	if _, err := messageType(); err != nil {
		t.Fatal(err)
	}
	for name, d := range samples() {
		task, err := Encoder{}.Encode(d)
		if err != nil {
			t.Fatal(err)
		}
		if !readable(bringing(t.Context(), task)) {
			t.Errorf("%s cannot be read", name)
		}
	}
	for _, garbage := range []any{"\xff\x00garbage", "\x0a\x02\xff\xfe", "\x0a\x09short", int64(7)} {
		cmd := redis.NewCmd(context.Background())
		cmd.SetVal(garbage)
		if readable(cmd) {
			t.Errorf("%q can be read", garbage)
		}
	}
}
