// Starts an order by plain asynq, and moves it on by an event and two resumes; prints its execution. Nothing of Prana is imported:
// a task is a hint with a JSON payload, and its TaskID makes it count once.
//
//	PRANA_REDIS=redis://127.0.0.1:6379 go run . ORDER_ID
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hibiken/asynq"
)

// links is what the workflow tells of its execution, at the callback in its input: a task has no answer.
type links struct {
	ExecutionID string `json:"execution_id"`
	ResumeURL   string `json:"resume_url"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: asynq ORDER_ID")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, order string) error {
	redis, err := asynq.ParseRedisURI(cmp.Or(os.Getenv("PRANA_REDIS"), "redis://127.0.0.1:6379"))
	if err != nil {
		return err
	}
	c := asynq.NewClient(redis)
	defer func() { _ = c.Close() }()
	told, callback, err := listen()
	if err != nil {
		return err
	}
	if err := enqueue(ctx, c, "prana:start", "order-"+order, map[string]any{
		"v": 1, "workflow": "order", "input": map[string]any{"order_id": order, "callback": callback},
	}); err != nil {
		return err
	}
	var x links
	select {
	case x = <-told:
	case <-ctx.Done():
		return fmt.Errorf("nothing came from the workflow: %w", ctx.Err())
	}
	if err := sign(ctx, x.ResumeURL); err != nil {
		return err
	}
	// The event and the resume may come before the order waits for them: they are kept.
	if err := enqueue(ctx, c, "prana:event", "payment-"+order, map[string]any{
		"v": 1, "type": "payment", "data": map[string]any{"order_id": order, "amount": 100},
	}); err != nil {
		return err
	}
	if err := enqueue(ctx, c, "prana:resume", "packed-"+order, map[string]any{
		"v": 1, "execution_id": x.ExecutionID, "node": "packed", "data": map[string]any{"parcels": 2},
	}); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(x)
}

// enqueue puts a task on the intake queue. One of that id that is there already is as good.
func enqueue(ctx context.Context, c *asynq.Client, kind, id string, payload any) error {
	raw, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	_, err = c.EnqueueContext(ctx, asynq.NewTask(kind, raw), asynq.Queue("prana"), asynq.TaskID(id))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return err
}

// listen waits for what the workflow tells, at a URL of this process.
func listen() (<-chan links, string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	told := make(chan links, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var x links
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&x); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		select {
		case told <- x:
		default: // it was told before: nodes may run more than once
		}
	})
	go func() { log.Print(http.Serve(l, handler)) }()
	return told, "http://" + l.Addr().String(), nil
}

// sign calls the resume URL, which is good once and needs no token; again while the wait has not begun.
func sign(ctx context.Context, url string) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(`{"by":"asynq"}`)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		var problem struct{ Code, Detail string }
		_ = json.NewDecoder(res.Body).Decode(&problem)
		res.Body.Close()
		switch {
		case res.StatusCode == http.StatusOK:
			return nil
		case problem.Code != "not_waiting_yet":
			return fmt.Errorf("the resume URL answered %s: %s", res.Status, problem.Detail)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
