package integration

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
)

// put publishes a definition under an id of the case's own, and gives the id.
func (s *system) put(t *testing.T, name string, mode flow.Mode, definition string) string {
	t.Helper()
	id := strings.ToLower(name) + "-" + string(mode)
	a := s.request(t, "POST", "/v1/workflows", "id: "+id+"\nmode: "+string(mode)+definition)
	if a.status != 201 && a.status != 200 {
		t.Fatalf("publishing %s is answered with %d: %s", id, a.status, a.body)
	}
	return id
}

// beginsSomewhere is A-04.
func beginsSomewhere(t *testing.T, s *system, mode flow.Mode) {
	id := s.put(t, "A-04", mode, `
nodes: [{key: hook, type: test.trigger}, {key: save, type: test.echo}]
connections: [hook -> save]
`)
	s.wantNoStart(t, id, "nowhere")
}

// wantNoStart starts a workflow from a node that it does not have.
func (s *system) wantNoStart(t *testing.T, workflow, node string) {
	t.Helper()
	a := s.request(t, "POST", "/v1/workflows/"+workflow+"/executions", map[string]any{"from": node})
	if a.status/100 != 4 || a.text(t, "code") != "node_not_found" || !strings.Contains(a.text(t, "detail"), node) {
		t.Errorf("a start from %s is answered with %d: %s", node, a.status, a.body)
	}
}

// place is what a node knows of the loops around it.
func place(t *testing.T, v any) (level any, role string, ids []any) {
	t.Helper()
	m, _ := v.(map[string]any)
	role, _ = m["loop_role"].(string)
	ids, ok := m["loop_ids"].([]any)
	if !ok || role == "" {
		t.Errorf("a node knows of its loops: %s", raw(v))
	}
	return m["loop_level"], role, ids
}

// oneLoop is A-10.
func oneLoop(t *testing.T, s *system, mode flow.Mode) {
	id := s.put(t, "A-10", mode, `
nodes:
  - {key: start, type: test.trigger}
  - {key: before, type: data.set_data, params: {mapping_map: "{{ $execution.loop }}"}}
  - {key: head, type: data.set_data, params: {mapping_map: "{{ $execution.loop }}"}}
  - {key: tail, type: test.tier, params: {premium: "{{ $execution.run_index < 1 }}", status: "{{ $execution.loop }}"}}
connections: [start -> before, before -> head, head -> tail, tail.premium -> head]
`)
	v := s.await(t, s.start(t, id, nil), flow.Completed, conformanceTime)
	if level, role, ids := place(t, decoded(t, latest(t, v, "before").Output)); level != 0 || role != "not_in_loop" || len(ids) != 0 {
		t.Errorf("before: level %v, %s, %v", level, role, ids)
	}
	level, role, ids := place(t, decoded(t, latest(t, v, "head").Output))
	if level != 1 || role != "start_loop" || len(ids) != 1 {
		t.Errorf("head: level %v, %s, %v", level, role, ids)
	}
	tail, _ := decoded(t, latest(t, v, "tail").Output).(map[string]any)
	level, role, same := place(t, tail["status"])
	if level != 1 || role != "end_loop" || fmt.Sprint(same) != fmt.Sprint(ids) {
		t.Errorf("tail: level %v, %s, %v; the head is in %v", level, role, same, ids)
	}
}

