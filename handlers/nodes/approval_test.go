package nodes

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
)

const day = 24 * time.Hour

// gate is an approval of thirty days, with a reminder each week and others after two.
const gate = `
id: gate
nodes:
  - {key: start, type: manual.trigger}
  - {key: ask, type: data.set_data, params: {mapping_map: {link: $execution.resume_urls.gate}}}
  - key: gate
    type: wait.approval
    params:
      title: "Open {{ $trigger.what }}?"
      description: Think twice.
      assignees: [ada]
      form: {type: object, required: [width], properties: {width: {type: integer, minimum: 1}, "a/b": {type: string}}, additionalProperties: false}
      due_ms: 864000000
      remind: {every_ms: 604800000, max: 3}
      escalate_ms: 1209600000
      escalate_to: [grace, ada]
      timeout_ms: 2592000000
      on_timeout: nobody
  - {key: mail, type: data.set_data, params: {mapping_map: {n: $input.number, to: $input.assignees, link: $execution.resume_urls.gate}}}
  - {key: others, type: data.set_data, params: {mapping_map: {to: $input.assignees, new: $input.escalated_to, link: $execution.resume_urls.gate}}}
  - {key: open, type: core.log, params: {message: "{{ $input.by }} opens"}}
  - {key: shut, type: core.log, params: {message: "{{ $input.by }} does not"}}
  - {key: late, type: core.log, params: {message: nobody}}
connections: [start -> ask, ask -> gate, gate.reminder -> mail, gate.escalated -> others, gate.approved -> open, gate.rejected -> shut, gate.nobody -> late]
`

func beginGate(t *testing.T) (env *enginetest.Env, id string) {
	t.Helper()
	env = enginetest.New(t, Builtin(Options{})...)
	env.Deploy(gate)
	id = env.Start("gate", obj{"what": "the gate"})
	env.Run()
	return env, id
}

