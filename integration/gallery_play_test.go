package integration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/engine/sim"
	"prana/integration/testdata/gallery/supplier_payout/bank"
)

// house is where a case is played: under a clock that jumps, or on a real Redis.
type house interface {
	Engine() *engine.Engine
	real() bool
	// pass lets time pass, miss the time of a schedule, as if nobody had been there.
	pass(d time.Duration)
	miss(workflow string, d time.Duration)
	// settle works off what there is to do.
	settle()
	// comesTrue asks until the answer is no error, as long as that makes sense.
	comesTrue(ask func() error) error
	// call sends a webhook to a workflow.
	call(workflow string, h galleryWebhook) (execution string, got worldAnswer)
	// follow ends a wait by its URL.
	follow(token string, data json.RawMessage) error
	began(workflow string) []string
	// path names the runs of nodes in the order in which they ended. Those that ended together stand as wanted.
	path(v *flow.View, wanted []string) []string
}

// galleryPlay is a case under way.
type galleryPlay struct {
	house
	t      *testing.T
	entry  galleryEntry
	world  *galleryWorld
	before int // executions of the first workflow
	id     string
}

func play(t *testing.T, h house, e galleryEntry, c galleryCase, w *galleryWorld) {
	t.Helper()
	p := &galleryPlay{house: h, t: t, entry: e, world: w, before: len(h.began(e.Workflows[0]))}
	for i, s := range c.Steps {
		if h.real() && s.Want != nil && i+1 < len(c.Steps) && c.Steps[i+1].passes() {
			continue // time does not wait there until somebody has looked
		}
		if err := p.step(s); err != nil {
			t.Fatalf("step %d: %v\n%s", i+1, err, p.told())
		}
	}
	if most := w.crowd(); c.AtOnce > 0 && (most > c.AtOnce || h.real() && most < c.AtOnce) {
		t.Errorf("%d calls at once; want %d", most, c.AtOnce)
	}
	for _, call := range w.received() {
		if len(c.World[call.to]) == 0 {
			t.Errorf("the case knows nothing of %s", call.to)
		}
	}
}

func (p *galleryPlay) step(s galleryStep) error {
	if s.Want != nil {
		return p.comesTrue(func() error { return p.wanted(s.Want) })
	}
	err := p.do(s)
	p.settle()
	if want := s.refusal(); want != "" {
		if got := flow.AsProblem(err); got == nil || got.Code != want {
			return fmt.Errorf("it was answered with %w; want %s", err, want)
		}
		return nil
	}
	return err
}

func (p *galleryPlay) do(s galleryStep) error {
	ctx, first := p.t.Context(), p.entry.Workflows[0]
	switch {
	case s.Start != nil:
		r, err := p.Engine().Start(ctx, flow.StartRequest{Workflow: first, Input: s.Start})
		p.id = r.ExecutionID
		return err
	case s.Webhook != nil:
		var got worldAnswer
		if p.id, got = p.call(first, *s.Webhook); got.Status != s.Webhook.Answer.Status || !alike(got.Body, s.Webhook.Answer.Body) {
			return fmt.Errorf("the caller is answered %d %s", got.Status, got.Body)
		}
	case s.Publish != nil:
		_, err := p.Engine().Publish(ctx, flow.Event{Type: s.Publish.Type, Data: s.Publish.Data})
		return err
	case s.Resume != nil:
		_, err := p.Engine().Resume(ctx, flow.ResumeRequest{Execution: p.id, Node: s.Resume.Node, Data: s.Resume.Data})
		return err
	case s.Follow != nil:
		token, err := p.world.link(s.Follow.LinkIn)
		if err != nil {
			return err
		}
		return p.follow(token, s.Follow.Data)
	case s.Cancel != "":
		return p.Engine().Cancel(ctx, flow.CancelRequest{Execution: p.id, Reason: s.Cancel})
	case s.passes():
		return p.passTime(s)
	default:
		return fmt.Errorf("nothing is done: %+v", s)
	}
	return nil
}

func (p *galleryPlay) passTime(s galleryStep) error {
	d, err := time.ParseDuration(cmp.Or(s.Advance, s.Schedule))
	if err != nil {
		return err
	}
	if s.Schedule != "" {
		p.miss(p.entry.Workflows[0], d)
	} else {
		p.pass(d)
	}
	return nil
}

