package engine_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// mailer sends the URL of a wait before the wait begins.
const mailer = `
id: mailer
nodes:
  - {key: start, type: test.start}
  - {key: mail, type: test.echo, params: {value: "{{ $execution.resume_urls.knock }}"}}
  - {key: hold, type: test.wait, params: {event: begin}}
  - {key: knock, type: test.wait, params: {event: knock, timeout_ms: 3600000}}
  - {key: end, type: test.echo}
  - {key: late, type: test.echo}
connections: [start -> mail, mail -> hold, hold -> knock, knock -> end, knock.timeout -> late]
`

// mailed starts a mailer and gives the token of the URL that it sends.
func mailed(t *testing.T, env *enginetest.Env) (id, token string) {
	t.Helper()
	env.Deploy(mailer)
	id = env.Start("mailer", 1)
	env.Run()
	return id, tokenIn(t, env.NodeRun(id, "mail", 0).Output)
}

// tokenIn takes the token out of a URL in JSON.
func tokenIn(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var url string
	if err := json.Unmarshal(raw, &url); err != nil {
		t.Fatalf("%s is no URL", raw)
	}
	token, ok := strings.CutPrefix(url, "http://127.0.0.1:8484/resume/")
	if !ok {
		t.Fatalf("the URL is %q", url)
	}
	return token
}

// wantURL looks at a URL: what it shows, and how a call is answered when it is not active.
func wantURL(t *testing.T, e *engine.Engine, token string, want flow.ResumeState) flow.ResumeView {
	t.Helper()
	v, err := e.ResumeToken(t.Context(), token)
	if err != nil || v.Status != want {
		t.Errorf("the URL shows %+v, %v; want %s", v, err, want)
	}
	refused := map[flow.ResumeState]string{flow.ResumePending: "not_waiting_yet", flow.ResumeConsumed: "conflict", flow.ResumeExpired: "gone"}
	if want == flow.ResumeActive {
		return v
	}
	if _, err := e.ResumeByToken(t.Context(), token, flow.ResumeRequest{Data: []byte(`{}`)}); code(err) != refused[want] {
		t.Errorf("a call of a URL that is %s gave %v", want, err)
	}
	return v
}

func TestResumeURLIsGoodOnce(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	id, token := mailed(t, env)
	e := env.Engine()
	if v := wantURL(t, e, token, flow.ResumePending); v.Workflow != "mailer" || v.Node != "knock" || v.ExpiresAt != nil {
		t.Errorf("it shows %+v", v)
	}
	env.Publish("begin", nil)
	env.Run()
	if v := wantURL(t, e, token, flow.ResumeActive); v.ExpiresAt == nil || !v.ExpiresAt.Equal(env.Now().Add(time.Hour)) {
		t.Errorf("it shows %+v", v)
	}
	wantURL(t, e, token, flow.ResumeActive) // looking changes nothing
	if _, err := e.ResumeByToken(t.Context(), token, flow.ResumeRequest{Data: []byte(`{"y":`)}); code(err) != "invalid" {
		t.Errorf("half a JSON gave %v", err)
	}
	if got, err := e.ResumeByToken(t.Context(), token, flow.ResumeRequest{Data: []byte(`{"y":2}`)}); err != nil || got != id {
		t.Fatalf("the call gave %q, %v", got, err)
	}
	wantURL(t, e, token, flow.ResumeConsumed)
	env.Run()
	env.WantStatus(id, flow.Completed)
	env.WantPath(id, "start", "mail", "hold", "knock", "end")
	env.WantOutput(id, map[string]any{"y": 2})
	wantURL(t, e, token, flow.ResumeConsumed)
	if by := env.NodeRun(id, "knock", 0).ResumedBy; by != flow.ByURL {
		t.Errorf("the wait was ended by %q", by)
	}
	env.Advance(8 * 24 * time.Hour)
	if _, err := env.Store().Purge(t.Context(), 0, map[flow.Status]time.Duration{flow.Completed: 0}, 10); err != nil {
		t.Fatal(err)
	}
	wantUnknown(t, e, token)
}

func wantUnknown(t *testing.T, e *engine.Engine, token string) {
	t.Helper()
	_, err := e.ResumeToken(t.Context(), token)
	_, also := e.ResumeByToken(t.Context(), token, flow.ResumeRequest{Data: []byte(`{}`)})
	if code(err) != "not_found" || code(also) != "not_found" {
		t.Errorf("token %q shows %v, and a call gave %v", token, err, also)
	}
	for _, err := range []error{err, also} {
		if len(token) > 10 && err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("the answer repeats the token: %v", err)
		}
	}
}

