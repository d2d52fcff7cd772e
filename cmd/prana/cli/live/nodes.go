package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/explain"
)

// Runs tells all about runs of a node: times, attempts, input, output, error.
func Runs(v *flow.View, runs []flow.NodeRun, l Look) []string {
	var lines []string
	for i, n := range runs {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, one(v, n, l)...)
	}
	return lines
}

// one tells all about one run.
func one(v *flow.View, n flow.NodeRun, l Look) []string {
	var wait *flow.Suspension
	for i, s := range v.Suspensions {
		if s.Node == n.Node && s.RunIndex == n.RunIndex {
			wait = &v.Suspensions[i]
		}
	}
	s := signOf(n, wait)
	p := page{Look: l}
	p.lines = append(p.lines, p.line(cell{l.glyph(s) + " ", s.color}, cell{labelOf(n) + "  ", ""}, cell{s.word, s.color}, cell{"  " + n.Type, dim}))
	p.add("run", fmt.Sprint(n.RunIndex))
	p.add("attempt", fmt.Sprint(n.Attempt+1))
	p.add("created", p.moment(&n.CreatedAt))
	p.add("started", p.moment(n.StartedAt))
	p.add("ended", p.moment(n.EndedAt))
	p.add("took", explain.Span(l.end(n).Sub(n.CreatedAt)))
	p.add("port", n.Port)
	if wait != nil {
		p.add("waits", strings.TrimPrefix(explain.Waiting(*wait, l.Now), "waits "))
		p.add("suspension", wait.ID)
		p.json("noted", wait.Data)
	}
	p.add("resumed", strings.TrimSpace(n.ResumedBy+" "+n.Actor+" "+p.moment(n.ResumedAt)))
	for _, c := range n.Children {
		p.add("child", c)
	}
	for _, a := range n.Attempts {
		p.attempt(a)
	}
	for _, port := range slices.Sorted(maps.Keys(n.Input)) {
		p.json("input "+port, n.Input[port])
	}
	p.json("output", n.Output)
	p.json("context", n.Context)
	p.problem("error", n.Error)
	return p.lines
}

// page is a list of names and values.
type page struct {
	Look
	lines []string
}

// names is how wide the column of names is.
const names = 12

func (p *page) add(name, value string) {
	if value != "" {
		p.lines = append(p.lines, p.line(cell{"  " + padded(name, names), dim}, cell{value, ""}))
	}
}

func (p *page) moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return flow.Stamp(*t)
}

// json writes a value whole: lines that a terminal is too narrow for are not cut, but for it to break.
func (p *page) json(name string, raw json.RawMessage) {
	var b bytes.Buffer
	if len(raw) == 0 || json.Indent(&b, raw, "", "  ") != nil {
		return
	}
	whole := p.Look
	whole.Width = 0
	for text := range strings.Lines(b.String()) {
		p.lines = append(p.lines, whole.line(cell{"  " + padded(name, names), dim}, cell{strings.TrimSuffix(text, "\n"), ""}))
		name = ""
	}
}

func (p *page) attempt(a flow.AttemptView) {
	text := p.moment(&a.EndedAt)
	if a.StartedAt != nil {
		text = p.moment(a.StartedAt) + ", " + explain.Span(a.EndedAt.Sub(*a.StartedAt))
	}
	p.add(fmt.Sprintf("attempt %d", a.Number+1), "failed: "+text)
	p.problem("", a.Error)
}

// problem writes an error whole.
func (p *page) problem(name string, e *flow.Problem) {
	if e == nil {
		return
	}
	whole := p.Look
	whole.Width = 0
	for text := range strings.Lines(e.Text()) {
		p.lines = append(p.lines, whole.line(cell{"  " + padded(name, names), dim}, cell{strings.TrimSuffix(text, "\n"), red}))
		name = ""
	}
	if len(e.Details) > 0 {
		raw, _ := flow.Encode(e.Details)
		p.json("", raw)
	}
}
