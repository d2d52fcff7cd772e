package race

import (
	"context"
	"errors"
	"strings"

	"prana/engine/flow"
	"prana/integration/faults/desk"
)

// Names of sides, as those who win a wait.
const (
	event   = flow.ByEvent
	timeout = flow.ByTimeout
	hand    = flow.ByManual
	byURL   = flow.ByURL
	cancel  = flow.ByCancel
)

// away tells whether a process could not learn what came of its request.
func away(err error) bool { return errors.Is(err, flow.ErrUnavailable) }

// publishes sends an event, as often as it takes to hear what came of it; by names the side, the event and its data.
func publishes(by string, ev flow.Event) Side {
	return Side{Name: by, Run: func(ctx context.Context, t *Trial, e *desk.Process) []Told {
		r, err := t.Publish(ctx, e, t.event(by, ev))
		told := Told{Execution: t.IDs[0], By: by, Said: Lost, Who: nobody}
		if err != nil {
			return []Told{told.failed(err)}
		}
		if r.Matched == 1 {
			told.Said = Won
		}
		return []Told{told}
	}}
}

// event fills in what the waits of the trial ask for.
func (t *Trial) event(by string, ev flow.Event) flow.Event {
	ev.ID, ev.Type = t.Name+by, "race"
	ev.Data = []byte(`{"by":"` + by + `","id":"` + t.Name + `"}`)
	return ev
}

// resumes ends the wait of an execution by hand.
func resumes(n int) Side {
	return Side{Name: hand, Run: func(ctx context.Context, t *Trial, e *desk.Process) []Told {
		d := t.Tasks[t.IDs[n]]
		wait := flow.SuspensionID{Execution: d.Execution, Step: d.Step, Turn: 1}
		told := Told{Execution: d.Execution, By: hand}
		for {
			_, err := e.Resume(ctx, flow.ResumeRequest{Execution: d.Execution, Suspension: &wait, ID: t.Name, Data: []byte(`{"by":"manual"}`)})
			if !away(err) {
				return []Told{told.heard(err)}
			}
		}
	}}
}

// calls ends the wait by its URL. It has no id that could be repeated.
func calls() Side {
	return Side{Name: byURL, Run: func(ctx context.Context, t *Trial, e *desk.Process) []Told {
		_, err := e.ResumeByToken(ctx, t.URL, flow.ResumeRequest{Data: []byte(`{"by":"url"}`)})
		told := Told{Execution: t.IDs[0], By: byURL}
		if errors.Is(err, flow.ErrGone) {
			told.Said, told.Who = Lost, neither
			return []Told{told}
		}
		return []Told{told.heard(err)}
	}}
}

// cancels ends an execution.
func cancels(n int) Side {
	return Side{Name: cancel, Run: func(ctx context.Context, t *Trial, e *desk.Process) []Told {
		told := Told{Execution: t.IDs[n], Kind: Cancel, By: cancel}
		for {
			err := e.Cancel(ctx, flow.CancelRequest{Execution: t.IDs[n], Reason: "race", ID: t.Name})
			if !away(err) {
				return []Told{told.heard(err)}
			}
		}
	}}
}

// works runs a task, as a worker does that is not told whether it was the first.
func works(by string, kind Kind, task func(t *Trial) flow.Dispatch) Side {
	return Side{Name: by, Run: func(ctx context.Context, t *Trial, e *desk.Process) []Told {
		told := Told{Execution: t.IDs[0], Kind: kind, By: by, Said: Settled}
		for {
			err := e.RunStep(ctx, task(t))
			if err == nil {
				return []Told{told}
			}
			if !away(err) {
				return []Told{told.failed(err)}
			}
		}
	}}
}

// own is the task of the step that is raced for.
func own(t *Trial) flow.Dispatch { return t.Tasks[t.IDs[0]] }

// heard reads the answer to a request.
func (told Told) heard(err error) Told {
	switch {
	case err == nil:
		told.Said = Won
	case away(err):
		told.Said = Unknown
	case errors.Is(err, flow.ErrConflict):
		told.Said, told.Who = Lost, winnerIn(flow.AsProblem(err))
	default:
		return told.failed(err)
	}
	return told
}

// winnerIn finds out of whom a loser was told.
func winnerIn(p *flow.Problem) string {
	if by, ok := p.Details["resumed_by"].(string); ok {
		return by
	}
	for _, s := range flow.Statuses() {
		if s.Terminal() && strings.Contains(p.Message, " is "+string(s)+" already") {
			return string(s)
		}
	}
	return "untold: " + p.Message
}

// failed makes an answer of an error that nobody should get: no register gives it.
func (told Told) failed(err error) Told {
	told.Said, told.Who = Lost, "an error: "+err.Error()
	return told
}