// TestResumeURLEnds: every other end of the wait leaves a URL that says so.
func TestResumeURLEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(env *enginetest.Env, id string)
		want flow.ResumeState
	}{
		"event":                    {func(env *enginetest.Env, _ string) { env.Publish("knock", 1) }, flow.ResumeConsumed},
		"hand":                     {func(env *enginetest.Env, id string) { env.Resume(id, "knock", 1) }, flow.ResumeConsumed},
		"time":                     {func(env *enginetest.Env, _ string) { env.Advance(time.Hour) }, flow.ResumeExpired},
		"time nobody saw to":       {func(env *enginetest.Env, _ string) { env.Pass(time.Hour) }, flow.ResumeExpired},
		"cancelled":                {func(env *enginetest.Env, id string) { env.Cancel(id, "no") }, flow.ResumeExpired},
		"resumed, then cancelled":  {func(env *enginetest.Env, id string) { env.Resume(id, "knock", 1); env.Cancel(id, "no") }, flow.ResumeConsumed},
		"the time is not yet over": {func(env *enginetest.Env, _ string) { env.Pass(time.Hour - time.Millisecond) }, flow.ResumeActive},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := enginetest.New(t, types()...)
			id, token := mailed(t, env)
			env.Publish("begin", nil)
			env.Run()
			c.end(env, id)
			wantURL(t, env.Engine(), token, c.want)
		})
	}
}

func TestResumeURLOfAWaitThatNeverBegan(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	id, token := mailed(t, env)
	env.Cancel(id, "no")
	wantURL(t, env.Engine(), token, flow.ResumeExpired)
}

// TestForgedTokens: nothing but what the engine made leads anywhere.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	id, token := mailed(t, env)
	env.Publish("begin", nil)
	env.Run()
	other, another := mailed(t, env)
	name, mac := token[:len(token)-44], token[len(token)-43:] // 256 bits in base64
	if name != id+"-3.000" {
		t.Fatalf("the token is %q", token)
	}
	flipped := []byte(token)
	flipped[len(flipped)-5] ^= 1
	for _, forged := range []string{
		"", "-", "unknown", id, name, name + "-", token[:len(token)-1], token + "A", token + "\n", " " + token, string(flipped), strings.ToUpper(token),
		other + "-3.000-" + mac,              // another execution
		id + "-2.000-" + mac,                 // another node
		id + "-3.001-" + mac,                 // another run
		id + "-3.0-" + mac,                   // the same, written otherwise
		name + another[len(another)-44:],     // the signature of another
		id + "-3.000-" + mac[:42] + "\x00",   // bytes that are no base64
		strings.Repeat("a", 100_000) + mac,   // too long to look at
		name + "-" + strings.Repeat("A", 43), // no signature at all
		id + ":3.000:1",                      // the id of the suspension
	} {
		wantUnknown(t, env.Engine(), forged)
	}
	foreign := enginetest.New(t, types()...)
	foreign.Deploy(mailer)
	wantUnknown(t, foreign.Engine(), token)
	wantURL(t, env.Engine(), token, flow.ResumeActive)
	if got := env.Execution(id); got.Status != flow.Suspended {
		t.Errorf("a forged token moved the execution: %s", got.Status)
	}
}

// TestOwnResumeKey: with a key of one's own, the key in the store signs nothing.
func TestOwnResumeKey(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	_, token := mailed(t, env)
	if _, err := env.Engine().ResumeToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	other, err := engine.New(engine.Config{Store: env.Store(), Registry: node.NewRegistry(types()...), ResumeKey: bytes.Repeat([]byte("k"), 32)})
	if err != nil {
		t.Fatal(err)
	}
	wantUnknown(t, other, token)
	if _, err := engine.New(engine.Config{Store: env.Store(), Registry: node.NewRegistry(), ResumeKey: []byte("short")}); err == nil {
		t.Error("a key of five bytes was taken")
	}
}

