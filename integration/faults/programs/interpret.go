package programs

import (
	"encoding/json"
	"fmt"
	"maps"

	"prana/integration/faults/partner"
)

// Expected is what an execution must come to, with all that it leads to.
type Expected struct {
	End
	Ends    map[string]End         // its own, its children's and theirs, by the text that each is started with, which no other is
	Effects map[partner.Effect]int // its own and its children's -> how often the partner is asked, undisturbed
	Events  []Event                // that must be published
}

// End is what one execution must leave.
type End struct {
	Workflow string
	Output   string
	Steps    int // node runs, its trigger and the items of its loops included
}

// Event is an event that an execution waits for.
type Event struct {
	Type string
	At   string // what it says in "at", which nobody else waits for
	Text string // what it brings in "brought"
}

// Interpret says what a program comes to that is started with a text.
func (p *Program) Interpret(start string) Expected {
	e := Expected{End: End{Workflow: p.Name, Steps: 2}, Ends: map[string]End{}, Effects: map[partner.Effect]int{}} // trigger and first node
	e.Output = e.block(p.body, partner.Digest("start", start))
	e.Ends[start] = e.End
	return e
}

func (e *Expected) block(b block, text string) string {
	for _, s := range b {
		text = e.statement(s, text)
	}
	return text
}

func (e *Expected) statement(s statement, text string) string {
	switch s.op {
	case effect, lane:
		return e.effect(s.key, text, 1)
	case retried:
		return e.effect(s.key, text, s.n+1)
	case failed:
		e.effect(s.key, text, 2)
	case delay, late:
		e.Steps++
	case event:
		e.Steps++
		at := s.key + "/" + text
		brought := partner.Digest("event", at)
		e.Events = append(e.Events, Event{Type: eventType(s), At: at, Text: brought})
		return brought
	case poll:
		e.Steps++
		return partner.Digest("job", s.key+"/"+text)
	case child:
		return e.child(s, text)
	case spawn:
		e.child(s, text)
	case fork:
		return e.fork(s, text)
	case choice:
		return e.choice(s, text)
	case loop:
		return e.loop(s, text)
	case each:
		return e.each(s, text)
	}
	return text
}

func (e *Expected) effect(key, text string, calls int) string {
	e.Steps++
	e.Effects[partner.Effect{Name: key, To: text}] += calls
	return partner.Digest(key, text)
}

// pass is a node that only counts, and makes a digest.
func (e *Expected) pass(key, text string) string {
	e.Steps++
	return partner.Digest(key, text)
}

func (e *Expected) child(s statement, text string) string {
	e.Steps++
	c := s.child.Interpret(s.key + "/" + text)
	maps.Copy(e.Ends, c.Ends)
	maps.Copy(e.Effects, c.Effects)
	e.Events = append(e.Events, c.Events...)
	return c.Output
}

func (e *Expected) fork(s statement, text string) string {
	arms := map[string]string{}
	for i, b := range s.blocks {
		arms[fmt.Sprint("arm", i)] = e.pass(fmt.Sprint(s.key, "_", i), e.block(b, text))
	}
	return e.join(s.key, arms)
}

func (e *Expected) join(key string, arrived any) string {
	raw, err := json.Marshal(arrived)
	if err != nil {
		panic(err)
	}
	return e.pass(key, string(raw))
}

func (e *Expected) choice(s statement, text string) string {
	e.Steps++ // the node that chooses
	arm := 1
	if smaller(e.pass(s.key+"_in", text), &text) {
		arm = 0
	}
	text = e.pass(fmt.Sprint(s.key, "_", arm), e.block(s.blocks[arm], text))
	return e.pass(s.key+"_out", text)
}

// smaller decides choices and loops: by the digest of the text, which takes its place.
func smaller(digest string, text *string) bool {
	*text = digest
	return digest < "8"
}

func (e *Expected) loop(s statement, text string) string {
	text = e.pass(s.key+"_in", text)
	for {
		text = e.pass(s.key+"_head", text)
		text = e.pass(s.key+"_tail", e.block(s.blocks[0], text))
		e.Steps++ // the node that chooses
		if text >= "6" || e.Steps > 2*maxSteps {
			return text
		}
	}
}

func (e *Expected) each(s statement, text string) string {
	e.Steps++
	results := []string{}
	for i := range s.n {
		e.Steps++ // it leaves with each item, too
		item := e.pass(s.key+"_head", fmt.Sprintf("%s-%d", text, i))
		results = append(results, e.pass(s.key+"_tail", e.block(s.blocks[0], item)))
	}
	return e.join(s.key+"_out", map[string]any{"main": results})
}

func eventType(s statement) string { return fmt.Sprint("faults.", s.n) }
