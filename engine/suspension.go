package engine

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

// Bounds of what a node may wait for.
const (
	maxSuspendType = 128 // characters
	maxFilterPaths = 32
	maxFilterPath  = 256 // bytes
	maxFilter      = 16 << 10
)

// lastYear is the last that RFC 3339 can write.
const lastYear = 9999

// wait turns what a node asks for into what is stored. What cannot be waited for is a failure of the node, which its
// on_error sees: nothing sleeps that could never be woken.
func (e *Engine) wait(j *job, o node.Outcome, children []string) (*flow.Wait, error) {
	sp := o.Suspend
	data, err := encode(sp.Data)
	if err != nil {
		return nil, j.cannotSuspend("the data of the suspension is not JSON: " + err.Error())
	}
	if p := tooLarge("the data of the suspension", data, e.limits.Payload); p != nil {
		return nil, j.suspensionError(p)
	}
	if reason := refused(j.node, sp); reason != "" {
		return nil, j.cannotSuspend(reason)
	}
	w := &flow.Wait{Type: orElse(sp.Type, flow.CustomWait), Data: data, Timer: sp.Timer, In: sp.In, Until: sp.Until, Event: sp.Event}
	if len(children) > 0 {
		w.Child = children[0]
		w.Held = o.Start[0].Mode == node.Sync
	}
	return w, nil
}

// refused says why nobody can wait like that; empty = it can be.
func refused(n *plan.Node, sp *node.Suspend) string {
	switch {
	case sp.Type == flow.Concurrency:
		return "the suspend type " + sp.Type + " is the engine's own; use another"
	case utf8.RuneCountInString(sp.Type) > maxSuspendType:
		return fmt.Sprintf("the suspend type has more than %d characters", maxSuspendType)
	case sp.In < 0:
		return "the time to wait is negative"
	case sp.Until.Year() > lastYear:
		return fmt.Sprintf("the date to wait for is after the year %d", lastYear)
	case sp.Event != nil:
		return refusedEvent(n, sp.Event)
	}
	return ""
}

func refusedEvent(n *plan.Node, sub *flow.Subscription) string {
	if sub.Type == "" {
		return "the wait names no event type"
	}
	if utf8.RuneCountInString(sub.Type) > maxEventType {
		return fmt.Sprintf("no event has a type of more than %d characters", maxEventType)
	}
	if len(sub.Filter) > maxFilterPaths {
		return fmt.Sprintf("the filter has %d paths; the most is %d", len(sub.Filter), maxFilterPaths)
	}
	for path := range sub.Filter {
		if path == "" || len(path) > maxFilterPath || strings.ContainsFunc(path, unicode.IsControl) {
			return fmt.Sprintf("a path of the filter is empty, longer than %d bytes, or has control characters", maxFilterPath)
		}
	}
	if _, ok := n.Lazy(sub.Match); sub.Match != "" && !ok {
		return "parameter " + sub.Match + " must be written out in the definition: it is evaluated when an event comes"
	}
	raw, err := encode(sub.Filter)
	if err != nil {
		return "the filter is not JSON: " + err.Error()
	}
	if len(raw) > maxFilter {
		return fmt.Sprintf("the filter has %d bytes; the limit is %d", len(raw), maxFilter)
	}
	return ""
}

// cannotSuspend is how a node fails that cannot wait.
func (j *job) cannotSuspend(reason string) *flow.Problem {
	return j.suspensionError(&flow.Problem{Code: "invalid_suspension", Message: reason, Permanent: true})
}

// suspensionError marks a failure as one that kept a node from waiting: {type, reason, timestamp}.
func (j *job) suspensionError(p *flow.Problem) *flow.Problem {
	if p.Details == nil {
		p.Details = map[string]any{}
	}
	if p.Details["reason"] == nil {
		p.Details["reason"] = p.Message
	}
	p.Details["type"], p.Details["timestamp"] = flow.ByError, j.x.Now.UTC().Format(time.RFC3339Nano)
	return p
}
