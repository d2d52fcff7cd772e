package modeltest

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"prana/engine/flow"
)

// errRepeated: the operation was stored before.
var errRepeated = errors.New("it was stored before")

// line is an entry of the due index.
type line struct {
	entry string // execution and what is due of it
	at    span
}

// due lists the lines of a partition that time brings up, the oldest first.
func (m *Model) due(partition int) []line {
	var all []line
	for _, x := range m.executions {
		for rest, at := range x.lines {
			if partitionOf(x.id) == partition && at != never {
				all = append(all, line{x.id + ":" + rest, at})
			}
		}
	}
	slices.SortFunc(all, func(a, b line) int { return cmp.Or(cmp.Compare(a.at.low, b.at.low), strings.Compare(a.entry, b.entry)) })
	return all
}

// upTo lists at most limit lines that are due at a time of Redis.
func (m *Model) upTo(partition, limit int, now int64) []string {
	taken := []string{}
	for _, l := range m.due(partition) {
		if l.at.high > now || len(taken) == limit {
			break
		}
		taken = append(taken, l.entry)
	}
	return taken
}

// hide hides lines that were taken.
func (m *Model) hide(taken []string, lease time.Duration) {
	for _, entry := range taken {
		id, rest, _ := strings.Cut(entry, ":")
		m.executions[id].lines[rest] = m.clock.in(lease.Milliseconds())
	}
}

// lineOf finds the line of an entry.
func (m *Model) lineOf(e flow.DueEntry) (x *execution, rest string, found bool) {
	rest = map[flow.DueKind]string{flow.DueDeadline: deadline, flow.DueOutbox: outbox, flow.DueStep: e.Step.String()}[e.Kind]
	x = m.executions[e.Execution]
	if x != nil {
		_, found = x.lines[rest]
	}
	return x, rest, found
}

// Settle gives an entry its next time, unless its step carries another token.
func (m *Model) Settle(e flow.DueEntry, d time.Duration, note string) {
	x, rest, found := m.lineOf(e)
	if !found || e.Token != "" && x.steps[e.Step].token != e.Token {
		return
	}
	x.lines[rest] = never
	if d >= 0 {
		x.lines[rest] = m.clock.in(d.Milliseconds())
	}
	if note != "" {
		x.steps[e.Step].claim = note
	}
}

// Renew claims running steps, and tells which are lost.
func (m *Model) Renew(claimant string, steps []flow.Dispatch, d time.Duration) []string {
	lost := []string{}
	for _, s := range steps {
		x, rest, found := m.lineOf(flow.DueEntry{Execution: s.Execution, Kind: flow.DueStep, Step: s.Step})
		if !found || x.steps[s.Step].token != s.Token || !x.steps[s.Step].free(claimant) {
			lost = append(lost, taskID(s))
			continue
		}
		x.steps[s.Step].claim = claimant
		x.lines[rest] = m.clock.in(d.Milliseconds())
	}
	return lost
}

// free tells whether a claimant may have the step: a note of the sweeper keeps nobody from it.
func (s *step) free(claimant string) bool {
	return s.claim == "" || s.claim == claimant || strings.HasPrefix(s.claim, "look")
}

// Delivered removes a debt.
func (m *Model) Delivered(id, debt string) {
	x := m.executions[id]
	if x == nil {
		return
	}
	delete(x.outbox, debt)
	if len(x.outbox) == 0 {
		delete(x.lines, outbox)
	}
}

// ReserveStart binds a start id, once.
func (m *Model) ReserveStart(workflow, id, execution, digest string) (string, error) {
	key := [2]string{workflow, id}
	held, bound := m.starts[key]
	switch {
	case !bound:
		m.starts[key] = start{execution, digest}
		return execution, nil
	case held.digest != digest:
		return "", flow.ErrMismatch
	}
	return held.execution, nil
}

// Purge removes the oldest that ended with a status and owe nothing.
func (m *Model) Purge(partition int, status flow.Status, limit int) int {
	all := m.ids(func(x *execution) bool {
		return partitionOf(x.id) == partition && x.ended && x.front.Status == status && len(x.outbox) == 0
	})
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(m.executions[a].endedAt.low, m.executions[b].endedAt.low), strings.Compare(a, b))
	})
	all = all[:min(limit, len(all))]
	for _, id := range all {
		x := m.executions[id]
		if key := [2]string{x.head.Workflow, x.head.StartID}; m.starts[key].execution == id {
			delete(m.starts, key)
		}
		delete(m.executions, id)
		m.purged[id] = true
	}
	return len(all)
}

// age lets time pass for everything that waits for a time.
func (m *Model) age(d time.Duration) {
	ms := d.Milliseconds()
	for _, x := range m.executions {
		for rest, at := range x.lines {
			if at != never {
				x.lines[rest] = at.in(-ms)
			}
		}
	}
	for _, e := range m.events {
		e.lease = e.lease.in(-ms)
	}
}