// wanted says what is not as it is wanted.
func (p *galleryPlay) wanted(w *galleryWant) error {
	if w.Began != nil {
		if err := p.tookNewest(w.Began); err != nil {
			return err
		}
	}
	v, err := p.Engine().Describe(p.t.Context(), p.id)
	if err != nil {
		return err
	}
	if w.Status != "" && v.Status != w.Status {
		return fmt.Errorf("it is %s; want %s", v.Status, w.Status)
	}
	if w.Error != "" && (v.Error == nil || v.Error.Code != w.Error) {
		return fmt.Errorf("its error is not %s: %w", w.Error, v.Error)
	}
	if w.Path != nil && !slices.Equal(p.path(v, w.Path), w.Path) {
		return fmt.Errorf("its path is\n  %v; want\n  %v", p.path(v, w.Path), w.Path)
	}
	if got := sorted(sim.RunNames(v.Nodes)); w.Ran != nil && !slices.Equal(got, sorted(w.Ran)) {
		return fmt.Errorf("there ran\n  %v; want\n  %v", got, sorted(w.Ran))
	}
	if got := sleeping(v, func(flow.Suspension) bool { return true }); w.Waits != nil && got != strings.Join(sorted(*w.Waits), " ") {
		return fmt.Errorf("it waits for %q; want %v", got, *w.Waits)
	}
	if w.Output != nil && !alike(v.Output, w.Output) {
		return fmt.Errorf("its output is %s; want %s", v.Output, w.Output)
	}
	if err := p.childrenDiffer(v, w.Children); err != nil {
		return err
	}
	if w.Calls != nil {
		return differs(p.world.received(), *w.Calls)
	}
	return nil
}

// tookNewest looks at the newest execution once as many have begun as are wanted.
func (p *galleryPlay) tookNewest(w *galleryBegan) error {
	want := w.Clock
	if p.real() {
		want = w.Real
	}
	all := p.began(p.entry.Workflows[0])
	if len(all)-p.before != want {
		return fmt.Errorf("%d executions began; want %d", len(all)-p.before, want)
	}
	p.id = all[0]
	return nil
}

func (p *galleryPlay) childrenDiffer(v *flow.View, want []galleryChild) error {
	if want != nil && len(v.Children) != len(want) {
		return fmt.Errorf("it has %d children; want %d", len(v.Children), len(want))
	}
	children := map[string]*flow.View{}
	for _, r := range v.Children {
		c, err := p.Engine().Describe(p.t.Context(), r.ChildID)
		if err != nil {
			return err
		}
		children[c.Workflow] = c
	}
	for _, w := range want {
		c := children[w.Workflow]
		if c == nil {
			return fmt.Errorf("there is no child %s", w.Workflow)
		}
		if c.Status != w.Status || w.Output != nil && !alike(c.Output, w.Output) {
			return fmt.Errorf("child %s is %s and left %s; want %s and %s", w.Workflow, c.Status, c.Output, w.Status, w.Output)
		}
	}
	return nil
}

// told is everything about the execution, for whoever mends it.
func (p *galleryPlay) told() string {
	v, err := p.Engine().Describe(p.t.Context(), p.id)
	if err != nil {
		return err.Error()
	}
	text, _ := json.MarshalIndent(v, "", "  ")
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", text)
	for _, c := range p.world.received() {
		fmt.Fprintf(&b, "%s (%s) %s\n", c.to, c.header.Get("Idempotency-Key"), c.body)
	}
	return b.String()
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// published is a workflow of the gallery with other variables: those that the case says, and addresses of the world. With a
// world of its own its retries do not wait for long either.
func (e galleryEntry) published(t *testing.T, workflow string, reg *node.Registry, variables map[string]json.RawMessage, world string) *flow.Workflow {
	t.Helper()
	file, src, err := e.source(workflow)
	if err != nil {
		t.Fatal(err)
	}
	w, _, found := definition.Check(file, src, reg, plan.Options{})
	if len(found) > 0 {
		t.Fatalf("%v", found)
	}
	if world == "" {
		return w
	}
	w.Variables = maps.Clone(w.Variables)
	for name, v := range w.Variables {
		if text, ok := v.(string); ok && strings.HasPrefix(text, "https://") {
			w.Variables[name] = world + "/" + strings.TrimPrefix(text, "https://")
		}
		if own, said := variables[name]; said {
			if w.Variables[name], err = flow.Decode(own); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range w.Nodes {
		if s := &w.Nodes[i].Settings; s.RetryDelayMS != nil {
			s.RetryDelayMS, s.Backoff = new(shortly), ""
		}
	}
	return w
}

// shortly is how long retries wait on a real Redis, in milliseconds.
const shortly = int64(20)

// galleryTypes are the nodes that the gallery knows besides the built-in ones.
var galleryTypes = []node.Type{bank.CheckIBAN}
