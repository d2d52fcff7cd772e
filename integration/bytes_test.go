package integration

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/config/localredis"
	"prana/engine"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/nodes"
	"prana/suspend"
	"prana/tasks"
)

// counted is a connection that counts what is sent, and notes it.
type counted struct {
	net.Conn
	by *stepper
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	c.by.sent = append(c.by.sent, b[:n]...)
	return n, err
}

// stepper runs an execution step by step without a worker, and measures what the
// engine sends to Redis for each.
type stepper struct {
	engine  *engine.Engine
	inspect *asynq.Inspector
	steps   [][]byte // what each step of the last execution sent

	mu   sync.Mutex
	sent []byte // since the step began
}

// begin begins to count anew, and gives what was sent before.
func (p *stepper) begin() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.sent
	p.sent = nil
	return sent
}

func newStepper(t *testing.T) *stepper {
	t.Helper()
	needRedis(t)
	server, err := localredis.Start(t.Context(), localredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &stepper{inspect: asynq.NewInspector(asynq.RedisClientOpt{Network: server.Network(), Addr: server.Addr()})}
	client := redis.NewClient(&redis.Options{
		Network: server.Network(), Addr: server.Addr(), DisableIdentity: true,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			return counted{c, p}, err
		},
	})
	t.Cleanup(func() {
		p.engine.Wait()
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if err := p.inspect.Close(); err != nil {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := tasks.Ensure(t.Context(), client, tasks.QueueOf(0)); err != nil {
		t.Fatal(err)
	}
	p.engine, err = engine.New(engine.Config{
		Store:    suspend.New(client, tasks.Encoder{}, suspend.Options{}),
		Registry: node.NewRegistry(nodes.Builtin(nodes.Options{})...),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sizes runs an execution to its end and gives the bytes of each step.
func (p *stepper) sizes(t *testing.T, src string, input any) []int64 {
	t.Helper()
	w, _, found := definition.Read("test.yaml", []byte(src))
	if plan.HasErrors(found) {
		t.Fatal(found)
	}
	if _, _, err := p.engine.Deploy(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	r, err := p.engine.Start(t.Context(), flow.StartRequest{Workflow: w.ID, Input: raw(input)})
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int64
	p.steps = nil
	for {
		task := p.next(t)
		if task == nil {
			break
		}
		d, err := tasks.ReadStep(asynq.NewTaskWithHeaders(task.Type, task.Payload, task.Headers))
		if err != nil {
			t.Fatal(err)
		}
		p.begin()
		if err := p.engine.RunStep(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		sent := p.begin()
		sizes, p.steps = append(sizes, int64(len(sent))), append(p.steps, sent)
	}
	v, err := p.engine.Describe(t.Context(), r.ExecutionID)
	if err != nil || v.Status != flow.Completed {
		t.Fatalf("%s after %d steps: %v, %v", r.ExecutionID, len(sizes), v, err)
	}
	return sizes
}

// next takes the task that waits, as a worker would; nil when there is none.
func (p *stepper) next(t *testing.T) *asynq.TaskInfo {
	t.Helper()
	list, err := p.inspect.ListPendingTasks(tasks.QueueOf(0))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		return nil
	}
	if err := p.inspect.DeleteTask(tasks.QueueOf(0), list[0].ID); err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// loop counts from 1,000, so that what its steps leave is of one size.
const loop = `
id: loop
nodes:
  - {key: start, type: manual.trigger}
  - {key: count, type: data.set_data, params: {mapping_map: {n: "{{ ($input.n ?? 1000) + 1 }}", pad: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}}
  - {key: more, type: logic.if_condition, params: {condition: "$input.n < 1600"}}
connections: [start -> count, count -> more, more.true -> count]
`

func chain(n int) string {
	nodes, connections := "", ""
	before := "start"
	for i := range n {
		key := fmt.Sprintf("n%03d", i)
		nodes += fmt.Sprintf("  - {key: %s, type: core.log, params: {message: \"{{ $nodes.start.output.x }}\"}}\n", key)
		connections += fmt.Sprintf("  - %s -> %s\n", before, key)
		before = key
	}
	return "id: chain\nnodes:\n  - {key: start, type: manual.trigger}\n" + nodes + "connections:\n" + connections
}

// digits allows for the longer indexes of late nodes ("391." instead of "9."), each of which stands in several
// keys and fields. Steps of a loop have names of one width, and are held to the byte.
const digits = 60

// Neither test is parallel: another one has this process trace, and from then on each step carries the name of its trace.

// TestStoringStepThousandSendsNoMoreThanStepTen: what storing a step costs does not grow with what happened before.
func TestStoringStepThousandSendsNoMoreThanStepTen(t *testing.T) {
	p := newStepper(t)
	began := time.Now()
	sizes := p.sizes(t, loop, map[string]any{})
	early, late := median(sizes[8:14]), median(sizes[996:1002])
	t.Logf("loop: %d steps in %s; step 10 sends %d bytes, step 1,000 %d", len(sizes), time.Since(began).Round(time.Millisecond), early, late)
	if late > early {
		t.Errorf("step 1,000 sends %d bytes, step 10 sends %d", late, early)
	}
	sizes = p.sizes(t, chain(400), map[string]any{"x": strings.Repeat("y", 500)})
	early, late = median(sizes[8:13]), median(sizes[386:391])
	t.Logf("chain of 400 nodes: step 10 sends %d bytes, step 390 %d", early, late)
	if late > early+digits {
		t.Errorf("step 390 sends %d bytes, step 10 sends %d", late, early)
	}
}

// visits goes through a list; three digits are the width of run numbers, so that only their growth may show.
const visits = `
id: visits
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: "{{ 1..$input.n }}", parallel: "{{ $input.parallel }}"}}
  - {key: work, type: data.set_data, params: {mapping_map: {v: "{{ $input % 10 }}", pad: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}}
connections: [start -> each, each.loop -> work, work -> each]
output: "{{ len($nodes.each.output) }}"
`

// TestLateItemsSendNoMoreThanEarlyOnes: a loop over items stores each once, and goes on by their number.
func TestLateItemsSendNoMoreThanEarlyOnes(t *testing.T) {
	p := newStepper(t)
	for _, parallel := range []int{1, 5} {
		sizes := p.sizes(t, visits, map[string]any{"n": 2000, "parallel": parallel})
		early, late := quarter(sizes[20:120]), quarter(sizes[1900:2000]) // what goes on beside a step now and then is not the step's
		t.Logf("%d at a time: item 20 sends %d bytes, item 1,900 %d", parallel, early, late)
		if late > early+digits {
			t.Errorf("%d at a time: item 1,900 sends %d bytes, item 20 sends %d:\n%q\n%q", parallel, late, early, p.steps[1950], p.steps[50])
		}
	}
}

// quarter is what a quarter of the steps keep below.
func quarter(sizes []int64) int64 {
	s := slices.Sorted(slices.Values(sizes))
	return s[len(s)/4]
}

func median(sizes []int64) int64 {
	s := slices.Sorted(slices.Values(sizes))
	return s[len(s)/2]
}
