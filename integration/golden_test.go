package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/cmd/prana/app"
	"prana/cmd/prana/cli"
	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// goldenFlows are what the golden answers tell of.
var goldenFlows = []string{`
id: golden_done
nodes:
  - {key: start, type: manual.trigger}
  - {key: set, type: data.set_data, params: {mapping_map: {n: $input.n}}}
connections: [start -> set]
`, `
id: golden_waits
nodes:
  - {key: start, type: manual.trigger}
  - {key: links, type: data.set_data, params: {mapping_map: {url: $execution.resume_urls.wait}}}
  - {key: wait, type: wait.wait_for_event, params: {event_type: golden_event, event_filter: {n: $trigger.n}, timeout_ms: 3600000}}
connections: [start -> links, links -> wait]
`, `
id: golden_fails
nodes:
  - {key: start, type: manual.trigger}
  - {key: call, type: http.request, params: {url: "WORLD/broken/golden"}, settings: {retry_on_failed: true, max_retries: 1, retry_delay_ms: 1}}
connections: [start -> call]
`, `
id: golden_sleeps
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 3600000}}
connections: [start -> nap]
`, `
id: golden_parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: golden_waits, input_data: {n: 900}}}
connections: [start -> child]
`, `
id: golden_cron
nodes:
  - {key: start, type: schedule.cron_trigger, params: {cron_pattern: "0 9 1 1 *", timezone: UTC}}
`}

// goldenCases are what prana test is shown with: of each kind of failure one.
const goldenCases = `
workflow: good.yaml
cases:
  - {name: passes, input: {n: 1}, want: {status: completed}}
  - {name: differs, input: {n: 1}, stubs: {set: {error: down}}, want: {status: completed, output: {n: 2}}}
  - {name: is refused, want: {status: completed}, steps: [{resume: {node: set}}]}
`

// golden is a system with an execution in each state that the golden files show.
func goldenSystem(t *testing.T) *system {
	t.Helper()
	s := begin(t, setup{Inside: true})
	s.deploy(t, goldenFlows...)
	return s
}

