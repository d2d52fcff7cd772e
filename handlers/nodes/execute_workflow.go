package nodes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

// What batch_mode accepts.
const (
	batchAll    = "all"
	batchSingle = "single"
)

// What failure_strategy accepts.
const (
	failParent = "fail_parent"
	goOn       = "continue"
)

var executeFields = []node.Field{
	{Name: "workflow_id", Kind: node.String, Required: true, Summary: "The workflow to execute."},
	{Name: "version", Kind: node.String, Summary: "A version of it; by default the newest."},
	{Name: "input_data", Kind: node.Any, Summary: "Its input; by default the input of this node."},
	{Name: "execution_mode", Kind: node.String, Enum: []string{node.Sync, node.Async, node.FireAndForget}, Summary: "sync (default): the child runs ahead of the queue and this node waits; async: it waits for its turn in the queue and this node waits; fire_and_forget: nobody waits."},
	{Name: "wait_for_completion", Kind: node.Bool, Summary: "true is sync, false is fire_and_forget; execution_mode wins."},
	{Name: "timeout_ms", Kind: node.Int, Default: 300_000, Min: new(1.0), Max: new(float64(maxWaitMS)), Summary: "How long to wait for the child."},
	{Name: "failure_strategy", Kind: node.String, Default: failParent, Enum: []string{failParent, goOn}, Summary: "Whether a child that does not complete fails this node, or is its output."},
	{Name: "parent_close_policy", Kind: node.String, Enum: []string{node.RequestCancel, node.Terminate, node.Abandon}, Summary: "What becomes of a child that still lives when this execution ends, or this node does not wait for it any more: request_cancel: it is cancelled, and undoes what it did; terminate: it ends at once; abandon: it goes on alone. By default abandon with fire_and_forget, request_cancel with the others."},
	{Name: "batch_mode", Kind: node.String, Default: batchAll, Enum: []string{batchAll, batchSingle}, Summary: "all: one child with the whole input; single: one child for each item of the input, and a list of {execution_id, status, output | error} in their order."},
	{Name: "distribution_window_ms", Kind: node.Int, Min: new(0.0), Max: new(float64(maxWaitMS)), Summary: "Batch mode single, async or fire_and_forget: the children begin evenly spread over this time."},
	{Name: "queue", Kind: node.String, Check: queueName, Summary: "The queue that the child's steps are run from, unless their nodes say otherwise; by default the partition's own. Its own children do not inherit it."},
}

func executeWorkflow() node.Type {
	return node.Type{
		Name:    "workflow.execute_workflow",
		Summary: "Executes another workflow, and leaves with its output.",
		Fields:  executeFields,
		Output: []node.Output{{
			Summary: "The output of the child; with fire_and_forget {execution_id}; with failure_strategy continue, of a child that did not complete, " +
				"{sub_workflow_failed or sub_workflow_timeout: true, workflow_id, …}.",
		}},
		OutputFor: executeOutput,
		Examples: []node.Example{
			{
				Title:  "Wait for the result",
				Params: map[string]any{"workflow_id": "user_onboarding_flow", "input_data": "$input", "wait_for_completion": true, "timeout_ms": 300000},
				Input:  map[string]any{"user": "ada"}, Output: map[string]any{"welcomed": "ada"},
			},
			{
				Title: "Go on at once", Params: map[string]any{"workflow_id": "send_newsletter", "execution_mode": "fire_and_forget"},
				Output: map[string]any{"execution_id": "…"},
			},
			{
				Title: "One child for each", Params: map[string]any{"workflow_id": "user_onboarding_flow", "batch_mode": batchSingle},
				Input:  []any{map[string]any{"user": "ada"}},
				Output: []any{map[string]any{"execution_id": "…", "status": "completed", "output": map[string]any{"welcomed": "ada"}}},
			},
			{
				Title: "A failure is an answer", Params: map[string]any{"workflow_id": "always_fails", "failure_strategy": goOn},
				Output: map[string]any{"sub_workflow_failed": true, "workflow_id": "always_fails", "execution_id": "…", "status": "failed", "error": "…"},
			},
		},
		Run: runExecute,
	}
}

func executeOutput(params map[string]any) []node.Output {
	if params["batch_mode"] != nil && params["batch_mode"] != batchAll {
		return nil
	}
	if mode := params["execution_mode"]; mode != node.FireAndForget && (mode != nil || params["wait_for_completion"] != false) {
		return nil
	}
	return []node.Output{{Fields: []node.Field{{Name: "execution_id", Kind: node.String, Summary: "The child that was started."}}}}
}

func runExecute(_ context.Context, c *node.Call) (node.Outcome, error) {
	v := values(c.Params)
	switch {
	case c.Resume != nil:
		return childOver(c)
	case c.Part == nil && v.text("batch_mode") == batchSingle:
		return startBatch(c, v)
	}
	return startChild(c, v)
}

// queueName checks the name of a queue.
func queueName(v any) error {
	if name, _ := v.(string); name != "" && !flow.ValidQueue(name) {
		return errors.New("cannot name a queue: " + flow.QueueRule)
	}
	return nil
}

// startBatch asks for a part for each child.
func startBatch(c *node.Call, v values) (node.Outcome, error) {
	if executionMode(v) == node.Sync && v.whole("distribution_window_ms") > 0 {
		return node.Outcome{}, invalid("distribution_window_ms", "needs execution_mode async or fire_and_forget")
	}
	return node.Outcome{Fan: &node.Fan{Items: batchInputs(c), Port: flow.PortMain, Lenient: v.text("failure_strategy") == goOn}}, nil
}

// batchInputs gives the input of each child.
func batchInputs(c *node.Call) []any {
	in, given := c.Params["input_data"]
	if !given {
		in = c.Input
	}
	switch t := in.(type) {
	case nil:
		return nil
	case []any:
		return t
	}
	return []any{in}
}