func dataOf(t *testing.T, env *enginetest.Env, id string) map[string]any {
	t.Helper()
	all := env.Execution(id).Suspensions
	if len(all) != 1 || all[0].Type != flow.Approval {
		t.Fatalf("the waits are %+v", all)
	}
	v, err := flow.Decode(all[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)
}

// TestApprovalOfThirtyDays: nobody decides.
func TestApprovalOfThirtyDays(t *testing.T) {
	t.Parallel()
	env, id := beginGate(t)
	began := env.Now()
	if s := env.Execution(id).Suspensions[0]; !s.ResumeAt.Equal(began.Add(7*day)) || !s.TimeoutAt.Equal(began.Add(30*day)) {
		t.Errorf("it goes on at %v, and gives up at %v", s.ResumeAt, s.TimeoutAt)
	}
	data := dataOf(t, env, id)
	if data["title"] != "Open the gate?" || data["due_at"] != began.Add(10*day).UTC().Format(stamp) || data["timeout_at"] != began.Add(30*day).UTC().Format(stamp) || data["form"] == nil {
		t.Errorf("it asks %v", data)
	}
	for _, c := range []struct {
		after          time.Duration
		mails, others  int
		reminders      int
		assignees      []any
		atTheEndOfThat string
	}{
		{7*day - time.Millisecond, 0, 0, 0, []any{"ada"}, ""},
		{time.Millisecond, 1, 0, 1, []any{"ada"}, ""},
		{7 * day, 2, 1, 2, []any{"ada", "grace"}, ""},
		{7 * day, 3, 1, 3, []any{"ada", "grace"}, ""},
		{9*day - time.Millisecond, 3, 1, 3, []any{"ada", "grace"}, ""},
	} {
		env.Advance(c.after)
		data := dataOf(t, env, id)
		if env.Runs(id, "mail") != c.mails || env.Runs(id, "others") != c.others || data["reminders_sent"] != c.reminders || fmt.Sprint(data["assignees"]) != fmt.Sprint(c.assignees) || data["escalated"] != (c.others > 0) {
			t.Errorf("%s later: %d mails, %d others, %v", c.after, env.Runs(id, "mail"), env.Runs(id, "others"), data)
		}
	}
	link := linkTo + tokenOf(t, env, id)
	same(t, "the second mail", env.NodeRun(id, "mail", 1).Output, obj{"n": 2, "to": []any{"ada", "grace"}, "link": link})
	same(t, "what the others are told", env.NodeRun(id, "others", 0).Output, obj{"to": []any{"ada", "grace"}, "new": []any{"grace", "ada"}, "link": link})
	env.Advance(time.Millisecond)
	env.WantOutput(id, obj{"decision": "timeout", "by": nil, "comment": nil, "form": obj{}, "decided_at": began.Add(30 * day).UTC().Format(stamp)})
	if env.NodeRun(id, "gate", 0).Port != "nobody" || env.Runs(id, "mail") != 3 {
		t.Errorf("it went %v", env.Path(id))
	}
}

// TestMissedRemindersAreSentOnce, and the next is in time again; a timeout that passed meanwhile counts alone.
func TestMissedRemindersAreSentOnce(t *testing.T) {
	t.Parallel()
	env, id := beginGate(t)
	env.Pass(15 * day) // nothing runs
	env.Run()
	if env.Runs(id, "mail") != 1 || env.Runs(id, "others") != 1 {
		t.Errorf("it went %v", env.Path(id))
	}
	env.Advance(6*day - time.Millisecond)
	if env.Runs(id, "mail") != 1 {
		t.Errorf("it went %v", env.Path(id))
	}
	env.Advance(time.Millisecond)
	if env.Runs(id, "mail") != 2 {
		t.Errorf("it went %v", env.Path(id))
	}
	env, id = beginGate(t)
	env.Pass(31 * day)
	env.Run()
	env.WantPath(id, "start", "ask", "gate.nobody", "late")
}

// TestApprovalIsDecided by anybody who has its id, its node or its link, whatever was sent before.
func TestApprovalIsDecided(t *testing.T) {
	t.Parallel()
	yes := []byte(`{"decision":"approved","comment":"wide","form":{"width":3}}`)
	for name, decide := range map[string]func(env *enginetest.Env, id, first, token string) error{
		"by its first id": func(env *enginetest.Env, _, first, _ string) error {
			_, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Token: first, Data: yes, By: "Ada"})
			return err
		},
		"as the only approval": func(env *enginetest.Env, id, _, _ string) error {
			_, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Type: flow.Approval, Data: yes, By: "Ada"})
			return err
		},
		"by its link": func(env *enginetest.Env, _, _, token string) error {
			_, err := env.Engine().ResumeByToken(t.Context(), token, flow.ResumeRequest{Data: []byte(`{"decision":"approved","comment":"wide","by":"Ada","form":{"width":3}}`)})
			return err
		},
	} {
		for _, after := range []time.Duration{0, 8 * day, 22 * day, 30*day - time.Millisecond} {
			env, id := beginGate(t)
			first := env.Execution(id).Suspensions[0].ID
			token := tokenOf(t, env, id)
			env.Advance(after)
			if err := decide(env, id, first, token); err != nil {
				t.Fatalf("%s after %s: %v", name, after, err)
			}
			at := env.Now()
			env.Run()
			run := env.NodeRun(id, "gate", 0)
			same(t, name, run.Output, obj{"decision": "approved", "by": "Ada", "comment": "wide", "form": obj{"width": 3}, "decided_at": at.UTC().Format(stamp)})
			if run.Port != flow.Approved || run.Actor != "Ada" || !run.ResumedAt.Equal(at) {
				t.Errorf("%s: the history says %+v", name, run)
			}
			wantLate(t, env, id, first, token)
		}
	}
}

const linkTo = "http://127.0.0.1:8484/resume/"

// tokenOf gives the token of the link to the approval, which was named before it waited.
func tokenOf(t *testing.T, env *enginetest.Env, id string) string {
	t.Helper()
	v, err := flow.Decode(env.NodeRun(id, "ask", 0).Output)
	if err != nil {
		t.Fatal(err)
	}
	link, _ := v.(map[string]any)["link"].(string)
	token, ok := strings.CutPrefix(link, linkTo)
	if !ok {
		t.Fatalf("the link is %q", link)
	}
	return token
}

// wantLate: whoever comes later is told who was first, however they come.
func wantLate(t *testing.T, env *enginetest.Env, id, first, token string) {
	t.Helper()
	no := []byte(`{"decision":"rejected"}`)
	_, byID := env.Engine().Resume(t.Context(), flow.ResumeRequest{Token: first, Data: no, By: "Eve"})
	_, byType := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Type: flow.Approval, Data: no, By: "Eve"})
	_, byLink := env.Engine().ResumeByToken(t.Context(), token, flow.ResumeRequest{Data: no})
	for _, err := range []error{byID, byType, byLink} {
		if p := flow.AsProblem(err); !errors.Is(err, flow.ErrConflict) || p.Details["resumed_actor"] != "Ada" || p.Details["resumed_at"] == nil {
			t.Errorf("who comes later is told %v", err)
		}
	}
	v, err := env.Engine().ResumeToken(t.Context(), token)
	if err != nil || v.Status != flow.ResumeConsumed || v.Actor != "Ada" || v.Decision != flow.Approved || v.ResumedAt == nil {
		t.Errorf("the link shows %+v, %v", v, err)
	}
}

