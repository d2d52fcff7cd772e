// Package modeltest holds a store against a model of it: random calls, repeated, lost, and from processes that forget all they
// knew. After each of them the store answers what the model answers, and its own audit finds nothing.
package modeltest

import (
	"encoding/json"
	"maps"
	"slices"

	"prana/engine/flow"
)

// Model is what a store promises to remember, in plain maps and lists. It is written from engine.Store's words, not from the
// scripts that keep them.
type Model struct {
	executions map[string]*execution
	purged     map[string]bool
	starts     map[[2]string]start // by workflow and id
	queues     map[int]*queue      // by partition
	events     map[string]*event   // by id
	arrived    []string            // ids of events in the order in which they came
	keys       map[string]*section
	clock      span // now: between these two times of Redis, as far as is known
}

// NewModel is that of an empty store.
func NewModel() *Model {
	return &Model{
		executions: map[string]*execution{}, purged: map[string]bool{}, starts: map[[2]string]start{},
		queues: map[int]*queue{}, events: map[string]*event{}, keys: map[string]*section{},
	}
}

// span is a time of Redis of which two bounds are known, in milliseconds. The store's own answer makes both the same.
type span struct{ low, high int64 }

// in is a time from now.
func (s span) in(ms int64) span { return span{s.low + ms, s.high + ms} }

// never is the time of a line that time alone does not bring up.
var never = span{-1, -1}

// execution is what is known of one.
type execution struct {
	id, rev string
	head    flow.Head
	front   flow.Front
	ended   bool
	endedAt span
	steps   map[flow.StepID]*step
	nodes   map[int]flow.NodeState
	values  map[flow.Ref]json.RawMessage
	state   map[string]json.RawMessage
	result  json.RawMessage
	problem string // code
	reply   json.RawMessage
	outbox  map[string]flow.Outgoing
	took    map[string]int64     // event -> the last record when it was taken
	lines   map[string]span      // of the due index, by what follows the execution in an entry
	waits   map[flow.StepID]bool // that are listed
}

// step is an activation of a node.
type step struct {
	status flow.StepStatus
	token  string
	op     string
	turn   int
	wait   *flow.Wait
	alarm  *flow.Dispatch // of the wait
	claim  string
}

// start is a start id that was taken.
type start struct{ execution, digest string }

// queue is that of a partition: what is pending, the next last, and what is planned.
type queue struct {
	pending []string
	alarms  map[string]bool
}

func (m *Model) queue(partition int) *queue {
	if m.queues[partition] == nil {
		m.queues[partition] = &queue{alarms: map[string]bool{}}
	}
	return m.queues[partition]
}

// ids lists executions that are so, in an order that is always the same.
func (m *Model) ids(so func(x *execution) bool) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(m.executions)) {
		if so(m.executions[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}

// live lists the steps that are so, in order.
func (x *execution) live(so func(s *step) bool) []flow.StepID {
	var ids []flow.StepID
	for _, id := range slices.SortedFunc(maps.Keys(x.steps), flow.StepID.Compare) {
		if so(x.steps[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}

func pending(s *step) bool   { return s.status == flow.StepPending }
func suspended(s *step) bool { return s.status == flow.StepSuspended }
func unended(s *step) bool   { return s.status.Live() || s.status == flow.StepQuarantined }

// Entries of the due index besides steps.
const (
	deadline = "!"
	outbox   = ">"
)

func partitionOf(execution string) int {
	n, _ := flow.PartitionOf(execution)
	return n
}

func taskID(d flow.Dispatch) string { return d.Execution + ":" + d.Step.String() + ":" + d.Token }