// twoLoops is A-12.
func twoLoops(t *testing.T, s *system, mode flow.Mode) {
	id := s.put(t, "A-12", mode, `
nodes:
  - {key: a, type: test.trigger}
  - {key: b, type: data.set_data, params: {mapping_map: "{{ $execution.loop }}"}}
  - {key: c, type: data.set_data, params: {mapping_map: "{{ $execution.loop }}"}}
  - {key: d, type: test.tier, params: {premium: "{{ $execution.run_index < 1 }}", status: "{{ $execution.loop }}"}}
  - {key: e, type: data.set_data, params: {mapping_map: "{{ $execution.loop }}"}}
  - {key: f, type: test.tier, params: {premium: "{{ $execution.run_index < 1 }}", status: "{{ $execution.loop }}"}}
connections: [a -> b, b -> c, b -> e, c -> d, c -> f, d.premium -> c, e -> f, f.premium -> e]
`)
	v := s.await(t, s.start(t, id, nil), flow.Completed, conformanceTime)
	in := map[string]string{}
	for _, key := range []string{"b", "c", "d", "e", "f"} {
		out, _ := decoded(t, latest(t, v, key).Output).(map[string]any)
		if status, ok := out["status"]; ok {
			out, _ = status.(map[string]any)
		}
		level, role, ids := place(t, out)
		in[key] = fmt.Sprint(ids)
		outside := key == "b"
		if n, _ := level.(int); outside != (role == "not_in_loop") || outside != (n == 0) || outside != (len(ids) == 0) {
			t.Errorf("%s: level %v, %s, %v", key, level, role, ids)
		}
	}
	if in["c"] != in["d"] || in["e"] != in["f"] || in["c"] == in["e"] {
		t.Errorf("the loops are %v", in)
	}
}

// littleIsEnough is A-14.
func littleIsEnough(t *testing.T, s *system, mode flow.Mode) {
	w, _, found := definition.Read("little.json", []byte(`{"id":"little","name":"Little"}`))
	if w == nil || plan.HasErrors(found) || w.Name != "Little" || len(w.Nodes) != 0 || len(w.Connections) != 0 || len(w.Variables) != 0 {
		t.Errorf("a definition with id and name only reads as %s: %v", raw(w), found)
	}
	a := s.request(t, "POST", "/v1/workflows", []byte(`{"id":"little","name":"Little"}`))
	if a.status/100 != 4 || !strings.Contains(string(a.body), plan.CodeNoTrigger) {
		t.Errorf("publishing a workflow without nodes is answered with %d: %s", a.status, a.body)
	}
	id := s.put(t, "A-14", mode, `
nodes: [{key: start, type: test.trigger}, {key: end, type: test.fail}]
connections: [{from: start, to: end}]
`)
	v := s.await(t, s.start(t, id, nil), flow.Failed, conformanceTime) // stop_workflow
	end := run(t, v, "end")
	if end.Attempt != 0 || len(end.Attempts) != 0 || string(end.Input[flow.PortMain]) == "null" || len(end.Input) == 0 || run(t, v, "start").Port != flow.PortMain {
		t.Errorf("node end ran as %s", raw(end))
	}
	stored, version, err := s.app.Store().Workflow(t.Context(), id, "")
	if err != nil || len(version) != 16 || stored.Nodes[1].Settings.Retries() != 0 {
		t.Errorf("stored is %s in version %q (%v)", raw(stored), version, err)
	}
}

const wholeDefinition = `{
 "variables": {"env": "test"},
 "nodes": [
  {"key": "start", "type": "manual.trigger"},
  {"key": "put", "type": "data.set_data", "params": {"mapping_map": {"a": [{"f": 1}, {"f": null}], "o": {"strict": true}}},
   "settings": {"retry_on_failed": true, "max_retries": 5, "retry_delay_ms": 3000, "on_error": "continue_error_output"}},
  {"key": "handle", "type": "test.echo"}],
 "connections": [{"from": "start", "to": "put"}, {"from": "put", "from_port": "error", "to": "TARGET"}]}`