// startIn spreads the children of a batch over a window.
func startIn(c *node.Call, v values) time.Duration {
	if c.Part == nil {
		return 0
	}
	n := len(batchInputs(c))
	return v.millis("distribution_window_ms") * time.Duration(c.Part.Index) / time.Duration(max(1, n))
}

// childWait describes the wait, and is what the node remembers of it. The
// input is not part of it: the child has it.
type childWait struct {
	WorkflowID      string `json:"workflow_id"`
	ExecutionMode   string `json:"execution_mode"`
	TimeoutMS       int64  `json:"timeout_ms"`
	FailureStrategy string `json:"failure_strategy"`
}

func startChild(c *node.Call, v values) (node.Outcome, error) {
	w := childWait{
		WorkflowID:      v.text("workflow_id"),
		ExecutionMode:   executionMode(v),
		TimeoutMS:       v.whole("timeout_ms"),
		FailureStrategy: v.text("failure_strategy"),
	}
	if !flow.ValidWorkflowID(w.WorkflowID) {
		return node.Outcome{}, invalid("workflow_id", "is %q, which no workflow can be called", flow.Cut(w.WorkflowID, 80))
	}
	child := node.Child{
		Workflow: w.WorkflowID,
		Version:  v.text("version"),
		Input:    childInput(c),
		Mode:     w.ExecutionMode,
		Close:    v.text("parent_close_policy"),
		Queue:    v.text("queue"),
		In:       startIn(c, v),
	}
	out := node.Outcome{Start: []node.Child{child}}
	if w.ExecutionMode != node.FireAndForget {
		out.Suspend = &node.Suspend{Type: flow.SubWorkflow, In: v.millis("timeout_ms") + child.In, Data: w}
	}
	return out, nil
}

func executionMode(v values) string {
	if mode := v.text("execution_mode"); mode != "" {
		return mode
	}
	if _, said := v["wait_for_completion"]; said && !v.flag("wait_for_completion") {
		return node.FireAndForget
	}
	return node.Sync
}

// childInput tells a parameter that is missing from one that is null.
func childInput(c *node.Call) any {
	if c.Part != nil {
		return c.Part.Item
	}
	in, given := c.Params["input_data"]
	if !given {
		in = c.Input
	}
	if in == nil {
		return map[string]any{}
	}
	return in
}

func childOver(c *node.Call) (node.Outcome, error) {
	r := c.Resume
	var w childWait
	if err := remember(r.Wait, &w); err != nil {
		return node.Outcome{}, err
	}
	switch {
	case r.By == flow.ByTimeout:
		return w.timedOut(r.Children)
	case r.Error != nil:
		return w.notStarted(r)
	case r.By == flow.ByChild && c.Part != nil:
		return w.endedInBatch(r.Data)
	case r.By == flow.ByChild:
		return w.ended(r.Data)
	}
	return node.Outcome{PassResume: true}, nil
}

// endedInBatch leaves {execution_id, status, output | error}, unless a failure of the child fails the batch.
func (w childWait) endedInBatch(data any) (node.Outcome, error) {
	child, _ := data.(map[string]any)
	completed := child["status"] == string(flow.Completed)
	if !completed && w.FailureStrategy != goOn {
		return w.ended(data)
	}
	if completed {
		delete(child, "error")
	} else {
		delete(child, "output")
	}
	return node.Outcome{Output: child}, nil
}

// ended is the result of a child, which is {execution_id, status, output, error}.
func (w childWait) ended(data any) (node.Outcome, error) {
	child, ok := data.(map[string]any)
	if !ok {
		return node.Outcome{}, fmt.Errorf("the result of a child is %T, not an object", data)
	}
	if child["status"] == string(flow.Completed) {
		return node.Outcome{Output: child["output"]}, nil
	}
	facts := map[string]any{"execution_id": child["execution_id"], "status": child["status"], "error": child["error"]}
	return w.failed("sub_workflow_failed", fmt.Sprintf("the execution of workflow %s ended as %v", w.WorkflowID, child["status"]), facts)
}

func (w childWait) timedOut(children []string) (node.Outcome, error) {
	waited := time.Duration(w.TimeoutMS) * time.Millisecond
	facts := map[string]any{"timeout_ms": w.TimeoutMS, "execution_id": last(children), "status": string(flow.TimedOut)}
	return w.failed("sub_workflow_timeout", fmt.Sprintf("workflow %s did not end within %s", w.WorkflowID, waited), facts)
}

// notStarted is a wait that ended with an error instead of a child's result.
func (w childWait) notStarted(r *node.Resume) (node.Outcome, error) {
	if w.FailureStrategy != goOn {
		return node.Outcome{}, r.Error
	}
	facts := map[string]any{"error": r.Error.Map(), "execution_id": last(r.Children), "status": string(flow.Failed)}
	return w.failed("sub_workflow_failed", r.Error.Message, facts)
}

// last is the child that is waited for: an attempt before may have started others. nil = none.
func last(children []string) any {
	if len(children) == 0 {
		return nil
	}
	return children[len(children)-1]
}

// failed is a problem, or an output with the same facts, the error, and a mark named by the code.
func (w childWait) failed(code, message string, facts map[string]any) (node.Outcome, error) {
	facts["workflow_id"] = w.WorkflowID
	if w.FailureStrategy != goOn {
		return node.Outcome{}, &flow.Problem{Code: code, Message: message, Details: facts}
	}
	facts[code] = true
	if _, known := facts["error"]; !known {
		facts["error"] = map[string]any{"code": code, "message": message}
	}
	return node.Outcome{Output: facts}, nil
}
