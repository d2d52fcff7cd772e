package enginetest_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"prana/engine/cases"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mail and approval stand for the nodes of a user.
func mail(sent *[]string) node.Type {
	return node.Type{Name: "acme.mail", Fields: []node.Field{{Name: "to", Kind: node.String, Required: true}}, Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
		*sent = append(*sent, c.Params["to"].(string))
		return node.Outcome{PassInput: true}, nil
	}}
}

var approval = node.Type{Name: "acme.approval", Outputs: []string{"main", "timeout"}, Waits: true, Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
	if c.Resume == nil {
		return node.Outcome{Suspend: &node.Suspend{Type: "approval", In: 30 * 24 * time.Hour, Event: &flow.Subscription{Type: "approved"}}}, nil
	}
	if c.Resume.By == flow.ByTimeout {
		return node.Outcome{Port: "timeout", Timeout: true}, nil
	}
	return node.Outcome{Port: "main", PassResume: true}, nil
}}

var trigger = node.Type{Name: "acme.trigger", Trigger: true, Run: func(context.Context, *node.Call) (node.Outcome, error) {
	return node.Outcome{PassInput: true}, nil
}}

const order = `
id: order
nodes:
  - {key: start, type: acme.trigger}
  - {key: ask, type: acme.approval}
  - {key: thank, type: acme.mail, params: {to: "{{ $input.by }}"}}
  - {key: remind, type: acme.mail, params: {to: "{{ $trigger.boss }}"}}
connections: [start -> ask, ask -> thank, ask.timeout -> remind]
`

// TestThirtyDays shows the kit at work: time passes when the test says so.
func TestThirtyDays(t *testing.T) {
	t.Parallel()
	var sent []string
	env := enginetest.New(t, trigger, approval, mail(&sent))
	env.Deploy(order)
	id := env.Start("order", map[string]any{"boss": "ann"})
	env.Advance(30*24*time.Hour - time.Millisecond)
	env.WantStatus(id, flow.Suspended)
	env.Advance(time.Millisecond)
	env.WantStatus(id, flow.Completed)
	env.WantPath(id, "start", "ask.timeout", "remind")
	if len(sent) != 1 || sent[0] != "ann" {
		t.Errorf("mail went to %v", sent)
	}
}

func TestAnEventAndAStub(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, trigger, approval, mail(new([]string)))
	env.Deploy(order)
	env.Stub("acme.mail", func(_ context.Context, c *node.Call) (node.Outcome, error) {
		return node.Outcome{Output: "to " + c.Params["to"].(string)}, nil
	})
	id := env.Start("order", map[string]any{"boss": "ann"})
	env.Run()
	if r := env.Publish("approved", map[string]any{"by": "bob"}); r.Matched != 1 {
		t.Errorf("the event ended %d waits", r.Matched)
	}
	env.AdvanceToEnd(id)
	env.WantOutput(id, "to bob")
	if r := env.NodeRun(id, "ask", 0); r.ResumedBy != flow.ByEvent {
		t.Errorf("it was resumed by %s", r.ResumedBy)
	}
}

// TestWrongWantsAreNoticed proves that the assertions can fail.
func TestWrongWantsAreNoticed(t *testing.T) {
	t.Parallel()
	deaf := &deaf{TB: t}
	env := enginetest.New(deaf, trigger, approval, mail(new([]string)))
	env.Deploy(order)
	id := env.Start("order", map[string]any{"boss": "ann"})
	env.Run()
	env.WantStatus(id, flow.Completed)
	env.WantPath(id, "start")
	env.WantOutput(id, 1)
	env.WantError(id, "x")
	if deaf.errors != 4 {
		t.Errorf("%d of 4 wrong wants were noticed", deaf.errors)
	}
}

// deaf counts errors and fails nothing.
type deaf struct {
	testing.TB
	errors int
}

func (d *deaf) Errorf(string, ...any) { d.errors++ }

// TestCases runs cases in YAML with nodes of a user.
func TestCases(t *testing.T) {
	t.Parallel()
	enginetest.RunCases(t, "testdata/*_test.yaml", func(cases.World) []node.Type {
		return []node.Type{trigger, approval, mail(new([]string))}
	})
}
