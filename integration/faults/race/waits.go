package race

import (
	"fmt"
	"slices"
	"strings"

	"prana/engine/flow"
)

// waiter waits for what its sides bring; got and late say which way it went.
const waiter = `
id: waiter
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: wait.wait_for_event, params: {event_type: race, event_filter: {id: $input.id}, timeout_ms: 1, on_timeout: late}}
  - {key: got, type: core.log, params: {message: got}}
  - {key: late, type: core.log, params: {message: late}}
connections: [start -> w, w -> got, w.late -> late]
`

// patient is a waiter whose time is not up before the race.
var patient = strings.Replace(waiter, "timeout_ms: 1,", "timeout_ms: 600000,", 1)

// linked is a patient waiter with a URL that ends its wait.
var linked = strings.NewReplacer("connections: [start -> w", `  - {key: mail, type: data.set_data, params: {mapping_map: {id: $input.id, url: $execution.resume_urls.w}}}
connections: [start -> mail, mail -> w`).Replace(patient)

func oneWait(name, workflow string, sides ...Side) Race {
	var winners []string
	for _, s := range sides {
		winners = append(winners, s.Name)
	}
	return Race{Name: name, Workflows: []string{workflow}, Sides: sides, Winners: [][]string{winners}, Sees: sawWait, Follows: wentOneWay}
}

// sooner is the event that is published and not kept.
var sooner = flow.Event{TTL: -1}

func eventOrTimeout() Race {
	return oneWait("event, timeout", waiter, publishes(event, sooner), works(timeout, Takes, own))
}

func eventOrCancel() Race {
	return oneWait("event, cancel", patient, publishes(event, sooner), cancels(0))
}

func eventOrHandOrURL() Race {
	return oneWait("event, hand, URL", linked, publishes(event, sooner), resumes(0), calls())
}

func timeoutOrHand() Race {
	return oneWait("timeout, hand", waiter, works(timeout, Takes, own), resumes(0))
}

func four() Race {
	return oneWait("event, timeout, cancel, hand", waiter, publishes(event, sooner), works(timeout, Takes, own), cancels(0), resumes(0))
}

// runOf gives the only run of a node; an empty one when it did not run.
func runOf(v *flow.View, key string) flow.NodeRun {
	for _, n := range v.Nodes {
		if n.Node == key {
			return n
		}
	}
	return flow.NodeRun{}
}

// sawWait reads who ended the wait of node w.
func sawWait(_ *Trial, v *flow.View) State {
	s := State{Winner: runOf(v, "w").ResumedBy}
	if v.Status.Terminal() {
		s.Status = v.Status
	}
	if s.Winner == "" && v.Status == flow.Cancelled {
		s.Winner = cancel
	}
	return s
}

// wentOneWay checks that each execution went the way of who won, with what that one brought, and no other.
func wentOneWay(t *Trial, ends []*flow.View) error {
	for _, v := range ends {
		if err := oneWay(v, t.state(v.ID)); err != nil {
			return fmt.Errorf("execution %s: %w", v.ID, err)
		}
	}
	return nil
}

func oneWay(v *flow.View, s State) error {
	switch {
	case s.Status == flow.Cancelled && s.Winner == timeout: // time ends the wait and the step in one commit
		return wantEnd(v, flow.Cancelled, "w")
	case s.Status == flow.Cancelled:
		return wantEnd(v, flow.Cancelled)
	}
	way := "got"
	if s.Winner == timeout {
		way = "late"
	}
	if brought := `"by":"` + s.Winner + `"`; way == "got" && !strings.Contains(string(runOf(v, "w").Output), brought) {
		return fmt.Errorf("%s won, but the wait left %s", s.Winner, runOf(v, "w").Output)
	}
	return wantEnd(v, flow.Completed, "w", way)
}

// wantEnd checks how an execution ended, and that of its nodes those completed after the first ones, each once.
func wantEnd(v *flow.View, status flow.Status, nodes ...string) error {
	var ran []string
	for _, n := range v.Nodes {
		if n.Status == flow.StepCompleted && n.Node != "start" && n.Node != "mail" {
			ran = append(ran, n.Node)
		}
	}
	slices.Sort(ran)
	slices.Sort(nodes)
	if v.Status != status || !slices.Equal(ran, nodes) {
		return fmt.Errorf("it is %s and ran %v; it should be %s and have run %v", v.Status, ran, status, nodes)
	}
	return nil
}
