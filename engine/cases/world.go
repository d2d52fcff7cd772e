package cases

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
)

// world is everything outside of the workflows of one case, and remembers what they did to it.
type world struct {
	suite *Suite
	stubs map[string][]definition.Stub // by qualified name
	http  map[string][]definition.HTTPAnswer

	mu         sync.Mutex
	asked      map[string]int            // by address
	unanswered map[string]int            // by address
	attempts   map[string]int            // by qualified name
	params     map[string]map[string]any // of the last attempt, by qualified name
	taken      map[string]bool           // branches; see branch
}

func newWorld(s *Suite, c definition.TestCase) *world {
	w := &world{
		suite: s, stubs: map[string][]definition.Stub{}, http: maps.Clone(s.tests.HTTP),
		asked: map[string]int{}, unanswered: map[string]int{}, attempts: map[string]int{}, params: map[string]map[string]any{}, taken: map[string]bool{},
	}
	if w.http == nil {
		w.http = map[string][]definition.HTTPAnswer{}
	}
	maps.Copy(w.http, c.HTTP)
	for _, stubs := range []map[string][]definition.Stub{s.tests.Stubs, c.Stubs} {
		for name, list := range stubs {
			of, key := s.named(name)
			w.stubs[qualified(of.definition.ID, key)] = list
		}
	}
	return w
}

func qualified(workflow, key string) string { return workflow + "." + key }

// types are those of the suite, which do what the case says.
func (w *world) types() []node.Type {
	all := slices.Clone(w.suite.types(w.answer))
	for i, t := range all {
		own := t.Run
		all[i].Run = func(ctx context.Context, c *node.Call) (node.Outcome, error) {
			if stub, ok := w.called(c); ok {
				return outcome(stub)
			}
			out, err := own(ctx, c)
			w.emitted(c, out)
			return out, err
		}
	}
	return all
}

// called notes a call, and gives the stub that stands for it.
func (w *world) called(c *node.Call) (stub definition.Stub, ok bool) {
	name := qualified(c.Workflow, c.Node)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.params[name] = c.Params
	if c.Resume != nil || c.Part != nil {
		return stub, false // an attempt that goes on
	}
	list := w.stubs[name]
	n := w.attempts[name]
	w.attempts[name]++
	if len(list) == 0 {
		return stub, false
	}
	return list[min(n, len(list)-1)], true
}

func outcome(s definition.Stub) (node.Outcome, error) {
	if s.Error != nil {
		p := *s.Error // the engine adds to it
		return node.Outcome{}, &p
	}
	return node.Outcome{Port: s.Port, Output: s.Output}, nil
}

// emitted notes the ports by which a step sent something on while it lives.
func (w *world) emitted(c *node.Call, out node.Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if out.Suspend != nil {
		for _, e := range out.Emit {
			w.taken[branch(c.Workflow, c.Node, e.Port)] = true
		}
	}
	if out.Fan != nil && out.Fan.Emit != "" && len(out.Fan.Items) > 0 {
		w.taken[branch(c.Workflow, c.Node, out.Fan.Emit)] = true
	}
}

// errUnanswered is what a node is told that asks for something the case knows nothing of.
var errUnanswered = errors.New("the test does not answer this address")

// answer is a World.
func (w *world) answer(_ context.Context, method, address string) (int, map[string]string, []byte, error) {
	to := method + " " + address
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.http[to]
	if len(list) == 0 {
		w.unanswered[to]++
		return 0, nil, nil, errUnanswered
	}
	a := list[min(w.asked[to], len(list)-1)]
	w.asked[to]++
	if a.Error != "" {
		return 0, nil, nil, errors.New(a.Error)
	}
	return written(a)
}

// written puts a body into bytes: a text as it stands, anything else as JSON.
func written(a definition.HTTPAnswer) (int, map[string]string, []byte, error) {
	headers := map[string]string{"Content-Type": "text/plain; charset=utf-8"}
	text, isText := a.Body.(string)
	body := []byte(text)
	if !isText && a.Body != nil {
		headers["Content-Type"] = "application/json"
		raw, err := flow.Encode(a.Body)
		if err != nil {
			return 0, nil, nil, fmt.Errorf("the body of the answer: %w", err)
		}
		body = raw
	}
	maps.Copy(headers, a.Headers)
	return a.Status, headers, body, nil
}
