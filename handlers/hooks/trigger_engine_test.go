package hooks

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// shopTypes are those of a workflow that answers with what came, and sleeps.
func shopTypes() []node.Type {
	return []node.Type{
		{Name: triggerType, Trigger: true, Run: passOn, Fields: []node.Field{
			{Name: "path", Kind: node.String, Default: ""},
			{Name: "methods", Kind: node.Array, Default: []any{"POST"}},
			{Name: "response_type", Kind: node.String},
			{Name: "response_timeout_ms", Kind: node.Int},
		}},
		{Name: "test.reply", Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
			body, _ := c.Input.(obj)["body"].(string)
			return node.Outcome{Reply: flow.HTTPReply{Status: 200, Body: "got " + body}}, nil
		}},
		{Name: "test.nap", Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
			if c.Resume != nil {
				return node.Outcome{Output: "slept"}, nil
			}
			return node.Outcome{Suspend: &node.Suspend{Type: flow.Delay, Timer: true, In: time.Hour}}, nil
		}},
	}
}

func passOn(context.Context, *node.Call) (node.Outcome, error) {
	return node.Outcome{PassInput: true}, nil
}

func TestWebhooksOfARealEngine(t *testing.T) {
	t.Parallel()
	for response, want := range map[string]struct {
		status int
		body   string
	}{
		"at_return_node": {200, "got 42"},
		"on_completion":  {202, ""},
		"immediately":    {202, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			env := enginetest.New(t, shopTypes()...)
			w := &flow.Workflow{
				ID: "shop", Connections: []flow.Connection{{From: "start", To: "reply"}, {From: "reply", To: "nap"}},
				Nodes: []flow.Node{
					{Key: "start", Type: triggerType, Params: obj{"response_type": response, "response_timeout_ms": 5000}},
					{Key: "reply", Type: "test.reply"},
					{Key: "nap", Type: "test.nap"},
				},
			}
			if _, _, err := env.Engine().Deploy(t.Context(), w); err != nil {
				t.Fatal(err)
			}
			h := NewTriggers(TriggersConfig{Engine: env.Engine()})
			status := map[string]int{}
			for _, body := range []string{"42", "42", "43"} {
				done := make(chan struct{})
				go func() {
					defer close(done)
					got := call(h, "POST", "/webhook/shop", body, "Idempotency-Key", "k", "X-At", time.Now().String())
					status[body] = got.Code
					if body == "42" && (got.Code != want.status || want.body != "" && got.Body.String() != want.body) {
						t.Errorf("%s: got %d %s", response, got.Code, got.Body)
					}
				}()
				synctest.Wait()
				env.Run()
				<-done
			}
			if status["43"] != 422 {
				t.Errorf("%s: another body under the same key got %d", response, status["43"])
			}
		})
	}
}
