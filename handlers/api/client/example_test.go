package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

// Order and Receipt are what goes into the workflow of the examples, and what comes out.
type (
	Order struct {
		ID     int `json:"order_id"`
		Amount int `json:"amount"`
	}
	Receipt struct {
		Number string `json:"number"`
	}
)

// Example starts an execution, whose input and output have Go types, and waits for it.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s := server()
	defer s.Close()
	c, err := client.New(s.URL, "") // "http://127.0.0.1:8484", and the token if there is one
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	orders := client.For[Order, Receipt](c, "order_approval")
	receipt, err := orders.Run(ctx, Order{ID: 42, Amount: 100}, client.WithID("order-42")) // which starts once
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("receipt", receipt.Number)
	// Output: receipt R-42
}

// An event ends the waits that ask for it, in whatever execution.
func ExampleClient_Publish() {
	ctx, s := context.Background(), server()
	defer s.Close()
	c, _ := client.New(s.URL, "")
	defer c.Close()

	res, err := c.Publish(ctx, flow.Event{
		ID: "approval-42", Type: "approval_response", Data: json.RawMessage(`{"request_id": 42, "approved": true}`),
	})
	fmt.Println(res.Matched, "resumed", err)
	// Output: 1 resumed <nil>
}

// What came too late is told who won.
func ExampleClient_Resume() {
	ctx, s := context.Background(), server()
	defer s.Close()
	c, _ := client.New(s.URL, "")
	defer c.Close()

	_, err := c.Resume(ctx, flow.ResumeRequest{Execution: id, Node: "wait_approval", Data: json.RawMessage(`{"approved": true}`)})
	if errors.Is(err, client.ErrConflict) {
		fmt.Println("won by", flow.AsProblem(err).Details["winner"])
	}
	// Output: won by timeout
}

// Follow tells each change of a node, and of the execution.
func ExampleClient_Follow() {
	ctx, s := context.Background(), server()
	defer s.Close()
	c, _ := client.New(s.URL, "")
	defer c.Close()

	for u, err := range c.Follow(ctx, id) {
		switch {
		case err != nil:
			fmt.Println(err)
		case u.Run != nil:
			fmt.Println(u.Run.Node, "is", u.Run.Status)
		default:
			fmt.Println("the execution is", u.Status)
		}
	}
	// Output:
	// start is completed
	// wait_approval is completed
	// the execution is completed
}

// All lists are iterators, which ask for page after page.
func ExampleClient_AllExecutions() {
	ctx, s := context.Background(), server()
	defer s.Close()
	c, _ := client.New(s.URL, "")
	defer c.Close()

	for x, err := range c.AllExecutions(ctx, flow.ExecutionFilter{Status: flow.Failed, Workflow: "order_approval"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(x.ID, "failed:", x.Error.Message)
	}
	// Output: 07NZ4Qk0Qk0Qk0Qk0Qk0Qk0 failed: no such card
}

// An execution that did not complete is an error with all that is known.
func ExampleExecutionError() {
	ctx, s := context.Background(), server()
	defer s.Close()
	c, _ := client.New(s.URL, "")
	defer c.Close()

	_, err := client.Attach[Receipt](c, failed).Wait(ctx)
	if ended, ok := errors.AsType[*client.ExecutionError](err); ok {
		fmt.Println(ended.Status, "at", ended.Problem.Node, "with", ended.Problem.Code)
	}
	fmt.Println(errors.Is(err, client.ErrFailed))
	// Output:
	// failed at charge with card_declined
	// true
}

const (
	id     = "07NZ4Qk0Qk0Qk0Qk0Qk0Qk0"
	failed = "07NZ4Qk0Qk0Qk0Qk0Qk0Qk1"
)

// server stands for `prana server`: it has the answers of the examples.
func server() *httptest.Server {
	decided := flow.Problemf("conflict", "the wait of node wait_approval is over already")
	decided.Details = map[string]any{"winner": "timeout"}
	declined := &flow.Problem{Code: "card_declined", Message: "no such card", Node: "charge"}
	over := flow.Problemf("no_output", "the execution is failed")
	over.Details = map[string]any{"status": flow.Failed, "error": declined}
	answers := map[string]any{
		"POST /v1/workflows/order_approval/executions": flow.StartResult{ExecutionID: id},
		"GET /v1/executions/" + id + "/output":         Receipt{"R-42"},
		"GET /v1/executions/" + failed + "/output":     over,
		"POST /v1/events":                              flow.PublishResult{ID: "paid-42", Matched: 1, Executions: []string{id}},
		"POST /v1/executions/" + id + ":resume":        decided,
		"GET /v1/executions":                           flow.Page[flow.Summary]{Items: []flow.Summary{{ID: id, Error: declined}}},
		"GET /v1/executions/" + id + "/history": wire.History{ExecutionID: id, Status: flow.Completed, Items: []flow.NodeRun{
			{Node: "start", Status: flow.StepCompleted}, {Node: "wait_approval", Status: flow.StepCompleted},
		}},
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := answers[r.Method+" "+r.URL.Path]
		if err, ok := answer.(error); ok {
			wire.ProblemOf(err).Write(w)
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
}
