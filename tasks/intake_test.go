package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

const anExecution = "01234567890123456789012"

// valid is what the golden files of the same names say: frozen, version 1.
var valid = map[string]Intake{
	"start":             Start{Workflow: "order_approval", Input: json.RawMessage(`{"request_id":"r-1","n":12345678901234567890}`), ID: "order-1"},
	"start_minimal":     Start{Workflow: "order_approval", Input: json.RawMessage(`null`)},
	"event":             Event{Type: "approval_response", Data: json.RawMessage(`{"request_id":"r-1","approved":true}`), ID: "evt-1"},
	"event_minimal":     Event{Type: "tick", Data: json.RawMessage(`null`)},
	"resume":            Resume{ExecutionID: anExecution, Data: json.RawMessage(`{"approved":true}`)},
	"resume_node":       Resume{ExecutionID: anExecution, Node: "wait_approval", Data: json.RawMessage(`{"approved":true}`)},
	"resume_with_token": Resume{Token: "tok-1", Data: json.RawMessage(`{"approved":true}`)},
	"cancel":            Cancel{ExecutionID: anExecution, Reason: "a duplicate"},
}

func golden(t *testing.T, pattern string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/intake/" + pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files %s: %v", pattern, err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".json")] = bytes.TrimSpace(raw)
	}
	return out
}

// typeIn is the task type that the name of a golden file begins with.
func typeIn(name string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(name, "invalid_"), "_")
	return "prana:" + kind
}

func TestIntakeGolden(t *testing.T) {
	t.Parallel()
	files := golden(t, "[^i]*.json")
	if len(files) != len(valid) {
		t.Errorf("%d golden files for %d messages", len(files), len(valid))
	}
	for name, raw := range files {
		got, err := DecodeIntake(typeIn(name), raw)
		if err != nil || !reflect.DeepEqual(got, valid[name]) {
			t.Errorf("%s reads as %+v, %v; want %+v", name, got, err, valid[name])
			continue
		}
		if out, err := EncodeIntake(got); err != nil || !bytes.Equal(out, raw) {
			t.Errorf("%s is written as %s, %v", name, out, err)
		}
	}
}

func TestIntakeGoldenInvalid(t *testing.T) {
	t.Parallel()
	for name, raw := range golden(t, "invalid_*.json") {
		if got, err := DecodeIntake(typeIn(name), raw); !errors.Is(err, flow.ErrInvalid) {
			t.Errorf("%s reads as %+v, %v; want it refused", name, got, err)
		}
	}
}

func TestIntakeBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxPayload)
	if _, err := DecodeIntake(TypeEvent, []byte(`{"v":1,"type":"t","data":"`+long+`"}`)); !errors.Is(err, flow.ErrTooLarge) {
		t.Errorf("more than 1 MiB: %v", err)
	}
	if _, err := EncodeIntake(Event{Type: "t", Data: json.RawMessage(`"` + long + `"`)}); !errors.Is(err, flow.ErrTooLarge) {
		t.Errorf("writing more than 1 MiB: %v", err)
	}
	for name, m := range map[string]Intake{
		"id":     Start{Workflow: "w", ID: long[:257]},
		"type":   Event{Type: strings.Repeat("ü", 129)},
		"token":  Resume{Token: long[:257]},
		"reason": Cancel{ExecutionID: anExecution, Reason: long[:4097]},
	} {
		if _, err := EncodeIntake(m); !errors.Is(err, flow.ErrInvalid) {
			t.Errorf("%s too long: %v", name, err)
		}
	}
	if _, err := EncodeIntake(Event{Type: strings.Repeat("ü", 128)}); err != nil {
		t.Errorf("128 characters are allowed: %v", err)
	}
	if _, err := DecodeIntake("prana:other", nil); !errors.Is(err, flow.ErrInvalid) {
		t.Errorf("unknown type: %v", err)
	}
	if _, err := DecodeIntake(TypeEvent, []byte("{\"v\":1,\"type\":\"\xff\"}")); !errors.Is(err, flow.ErrInvalid) {
		t.Errorf("broken UTF-8: %v", err)
	}
}

func TestEnqueueStart(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		client := connect(t, o)
		if err := EnqueueStart(patient(t), asynq.NewClientFromRedisClient(client), "w", map[string]int{"n": 1}, "id-1"); err != nil {
			t.Fatal(err)
		}
		pending, err := asynq.NewInspectorFromRedisClient(client).ListPendingTasks(IntakeQueue)
		if err != nil || len(pending) != 1 || string(pending[0].Payload) != `{"v":1,"workflow":"w","input":{"n":1},"id":"id-1"}` {
			t.Errorf("enqueued %v, %v", pending, err)
		}
	})
}
