package modeltest

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"

	"prana/engine/flow"
)

// event is one that was recorded.
type event struct {
	flow.Event
	open    bool // it is being published
	lease   span // until then its publisher is left alone
	result  *flow.PublishResult
	kept    bool              // those who come may take it
	used    bool              // a last place was taken
	offered map[string]string // wait -> group, of those of whom nobody said what became
	took    map[string]bool
	counts  map[string]int // of each group, how many took it
}

// publishLease is how long a publisher is left alone.
const publishLease = 10 * time.Second

// known is what came of an event that was finished; nil unless it was.
func (m *Model) known(id string) *flow.PublishResult {
	if e := m.events[id]; e != nil {
		return e.result
	}
	return nil
}

// busy tells whether another is left alone with an event.
func (m *Model) busy(id string) bool {
	e := m.events[id]
	return e != nil && e.open && e.lease.high > m.clock.low
}

// RecordEvent keeps an event while it is published. Nobody asks while it is busy.
func (m *Model) RecordEvent(ev flow.Event) *flow.PublishResult {
	if r := m.known(ev.ID); r != nil {
		return r
	}
	e := m.events[ev.ID]
	if e == nil {
		e = &event{Event: ev, kept: ev.TTL > 0, offered: map[string]string{}, took: map[string]bool{}, counts: map[string]int{}}
		m.events[ev.ID] = e
		m.arrived = append(m.arrived, ev.ID)
	}
	e.open, e.lease = true, m.clock.in(publishLease.Milliseconds())
	return nil
}

// decide notes what became of waits to which an event was offered.
func (e *event) decide(o flow.Offer) {
	for _, w := range o.Took {
		group, offered := e.offered[w.String()]
		if !offered {
			continue
		}
		delete(e.offered, w.String())
		if e.took[w.String()] {
			continue
		}
		e.took[w.String()] = true
		e.counts[group]++
		most := flow.Places(group)
		e.used = e.used || group == "" || most > 0 && e.counts[group] >= most
	}
	for _, w := range o.Gone {
		delete(e.offered, w.String())
	}
}

// spent tells whether nobody may take it any more.
func (e *event) spent() bool {
	return e.used && !e.Keep || e.Limit > 0 && len(e.took) >= e.Limit
}

func (e *event) drop() {
	e.kept = false
	e.offered, e.took = map[string]string{}, map[string]bool{}
}

// offered is an answer to an offer, in a form that can be compared.
type offered struct {
	Over     bool
	To, Held []string
}

// OfferEvent gives waits places among those who may take an event.
func (m *Model) OfferEvent(id string, o flow.Offer) offered {
	e := m.events[id]
	e.decide(o)
	if !e.open {
		if e.spent() {
			e.drop()
		}
		if o.Publisher || !e.kept {
			return offered{Over: true}
		}
	}
	if e.open && o.Publisher {
		e.lease = m.clock.in(publishLease.Milliseconds())
	}
	before := maps.Clone(e.offered)
	answer := offered{To: []string{}, Held: []string{}}
	refused := false
	for _, t := range o.To {
		w := t.Wait.String()
		_, has := e.offered[w]
		switch {
		case has, e.took[w]:
			delete(before, w)
		case e.room(t.Group):
			e.offered[w] = t.Group
		default:
			refused = true
			continue
		}
		answer.To = append(answer.To, w)
	}
	if refused {
		answer.Held = slices.AppendSeq(answer.Held, maps.Keys(before))
	}
	slices.Sort(answer.Held)
	return answer
}

// room tells whether a group has a place left.
func (e *event) room(group string) bool {
	most := flow.Places(group)
	taken := e.counts[group]
	if group == "" && !e.open && !e.Keep {
		most, taken = 1, 0 // one of those that come later; had one taken it, it would be used up
	}
	for _, g := range e.offered {
		if g == group {
			taken++
		}
	}
	if e.Limit > 0 && len(e.took)+len(e.offered) >= e.Limit {
		return false
	}
	return most == 0 || taken < most
}

// finished is an answer to who finishes an event.
type finished struct {
	Open, Took []string
	Result     flow.PublishResult
}

// FinishEvent stores what came of an event, once, unless somebody is undecided or not counted.
func (m *Model) FinishEvent(id string, o flow.Offer, result flow.PublishResult) finished {
	e := m.events[id]
	e.decide(o)
	switch {
	case e.result != nil:
		return finished{Result: *e.result}
	case len(e.offered) > 0:
		return finished{Open: slices.Sorted(maps.Keys(e.offered)), Result: result}
	case len(e.took) > result.Matched:
		return finished{Took: slices.Sorted(maps.Keys(e.took)), Result: result}
	}
	result.Buffered = e.kept && !e.spent()
	e.result, e.open = &result, false
	if !result.Buffered {
		e.drop()
	}
	return finished{Result: result}
}

// KeptEvents lists the events that a wait may take, in the order in which they came.
func (m *Model) KeptEvents(sub flow.Subscription) []string {
	kept := []string{}
	for _, id := range m.arrived {
		if e := m.events[id]; e.kept && e.Type == sub.Type && matches(sub, e.Data) {
			kept = append(kept, id)
		}
	}
	return kept
}

// Overdue lists the events whose publisher seems dead, and hides them.
func (m *Model) Overdue(now int64, lease time.Duration) []string {
	overdue := []string{}
	for id, e := range m.events {
		if e.open && e.lease.high <= now {
			overdue = append(overdue, id)
			e.lease = m.clock.in(lease.Milliseconds())
		}
	}
	slices.Sort(overdue)
	return overdue
}

// Waiting lists the waits that an event matches.
func (m *Model) Waiting(ev flow.Event) []string {
	waits := []string{}
	for _, x := range m.executions {
		for id := range x.waits {
			s := x.steps[id]
			if s.wait.Event != nil && s.wait.Event.Type == ev.Type && matches(*s.wait.Event, ev.Data) {
				waits = append(waits, flow.SuspensionID{Execution: x.id, Step: id, Turn: s.turn}.String()+" "+s.wait.Event.Group())
			}
		}
	}
	slices.Sort(waits)
	return waits
}

// matches tells whether data has what a filter asks for: the model's filters name members of the data, and numbers.
func matches(sub flow.Subscription, data json.RawMessage) bool {
	var have map[string]any
	if err := json.Unmarshal(data, &have); err != nil {
		return false
	}
	for path, want := range sub.Filter {
		got, there := have[path]
		if n, ok := want.(int); ok {
			want = float64(n)
		}
		if !there || !reflect.DeepEqual(got, want) {
			return false
		}
	}
	return true
}
