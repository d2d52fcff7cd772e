package plan

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"prana/engine/eval"
	"prana/engine/flow"
	"prana/engine/node"
)

// Section is a part of a workflow, or all of it, that runs only so many times at once, counted by a key.
type Section struct {
	Limit int // 1..flow.MaxConcurrency

	key *eval.Program
}

// Key computes the key of a run; empty means that this run is not bound.
func (s *Section) Key(env eval.Env) (string, error) {
	v, err := s.key.Eval(env)
	if err != nil {
		if e, ok := errors.AsType[*eval.Error](err); ok {
			err = &flow.Problem{Code: "expression_error", Message: "concurrency_key: " + e.Error(), Permanent: true}
		}
		return "", err
	}
	key, ok := keyText(v)
	key = strings.ToValidUTF8(key, "\uFFFD") // as it will be read back
	if !ok || utf8.RuneCountInString(key) > flow.MaxConcurrencyKey {
		return "", &flow.Problem{Code: "invalid_concurrency_key", Permanent: true, Message: "concurrency_key must give a string of at most " +
			strconv.Itoa(flow.MaxConcurrencyKey) + " characters, a number or null; compute something shorter or simpler"}
	}
	return key, nil
}

func keyText(v any) (string, bool) {
	switch t := v.(type) {
	case nil:
		return "", true
	case string:
		return t, true
	case int:
		return strconv.Itoa(t), true
	case float64:
		return strconv.FormatFloat(t, 'f', -1, 64), true
	case json.Number: // one that neither of them holds
		return t.String(), true
	}
	return "", false
}

// section compiles a key and its limit; path is where both stand.
func (c *compiler) section(path, code, key string, limit int) *Section {
	if limit < 0 || limit > flow.MaxConcurrency {
		c.fail(Join(path, "concurrency_limit"), code, "", "concurrency_limit is %d; it must be 1 to %d", limit, flow.MaxConcurrency)
	}
	if key == "" {
		if limit != 0 {
			c.fail(Join(path, "concurrency_limit"), code, "add concurrency_key", "concurrency_limit without a concurrency_key bounds nothing")
		}
		return nil
	}
	path = Join(path, "concurrency_key")
	program, issues := eval.CompileValue(key, c.scope(nil))
	c.issues(path, issues)
	if program == nil {
		return nil
	}
	if len(program.Refs().Secrets) > 0 {
		c.fail(path, code, "use something that may be seen", "a concurrency_key is stored and shown, so it cannot contain $secrets")
	}
	if program.IsConstant() {
		if _, err := (&Section{key: program}).Key(nil); err != nil {
			c.fail(path, code, "", "%s", flow.AsProblem(err).Message)
		}
	}
	return &Section{Limit: max(1, limit), key: program}
}

// workflowSection compiles the key of whole executions, which is computed before they exist.
func (c *compiler) workflowSection() *Section {
	s := c.section("", CodeBadValue, c.w.ConcurrencyKey, c.w.ConcurrencyLimit)
	if s == nil {
		return nil
	}
	if r := s.key.Refs(); len(r.Nodes)+len(r.Env) > 0 || r.Execution || r.Loop {
		c.fail("concurrency_key", CodeBadValue, "use $input, $trigger, $vars or $workflow",
			"the key of a workflow is computed before its execution exists, so it knows only the input and constants")
	}
	return s
}

// childType is the only type that starts executions.
const childType = "workflow.execute_workflow"

// waitsForItself sees two ways in which an execution waits for a place that it holds itself; other ways
// depend on values and on other workflows.
func (c *compiler) waitsForItself(at string, n *Node) {
	if key := n.Settings.ConcurrencyKey; key != "" && key == c.w.ConcurrencyKey {
		c.warn(at+".settings.concurrency_key", CodeWaitsForItself, "remove it, or begin it with another word",
			"%s asks for a place of the key of which its execution holds one already", n.Key)
	}
	for _, around := range n.Within {
		if loop := c.plan.Nodes[around]; n.Settings.ConcurrencyKey != "" && n.Settings.ConcurrencyKey == loop.Settings.ConcurrencyKey {
			c.warn(at+".settings.concurrency_key", CodeWaitsForItself, "give one of them another key",
				"%s waits for a place of the key of which %s holds one until all of its items are over", n.Key, loop.Key)
		}
	}
	params := c.w.Nodes[n.Index].Params
	waits := params["execution_mode"] != node.FireAndForget && params["wait_for_completion"] != false
	if c.plan.Section == nil || n.Type.Name != childType || params["workflow_id"] != c.w.ID || !waits {
		return
	}
	c.warn(at, CodeWaitsForItself, "give the child another key, or do not wait for it",
		"%s waits for a child of this workflow, which waits for a place of concurrency_key that this execution may hold", n.Key)
}
