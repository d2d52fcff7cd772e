package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// hookKey is the secret HOOK_KEY, which only the process with the API knows.
const hookKey = "kh7Xq2-not-to-be-found-anywhere"

// hookFlow answers between two steps that the world sees.
const hookFlow = `
id: NAME
nodes:
  - key: start
    type: http.webhook_trigger
    params:
      path: /orders
      response_type: at_return_node
      response_timeout_ms: TIMEOUT
      auth: { type: header, header_name: X-Shop-Key, header_value: "{{ $secrets.HOOK_KEY }}" }
  - {key: block, type: test.block, params: {name: "{{ $input.body.gate }}"}}
  - key: reply
    type: http.webhook_respond
    params: { respond_with: json, status_code: 201, headers: { X-Order: "{{ $nodes.start.output.query.n }}" }, json_data: { gate: "{{ $nodes.start.output.body.gate }}" } }
  - {key: after, type: test.effect, params: {name: "after-NAME"}}
connections: [start -> block, block -> reply, reply -> after]
`

func hook(name, timeout string) string {
	return strings.NewReplacer("NAME", name, "TIMEOUT", timeout).Replace(hookFlow)
}

// hooked sends a webhook, and gives the place where its answer comes.
func (s *system) hooked(t *testing.T, workflow, gate string, headers ...string) <-chan answer {
	t.Helper()
	got := make(chan answer, 1)
	go func() {
		defer close(got)
		got <- s.request(t, "POST", "/webhook/"+workflow+"/orders?n=7", map[string]any{"gate": gate}, append(headers, "X-Shop-Key: "+hookKey)...)
	}()
	return got
}

func TestWebhookIsAnsweredByANodeOfAnotherProcess(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, hook("hook_answered", "30000"))
	s.world.open("hook-answered")
	a := <-s.hooked(t, "hook_answered", "hook-answered", "Idempotency-Key: d1", "Cookie: session="+hookKey)
	if a.status != 201 || string(a.body) != `{"gate":"hook-answered"}` || a.header.Get("X-Order") != "7" || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %v %s", a.status, a.header, a.body)
	}
	again := <-s.hooked(t, "hook_answered", "hook-answered", "Idempotency-Key: d1", "Date: another")
	if again.status != 201 || string(again.body) != string(a.body) || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("delivered again: %d %v %s", again.status, again.header, again.body)
	}
	if other := <-s.hooked(t, "hook_answered", "hook-other", "Idempotency-Key: d1"); other.status != 422 {
		t.Errorf("the same key with another body: %d %s", other.status, other.body)
	}
	calls := s.world.awaitCalls(t, "/effect/after-hook_answered", 1, 20*time.Second)
	id := calls[0].Body
	v := s.await(t, id, flow.Completed, 10*time.Second)
	if v.Workflow != "hook_answered" || len(s.world.calls("/block/hook-answered")) != 1 {
		t.Errorf("the execution is %+v", v.Summary)
	}
	s.wantNowhere(t, hookKey)
	for _, path := range []string{"", "/history", "/output"} {
		if shown := s.must(t, 200, "GET", "/v1/executions/"+id+path, nil); strings.Contains(string(shown.body), hookKey) {
			t.Errorf("%s shows the secret: %s", path, shown.body)
		}
	}
}

// wantNowhere checks that a text stands nowhere in Redis.
func (s *system) wantNowhere(t *testing.T, text string) {
	t.Helper()
	ctx, looked := t.Context(), 0
	for it := s.raw.Scan(ctx, 0, "*", 1000).Iterator(); it.Next(ctx); looked++ {
		key := it.Val()
		held := map[string]func() any{
			"string": func() any { return s.raw.Get(ctx, key).Val() },
			"hash":   func() any { return s.raw.HGetAll(ctx, key).Val() },
			"list":   func() any { return s.raw.LRange(ctx, key, 0, -1).Val() },
			"set":    func() any { return s.raw.SMembers(ctx, key).Val() },
			"stream": func() any { return s.raw.XRange(ctx, key, "-", "+").Val() },
			"zset":   func() any { return s.raw.ZRange(ctx, key, 0, -1).Val() },
		}[s.raw.Type(ctx, key).Val()]
		if held != nil && strings.Contains(key+fmt.Sprint(held()), text) {
			t.Errorf("%s holds the secret", key)
		}
	}
	if looked < 5 {
		t.Errorf("only %d keys were looked at", looked)
	}
}

func TestWebhookRefusesWithoutStarting(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, hook("hook_refused", "30000"))
	for name, a := range map[string]answer{
		"401": s.request(t, "POST", "/webhook/hook_refused/orders", nil, "X-Shop-Key: wrong"),
		"404": s.request(t, "POST", "/webhook/hook_refused", nil, "X-Shop-Key: "+hookKey),
		"405": s.request(t, "GET", "/webhook/hook_refused/orders", nil, "X-Shop-Key: "+hookKey),
		"413": s.request(t, "POST", "/webhook/hook_refused/orders", []byte(`"`+strings.Repeat("a", 300<<10)+`"`), "X-Shop-Key: "+hookKey),
	} {
		if fmt.Sprint(a.status) != name {
			t.Errorf("got %d %s, want %s", a.status, a.body, name)
		}
	}
	if list := s.must(t, 200, "GET", "/v1/executions?workflow=hook_refused", nil).items(t); len(list) > 0 {
		t.Errorf("executions were started: %v", list)
	}
}

// TestWebhookWhoseWorkerIsKilled: the caller still waits when another worker takes over; one who waits no longer
// learns where to look, and the execution goes on.
func TestWebhookWhoseWorkerIsKilled(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, hook("hook_patient", "75000"), hook("hook_hasty", "1500"))
	patient := s.hooked(t, "hook_patient", "patient")
	hasty := s.hooked(t, "hook_hasty", "hasty")
	caught := append(s.world.awaitCalls(t, "/block/patient", 1, 20*time.Second), s.world.awaitCalls(t, "/block/hasty", 1, 20*time.Second)...)
	for _, c := range caught {
		if p := s.worker(t, c.Pid); p.Alive() {
			p.Kill()
		}
	}
	if err := s.addWorker(); err != nil {
		t.Fatal(err)
	}
	a := <-hasty
	id := a.text(t, "execution_id")
	if a.status != 202 || a.text(t, "status") != "running" || id != caught[1].Body {
		t.Errorf("the caller who waits no longer got %d %s", a.status, a.body)
	}
	s.world.awaitCalls(t, "/block/", 4, 45*time.Second)
	s.world.open("patient")
	s.world.open("hasty")
	if a := <-patient; a.status != 201 || string(a.body) != `{"gate":"patient"}` {
		t.Errorf("the caller who waits got %d %s", a.status, a.body)
	}
	s.await(t, id, flow.Completed, 20*time.Second)
	s.await(t, caught[0].Body, flow.Completed, 20*time.Second)
	s.wantOnce(t, "/effect/after-hook_patient", 1)
	s.wantOnce(t, "/effect/after-hook_hasty", 1)
}
