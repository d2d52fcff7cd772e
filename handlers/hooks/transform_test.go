package hooks

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// shaped makes a hook that lets everybody in, under the name "h".
func shaped(t *testing.T, h Hook) (*engine, *notes, *Hooks) {
	t.Helper()
	h.Scheme = None
	e, n := &engine{seen: map[string]bool{}}, &notes{}
	hs, err := New(Config{Hooks: map[string]Hook{"h": h}, Publisher: e, Starter: e, Deliveries: n})
	if err != nil {
		t.Fatal(err)
	}
	return e, n, hs
}

const order = `{"id":7,"kind":"paid","total":12.5,"customer":{"name":"Ann"}}`

func TestExpressionsShapeTheEvent(t *testing.T) {
	t.Parallel()
	e, _, hs := shaped(t, Hook{
		Event: `shop.{{ $body.kind }}`, ID: `{{ $body.kind }}-{{ $body.id }}`,
		Data: `{{ {"who": $body.customer.name, "total": $body.total, "from": $headers["x-shop"], "page": $query.page} }}`,
		When: `$body.kind != "draft"`,
	})
	for range 2 {
		w := serve(hs, posted("h?page=2&access_token=hidden", order, "X-Shop: north", "webhook-id: ignored"))
		if w.Code != 200 {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
	}
	want := []flow.Event{{
		ID: "h:paid-7", Type: "shop.paid", Data: json.RawMessage(`{"from":"north","page":"2","total":12.5,"who":"Ann"}`),
	}}
	if !reflect.DeepEqual(e.events, want) {
		t.Errorf("got %s %+v", e.events[0].Data, e.events)
	}
	w := serve(hs, posted("h", `{"kind":"draft"}`))
	if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != `{"status":"ignored","count":0,"executions":[],"buffered":false}` {
		t.Errorf("got %d %s", w.Code, got)
	}
	if len(e.events) != 1 {
		t.Errorf("a draft was published: %+v", e.events)
	}
}

func TestExpressionsShapeTheInput(t *testing.T) {
	t.Parallel()
	e, _, hs := shaped(t, Hook{Workflow: "order", ID: "{{ $body.id }}", Data: "$body.customer"})
	serve(hs, posted("h", order))
	want := []flow.StartRequest{{Workflow: "order", ID: "h:7", Input: json.RawMessage(`{"name":"Ann"}`), Same: byID}}
	if !reflect.DeepEqual(e.starts, want) {
		t.Errorf("got %+v", e.starts)
	}
}

func TestExpressionsThatFail(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hook Hook
		want string // expression
	}{
		"condition of another type": {Hook{Event: "e", When: "$body.customer"}, "when"},
		"call of nothing":           {Hook{Event: "e", Data: `{{ $body.customer.name / 2 }}`}, "data"},
		"id that is missing":        {Hook{Event: "e", ID: "{{ $body.missing }}"}, "id"},
		"id that is a list":         {Hook{Event: "e", ID: "{{ [1] }}"}, "id"},
		"id that is long":           {Hook{Event: "e", ID: strings.Repeat("i", 181)}, "id"},
		"type that is missing":      {Hook{Event: "{{ $body.missing }}"}, "event"},
	} {
		e, n, hs := shaped(t, tt.hook)
		w := serve(hs, posted("h", order))
		var p wire.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if w.Code != 422 || p.Code != "hook_expression_failed" || p.Extra["expression"] != tt.want || len(e.events) != 0 {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "Ann") {
			t.Errorf("%s: values are told: %s", name, w.Body)
		}
		if d := n.last(); d.Outcome != flow.DeliveryRefused || d.Code != p.Code || d.Reason != p.Detail || d.Body != order {
			t.Errorf("%s: noted is %+v", name, d)
		}
	}
	_, _, hs := shaped(t, Hook{Event: "e", Data: `x {{ $body.customer.name / 2 }}`})
	if w := serve(hs, posted("h", order)); !strings.Contains(w.Body.String(), `"column":26,`) || !strings.Contains(w.Body.String(), `"line":1`) {
		t.Errorf("got %s", w.Body)
	}
}

