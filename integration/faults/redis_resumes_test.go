package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/integration/faults/fleet"
)

// heldForHand waits until somebody resumes it.
const heldForHand = `
id: held
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: nobody_sends_this}}
connections: [start -> wait]
`

// resumes starts executions that wait, one after the other, and resumes each at once.
type resumes struct {
	*part
	fleet   *fleet.Fleet
	rewinds bool // the store may forget what was acknowledged
	cancel  context.CancelFunc
	loop    sync.WaitGroup
	ids     []string // of the executions whose resume was acknowledged
	err     error
}

func (p *part) resumes(f *fleet.Fleet, rewinds bool) *resumes {
	p.Helper()
	if err := f.Deploy(p.Context(), heldForHand); err != nil {
		p.Fatal(err)
	}
	ctx, cancel := context.WithCancel(p.Context())
	r := &resumes{part: p, fleet: f, rewinds: rewinds, cancel: cancel}
	r.loop.Go(func() {
		for r.err == nil && rest(ctx, 50*time.Millisecond) {
			r.ids = append(r.ids, "")
			r.err = r.one(len(r.ids) - 1)
		}
	})
	return r
}

// one starts and resumes an execution, both with an id that makes them count once; what was lost between the two it starts again.
func (r *resumes) one(i int) error {
	err := r.try(i)
	if errors.Is(err, flow.ErrNotFound) && r.rewinds {
		return r.try(i)
	}
	return err
}

func (r *resumes) try(i int) error {
	err := r.fleet.Ask(r.Context(), func(ctx context.Context, c *client.Client) error {
		res, err := c.Start(ctx, flow.StartRequest{Workflow: "held", ID: fmt.Sprint("held-", i), Input: json.RawMessage(`{}`)})
		r.ids[i] = res.ExecutionID
		return err
	})
	if err != nil {
		return err
	}
	return r.fleet.Ask(r.Context(), func(ctx context.Context, c *client.Client) error {
		_, err := c.Resume(ctx, flow.ResumeRequest{Execution: r.ids[i], Node: "wait", Early: true, ID: fmt.Sprint("resume-", i), Data: json.RawMessage(brought(i))})
		return err
	})
}

func brought(i int) string { return fmt.Sprintf(`{"i":%d}`, i) }

// stop ends the loop after the execution that is under way.
func (r *resumes) stop() {
	r.cancel()
	r.loop.Wait()
}

// again repeats everything.
func (r *resumes) again() error {
	for i := range r.ids {
		if err := r.one(i); err != nil && !errors.Is(err, flow.ErrConflict) { // it has ended: it was resumed
			return err
		}
	}
	return nil
}

// check looks whether everything that was acknowledged had its effect; everything has ended.
func (r *resumes) check() {
	r.Helper()
	if r.err != nil {
		r.Error(r.err)
	}
	without := 0
	for i, id := range r.ids {
		v, err := r.fleet.Engine.Describe(r.Context(), id)
		if err != nil || v.Status != flow.Completed || string(v.Output) != brought(i) {
			without++
			r.Logf("resumed execution %s: %+v, %v", id, v, err)
		}
	}
	r.want("resumes acknowledged", float64(len(r.ids)), "", "≥", 20)
	r.want("of these without their effect", float64(without), "", "=", 0)
}