// nothingIsLost is A-16.
func nothingIsLost(t *testing.T, s *system, mode flow.Mode) {
	id := "a-16-" + string(mode)
	source := func(target string) map[string]any {
		m, _ := decoded(t, []byte(strings.Replace(wholeDefinition, "TARGET", target, 1))).(map[string]any)
		m["id"], m["mode"] = id, string(mode)
		return m
	}
	if a := s.request(t, "POST", "/v1/workflows", raw(source("nowhere"))); a.status/100 != 4 || !strings.Contains(string(a.body), plan.CodeDanglingConnection) {
		t.Errorf("a connection to nowhere is answered with %d: %s", a.status, a.body)
	}
	want := source("handle")
	if a := s.request(t, "POST", "/v1/workflows", []byte(raw(want))); a.status != 201 {
		t.Fatalf("publishing is answered with %d: %s", a.status, a.body)
	}
	stored, _, err := s.app.Store().Workflow(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := decoded(t, raw(stored)).(map[string]any)
	ports := want["connections"].([]any)
	ports[0].(map[string]any)["from_port"], ports[0].(map[string]any)["to_port"], ports[1].(map[string]any)["to_port"] = "main", "main", "main"
	same(t, "the definition", withPorts(got), want)
}

// withPorts writes out the ports that a stored connection leaves to their default.
func withPorts(w map[string]any) map[string]any {
	list, _ := w["connections"].([]any)
	for _, c := range list {
		m := c.(map[string]any)
		for _, end := range []string{"from_port", "to_port"} {
			if m[end] == nil {
				m[end] = flow.PortMain
			}
		}
	}
	return w
}

// fromANode is K-09.
func fromANode(t *testing.T, s *system, mode flow.Mode) {
	for kind, want := range map[string]flow.Status{"echo": flow.Completed, "suspend": flow.Suspended, "fail": flow.Failed} {
		id := s.put(t, "K-09-"+kind, mode, strings.ReplaceAll(`
nodes: [{key: start, type: test.trigger}, {key: a, type: test.KIND}, {key: b, type: test.echo}]
connections: [start -> a, a -> b]
`, "KIND", kind))
		x := s.must(t, 201, "POST", "/v1/workflows/"+id+"/executions", map[string]any{"input": map[string]any{"x": 1}, "from": "a"}).text(t, "execution_id")
		v := s.await(t, x, want, conformanceTime)
		if ran(v, "start") || !ran(v, "a") || ran(v, "b") != (want == flow.Completed) {
			t.Errorf("with test.%s: %s", kind, raw(v.Nodes))
		}
	}
	s.wantNoStart(t, "k-09-echo-"+string(mode), "nowhere")
}

// calls remembers which middlewares were called, with what the one before had made of the reason.
type calls struct {
	mu  sync.Mutex
	all map[string][]string // by workflow
}

// hook is a middleware that remembers its call, and passes on unless it is told to stop for the workflow.
func (c *calls) hook(name, stopFor string) watcher {
	return watcher{name, func(ctx context.Context, n flow.Notice, next flow.Next) {
		if n.Name == flow.ExecutionCompleted {
			c.mu.Lock()
			c.all[n.Workflow] = append(c.all[n.Workflow], name+" after "+n.Reason)
			c.mu.Unlock()
		}
		if n.Workflow != stopFor {
			n.Reason += "[" + name + "]"
			next(ctx, n)
		}
	}}
}

func (c *calls) of(workflow string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.all[workflow], ", ")
}

// chainOfMiddleware is K-11, on a system of its own that is configured with three of them.
func chainOfMiddleware(t *testing.T, _ *system, mode flow.Mode) {
	c := &calls{all: map[string][]string{}}
	stopped := "k-11-stopped-" + string(mode)
	s := begin(t, setup{Inside: true, Middleware: []watcher{c.hook("one", ""), c.hook("two", stopped), c.hook("three", "")}})
	want := map[string]string{
		"K-11-stopped": "one after , two after [one]",
		"K-11-whole":   "one after , two after [one], three after [one][two]",
	}
	ids := map[string]string{}
	for _, name := range []string{"K-11-stopped", "K-11-whole"} {
		ids[name] = s.put(t, name, mode, "\nnodes: [{key: start, type: test.trigger}]\n")
		s.await(t, s.start(t, ids[name], nil), flow.Completed, conformanceTime)
	}
	c.await(t, ids["K-11-stopped"], 2)
	c.await(t, ids["K-11-whole"], 3)
	for name, want := range want {
		if got := c.of(ids[name]); got != want {
			t.Errorf("%s: called were %q, want %q", name, got, want)
		}
	}
}

// await waits until middlewares were called n times about a workflow: they are called after what they tell of is stored.
func (c *calls) await(t *testing.T, workflow string, n int) {
	t.Helper()
	for end := time.Now().Add(conformanceTime); strings.Count(c.of(workflow), "after") < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("called were %q; want %d calls", c.of(workflow), n)
		}
	}
}

