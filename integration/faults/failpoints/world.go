package failpoints

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/handlers/nodes"
)

// world is what lies outside of a play, and remembers how it was touched.
type world struct {
	mu      sync.Mutex
	calls   []call
	wrong   []string
	mended  bool // what was broken works
	posts   map[string]int
	notices map[string]bool
}

// call is one attempt of a node that touches the world.
type call struct {
	Activation string // execution, node, run
	Node       string
	Attempt    int
	Key        string
}

func (w *world) empty() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls, w.wrong, w.mended = nil, nil, false
	w.posts, w.notices = map[string]int{}, map[string]bool{}
}

// post is who is told by URL.
func (w *world) post(_ context.Context, _, id string, _ []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.posts[id]++
	return nil
}

// notice is durable middleware.
func (w *world) notice(_ context.Context, n flow.Notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notices[strings.TrimSpace(fmt.Sprintf("%02d %s %s", n.Seq, n.Name, n.Node))] = true
}

// registry is the built-in nodes, and one that touches the world.
func registry(s *Stage) *node.Registry {
	web := &http.Client{Transport: &s.world}
	fields := []node.Field{
		{Name: "out", Kind: node.Any, Summary: "What it leaves with."},
		{Name: "fails", Kind: node.Int, Summary: "How many attempts fail."},
		{Name: "kills", Kind: node.Int, Summary: "How many calls kill the process."},
		{Name: "broken", Kind: node.Bool, Summary: "It fails until the world is mended."},
	}
	return node.NewRegistry(nodes.Builtin(nodes.Options{HTTP: web})...).With(node.Type{Name: "test.effect", Fields: fields, Run: s.effect})
}

// effect is a node that touches the world.
func (s *Stage) effect(_ context.Context, c *node.Call) (node.Outcome, error) {
	s.neverAgain(c)
	w := &s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	x := call{fmt.Sprintf("%s %s %d", c.Execution, c.Node, c.Run), c.Node, c.Attempt, c.Key}
	w.calls = append(w.calls, x)
	earlier := 0
	for _, o := range w.calls[:len(w.calls)-1] {
		if o.Activation == x.Activation {
			earlier++
		}
	}
	number := func(name string) int { n, _ := c.Params[name].(int); return n }
	if earlier < number("kills") {
		s.process.wire.die()
		return node.Outcome{}, errDead
	}
	if broken, _ := c.Params["broken"].(bool); c.Attempt < number("fails") || broken && !w.mended {
		return node.Outcome{}, errors.New("the world is broken")
	}
	return node.Outcome{Output: c.Params["out"]}, nil
}

// neverAgain looks whether the result of this attempt was stored before: then it must not be made again.
func (s *Stage) neverAgain(c *node.Call) {
	v, err := s.onlooker.Describe(s.ctx, c.Execution)
	if err != nil {
		s.world.mistake("node %s runs for execution %s, which cannot be read: %v", c.Node, c.Execution, err)
		return
	}
	for _, n := range v.Nodes {
		if n.Node != c.Node || n.RunIndex != c.Run {
			continue
		}
		if !n.Status.Live() {
			s.world.mistake("node %s runs again although it is %s", c.Node, n.Status)
		}
		for _, a := range n.Attempts {
			if a.Number >= c.Attempt && n.Attempt > a.Number {
				s.world.mistake("attempt %d of node %s is made again although it failed", a.Number, c.Node)
			}
		}
	}
}

func (w *world) mistake(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// mend repairs the world.
func (w *world) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mended = true
}

// RoundTrip answers polls without a network: "done" once the world is mended.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(fmt.Sprintf(`{"done":%t}`, w.mended))),
	}, nil
}