// TestResumeURLRace: of 20 calls at the same moment, in two processes, one wins.
func TestResumeURLRace(t *testing.T) {
	t.Parallel()
	for range rounds {
		env := enginetest.New(t, types()...)
		id, token := mailed(t, env)
		env.Publish("begin", nil)
		env.Run()
		engines := []*engine.Engine{env.Engine(), env.Process()}
		var mu sync.Mutex
		answers := map[string]int{}
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				_, err := engines[i%2].ResumeByToken(t.Context(), token, flow.ResumeRequest{Data: []byte(`1`)})
				mu.Lock()
				defer mu.Unlock()
				answers[code(err)]++
			})
		}
		all.Wait()
		engines[1].Wait()
		if answers[""] != 1 || answers["conflict"] != 19 {
			t.Fatalf("the answers were %v", answers)
		}
		env.Run()
		env.WantStatus(id, flow.Completed)
		if n := env.Runs(id, "end"); n != 1 {
			t.Fatalf("the end ran %d times", n)
		}
	}
}

// TestResumeURLOfAStepThatWaitsTwice: the URL is good once for the whole step.
func TestResumeURLOfAStepThatWaitsTwice(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`
id: two
nodes:
  - {key: start, type: test.start}
  - {key: mail, type: test.echo, params: {value: "{{ $execution.resume_urls.w }}"}}
  - {key: w, type: test.twice}
connections: [start -> mail, mail -> w]
`)
	for _, first := range []bool{true, false} {
		id := env.Start("two", 1)
		env.Run()
		token := tokenIn(t, env.NodeRun(id, "mail", 0).Output)
		if !first {
			env.Resume(id, "w", "hand")
			env.Run()
		}
		wantURL(t, env.Engine(), token, flow.ResumeActive)
		if _, err := env.Engine().ResumeByToken(t.Context(), token, flow.ResumeRequest{Data: []byte(`"url"`)}); err != nil {
			t.Fatal(err)
		}
		env.Run()
		wantURL(t, env.Engine(), token, flow.ResumeConsumed)
		if first {
			env.WantStatus(id, flow.Suspended)
			env.Resume(id, "w", "hand")
			env.Run()
		}
		env.WantStatus(id, flow.Completed)
	}
}

// TestResumeURLDoesNotEndTheEnginesOwnWaits: a retry and a place are nobody's to end.
func TestResumeURLDoesNotEndTheEnginesOwnWaits(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`
id: own
nodes:
  - {key: start, type: test.start}
  - {key: retried, type: test.echo, params: {value: "{{ $execution.resume_urls.f }}"}}
  - {key: placed, type: test.echo, params: {value: "{{ $execution.resume_urls.p }}"}}
  - {key: f, type: test.fail, settings: {retry_on_failed: true, max_retries: 3, retry_delay_ms: 60000}}
  - {key: p, type: test.wait, settings: {concurrency_key: one}}
connections: [start -> retried, start -> placed, retried -> f, placed -> p]
`)
	env.Start("own", 1)
	env.Run()
	second := env.Start("own", 1)
	env.Run()
	for _, key := range []string{"retried", "placed"} {
		wantURL(t, env.Engine(), tokenIn(t, env.NodeRun(second, key, 0).Output), flow.ResumePending)
	}
}

// TestResumeURLs: which run of a node its URL names, seen from elsewhere.
func TestResumeURLs(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`
id: rounds
nodes:
  - {key: start, type: test.start}
  - {key: mail, type: test.echo, params: {value: "{{ $execution.resume_urls.w }}"}}
  - {key: w, type: test.wait}
  - {key: more, type: test.if, params: {condition: "$execution.run_index < 1"}}
connections: [start -> mail, mail -> w, w -> more, more.true -> mail]
`)
	id := env.Start("rounds", 1)
	env.Run()
	for round := range 2 {
		token := tokenIn(t, env.NodeRun(id, "mail", round).Output)
		wantURL(t, env.Engine(), token, flow.ResumeActive)
		if _, err := env.Engine().ResumeByToken(t.Context(), token, flow.ResumeRequest{}); err != nil {
			t.Fatal(err)
		}
		env.Run()
	}
	env.WantStatus(id, flow.Completed)
}

