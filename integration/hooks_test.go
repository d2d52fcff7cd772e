package integration

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api"
	"prana/handlers/hooks"
)

const (
	hookSecret    = "the-secret-of-named-webhooks"
	hookOperators = "the token of those who operate them"
	hookFirst     = 1_800_000_000 // what the clock of the front shows at first, in seconds
)

// front is a server of a system's API with named webhooks of its own, whose clock the test moves.
type front struct {
	*system
	url   string
	clock atomic.Int64 // in seconds
}

// fronted gives a system that many tests share a front with hooks, whose names and events carry the name of the test.
func fronted(t *testing.T, all map[string]hooks.Hook) *front {
	t.Helper()
	f := &front{system: sharedSystem(t)}
	f.clock.Store(hookFirst)
	known, err := hooks.New(hooks.Config{
		Hooks: all, Publisher: f.engine, Starter: f.engine, Deliveries: f.app.Store(),
		Now: func() time.Time { return time.Unix(f.clock.Load(), 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.New(api.Config{Engine: f.engine, Store: f.app.Store(), Hooks: known, Token: hookOperators}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// ask sends a request; headers are "Name: value".
func (f *front) ask(t *testing.T, method, path string, body []byte, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	req.Close = true // so that nothing is left behind
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, text}
}

// operate asks as an operator.
func (f *front) operate(t *testing.T, method, path string) answer {
	t.Helper()
	return f.ask(t, method, path, nil, "Authorization: Bearer "+hookOperators)
}

// deliver sends a Standard Webhook that was signed at a time.
func (f *front) deliver(t *testing.T, hook, id string, signed int64, body, secret string) answer {
	t.Helper()
	stamp := strconv.FormatInt(signed, 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(id + "." + stamp + "." + body))
	return f.ask(t, http.MethodPost, "/v1/hooks/"+hook, []byte(body),
		"webhook-id: "+id, "webhook-timestamp: "+stamp, "webhook-signature: v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// waiter waits for an event of the type, and leaves its data.
func waiter(id, event string) string {
	return fmt.Sprintf(`
id: %s
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: %s, timeout_ms: 60000}}
connections: [start -> wait]
`, id, event)
}

// TestNamedWebhooks is the table of the issue: what comes is answered, and counts, as documented.
func TestNamedWebhooks(t *testing.T) {
	t.Parallel()
	f := fronted(t, map[string]hooks.Hook{
		"table": {Event: "hook.table", Secrets: []string{hookSecret}}, "table-start": {Workflow: "hook_started", Secrets: []string{hookSecret}},
	})
	f.deploy(t, waiter("hook_waits", "hook.table"), "id: hook_started\nnodes: [{key: start, type: manual.trigger}]")
	ids := []string{f.start(t, "hook_waits", nil), f.start(t, "hook_waits", nil)}
	for _, id := range ids {
		f.await(t, id, flow.Suspended, 20*time.Second)
	}

	const body = `{"order":1,"Order":2}` // two members that differ by case
	t.Run("five identical at once", func(t *testing.T) { f.fiveAtOnce(t, body, ids) })
	for _, id := range ids {
		v := f.await(t, id, flow.Completed, 20*time.Second)
		if got := string(run(t, v, "wait").Output); got != body && got != `{"Order":2,"order":1}` {
			t.Errorf("members that differ by case were confused: %s", got)
		}
	}

	first := f.deliver(t, "table", "m1", hookFirst, body, hookSecret)
	f.clock.Add(60)
	if again := f.deliver(t, "table", "m1", hookFirst, body, hookSecret); again.status != 200 ||
		!bytes.Equal(again.body, first.body) || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("a replay a minute later: %d %s %v", again.status, again.body, again.header)
	}
	f.clock.Store(hookFirst + 301)
	for name, a := range map[string]answer{
		"a replay after the tolerance": f.deliver(t, "table", "m1", hookFirst, body, hookSecret),
		"an old timestamp":             f.deliver(t, "table", "m2", hookFirst, body, hookSecret),
		"a timestamp of the future":    f.deliver(t, "table", "m2", hookFirst+602, body, hookSecret),
		"a bad signature":              f.deliver(t, "table", "m2", hookFirst+301, body, hookSecret+"x"),
		"the empty secret":             f.deliver(t, "table", "m2", hookFirst+301, body, ""),
		"an unknown name":              f.deliver(t, "tables", "m2", hookFirst+301, body, hookSecret),
	} {
		if a.status != 401 || a.header.Get("Content-Type") != "application/problem+json" || strings.Contains(string(a.body), "time") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	large := `"` + strings.Repeat("a", 300<<10) + `"`
	if a := f.deliver(t, "table", "m3", hookFirst+301, large, "whatever it is signed with"); a.status != 413 {
		t.Errorf("300 KiB: %d %s", a.status, a.body)
	}
	if a := f.deliver(t, "table", "m3", hookFirst+301, `{"order":1,"order":2}`, hookSecret); a.status != 400 {
		t.Errorf("a member twice: %d %s", a.status, a.body)
	}
	for _, h := range []hooks.Hook{{Event: "e", Secrets: []string{""}}, {Event: "e", Scheme: hooks.GitHub}} {
		if _, err := hooks.New(hooks.Config{Hooks: map[string]hooks.Hook{"h": h}}); err == nil {
			t.Errorf("an empty secret was accepted: %+v", h)
		}
	}
	t.Run("a start", func(t *testing.T) { f.startsOnce(t, body) })
	f.wantNowhere(t, hookSecret)
}

// fiveAtOnce publishes one event, and answers all of them alike.
func (f *front) fiveAtOnce(t *testing.T, body string, waiting []string) {
	t.Helper()
	answers := make([]answer, 5)
	var all []func()
	for i := range answers {
		all = append(all, func() { answers[i] = f.deliver(t, "table", "m1", hookFirst, body, hookSecret) })
	}
	atOnce(all...)
	replayed := 0
	for _, a := range answers {
		if a.status != 200 || !bytes.Equal(a.body, answers[0].body) {
			t.Errorf("got %d %s, and %s", a.status, a.body, answers[0].body)
		}
		if a.header.Get("Idempotency-Replayed") == "true" {
			replayed++
		}
	}
	got := answers[0].json(t)
	if got["status"] != "processed" || got["count"] != 2.0 || len(got["executions"].([]any)) != len(waiting) || got["buffered"] != false || replayed != 4 {
		t.Errorf("%d replayed: %s", replayed, answers[0].body)
	}
}

// startsOnce starts one execution, also when the delivery comes a minute later.
func (f *front) startsOnce(t *testing.T, body string) {
	t.Helper()
	at := f.clock.Load()
	first := f.deliver(t, "table-start", "m1", at, body, hookSecret)
	f.clock.Add(60)
	again := f.deliver(t, "table-start", "m1", at, body, hookSecret)
	if first.status != 200 || !bytes.Equal(first.body, again.body) || again.header.Get("Idempotency-Replayed") != "true" {
		t.Fatalf("got %d %s, then %d %s", first.status, first.body, again.status, again.body)
	}
	id := first.json(t)["executions"].([]any)[0].(string)
	if v := f.await(t, id, flow.Completed, 20*time.Second); !strings.Contains(string(v.Input), `"Order":2`) {
		t.Errorf("the input is %s", v.Input)
	}
	if other := f.deliver(t, "table-start", "m1", at, `{"attempt":2}`, hookSecret); !bytes.Equal(other.body, first.body) {
		t.Errorf("the same id with another body: %d %s", other.status, other.body)
	}
	if n := len(f.operate(t, "GET", "/v1/executions?workflow=hook_started").items(t)); n != 1 {
		t.Errorf("%d executions were started", n)
	}
}

// TestDeliveriesAreSeenAndReplayed: operators see what came, and send again what failed; nobody else does.
func TestDeliveriesAreSeenAndReplayed(t *testing.T) {
	t.Parallel()
	f := fronted(t, map[string]hooks.Hook{"late": {Workflow: "hook_late", Secrets: []string{hookSecret}, Data: "{{ {n: $body.n, via: $headers['x-via']} }}"}})
	body := `{"n":7}`
	if a := f.deliver(t, "late", "m1", hookFirst, body, hookSecret); a.status != 404 {
		t.Fatalf("a workflow that is not there: %d %s", a.status, a.body)
	}
	f.deliver(t, "late", "m2", hookFirst, body, "another secret of 24 bytes")
	refused := f.operate(t, "GET", "/v1/hooks/late/deliveries?refused=true").items(t)
	if len(refused) != 2 || refused[0]["signed"] != false || refused[0]["body"] != nil || refused[0]["headers"] != nil ||
		!strings.Contains(fmt.Sprint(refused[0]["reason"]), "signature") || refused[1]["code"] != "not_found" || refused[1]["key"] != "m1" {
		t.Fatalf("got %v", refused)
	}
	stranger, failed := refused[0]["id"].(string), refused[1]["id"].(string)
	if d := f.operate(t, "GET", "/v1/hooks/late/deliveries/"+failed).json(t); d["body"] != body {
		t.Errorf("got %v", d)
	}
	if d := f.operate(t, "POST", "/v1/hooks/late/deliveries/"+stranger+":replay"); d.status != 409 {
		t.Errorf("what was never signed is replayed: %d %s", d.status, d.body)
	}
	f.deploy(t, "id: hook_late\nnodes: [{key: start, type: manual.trigger}]")
	replay := f.operate(t, "POST", "/v1/hooks/late/deliveries/"+failed+":replay")
	if replay.status != 200 || replay.text(t, "status") != "processed" {
		t.Fatalf("replayed: %d %s", replay.status, replay.body)
	}
	id := replay.json(t)["executions"].([]any)[0].(string)
	if v := f.await(t, id, flow.Completed, 20*time.Second); !sameJSON(t, v.Input, `{"n":7,"via":null}`) {
		t.Errorf("the input is %s", v.Input)
	}
	list := f.operate(t, "GET", "/v1/hooks").items(t)
	if len(list) != 1 || fmt.Sprint(list[0]["deliveries"]) != "map[accepted:1 refused:2]" || list[0]["scheme"] != "standard" {
		t.Errorf("got %v", list)
	}
	for _, path := range []string{"/v1/hooks", "/v1/hooks/late/deliveries", "/v1/hooks/late/deliveries/" + failed} {
		if a := f.ask(t, "GET", path, nil); a.status != 401 {
			t.Errorf("%s without a token: %d", path, a.status)
		}
	}
	if a := f.ask(t, "POST", "/v1/hooks/late/deliveries/"+failed+":replay", nil); a.status != 401 {
		t.Errorf("replayed without a token: %d", a.status)
	}
}

func sameJSON(t *testing.T, got []byte, want string) bool {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(a) == fmt.Sprint(b)
}