// TestApprovalHoldsTheForm: what does not fit leaves the wait as it is, and is told by its pointer.
func TestApprovalHoldsTheForm(t *testing.T) {
	t.Parallel()
	env, id := beginGate(t)
	token := tokenOf(t, env, id)
	env.Advance(8 * day)
	for data, pointer := range map[string]string{
		``:                                  "",
		`{}`:                                "/decision",
		`{"decision":"perhaps"}`:            "/decision",
		`{"decision":"approved"}`:           "/form",
		`{"decision":"approved","form":{}}`: "/form/width",
		`{"decision":"approved","form":{"width":"3"}}`:                    "/form/width",
		`{"decision":"approved","form":{"width":0}}`:                      "/form/width",
		`{"decision":"approved","form":{"width":1,"a/b":2}}`:              "/form/a~1b",
		`{"decision":"approved","form":{"width":1},"extra":1}`:            "",
		`{"decision":"rejected","form":{"width":"3"}}`:                    "/form/width",
		`{"decision":"rejected","comment":7}`:                             "/comment",
		`{"decision":"rejected","by":"` + strings.Repeat("x", 257) + `"}`: "/by",
	} {
		_, byHand := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Data: []byte(data)})
		_, byLink := env.Engine().ResumeByToken(t.Context(), token, flow.ResumeRequest{Data: []byte(data)})
		for _, err := range []error{byHand, byLink} {
			p := flow.AsProblem(err)
			fields, _ := p.Details["fields"].([]any)
			if p.Code != "invalid_data" || len(fields) == 0 || fields[0].(map[string]any)["pointer"] != pointer {
				t.Errorf("%s gives %v %v, want %s", data, err, fields, pointer)
			}
		}
	}
	env.Run()
	if data := dataOf(t, env, id); data["reminders_sent"] != 1 {
		t.Errorf("it waits as %v", data)
	}
	if _, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Data: []byte(`{"decision":"rejected","by":"Ada"}`)}); err != nil {
		t.Fatal(err)
	}
	env.Run()
	if run := env.NodeRun(id, "gate", 0); run.Port != flow.Rejected || run.Actor != "Ada" {
		t.Errorf("it ended as %+v", run)
	}
}

// TestApprovalsOnly: approve and reject pass over other waits, and say which approvals there are.
func TestApprovalsOnly(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, Builtin(Options{})...)
	env.Deploy(`
id: several
nodes:
  - {key: start, type: manual.trigger}
  - {key: hour, type: time.delay, params: {duration_ms: 3600000}}
  - {key: a, type: wait.approval, params: {title: A}}
  - {key: b, type: wait.approval, params: {title: B}}
connections: [start -> hour, start -> a, start -> b]`)
	id := env.Start("several", nil)
	env.Run()
	decide := func(node string) error {
		_, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Node: node, Type: flow.Approval, Data: []byte(`{"decision":"approved"}`)})
		env.Run()
		return err
	}
	p := flow.AsProblem(decide(""))
	if list, _ := p.Details["suspensions"].([]any); p.Code != "conflict" || len(list) != 2 {
		t.Errorf("without a node: %v %v", p, p.Details)
	}
	if p := flow.AsProblem(decide("hour")); p.Code != "conflict" || !strings.Contains(p.Message, "resume") {
		t.Errorf("at a delay: %v", p)
	}
	if p := flow.AsProblem(decide("nope")); p.Code != "not_found" {
		t.Errorf("at no node: %v", p)
	}
	if err := errors.Join(decide("a"), decide("")); err != nil {
		t.Fatal(err)
	}
	if p := flow.AsProblem(decide("")); p.Code != "conflict" || p.Details["resumed_by"] != flow.ByManual {
		t.Errorf("when all are decided: %v %v", p, p.Details)
	}
	env.WantPath(id, "start", "a.approved", "b.approved", "hour!suspended")
}

