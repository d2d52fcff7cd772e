package tasks

import (
	"errors"
	"reflect"
	"testing"

	"github.com/hibiken/asynq"

	"prana/engine/flow"
	"prana/engine/fuzztest"
)

// FuzzDecodeIntake: what others enqueue is read, or refused as invalid or too large; what is read is written as what is read again.
func FuzzDecodeIntake(f *testing.F) {
	for _, m := range valid {
		raw, err := EncodeIntake(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.TaskType(), raw)
	}
	for _, s := range []string{`{"v":1,"v":1}`, `{"V":1}`, `{"v":1}{}`, `{"v":1,"workflow":null}`, "\xff", `[]`} {
		for _, kind := range []string{TypeStart, TypeEvent, TypeResume, TypeCancel, "x"} {
			f.Add(kind, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, taskType string, raw []byte) {
		fuzztest.Cheap(t, func() {
			m, err := DecodeIntake(taskType, raw)
			if err != nil {
				if !errors.Is(err, flow.ErrInvalid) && !errors.Is(err, flow.ErrTooLarge) {
					t.Fatalf("the error is %v", err)
				}
				return
			}
			out, err := EncodeIntake(m)
			if err != nil && !errors.Is(err, flow.ErrTooLarge) {
				t.Fatalf("%s was read but cannot be written: %v", raw, err)
			}
			if err == nil {
				if _, err := DecodeIntake(taskType, out); err != nil {
					t.Fatalf("%s was written as %s, which cannot be read: %v", raw, out, err)
				}
			}
		})
	})
}

// FuzzReadStep: a task of a partition's queue is a dispatch, which is written as the same, or it is an error.
func FuzzReadStep(f *testing.F) {
	f.Add(TypeStep, writeStep(sample), "00-1-2-01")
	f.Add(TypeWake, []byte(`{"x":"01234567890123456789012","s":"1.0","t":"a","w":"a@b"}`), "")
	f.Add("x", []byte(`{"x":"","x":""}`), "")
	f.Fuzz(func(t *testing.T, taskType string, raw []byte, trace string) {
		fuzztest.Cheap(t, func() {
			d, err := ReadStep(asynq.NewTaskWithHeaders(taskType, raw, map[string]string{"traceparent": trace}))
			if err != nil {
				return
			}
			out := writeStep(d)
			again, err := ReadStep(asynq.NewTaskWithHeaders(taskType, out, d.Trace))
			if err != nil || !reflect.DeepEqual(again, d) {
				t.Errorf("%s is %+v, written as %s, which is %+v, %v", raw, d, out, again, err)
			}
			if task, err := (Encoder{}).Encode(d); err != nil || task.ID != TaskID(d) || len(task.Message) == 0 {
				t.Errorf("%+v makes %+v, %v", d, task, err)
			}
		})
	})
}
