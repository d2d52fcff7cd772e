package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// remindingFlow reminds before the killing and after it, and sends a link each time. Its first mail stops in the world.
const remindingFlow = `
id: reminding
nodes:
  - {key: start, type: manual.trigger}
  - {key: ask, type: data.set_data, params: {mapping_map: {link: $execution.resume_urls.gate}}}
  - key: gate
    type: wait.approval
    params:
      title: "<Ship> {{ $trigger.what }}?"
      assignees: [ada]
      form: {type: object, required: [n], properties: {n: {type: integer, minimum: 1}}}
      remind: {every_ms: 1000, max: 500}
      escalate_ms: 1500
      escalate_to: [grace]
  - {key: mail, type: test.block, params: {name: "mail-{{ $trigger.what }}"}}
  - {key: others, type: test.effect, params: {name: "others-{{ $trigger.what }}"}}
  - {key: ship, type: test.effect, params: {name: "ship-{{ $trigger.what }}"}}
output: $nodes.gate.output
connections: [start -> ask, ask -> gate, gate.reminder -> mail, gate.escalated -> others, gate.approved -> ship]
`

// TestApprovalOutlivesItsWorkers: all workers are killed while a reminder is sent. The wait stands all the time, and is decided on the
// page behind the link that was known before it began.
func TestApprovalOutlivesItsWorkers(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, remindingFlow)
	id := s.start(t, "reminding", map[string]any{"what": "it"})
	s.world.awaitCalls(t, "/block/mail-it", 1, 20*time.Second)
	for _, p := range s.living() {
		p.Kill()
	}
	first := s.approvalOf(t, id)
	s.world.open("mail-it")
	for range 2 {
		if err := s.addWorker(); err != nil {
			t.Fatal(err)
		}
	}
	s.world.awaitCalls(t, "/effect/others-it", 1, 30*time.Second)
	s.world.awaitCalls(t, "/block/mail-it", 4, 60*time.Second) // the killed one again, and others
	now := s.approvalOf(t, id)
	if now.ID == first.ID || !now.SuspendedAt.Equal(first.SuspendedAt) {
		t.Errorf("the wait was %+v, and is %+v", first, now)
	}
	link := s.linkOf(t, id)
	if page := s.browse(t, "GET", link, nil); !strings.Contains(page, "&lt;Ship&gt; it?") || !strings.Contains(page, "ada, grace") {
		t.Errorf("the page is %s", page)
	}
	if page := s.browse(t, "POST", link, url.Values{"decision": {"approved"}, "form.n": {"none"}}); !strings.Contains(page, "aria-invalid") {
		t.Errorf("the page is %s", page)
	}
	if page := s.browse(t, "POST", link, url.Values{"decision": {"approved"}, "by": {"Ada"}, "form.n": {"3"}}); !strings.Contains(page, "Approved by Ada") {
		t.Errorf("the page is %s", page)
	}
	v := s.await(t, id, flow.Completed, 30*time.Second)
	out := output(t, v)
	if out["by"] != "Ada" || fmt.Sprint(out["form"]) != "map[n:3]" {
		t.Errorf("it left %v", out)
	}
	s.wantOnce(t, "/effect/others-it", 1)
	s.wantOnce(t, "/effect/ship-it", 1)
	late := s.request(t, "POST", "/v1/executions/"+id+":reject", map[string]any{"by": "Eve"})
	if late.status != http.StatusConflict || !strings.Contains(string(late.body), `"resumed_actor":"Ada"`) {
		t.Errorf("who comes later is told %d %s", late.status, late.body)
	}
}

// approvalOf gives the approval that waits in an execution.
func (s *system) approvalOf(t *testing.T, id string) flow.Suspension {
	t.Helper()
	a := s.must(t, 200, "GET", "/v1/suspensions?type=approval&execution_id="+id, nil)
	var page flow.Page[flow.Suspension]
	if err := json.Unmarshal(a.body, &page); err != nil || len(page.Items) != 1 {
		t.Fatalf("the approvals are %s, %v", a.body, err)
	}
	return page.Items[0]
}

// linkOf gives the path of the link that an execution named.
func (s *system) linkOf(t *testing.T, id string) string {
	t.Helper()
	v, err := s.engine.Describe(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var asked struct{ Link string }
	if err := json.Unmarshal(run(t, v, "ask").Output, &asked); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(asked.Link)
	if err != nil {
		t.Fatal(err)
	}
	return u.Path
}

// browse does what a browser does.
func (s *system) browse(t *testing.T, method, path string, form url.Values) string {
	t.Helper()
	var body any
	headers := []string{"Accept: text/html,*/*;q=0.8"}
	if form != nil {
		body = []byte(form.Encode())
		headers = append(headers, "Content-Type: application/x-www-form-urlencoded")
	}
	return string(s.request(t, method, path, body, headers...).body)
}

// deciding is due to end by itself when people decide.
const deciding = `
id: deciding
nodes:
  - {key: start, type: manual.trigger}
  - {key: gate, type: wait.approval, params: {title: "Go?", remind: {every_ms: 390, max: 5}, timeout_ms: 400}}
  - {key: mail, type: core.log, params: {message: mail}}
  - {key: yes, type: core.log, params: {message: "yes"}}
  - {key: nay, type: core.log, params: {message: "no"}}
  - {key: late, type: core.log, params: {message: late}}
connections: [start -> gate, gate.reminder -> mail, gate.approved -> yes, gate.rejected -> nay, gate.timeout -> late]
`

// TestOfAllDecisionsOneWins: two people and the clock, with a reminder in between.
func TestOfAllDecisionsOneWins(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, deciding)
	d := dice(t)
	var won tally
	together(t, trials, 25, func(i int) error {
		id := s.start(t, "deciding", nil)
		v, err := s.reaches(t.Context(), id, flow.Suspended, 10*time.Second)
		if err != nil {
			return err
		}
		aim := v.Suspensions[0].SuspendedAt.Add(380*time.Millisecond + d.upTo(60*time.Millisecond))
		time.Sleep(time.Until(aim))
		var yes, no answer
		atOnce(
			func() { yes = s.request(t, "POST", "/v1/executions/"+id+":approve", map[string]any{"by": "Ada"}) },
			func() { no = s.request(t, "POST", "/v1/executions/"+id+":reject", map[string]any{"by": "Eve"}) },
		)
		winner, loser := "timeout", answer{}
		switch {
		case yes.status == 202 && no.status == 202:
			return fmt.Errorf("both were told that they decided %s", id)
		case yes.status == 202:
			winner, loser = "ada", no
		case no.status == 202:
			winner, loser = "eve", yes
		}
		won.add(winner)
		if told := string(loser.body); winner != "timeout" && (loser.status != 409 || !strings.Contains(strings.ToLower(told), `"resumed_actor":"`+winner)) {
			return fmt.Errorf("%s won %s, and the other was told %d %s", winner, id, loser.status, told)
		}
		if winner == "timeout" && (yes.status != 409 || no.status != 409) {
			return fmt.Errorf("nobody decided %s, and they were told %s, %s", id, yes.body, no.body)
		}
		return s.onePath(t.Context(), id, winner, map[string]string{"ada": "yes", "eve": "nay", "timeout": "late"})
	})
	won.everybodyWon(t, "ada", "eve", "timeout")
}