// TestResumeURLBesideAWait: another branch gets the URL of the run that waits already.
func TestResumeURLBesideAWait(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`
id: beside
nodes:
  - {key: start, type: test.start}
  - {key: w, type: test.wait}
  - {key: hold, type: test.wait, params: {event: begin}}
  - {key: mail, type: test.echo, params: {value: "{{ $execution.resume_urls.w }}"}}
connections: [start -> w, start -> hold, hold -> mail]
`)
	id := env.Start("beside", 1)
	env.Run()
	env.Publish("begin", nil)
	env.Run()
	token := tokenIn(t, env.NodeRun(id, "mail", 0).Output)
	wantURL(t, env.Engine(), token, flow.ResumeActive)
	if !strings.Contains(token, "-1.000-") {
		t.Errorf("the token is %q", token)
	}
}

// TestResumeURLsOfItems: in the body of a loop, the URL of another node is known only when the items come in turn; that
// of the step itself always is.
func TestResumeURLsOfItems(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`
id: items
nodes:
  - {key: start, type: test.start}
  - {key: before, type: test.echo, params: {value: "{{ $execution.resume_urls.w ?? 'unknown' }}"}}
  - {key: l, type: test.each, params: {items: [1, 2, 3], parallel: "{{ $nodes.start.output }}"}}
  - {key: mail, type: test.echo, params: {value: "{{ $execution.resume_urls.w ?? 'unknown' }}"}}
  - {key: own, type: test.echo, params: {value: "{{ $execution.resume_url }}"}}
  - {key: w, type: test.wait}
connections: [start -> before, before -> l, l.loop -> mail, mail -> own, own -> w, w -> l]
`)
	wide := env.Start("items", 3)
	env.Run()
	own := map[string]bool{}
	for i := range 3 {
		if got := string(env.NodeRun(wide, "mail", i).Output); got != `"unknown"` {
			t.Errorf("beside others, the URL is %s", got)
		}
		own[tokenIn(t, env.NodeRun(wide, "own", i).Output)] = true
	}
	if len(own) != 3 {
		t.Errorf("three items have the URLs %v", own)
	}
	narrow := env.Start("items", 1)
	env.Run()
	if got := string(env.NodeRun(narrow, "before", 0).Output); got != `"unknown"` {
		t.Errorf("from outside, the URL is %s", got)
	}
	for i := range 3 {
		token := tokenIn(t, env.NodeRun(narrow, "mail", i).Output)
		if _, err := env.Engine().ResumeByToken(t.Context(), token, flow.ResumeRequest{}); err != nil {
			t.Fatalf("item %d: %v", i, err)
		}
		env.Run()
	}
	env.WantStatus(narrow, flow.Completed)
}

// TestResumeURLsAreNamed: whoever writes $execution down does not give URLs away.
func TestResumeURLsAreNamed(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`
id: whole
nodes:
  - {key: start, type: test.start}
  - {key: all, type: test.echo, params: {value: "{{ $execution }}"}}
connections: [start -> all]
`)
	id := env.Start("whole", 1)
	env.Run()
	var all map[string]any
	if err := json.Unmarshal(env.NodeRun(id, "all", 0).Output, &all); err != nil {
		t.Fatal(err)
	}
	for name := range all {
		if slices.Contains([]string{"resume_url", "resume_urls"}, name) {
			t.Errorf("$execution as a whole has %s", name)
		}
	}
}

// TestResumeByWhatAURLEndsWith: a message that carries the token of a resume URL does what calling the URL does, and may come twice.
func TestResumeByWhatAURLEndsWith(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	id, token := mailed(t, env)
	resume := func(token, data string) (flow.ResumeResult, string) {
		res, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Token: token, Data: []byte(data), ID: "a task"})
		return res, code(err)
	}
	if _, refused := resume(token, `{"n":1}`); refused != "not_waiting_yet" {
		t.Errorf("before the wait: %s", refused)
	}
	env.Publish("begin", nil)
	env.Run()
	if res, refused := resume(token, `{"n":1}`); refused != "" || res.Node != "knock" || res.Repeated {
		t.Errorf("the first: %+v, %s", res, refused)
	}
	env.Run()
	env.WantStatus(id, flow.Completed)
	wantURL(t, env.Engine(), token, flow.ResumeConsumed)
	if res, refused := resume(token, `{ "n": 1 }`); refused != "" || res.Node != "knock" || !res.Repeated {
		t.Errorf("the same again: %+v, %s", res, refused)
	}
	if _, refused := resume(token, `{"n":2}`); refused != "conflict" {
		t.Errorf("something else: %s", refused)
	}
	if _, refused := resume(token+"x", `{"n":1}`); refused != "not_found" {
		t.Errorf("a token that nobody made: %s", refused)
	}
}