func TestCredentialsAreNotSeen(t *testing.T) {
	t.Parallel()
	e, n, hs := shaped(t, Hook{Event: "e", Data: "{{ {h: $headers, q: $query} }}"})
	serve(hs, posted("h?a=1&b=2&b=3&token=hidden&key=hidden&sig=hidden", "{}", "X-Author: Ann", "Authorization: hidden", "Cookie: hidden", "Proxy-Authorization: hidden",
		"X-Hub-Signature-256: hidden", "X-Gitlab-Token: hidden", "X-Api-Key: hidden", "X-Auth: hidden", "X-Client-Secret: hidden", "X-Shop-Key: hidden", "X-Hmac: hidden", "Idempotency-Key: k"))
	if got := string(e.events[0].Data); got != `{"h":{"idempotency-key":"k","x-author":"Ann"},"q":{"a":"1","b":["2","3"]}}` {
		t.Errorf("got %s", got)
	}
	raw, err := json.Marshal(n.all)
	if err != nil || strings.Contains(string(raw), "hidden") {
		t.Errorf("kept is %s", raw)
	}
}

func TestWhatIsNoted(t *testing.T) {
	t.Parallel()
	e, n, hs := everyHook(t)
	good := []string{"X-GitHub-Delivery: d1", "X-GitHub-Event: push", "X-Hub-Signature-256: sha256=" + bodySum}
	serve(hs, posted("github", vector, good...))
	want := flow.Delivery{
		ID: "0", Hook: "github", Outcome: "processed", Key: "d1", Count: 2, Executions: []string{"a", "b"}, Buffered: true, Source: "192.0.2.1", Size: int64(len(vector)),
		Digest: digest([]byte(vector)), Signed: true, Headers: map[string]string{"x-github-delivery": "d1", "x-github-event": "push"}, Query: map[string]any{}, Body: vector,
	}
	if got := n.last(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	serve(hs, posted("github", "{}", good...))
	d := n.last()
	if d.Hook != "github" || d.Outcome != "refused" || d.Code != "unauthorized" || d.Signed || d.Headers != nil || d.Body != "" || d.Size != 2 || d.Digest != digest([]byte("{}")) {
		t.Errorf("unsigned: got %+v", d)
	}
	serve(hs, posted("stranger", vector, good...))
	if d := n.last(); d.Hook != "-" || !strings.Contains(d.Reason, "stranger") || d.Body != "" {
		t.Errorf("unknown: got %+v", d)
	}
	w := serve(hs, posted("github", strings.Repeat(" ", MaxBody+1), good...))
	if d := n.last(); w.Code != 413 || d.Code != "payload_too_large" || d.Size != MaxBody+1 || d.Signed {
		t.Errorf("large: got %d %+v", w.Code, d)
	}
	n.err = errors.New("no room")
	if w := serve(hs, posted("none", vector)); w.Code != 200 || len(e.events) != 2 {
		t.Errorf("what cannot be noted was refused: %d", w.Code)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	e, n, hs := shaped(t, Hook{Event: "e", ID: "{{ $body.id }}", Data: "{{ [$body.id, $headers.x, $query.y] }}"})
	e.err = flow.ErrUnavailable
	if w := serve(hs, posted("h?y=2", order, "X: 1")); w.Code != 503 {
		t.Fatalf("got %d", w.Code)
	}
	refused := n.last()
	e.err, e.events = nil, nil
	for i, key := range []string{"", "", "k", "k"} {
		answer, repeated, err := hs.Replay(t.Context(), "h", refused.ID, key, nil)
		if err != nil || answer.Status != "processed" || answer.Count != 2 || repeated != (i == 3) {
			t.Errorf("replay %d: got %+v, %v, %v", i, answer, repeated, err)
		}
	}
	if len(e.events) != 3 || e.events[2].ID != "h:replay:"+refused.ID+":k" || string(e.events[0].Data) != `[7,"1","2"]` || e.events[0].ID == e.events[1].ID {
		t.Errorf("got %+v", e.events)
	}
	if d := n.last(); d.ReplayOf != refused.ID || d.Body != order || !d.Repeated {
		t.Errorf("noted is %+v", d)
	}
}

// TestReplayKeyIsOfOneDelivery: whoever replays two under one key has both acted on, and none is answered with what the other did.
func TestReplayKeyIsOfOneDelivery(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("k", 255)
	for name, h := range map[string]Hook{"event": {Event: "e"}, "workflow": {Workflow: "w"}} {
		e, n, hs := shaped(t, h)
		serve(hs, posted("h", `{"n":1}`))
		serve(hs, posted("h", `{"n":2}`))
		e.events, e.starts = nil, nil
		for i, tt := range []struct {
			id, key  string
			repeated bool
		}{{n.all[0].ID, "k", false}, {n.all[1].ID, "k", false}, {n.all[1].ID, "k", true}, {n.all[0].ID, longest, false}, {n.all[1].ID, longest, false}, {n.all[0].ID, longest, true}} {
			if _, repeated, err := hs.Replay(t.Context(), "h", tt.id, tt.key, nil); err != nil || repeated != tt.repeated {
				t.Errorf("%s, replay %d: repeated is %v, %v", name, i, repeated, err)
			}
		}
		if len(e.events)+len(e.starts) != 4 {
			t.Errorf("%s: got %+v %+v", name, e.events, e.starts)
		}
		for _, ev := range e.events {
			if len(ev.ID) > 256 {
				t.Errorf("an id of %d characters is refused", len(ev.ID))
			}
		}
	}
}

func TestReplaysThatCannotBe(t *testing.T) {
	t.Parallel()
	_, n, hs := everyHook(t)
	serve(hs, posted("github", vector))
	serve(hs, posted("stranger", vector))
	for _, tt := range []struct {
		hook, id string
		want     error
	}{
		{"github", n.all[0].ID, flow.ErrConflict},
		{"-", n.all[1].ID, flow.ErrConflict},
		{"github", "9", flow.ErrNotFound},
		{"stranger", "1", flow.ErrNotFound},
		{"stripe", "0", flow.ErrNotFound},
	} {
		if _, _, err := hs.Replay(t.Context(), tt.hook, tt.id, "", nil); !errors.Is(err, tt.want) {
			t.Errorf("%s %s: got %v", tt.hook, tt.id, err)
		}
	}
}

func TestNoneIsGuardedLikeTheAPI(t *testing.T) {
	t.Parallel()
	e, n := &engine{seen: map[string]bool{}}, &notes{}
	hs, err := New(Config{
		Hooks: map[string]Hook{"open": {Event: "e", Scheme: None}, "bearer": everyScheme["bearer"]}, Publisher: e, Deliveries: n,
		Anonymous: func(*http.Request) error { return flow.Problemf(wire.ErrForbidden.Code, "not from there") },
	})
	if err != nil {
		t.Fatal(err)
	}
	if w := serve(hs, posted("open", "{}")); w.Code != 403 || n.last().Signed {
		t.Errorf("got %d", w.Code)
	}
	if w := serve(hs, posted("bearer", "{}", "Authorization: Bearer "+key1)); w.Code != 200 {
		t.Errorf("got %d", w.Code)
	}
}

func TestHooksAreListedWithoutSecrets(t *testing.T) {
	t.Parallel()
	_, _, hs := everyHook(t)
	all, err := hs.List(t.Context())
	if err != nil || len(all) != len(everyScheme) || all[0].Name != "bearer" || all[0].Event != "e" {
		t.Fatalf("got %+v, %v", all, err)
	}
	raw, err := json.Marshal(all)
	if err != nil || strings.Contains(string(raw), key1) || strings.Contains(string(raw), key0) {
		t.Errorf("got %s", raw)
	}
	if _, err := hs.History(t.Context(), flow.DeliveryFilter{Hook: "stranger"}); !errors.Is(err, flow.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
