// Starts an order, and moves it on by a resume URL, an event and :resume; prints its output.
//
//	PRANA_SERVER=http://127.0.0.1:8484 PRANA_TOKEN=... go run . ORDER_ID
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

// Order is what the workflow takes, Result what it leaves.
type (
	Order struct {
		ID string `json:"order_id"`
	}
	Result struct {
		ExecutionID string         `json:"execution_id"`
		Signed      map[string]any `json:"signed"`
		Paid        map[string]any `json:"paid"`
		Packed      map[string]any `json:"packed"`
	}
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: goclient ORDER_ID")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	result, err := run(ctx, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(must(json.Marshal(result))))
}

func run(ctx context.Context, order string) (Result, error) {
	c, err := client.New(cmp.Or(os.Getenv("PRANA_SERVER"), "http://127.0.0.1:8484"), os.Getenv("PRANA_TOKEN"))
	if err != nil {
		return Result{}, err
	}
	defer c.Close()
	x, err := client.For[Order, Result](c, "order").Start(ctx, Order{order}, client.WithID("order-"+order))
	if err != nil {
		return Result{}, err
	}
	// Workflows usually send the URL to whom it is for, in a mail for instance. It is good once, and needs no token.
	url, err := signURL(ctx, x)
	if err != nil {
		return Result{}, err
	}
	if _, err := c.ResumeByURL(ctx, url, map[string]any{"by": "go"}); err != nil {
		return Result{}, err
	}
	// The event and the resume may come before the order waits for them: they are kept.
	payment := flow.Event{ID: "payment-" + order, Type: "payment", Data: must(json.Marshal(map[string]any{"order_id": order, "amount": 100}))}
	if _, err := c.Publish(ctx, payment); err != nil {
		return Result{}, err
	}
	packed := flow.ResumeRequest{ID: "packed-" + order, Execution: x.ID, Node: "packed", Data: must(json.Marshal(map[string]any{"parcels": 2}))}
	if _, err := c.Resume(ctx, packed); err != nil {
		return Result{}, err
	}
	return x.Wait(ctx)
}

// signURL follows the execution until it waits to be signed, and gives the URL that it made before.
func signURL(ctx context.Context, x client.Execution[Result]) (url string, err error) {
	for u, err := range x.Follow(ctx) {
		switch {
		case err != nil:
			return "", err
		case u.Run == nil:
		case u.Run.Node == "links" && u.Run.Output != nil:
			var links struct {
				ResumeURL string `json:"resume_url"`
			}
			if err := json.Unmarshal(u.Run.Output, &links); err != nil {
				return "", err
			}
			url = links.ResumeURL
		case u.Run.Node == "signed" && u.Run.Status == flow.StepSuspended:
			return url, nil
		}
	}
	return "", fmt.Errorf("execution %s ended without waiting to be signed", x.ID)
}

func must(raw []byte, err error) []byte {
	if err != nil {
		log.Fatal(err)
	}
	return raw
}