// resumeURL is I-09.
func resumeURL(t *testing.T, s *system, mode flow.Mode) {
	id := s.put(t, "I-09", mode, `
nodes:
  - {key: start, type: manual.trigger}
  - {key: mail, type: data.set_data, params: {mapping_map: {url: "{{ $execution.resume_urls.knock }}"}}}
  - {key: hold, type: test.suspend}
  - {key: knock, type: wait.wait, params: {mode: webhook, timeout_hours: "{{ $nodes.start.output.hours }}"}}
  - {key: end, type: test.echo}
connections: [start -> mail, mail -> hold, hold.resumed -> knock, knock -> end]
`)
	begin := func(hours float64) (x, url string) {
		x = s.start(t, id, map[string]any{"hours": hours})
		v := s.await(t, x, flow.Suspended, conformanceTime)
		mail, _ := decoded(t, run(t, v, "mail").Output).(map[string]any)
		url, _ = mail["url"].(string)
		return x, strings.TrimPrefix(url, s.app.URL())
	}
	resume := func(x string) {
		if _, err := s.engine.Resume(t.Context(), flow.ResumeRequest{Execution: x, Node: "hold"}); err != nil {
			t.Fatal(err)
		}
	}
	x, url := begin(1)
	s.must(t, 400, "POST", url, map[string]any{"early": true})
	s.must(t, 404, "POST", "/resume/unknown", map[string]any{})
	resume(x)
	s.staysAt(t, x, "knock")
	s.must(t, 200, "POST", url, map[string]any{"y": 2})
	v := s.await(t, x, flow.Completed, conformanceTime)
	s.must(t, 409, "POST", url, map[string]any{"y": 3})
	if out, _ := decoded(t, run(t, v, "end").Output).(map[string]any); out["y"] != 2 {
		t.Errorf("the end has %v", out)
	}
	late, url := begin(0.00003) // 108 ms
	resume(late)
	s.await(t, late, flow.Failed, conformanceTime) // port timeout leads nowhere
	s.must(t, 410, "POST", url, map[string]any{})
}

// webhookPath is where a workflow with an HTTP trigger is started.
func webhookPath(id, path string) string { return "/webhook/" + id + path }

// webhookStarts is L-13.
func webhookStarts(t *testing.T, s *system, mode flow.Mode) {
	id := s.put(t, "L-13", mode, `
nodes:
  - {key: start, type: http.webhook_trigger, params: {path: /hook, methods: [POST]}}
  - {key: pick, type: data.set_data, params: {mapping_map: "{{ $input.body.data }}"}}
connections: [start -> pick]
`)
	x := s.must(t, 202, "POST", webhookPath(id, "/hook"), map[string]any{"data": "seen"}).text(t, "execution_id")
	v := s.await(t, x, flow.Completed, conformanceTime)
	got, _ := decoded(t, run(t, v, "start").Output).(map[string]any)
	if got["method"] != "POST" || got["headers"] == nil || got["query"] == nil || got["path"] == nil {
		t.Errorf("the trigger leaves %s", raw(got))
	}
	same(t, "the body", got["body"], map[string]any{"data": "seen"})
	same(t, "pick", decoded(t, run(t, v, "pick").Output), "seen")
}

// webhookIsAnswered is L-16.
func webhookIsAnswered(t *testing.T, s *system, mode flow.Mode) {
	id := s.put(t, "L-16", mode, `
nodes:
  - {key: start, type: http.webhook_trigger, params: {path: /ask, response_type: at_return_node}}
  - {key: answer, type: http.webhook_respond, params: {respond_with: text, text_data: ok}}
  - {key: after, type: data.set_data, params: {mapping_map: {in: "{{ $input }}"}}}
connections: [start -> answer, answer -> after]
`)
	a := s.must(t, 200, "POST", webhookPath(id, "/ask"), map[string]any{})
	if string(a.body) != "ok" {
		t.Errorf("the answer is %q", a.body)
	}
	list, err := s.app.Store().Executions(t.Context(), flow.ExecutionFilter{Workflow: id})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("executions: %v, %v", list.Items, err)
	}
	v := s.await(t, list.Items[0].ID, flow.Completed, conformanceTime)
	same(t, "answer", decoded(t, run(t, v, "answer").Output), nil)
	same(t, "after", decoded(t, run(t, v, "after").Output), map[string]any{"in": nil})
}
