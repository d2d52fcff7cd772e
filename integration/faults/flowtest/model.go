// Package flowtest holds the engine against a model of executions: tasks are run, run twice, and lost; events, resumes, cancels
// and retries come and are repeated; replies are lost and processes crash. After each of that every execution is where the model
// says, was told what the model says, and the store's own audit finds nothing.
package flowtest

import (
	"slices"

	"prana/engine/flow"
)

// workflows begin, wait for an event or a person, and end with a step that fails while the world is broken. The time of the
// short one is up at once; nothing but a task ends its wait for that reason.
var workflows = []string{workflow("long", "600000"), workflow("short", "1")}

func workflow(id, timeout string) string {
	return `
id: ` + id + `
nodes:
  - {key: start, type: manual.trigger}
  - {key: w, type: wait.wait_for_event, params: {event_type: go, event_filter: {id: $input.id}, timeout_ms: ` + timeout + `, on_timeout: late}}
  - {key: check, type: model.check}
connections: [start -> w, w -> check, w.late -> check]
`
}

// stage is how far an execution is.
type stage int

const (
	toStart stage = iota // its trigger is to be run
	toWait               // the step that waits is to be run
	waiting              // it waits
	woken                // what it waited for came; the step is to be run again
	toCheck              // the last step is to be run
	over
)

// execution is what the model knows of one.
type execution struct {
	id, name   string
	short      bool
	stage      stage
	status     flow.Status // of what is over
	by         string      // who ended the wait
	resumer    string      // the id of the request that did, if it was by hand
	canceller  string
	letters    []string // ids of resumes that came before the wait
	kept       []string // ids of events that came before the wait
	unlooked   bool     // nobody looked for them yet: the answer to the commit that began the wait was lost
	generation int
	retries    []string

	did []string // nodes that completed

	task   string // that may move it; empty = none
	queued bool   // it is in the queue, and not lost
}

// bereft tells whether its task was lost, and nobody noticed yet.
func (x *execution) bereft() bool { return x.task != "" && !x.queued }

// run runs the task that may move the execution, and tells whether another one follows.
func (x *execution) run(broken bool) (follows bool) {
	switch x.stage {
	case toStart:
		x.did, x.stage = append(x.did, "start"), toWait
	case toWait:
		return x.wait()
	case waiting: // its time is up
		x.by, x.did, x.stage = flow.ByTimeout, append(x.did, "w"), toCheck
	case woken:
		x.did, x.stage = append(x.did, "w"), toCheck
	case toCheck:
		if broken {
			x.end(flow.Failed)
			return false
		}
		x.did = append(x.did, "check")
		x.end(flow.Completed)
		return false
	}
	return true
}

// wait begins to wait: what came before ends it at once, be it brought by hand or an event.
func (x *execution) wait() (follows bool) {
	switch {
	case len(x.letters) > 0:
		x.resumer, x.letters = x.letters[0], x.letters[1:]
		x.by = flow.ByManual
	case len(x.kept) > 0:
		x.kept, x.by = x.kept[1:], flow.ByEvent
	default:
		x.stage = waiting
		return false
	}
	x.stage = woken
	return true
}

// look takes what was kept for a wait that stands, unless that was done when it began.
func (x *execution) look() {
	if x.stage == waiting && x.unlooked && !x.short {
		x.kept, x.by, x.stage = x.kept[1:], flow.ByEvent, woken
	}
}

func (x *execution) end(s flow.Status) { x.stage, x.status, x.task = over, s, "" }

// publish tells whether an event ends its wait; else it is kept.
func (x *execution) publish(id string) bool {
	if x.stage != waiting {
		x.kept = append(x.kept, id)
		return false
	}
	x.stage, x.by = woken, flow.ByEvent
	return true
}

// answer is what somebody is told who asked for something.
type answer struct {
	Refused  bool // it came too late
	Buffered bool // it came too early, and is kept
	Repeated bool // it had come before
}

// resume is by hand.
func (x *execution) resume(id string) (a answer, follows bool) {
	switch {
	case slices.Contains(x.letters, id):
		return answer{Buffered: true, Repeated: true}, false
	case x.resumer == id:
		return answer{Repeated: true}, false
	case x.stage == waiting:
		x.stage, x.by, x.resumer = woken, flow.ByManual, id
		return answer{}, true
	case x.stage < waiting:
		x.letters = append(x.letters, id)
		return answer{Buffered: true}, false
	}
	return answer{Refused: true}, false
}

func (x *execution) cancel(id string) answer {
	switch {
	case x.stage == over && x.canceller != id:
		return answer{Refused: true}
	case x.stage != over:
		x.end(flow.Cancelled)
		x.canceller = id
	}
	return answer{}
}

func (x *execution) retry(id string) (a answer, follows bool) {
	switch {
	case slices.Contains(x.retries, id):
		return answer{Repeated: true}, false
	case x.status != flow.Failed:
		return answer{Refused: true}, false
	}
	x.retries = append(x.retries, id)
	x.generation++
	x.stage, x.status = toCheck, ""
	return answer{}, true
}

// stands is the status that everybody sees.
func (x *execution) stands() flow.Status {
	switch x.stage {
	case over:
		return x.status
	case waiting:
		return flow.Suspended
	}
	return flow.Running
}