// prana runs a command line against the server of the system, and gives what it ends with.
func (s *system) prana(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Program{}.Run(ctx, append([]string{"--server", s.app.URL()}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// TestEveryExitCodeIsReached is the table of exit codes: for each, what ends with it.
func TestEveryExitCodeIsReached(t *testing.T) {
	t.Parallel()
	s := goldenSystem(t)
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("id: broken\nnodes: [{key: a, type: http.reqest}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	over := s.start(t, "golden_waits", map[string]any{"n": 901})
	s.await(t, over, flow.Suspended, 15*time.Second)
	if err := s.engine.Cancel(t.Context(), flow.CancelRequest{Execution: over}); err != nil {
		t.Fatal(err)
	}
	s.await(t, over, flow.Cancelled, 15*time.Second)
	cancelled := s.cancelledAs(t, "golden-cancelled")
	guarded := s.guarded(t)

	ended := map[int]bool{}
	for _, c := range []struct {
		code int
		line string
		says string // on stderr
	}{
		{0, "run golden_done -i n:=1 --wait", ""},
		{1, "run golden_fails --wait", ""},
		{2, "list --nope", "unknown flag: --nope"},
		{3, "validate " + broken, ""},
		{3, "deploy " + broken, "http.request"},
		{4, "show 0AAAAAAAAAAAAAAAAAAAAAA", "not_found"},
		{4, "run nobody_published_this", "not_found"},
		{5, "cancel " + over, "conflict"},
		{5, "resume " + over, "conflict"},
		{6, "--server http://127.0.0.1:1 list", "prana dev"},
		{6, "doctor --redis redis://127.0.0.1:1", ""},
		{7, "--server " + guarded + " list", "PRANA_TOKEN"},
		{8, "run golden_waits -i n:=902 --wait --timeout 50ms", ""},
		{9, "run golden_waits --id " + cancelled + " -i n:=903 --wait", ""},
	} {
		code, stdout, stderr := s.prana(t.Context(), strings.Fields(c.line)...)
		if code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("prana %s ended with %d, want %d and %q\nstdout: %s\nstderr: %s", c.line, code, c.code, c.says, stdout, stderr)
		}
		ended[code] = true
	}
	ended[s.interrupted(t)] = true
	s.wantDocumented(t, ended)
}

// cancelledAs gives the id of a start whose execution was cancelled.
func (s *system) cancelledAs(t *testing.T, id string) string {
	t.Helper()
	r, err := s.engine.Start(t.Context(), flow.StartRequest{Workflow: "golden_waits", ID: id, Input: []byte(`{"n":903}`)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.engine.Cancel(t.Context(), flow.CancelRequest{Execution: r.ExecutionID}); err != nil {
		t.Fatal(err)
	}
	s.await(t, r.ExecutionID, flow.Cancelled, 15*time.Second)
	return id
}

// guarded starts a server that asks for a token, and gives its URL.
func (s *system) guarded(t *testing.T) string {
	t.Helper()
	o := s.setup.options()
	app.TestSecret(&o.Config, "TOKEN", "sesame")
	o.API, o.Config.Token = true, o.Config.Secrets["TOKEN"]
	a, err := app.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return a.URL()
}

// interrupted waits for an execution with `run --wait` until it is interrupted, which the execution is not.
func (s *system) interrupted(t *testing.T) int {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	s.deploy(t, strings.Replace(goldenFlows[1], "golden_waits", "golden_interrupted", 1))
	ended := make(chan int, 1)
	go func() {
		code, _, _ := s.prana(ctx, "run", "golden_interrupted", "-i", "n:=904", "--wait")
		ended <- code
	}()
	id := s.soleExecution(t, "golden_interrupted")
	s.await(t, id, flow.Suspended, 15*time.Second)
	interrupt()
	code := <-ended
	s.await(t, id, flow.Suspended, 15*time.Second)
	return code
}

// wantDocumented compares the codes with those that `prana help exit-codes` lists.
func (s *system) wantDocumented(t *testing.T, ended map[int]bool) {
	t.Helper()
	var documented []int
	_, help, _ := s.prana(t.Context(), "help", "exit-codes")
	for line := range strings.Lines(help) {
		var code int
		if n, _ := fmt.Sscan(line, &code); n == 1 {
			documented = append(documented, code)
		}
	}
	if got := slices.Sorted(maps.Keys(ended)); !slices.Equal(got, documented) {
		t.Errorf("ended with %v, documented are %v", got, documented)
	}
}

// TestGoldenAnswersOfTheAPI compares the members of the API's answers, and their types, with testdata/golden/api.txt.
func TestGoldenAnswersOfTheAPI(t *testing.T) {
	t.Parallel()
	s := goldenSystem(t)
	x := s.goldenExecutions(t)
	source := strings.ReplaceAll(goldenFlows[0], "golden_done", "golden_new")
	var g golden
	ask := func(name string, status int, method, path string, body any, headers ...string) {
		t.Helper()
		g.add(t, fmt.Sprintf("%s: %d", name, status), s.must(t, status, method, path, body, headers...).body)
	}
	url, _ := output(t, &flow.View{Output: run(t, x.waits, "links").Output})["url"].(string)
	token := strings.TrimPrefix(url, s.app.URL())
	execution, done, fails := "/v1/executions/"+x.waits.ID, "/v1/executions/"+x.done.ID, "/v1/executions/"+x.fails.ID

	ask("publish a workflow", 201, "POST", "/v1/workflows", source)
	ask("diagnose a workflow", 200, "POST", "/v1/workflows:validate", "id: broken\nnodes: [{key: a, type: http.reqest}]")
	ask("list workflows", 200, "GET", "/v1/workflows", nil)
	ask("read a workflow", 200, "GET", "/v1/workflows/golden_done", nil)
	ask("list versions", 200, "GET", "/v1/workflows/golden_done/versions", nil)
	ask("start", 201, "POST", "/v1/workflows/golden_sleeps/executions", map[string]any{"input": 1})
	ask("start and wait", 201, "POST", "/v1/workflows/golden_done/executions", map[string]any{"input": 1}, "Prefer: wait=20")
	ask("start, wait and fail", 201, "POST", "/v1/workflows/golden_fails/executions", map[string]any{"input": 1}, "Prefer: wait=20")
	ask("list executions", 200, "GET", "/v1/executions", nil)
	ask("read a completed execution", 200, "GET", done, nil)
	ask("read a failed execution", 200, "GET", fails, nil)
	ask("read a suspended execution", 200, "GET", execution, nil)
	ask("problem: no_output", 409, "GET", execution+"/output", nil)
	ask("read an execution with a child", 200, "GET", "/v1/executions/"+x.parent.ID, nil)
	ask("history", 200, "GET", done+"/history", nil)
	ask("suspensions of an execution", 200, "GET", execution+"/suspensions", nil)
	ask("family", 200, "GET", "/v1/executions/"+x.parent.ID+"/relations", nil)
	ask("list suspensions", 200, "GET", "/v1/suspensions", nil)
	ask("list relations", 200, "GET", "/v1/relations", nil)
	ask("list delays", 200, "GET", "/v1/delays", nil)
	ask("list schedules", 200, "GET", "/v1/schedules", nil)
	ask("list node types", 200, "GET", "/v1/node-types", nil)
	ask("preview an event", 200, "POST", "/v1/events", map[string]any{"type": "golden_event", "data": map[string]any{"n": 1}, "dry_run": true})
	ask("publish an event", 202, "POST", "/v1/events", map[string]any{"type": "golden_event", "data": map[string]any{"n": 0}})
	ask("look at a resume URL", 200, "GET", token, nil)
	ask("resume by URL", 200, "POST", token, map[string]any{"a": 1})
	ask("resume", 202, "POST", "/v1/executions/"+x.resumed.ID+":resume", map[string]any{"data": 1})
	ask("cancel", 202, "POST", "/v1/executions/"+x.sleeps.ID+":cancel", map[string]any{"id": "golden"})
	ask("cancel again", 200, "POST", "/v1/executions/"+x.sleeps.ID+":cancel", map[string]any{"id": "golden"})
	ask("terminate", 202, "POST", "/v1/executions/"+x.parent.ID+":terminate", nil)
	ask("retry", 202, "POST", fails+":retry", nil)
	ask("plan a rerun", 200, "POST", done+":rerun", map[string]any{"plan": true})
	g.add(t, "rerun", s.request(t, "POST", done+":rerun", nil).body)
	ask("health", 200, "GET", "/healthz", nil)
	ask("readiness", 200, "GET", "/readyz", nil)

	ask("problem: invalid", 400, "POST", "/v1/events", map[string]any{"type": ""})
	ask("problem: invalid_json", 400, "POST", "/v1/events", []byte(`{"type":1}`))
	ask("problem: invalid_query", 400, "GET", "/v1/executions?limit=many", nil)
	ask("problem: not_found", 404, "GET", "/v1/executions/0AAAAAAAAAAAAAAAAAAAAAA", nil)
	ask("problem: node_not_found", 404, "POST", done+":rerun", map[string]any{"from": "nowhere"})
	ask("problem: no_route", 404, "GET", "/v1/nothing", nil)
	ask("problem: method_not_allowed", 405, "PUT", "/v1/executions", nil)
	ask("problem: conflict", 409, "POST", done+":cancel", nil)
	ask("problem: conflict of a resume URL", 409, "POST", token, nil)
	ask("problem: payload_too_large", 413, "POST", "/v1/events", map[string]any{"type": "t", "data": strings.Repeat("a", 2<<20)})
	ask("problem: unsupported_media_type", 415, "POST", "/v1/events", "a text")
	ask("problem: definition_invalid", 422, "POST", "/v1/workflows", "id: broken\nnodes: [{key: a, type: http.reqest}]")
	s.must(t, 201, "POST", "/v1/workflows/golden_done/executions", map[string]any{"id": "golden-twice", "input": 1})
	ask("problem: idempotency_mismatch", 422, "POST", "/v1/workflows/golden_done/executions", map[string]any{"id": "golden-twice", "input": 2})
	g.compare(t, "api.txt")
}

// goldenExecutions are one for each state.
type goldenExecutions struct {
	done, fails, waits, resumed, sleeps, parent *flow.View
}

func (s *system) goldenExecutions(t *testing.T) goldenExecutions {
	t.Helper()
	begun := func(workflow string, n int, want flow.Status) *flow.View {
		t.Helper()
		return s.await(t, s.start(t, workflow, map[string]any{"n": n}), want, 15*time.Second)
	}
	return goldenExecutions{
		done: begun("golden_done", 1, flow.Completed), fails: begun("golden_fails", 1, flow.Failed),
		waits: begun("golden_waits", 1, flow.Suspended), resumed: begun("golden_waits", 2, flow.Suspended),
		sleeps: begun("golden_sleeps", 1, flow.Suspended), parent: begun("golden_parent", 1, flow.Suspended),
	}
}

// TestGoldenAnswersOfTheCLI does the same to what `-o json` prints, with testdata/golden/cli.txt.
func TestGoldenAnswersOfTheCLI(t *testing.T) {
	t.Parallel()
	s := goldenSystem(t)
	x := s.goldenExecutions(t)
	dir := t.TempDir()
	good, broken, tests := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "broken.yaml"), filepath.Join(dir, "good_test.yaml")
	for name, src := range map[string]string{tests: goldenCases, good: strings.Replace(goldenFlows[0], "golden_done", "golden_file", 1), broken: "id: broken\nnodes: [{key: a, type: http.reqest}]\n"} {
		if err := os.WriteFile(name, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var g golden
	for _, c := range []struct {
		code int
		line string
		name string // of what differs from one test to the next
	}{
		{0, "deploy " + good, "deploy FILE"},
		{0, "validate " + good, "validate FILE"},
		{3, "validate " + broken, "validate BROKEN"},
		{0, "graph " + good, "graph FILE"},
		{1, "test " + tests, "test FAILING"},
		{0, "run golden_done --wait", ""},
		{1, "run golden_fails --wait", ""},
		{8, "run golden_waits -i n:=3 --wait --timeout 50ms", ""},
		{0, "list", ""},
		{0, "show " + x.fails.ID, "show FAILED"},
		{0, "show " + x.waits.ID, "show SUSPENDED"},
		{0, "suspended", ""},
		{0, "delays", ""},
		{0, "relations", ""},
		{0, "relations " + x.parent.ID, "relations PARENT"},
		{0, "schedules", ""},
		{0, "nodes", ""},
		{0, "event send golden_event -i n:=1 --dry-run", ""},
		{0, "event send golden_event -i n:=1", ""},
		{0, "resume " + x.resumed.ID, "resume SUSPENDED"},
		{0, "rerun " + x.done.ID + " --plan", "rerun COMPLETED --plan"},
		{0, "retry " + x.fails.ID, "retry FAILED"},
		{0, "cancel " + x.sleeps.ID, "cancel SUSPENDED"},
		{0, "terminate " + x.parent.ID, "terminate SUSPENDED"},
		{0, "version", ""},
	} {
		code, stdout, stderr := s.prana(t.Context(), append(strings.Fields(c.line), "-o", "json")...)
		if code != c.code {
			t.Errorf("prana %s ended with %d, want %d: %s", c.line, code, c.code, stderr)
			continue
		}
		if c.name == "" {
			c.name = c.line
		}
		g.add(t, fmt.Sprintf("prana %s -o json: %d", c.name, code), []byte(stdout))
	}
	g.compare(t, "cli.txt")
}

// TestGoldenProblems compares every problem code, with its status and type, with testdata/golden/problems.txt.
func TestGoldenProblems(t *testing.T) {
	t.Parallel()
	var g golden
	for _, c := range wire.Codes() {
		p := wire.ProblemOf(flow.Problemf(c.Code, "m"))
		g.section(c.Code, []string{fmt.Sprint("status ", p.Status), "title " + p.Title, "type " + p.Type})
	}
	g.compare(t, "problems.txt")
}

// golden collects what a golden file says: sections, and the lines of each.
type golden struct{ text strings.Builder }

func (g *golden) section(name string, lines []string) {
	fmt.Fprintf(&g.text, "== %s\n%s\n\n", name, strings.Join(lines, "\n"))
}

// add tells the members of a JSON answer, each with its type.
func (g *golden) add(t *testing.T, name string, answer []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(answer, &v); err != nil {
		t.Errorf("%s: %s is not JSON: %v", name, answer, err)
		return
	}
	members := map[string]map[string]bool{}
	shape(v, "", members)
	lines := make([]string, 0, len(members))
	for _, path := range slices.Sorted(maps.Keys(members)) {
		lines = append(lines, strings.TrimSpace(path+" "+strings.Join(slices.Sorted(maps.Keys(members[path])), "|")))
	}
	g.section(name, lines)
}

// theirs are members whose values are the users' own, or not ours to freeze.
var theirs = []string{"input", "output", "data", "context", "tags", "definition", "suspension_data", "trace", "want", "got", "params", "examples", "schema", "input_schema", "fields", "body"}

// shape notes the type of a value and of those inside it. Members of theirs may be any value, so that only their presence counts.
func shape(v any, path string, members map[string]map[string]bool) {
	note := func(kind string) {
		if members[path] == nil {
			members[path] = map[string]bool{}
		}
		members[path][kind] = true
	}
	name := path[strings.LastIndexByte(path, '.')+1:]
	if slices.Contains(theirs, strings.TrimSuffix(name, "[]")) {
		note("any")
		return
	}
	switch v := v.(type) {
	case map[string]any:
		note("object")
		for member, inner := range v {
			shape(inner, path+"."+member, members)
		}
	case []any:
		note("array")
		for _, inner := range v {
			shape(inner, path+"[]", members)
		}
	case string:
		note("string")
	case float64:
		note("number")
	case bool:
		note("boolean")
	default:
		note("null")
	}
}

// compare fails the test when something is other than in the golden file, which `go test -run Golden -update` writes anew: members
// may be added, but what is lost breaks the programs of others.
func (g *golden) compare(t *testing.T, name string) {
	t.Helper()
	file, got := filepath.Join("testdata", "golden", name), g.text.String()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	had, has := goldenLines(string(want)), goldenLines(got)
	for _, line := range slices.Sorted(maps.Keys(had)) {
		if !has[line] {
			t.Errorf("lost, or another: %s", line)
		}
	}
	for _, line := range slices.Sorted(maps.Keys(has)) {
		if !had[line] {
			t.Errorf("new, enter it into %s with -update: %s", file, line)
		}
	}
}

// goldenLines are the lines of a golden file, each with the name of its section.
func goldenLines(text string) map[string]bool {
	lines := map[string]bool{}
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "== "); ok {
			section = name
		}
		if line != "" {
			lines[section+": "+line] = true
		}
	}
	return lines
}