// TestDecisionRace: of all that may end an approval at the same moment one does, and the others learn which.
func TestDecisionRace(t *testing.T) {
	t.Parallel()
	for round := range 20 {
		env, id := beginGate(t)
		token := tokenOf(t, env, id)
		env.Advance(time.Duration(round%2) * 7 * day)
		env.Pass([]time.Duration{7 * day, 30 * day, 0}[round%3]) // a reminder, or the timeout, is due as well
		turn, due := env.Store().Pop(0)
		var wg sync.WaitGroup
		errs := make([]error, 3)
		wg.Go(func() {
			_, errs[0] = env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Type: flow.Approval, By: "Ada", Data: []byte(`{"decision":"approved","form":{"width":1}}`)})
		})
		wg.Go(func() {
			_, errs[1] = env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Type: flow.Approval, By: "Eve", Data: []byte(`{"decision":"rejected"}`)})
		})
		wg.Go(func() {
			_, errs[2] = env.Engine().ResumeByToken(t.Context(), token, flow.ResumeRequest{By: "Grace", Data: []byte(`{"decision":"rejected"}`)})
		})
		if due {
			wg.Go(func() {
				if err := env.Engine().RunStep(t.Context(), turn); err != nil {
					t.Error(err)
				}
			})
		} else {
			wg.Go(func() { _, _ = env.Engine().Sweep(t.Context(), 0) })
		}
		wg.Wait()
		env.Run()
		wantOneWinner(t, env.NodeRun(id, "gate", 0), errs)
	}
}

func wantOneWinner(t *testing.T, run flow.NodeRun, errs []error) {
	t.Helper()
	ports := []string{flow.Approved, flow.Rejected, flow.Rejected}
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
			if run.Port != ports[i] || run.Actor != []string{"Ada", "Eve", "Grace"}[i] {
				t.Errorf("%s was told it won, and it is %+v", ports[i], run)
			}
		case !errors.Is(err, flow.ErrConflict) && !errors.Is(err, flow.ErrGone):
			t.Errorf("a loser is told %v", err)
		}
	}
	if won > 1 || won == 0 && run.Port != "nobody" {
		t.Errorf("%d won, and it left by %s: %v", won, run.Port, errs)
	}
}

// TestApprovalRefusesParameters that contradict one another, or are out of bounds.
func TestApprovalRefusesParameters(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "wait.approval")
	many := make([]any, 51)
	for i := range many {
		many[i] = "x"
	}
	for _, params := range []obj{
		{"title": "x", "due_ms": 1, "due_at": "2026-03-01T09:00:00Z"},
		{"title": "x", "due_at": "tomorrow"},
		{"title": "x", "escalate_ms": 1},
		{"title": "x", "escalate_to": []any{"a"}},
		{"title": "x", "assignees": many},
		{"title": "x", "assignees": []any{1}},
		{"title": "x", "form": obj{"type": "string"}},
		{"title": "x", "form": obj{"type": "object", "$id": "x"}},
		{"title": "x", "form": obj{"type": "object", "description": strings.Repeat("x", 16<<10)}},
		{"title": "x", "on_timeout": "reminder"},
		{},
	} {
		if out, err := runOnce(t.Context(), typ, callFor(typ, params)); err == nil {
			t.Errorf("%.80v gives %+v", params, out)
		}
	}
}

// TestRemindersOfManyItems: each names the link of its own approval, and no item is over before it is decided.
func TestRemindersOfManyItems(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, Builtin(Options{})...)
	env.Deploy(`
id: items
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: $input, parallel: 3}}
  - {key: gate, type: wait.approval, params: {title: "{{ $loop.item }}", remind: {every_ms: 1000, max: 1}}}
  - {key: mail, type: data.set_data, params: {mapping_map: {item: $loop.item, link: $execution.resume_urls.gate}}}
  - {key: out, type: code.expr, params: {expression: "$loop.item + ' by ' + $input.by"}}
connections: [start -> each, each.loop -> gate, gate.reminder -> mail, mail -> each, gate.approved -> out, out -> each]`)
	id := env.Start("items", []any{"a", "b", "c"})
	env.Advance(time.Second)
	for run := range 3 {
		v, err := flow.Decode(env.NodeRun(id, "mail", run).Output)
		if err != nil {
			t.Fatal(err)
		}
		mail := v.(map[string]any)
		token, ok := strings.CutPrefix(fmt.Sprint(mail["link"]), linkTo)
		if !ok {
			t.Fatalf("the mail is %v", mail)
		}
		data := fmt.Appendf(nil, `{"decision":"approved","by":"who has the link of %s"}`, mail["item"])
		if _, err := env.Engine().ResumeByToken(t.Context(), token, flow.ResumeRequest{Data: data}); err != nil {
			t.Fatal(err)
		}
		env.Run()
	}
	env.WantOutput(id, []any{"a by who has the link of a", "b by who has the link of b", "c by who has the link of c"})
}
