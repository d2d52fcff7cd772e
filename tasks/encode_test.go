package tasks

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/encoding/protowire"

	"prana/engine/flow"
)

func TestAsynqVersion(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`github\.com/hibiken/asynq (v\S+)`).FindSubmatch(mod)
	if found == nil || string(found[1]) != AsynqVersion {
		t.Fatalf("go.mod asks for asynq %s, but this package speaks the dialect of %s. Read again in asynq: "+
			"TaskMessage and its protobuf (encode.go), the keys of internal/base, the scripts enqueue, schedule, dequeue, forward, "+
			"done, complete, retry and archive of internal/rdb (scripts.go, client.go), and in processor.go the lease, the "+
			"cancelled contexts of the syncer and the order of Shutdown (handlers/worker). Then set AsynqVersion.", found, AsynqVersion)
	}
}

var sample = flow.Dispatch{
	Kind: flow.KindStep, Execution: "0" + "1234567890123456789012", Step: flow.StepID{Node: 3, Run: 1},
	Token: "0abcDEF7890", Workflow: "order@0123456789abcdef",
}

func samples() map[string]flow.Dispatch {
	plain, traced, more := sample, sample, sample
	traced.Trace = map[string]string{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	more.Kind, more.Trace = flow.KindResume, map[string]string{"traceparent": "00-a-b-01", "tracestate": "x=1", "empty": ""}
	return map[string]flow.Dispatch{"plain": plain, "traced": traced, "several headers": more}
}

// TestEncoder compares the whole keyspace that asynq's client writes with what
// an encoded task gives when written as documented.
func TestEncoder(t *testing.T) {
	t.Parallel()
	for name, d := range samples() {
		for _, in := range []time.Duration{0, 90 * time.Second} {
			t.Run(fmt.Sprintf("%s in %s", name, in), func(t *testing.T) {
				t.Parallel()
				onEach(t, func(t *testing.T, o *redis.Options) { compare(t, o, d, in) })
			})
		}
	}
}

func compare(t *testing.T, o *redis.Options, d flow.Dispatch, in time.Duration) {
	t.Helper()
	client := connect(t, o)
	ctx := patient(t)
	enqueueByAsynq(t, client, d, in)
	want := dump(t, client)
	if err := client.FlushAll(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	task, err := Encoder{}.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	write(ctx, t, client, task, in)
	if err := Ensure(ctx, client, task.Queue); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, client); !maps.Equal(got, want) {
		t.Errorf("written:\n%v\nasynq writes:\n%v", got, want)
	}
}

func enqueueByAsynq(t *testing.T, client redis.UniversalClient, d flow.Dispatch, in time.Duration) {
	t.Helper()
	payload := fmt.Sprintf(`{"x":%q,"s":%q,"t":%q,"w":%q}`, d.Execution, d.Step, d.Token, d.Workflow)
	taskType := map[string]string{flow.KindStep: "prana:step", flow.KindResume: "prana:wake"}[d.Kind]
	opts := []asynq.Option{
		asynq.TaskID(d.Execution + ":3.001:" + d.Token), asynq.Queue("prana-0"), asynq.MaxRetry(1 << 20), asynq.Timeout(24 * time.Hour),
	}
	if in > 0 {
		opts = append(opts, asynq.ProcessIn(in))
	}
	task := asynq.NewTaskWithHeaders(taskType, []byte(payload), d.Trace)
	if _, err := asynq.NewClientFromRedisClient(client).EnqueueContext(patient(t), task, opts...); err != nil {
		t.Fatal(err)
	}
}

// write does what a commit does with a task.
func write(ctx context.Context, t *testing.T, client redis.UniversalClient, task flow.Task, in time.Duration) {
	t.Helper()
	pipe := client.TxPipeline()
	if in > 0 {
		pipe.HSet(ctx, task.Key, "msg", task.Message, "state", "scheduled")
		pipe.ZAdd(ctx, task.Scheduled, redis.Z{Score: float64(time.Now().Add(in).Unix()), Member: task.ID})
	} else {
		pipe.HSet(ctx, task.Key, "msg", task.Message, "state", "pending", "pending_since", time.Now().UnixNano())
		pipe.LPush(ctx, task.Pending, task.ID)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
}

// dump reads everything, with times that differ from run to run made equal.
func dump(t *testing.T, client redis.UniversalClient) map[string]string {
	t.Helper()
	ctx := patient(t)
	out := map[string]string{}
	for _, key := range client.Keys(ctx, "*").Val() {
		kind := client.Type(ctx, key).Val()
		out[key] = kind + " " + map[string]func() string{
			"hash": func() string { return dumpHash(t, client.HGetAll(ctx, key).Val()) },
			"list": func() string { return fmt.Sprint(client.LRange(ctx, key, 0, -1).Val()) },
			"set":  func() string { return fmt.Sprint(client.SMembers(ctx, key).Val()) },
			"zset": func() string { return dumpAlarms(client.ZRangeWithScores(ctx, key, 0, -1).Val()) },
		}[kind]()
	}
	return out
}

func dumpHash(t *testing.T, fields map[string]string) string {
	t.Helper()
	if since, err := strconv.ParseInt(fields["pending_since"], 10, 64); err == nil && time.Since(time.Unix(0, since)) < time.Minute {
		fields["pending_since"] = "now"
	}
	fields["msg"] = dumpMessage(t, []byte(fields["msg"]))
	return fmt.Sprint(fields)
}

func dumpAlarms(zs []redis.Z) string {
	var out []string
	for _, z := range zs {
		at := time.Unix(int64(z.Score), 0)
		out = append(out, fmt.Sprintf("%s in about %s, whole seconds %v", z.Member, time.Until(at).Round(30*time.Second), z.Score == float64(at.Unix())))
	}
	return fmt.Sprint(out)
}

// dumpMessage lists the fields in the order written, headers sorted: asynq writes a map in any order.
func dumpMessage(t *testing.T, raw []byte) string {
	t.Helper()
	var fields, headers []string
	for len(raw) > 0 {
		n, kind, size := protowire.ConsumeTag(raw)
		value := protowire.ConsumeFieldValue(n, kind, raw[max(size, 0):])
		if size < 0 || value < 0 {
			t.Fatalf("not a message: %q", raw)
		}
		text := fmt.Sprintf("%q", raw[:size+value])
		raw = raw[size+value:]
		if n == fieldHeaders {
			headers = append(headers, text)
		} else {
			fields = append(fields, text)
		}
	}
	slices.Sort(headers)
	return fmt.Sprint(fields, headers)
}

// TestEncoderBytes pins the bytes themselves where asynq's are the same every time.
func TestEncoderBytes(t *testing.T) {
	t.Parallel()
	client := connect(t, realRedis(t))
	for _, name := range []string{"plain", "traced"} {
		d := samples()[name]
		enqueueByAsynq(t, client, d, 0)
		task, err := Encoder{}.Encode(d)
		if err != nil {
			t.Fatal(err)
		}
		want := client.HGet(patient(t), task.Key, "msg").Val()
		if !bytes.Equal(task.Message, []byte(want)) {
			t.Errorf("%s: encoded %q, asynq writes %q", name, task.Message, want)
		}
		client.FlushAll(patient(t))
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*flow.Dispatch){
		"execution": func(d *flow.Dispatch) { d.Execution = "x" },
		"token":     func(d *flow.Dispatch) { d.Token = "" },
		"kind":      func(d *flow.Dispatch) { d.Kind = "other" },
		"brace":     func(d *flow.Dispatch) { d.Queue = "a}b" },
		"blank":     func(d *flow.Dispatch) { d.Queue = " " },
	} {
		d := sample
		spoil(&d)
		if _, err := (Encoder{}).Encode(d); err == nil {
			t.Errorf("%s: a dispatch that nobody could read was encoded", name)
		}
	}
}

func TestReadStep(t *testing.T) {
	t.Parallel()
	for name, d := range samples() {
		taskType, _ := typeOf(d.Kind)
		got, err := ReadStep(asynq.NewTaskWithHeaders(taskType, writeStep(d), d.Trace))
		if err != nil || TaskID(got) != TaskID(d) || got.Kind != d.Kind || got.Workflow != d.Workflow || !maps.Equal(got.Trace, d.Trace) {
			t.Errorf("%s: read %+v, %v", name, got, err)
		}
	}
	for _, bad := range []string{
		``, `null`, `[]`, `{}`, `{"x":"no","s":"1.000","t":"a","w":"b"}`, `{"X":"01234567890123456789012","s":"1.000","t":"a","w":"b"}`,
		`{"x":"01234567890123456789012","s":"1","t":"a","w":"b"}`, `{"x":"01234567890123456789012","s":"1.000","w":"b"}`,
		`{"x":"01234567890123456789012","s":"1.000","t":"a","w":"b","y":1}`, `{"x":"01234567890123456789012","s":"1.000","t":"a","w":"b"} x`,
	} {
		if d, err := ReadStep(asynq.NewTask(TypeStep, []byte(bad))); err == nil {
			t.Errorf("%s was read as %+v", bad, d)
		}
	}
}
