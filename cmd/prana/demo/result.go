package demo

import (
	"encoding/json"
	"fmt"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/explain"
)

// Result is what a demo came to.
type Result struct {
	Patterns []Pattern `json:"patterns"`
	Redis    string    `json:"redis"` // child, miniredis or external
	OK       bool      `json:"ok"`    // everything completed, the children too
}

// Pattern is what became of one pattern.
type Pattern struct {
	Name        string      `json:"pattern"`
	ExecutionID string      `json:"execution_id"`
	Status      flow.Status `json:"status"`
	// Took and What are for people.
	Took string `json:"-"`
	What string `json:"-"`
}

func (d *Demo) result() Result {
	r := Result{Patterns: []Pattern{}, Redis: d.app.RedisKind(), OK: d.worker != nil}
	for _, t := range d.tracked {
		r.OK = r.OK && t.view != nil && t.view.Status == flow.Completed
		if !t.child {
			r.Patterns = append(r.Patterns, d.pattern(t))
		}
	}
	return r
}

func (d *Demo) pattern(t *tracked) Pattern {
	p := Pattern{Name: t.pattern, ExecutionID: t.id, Status: flow.Pending}
	if t.view == nil {
		return p
	}
	p.Status, p.What = t.view.Status, d.what(t)
	end := time.Now()
	if t.view.EndedAt != nil {
		end = *t.view.EndedAt
	}
	p.Took = explain.Span(end.Sub(t.view.CreatedAt))
	return p
}

// what is the point of a pattern, seen in what came out.
func (d *Demo) what(t *tracked) string {
	switch {
	case t.view.Error != nil:
		return t.view.Error.Error()
	case t.view.Status != flow.Completed:
		return ""
	case t.pattern == externalEvent:
		return "resumed by its event"
	case t.pattern == polling:
		var out struct {
			Attempts int `json:"attempts"`
		}
		_ = json.Unmarshal(t.view.Output, &out) // nothing to tell when it is something else
		return fmt.Sprintf("done at poll %d", out.Attempts)
	case t.pattern == delay:
		return "slept through the kill"
	case t.pattern == retry:
		return d.partner.paid()
	}
	return d.children(t)
}

func (d *Demo) children(t *tracked) string {
	text := ""
	for _, c := range d.tracked {
		if c.child && c.pattern == t.pattern && c.view != nil {
			text = fmt.Sprintf("its child %s", c.view.Status)
		}
	}
	return text
}
