package tasks

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"prana/engine/flow"
)

// Task types of the partitions' own queues. They are private: other services
// speak to the intake queue.
const (
	TypeStep = "prana:step" // flow.KindStep
	TypeWake = "prana:wake" // flow.KindResume
)

// What asynq is told about every task of a partition. The engine counts
// attempts and watches the time itself, so that asynq never gives one up.
const (
	maxRetry    = 1 << 20
	stepTimeout = 24 * time.Hour
)

const maxStepPayload = 1024 // bytes; ids only

// QueueOf names the asynq queue of a partition, such as "prana-0". In braces it
// is the hash tag of everything that the partition owns.
func QueueOf(partition int) string { return "prana-" + strconv.Itoa(partition) }

// NamedQueue names the asynq queue of a partition from which the steps of the queue of that name are run, such as
// "prana-0.slow"; an empty name stands for the partition's own.
func NamedQueue(partition int, name string) string {
	if name == "" {
		return QueueOf(partition)
	}
	return QueueOf(partition) + "." + name
}

// step is the payload of both types: ids only, so that what asynq copies with
// every heartbeat stays small.
type step struct {
	Execution string `json:"x"`
	Step      string `json:"s"`
	Token     string `json:"t"`
	Workflow  string `json:"w"`
}

func writeStep(d flow.Dispatch) []byte {
	b := append(make([]byte, 0, 160), `{"x":`...)
	b = append(flow.AppendText(b, d.Execution), `,"s":`...)
	b = append(flow.AppendText(b, d.Step.String()), `,"t":`...)
	b = append(flow.AppendText(b, d.Token), `,"w":`...)
	return append(flow.AppendText(b, d.Workflow), '}')
}

// plainStep reads what writeStep writes of ids without anything special in them, which is all there is: every step is read so.
// Whatever else may be JSON is left to who is strict about it.
func plainStep(payload []byte) (p step, ok bool) {
	rest := string(payload)
	for _, c := range payload {
		if c < ' ' || c > '~' || c == '\\' {
			return p, false
		}
	}
	for _, f := range []struct {
		before string
		to     *string
	}{{`{"x":"`, &p.Execution}, {`,"s":"`, &p.Step}, {`,"t":"`, &p.Token}, {`,"w":"`, &p.Workflow}} {
		if rest, ok = strings.CutPrefix(rest, f.before); !ok {
			return p, false
		}
		if *f.to, rest, ok = strings.Cut(rest, `"`); !ok {
			return p, false
		}
	}
	return p, rest == "}"
}

// readPayload reads the payload of a step's task.
func readPayload(payload []byte) (step, error) {
	if len(payload) > maxStepPayload {
		return step{}, fmt.Errorf("the payload has %d bytes; at most %d are a step", len(payload), maxStepPayload)
	}
	p, plain := plainStep(payload)
	if plain {
		return p, nil
	}
	if _, err := fields(payload, "x", "s", "t", "w"); err != nil {
		return step{}, err
	}
	return p, json.Unmarshal(payload, &p)
}

// ReadStep gives the dispatch that a task of a partition's queue stands for:
// its kind, ids and trace carrier. Queue, First and In belong to the writer and
// stay zero. The error says what is unreadable; trying again cannot help.
func ReadStep(t *asynq.Task) (flow.Dispatch, error) {
	kind, err := kindOf(t.Type())
	if err != nil {
		return flow.Dispatch{}, err
	}
	p, err := readPayload(t.Payload())
	if err != nil {
		return flow.Dispatch{}, err
	}
	id, err := flow.ParseStepID(p.Step)
	if err != nil {
		return flow.Dispatch{}, err
	}
	d := flow.Dispatch{Kind: kind, Execution: p.Execution, Step: id, Token: p.Token, Workflow: p.Workflow, Trace: t.Headers()}
	return d, checkStep(d)
}

func checkStep(d flow.Dispatch) error {
	if _, ok := flow.PartitionOf(d.Execution); !ok {
		return fmt.Errorf("%q is not an execution id", flow.Cut(d.Execution, 40))
	}
	if d.Token == "" {
		return fmt.Errorf("the dispatch of step %s of %s has no token", d.Step, d.Execution)
	}
	return nil
}

func typeOf(kind string) (string, error) {
	switch kind {
	case flow.KindStep:
		return TypeStep, nil
	case flow.KindResume:
		return TypeWake, nil
	}
	return "", fmt.Errorf("a dispatch of kind %q has no task type", kind)
}

func kindOf(taskType string) (string, error) {
	switch taskType {
	case TypeStep:
		return flow.KindStep, nil
	case TypeWake:
		return flow.KindResume, nil
	}
	return "", fmt.Errorf("tasks of type %q are not read from a partition's queue", flow.Cut(taskType, 64))
}
