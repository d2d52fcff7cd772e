package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// story is the script of a pattern under way, in the words of the engine's own scenarios:
//
//	start [WORKFLOW] INPUT   begin an execution, of the first workflow when none is named; it is looked at from here on
//	publish TYPE DATA        offer an event to all; it is kept if nobody waits for it
//	publish_first TYPE DATA  … to the oldest wait only
//	publish_now TYPE DATA    … to all, and not kept
//	cancel REASON
//	on N                     look at the N-th execution that was started (from 1)
//	on child N               look at the N-th child of the one looked at
//	want status STATUS
//	want path KEY KEY …      the nodes that completed, in the order in which they were activated
//	want ran KEY KEY …       the same, in any order
//	want runs NODE N         how often it was activated
//	want done NODE N         how often it completed
//	want result NODE JSON    what its last run left
//	want output JSON
//	want waits [NODE …]      what sleeps, sorted; twice when it sleeps twice
//	want listens [NODE …]    those of them that wait for an event, and not for a place of their concurrency_key
//	want children N
//	want matched N           how many waits the last event ended
//	want kept BOOL           whether the last event is kept
//
// After every command all executions of the story come to rest: what is wanted then is no guess about time.
type story struct {
	*system
	t         *testing.T
	workflows []string // ids
	started   []string
	id        string // looked at
	published flow.PublishResult
}

// rest is how long executions may take to come to rest, and what is wanted to come true.
const rest = 20 * time.Second

// tell runs the script of a pattern.
func tell(t *testing.T, sys *system, p pattern) {
	s := &story{system: sys, t: t}
	for _, src := range p.workflows {
		first, _, _ := strings.Cut(src, "\n")
		s.workflows = append(s.workflows, strings.TrimPrefix(first, "id: "))
	}
	n := 0
	for line := range strings.Lines(p.script) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := s.line(line); err != nil {
			t.Fatalf("%s, line %d of the script: %s\n%v", p.file, n, line, err)
		}
	}
}

func (s *story) line(line string) error {
	word, tail, _ := strings.Cut(line, " ")
	if word == "want" {
		what, wanted, _ := strings.Cut(tail, " ")
		look, ok := looks[what]
		if !ok {
			return fmt.Errorf("nothing is known of %q", what)
		}
		return s.want(look, wanted)
	}
	do, ok := commands[word]
	if !ok {
		return fmt.Errorf("there is no command %q", word)
	}
	if err := do(s, tail); err != nil {
		return err
	}
	return s.settle()
}

var commands = map[string]func(s *story, tail string) error{
	"start":         (*story).begin,
	"publish":       func(s *story, tail string) error { return s.publish(tail, flow.Event{}) },
	"publish_first": func(s *story, tail string) error { return s.publish(tail, flow.Event{Limit: 1}) },
	"publish_now":   func(s *story, tail string) error { return s.publish(tail, flow.Event{TTL: -1}) },
	"cancel": func(s *story, tail string) error {
		return s.engine.Cancel(s.t.Context(), flow.CancelRequest{Execution: s.id, Reason: tail})
	},
	"on": (*story).on,
}

func (s *story) begin(tail string) error {
	workflow := s.workflows[0]
	if first, input, _ := strings.Cut(tail, " "); slices.Contains(s.workflows, first) {
		workflow, tail = first, input
	}
	s.id = s.start(s.t, workflow, json.RawMessage(tail))
	s.started = append(s.started, s.id)
	return nil
}

func (s *story) publish(tail string, ev flow.Event) (err error) {
	eventType, data, _ := strings.Cut(tail, " ")
	ev.Type, ev.Data = eventType, json.RawMessage(data)
	s.published, err = s.engine.Publish(s.t.Context(), ev)
	return err
}

func (s *story) on(tail string) error {
	ids := s.started
	if n, ok := strings.CutPrefix(tail, "child "); ok {
		v, err := s.engine.Describe(s.t.Context(), s.id)
		if err != nil {
			return err
		}
		ids, tail = children(v), n
	}
	n, err := strconv.Atoi(tail)
	if err != nil || n < 1 || n > len(ids) {
		return fmt.Errorf("there is no execution number %s of %d", tail, len(ids))
	}
	s.id = ids[n-1]
	return nil
}

func children(v *flow.View) []string {
	var ids []string
	for _, n := range v.Nodes { // in the order in which their nodes were activated
		ids = append(ids, n.Children...)
	}
	return ids
}

// settle waits until neither the executions that were started nor their children run.
func (s *story) settle() error {
	ctx, cancel := context.WithTimeout(s.t.Context(), rest)
	defer cancel()
	for todo := slices.Clone(s.started); len(todo) > 0; todo = todo[1:] {
		v, err := s.rested(ctx, todo[0])
		if err != nil {
			return err
		}
		todo = append(todo, children(v)...)
	}
	return nil
}

func (s *story) rested(ctx context.Context, id string) (v *flow.View, err error) {
	err = eventually(ctx, func() error {
		x, err := s.app.Store().Load(ctx, id, flow.Want{})
		if err == nil && (x.Status == flow.Running || x.Status == flow.Pending) {
			err = fmt.Errorf("execution %s does not come to rest: it is %s", id, x.Status)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.engine.Describe(ctx, id)
}

// eventually asks until the answer is no error, or time is up.
func eventually(ctx context.Context, ask func() error) error {
	for pause := 3 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// look says what is there to be compared with what is wanted.
type look func(s *story, v *flow.View, wanted string) (got, want any)

// want waits for what is wanted: a child that is cancelled learns of it a moment later.
func (s *story) want(see look, wanted string) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), rest)
	defer cancel()
	return eventually(ctx, func() error {
		v, err := s.engine.Describe(context.WithoutCancel(ctx), s.id)
		if err != nil {
			return err
		}
		if got, want := see(s, v, strings.TrimSpace(wanted)); !reflect.DeepEqual(got, want) {
			text, _ := json.MarshalIndent(v, "", "  ")
			return fmt.Errorf("got  %v\nwant %v\n%s", got, want, text)
		}
		return nil
	})
}

var looks = map[string]look{
	"status": func(_ *story, v *flow.View, wanted string) (got, want any) { return string(v.Status), wanted },
	"path": func(_ *story, v *flow.View, wanted string) (got, want any) {
		return inOrderOf(strings.Fields(wanted), v), strings.Fields(wanted)
	},
	"ran": func(_ *story, v *flow.View, wanted string) (got, want any) {
		return slices.Sorted(slices.Values(completed(v))), slices.Sorted(slices.Values(strings.Fields(wanted)))
	},
	"runs": func(_ *story, v *flow.View, wanted string) (got, want any) {
		key, n, _ := strings.Cut(wanted, " ")
		return strconv.Itoa(len(runs(v, key))), n
	},
	"done": func(_ *story, v *flow.View, wanted string) (got, want any) {
		key, n, _ := strings.Cut(wanted, " ")
		return strconv.Itoa(count(completed(v), key)), n
	},
	"result": func(_ *story, v *flow.View, wanted string) (got, want any) {
		key, result, _ := strings.Cut(wanted, " ")
		all := runs(v, key)
		if len(all) == 0 {
			return nil, jsonOf(json.RawMessage(result))
		}
		return jsonOf(all[len(all)-1].Output), jsonOf(json.RawMessage(result))
	},
	"output": func(_ *story, v *flow.View, wanted string) (got, want any) {
		return jsonOf(v.Output), jsonOf(json.RawMessage(wanted))
	},
	"waits": func(_ *story, v *flow.View, wanted string) (got, want any) {
		return sleeping(v, func(flow.Suspension) bool { return true }), wanted
	},
	"listens": func(_ *story, v *flow.View, wanted string) (got, want any) {
		return sleeping(v, func(w flow.Suspension) bool { return w.EventType != "" }), wanted
	},
	"children": func(_ *story, v *flow.View, wanted string) (got, want any) {
		return strconv.Itoa(len(v.Children)), wanted
	},
	"matched": func(s *story, _ *flow.View, wanted string) (got, want any) {
		return strconv.Itoa(s.published.Matched), wanted
	},
	"kept": func(s *story, _ *flow.View, wanted string) (got, want any) {
		return strconv.FormatBool(s.published.Buffered), wanted
	},
}

// completed names the node of each run that completed.
func completed(v *flow.View) []string {
	var keys []string
	for _, n := range v.Nodes {
		if n.Status == flow.StepCompleted {
			keys = append(keys, n.Node)
		}
	}
	return keys
}

// inOrderOf names the same as completed. Runs that were activated in the same millisecond have no order that shows: they stand as wanted.
func inOrderOf(wanted []string, v *flow.View) []string {
	left := slices.DeleteFunc(slices.Clone(v.Nodes), func(n flow.NodeRun) bool { return n.Status != flow.StepCompleted })
	var order []string
	for _, key := range wanted {
		i := slices.IndexFunc(left, func(n flow.NodeRun) bool { return n.Node == key && n.CreatedAt.Equal(left[0].CreatedAt) })
		if i < 0 {
			return completed(v)
		}
		order, left = append(order, key), slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		return completed(v)
	}
	return order
}

// sleeping names the node of each wait that counts.
func sleeping(v *flow.View, counts func(flow.Suspension) bool) string {
	var keys []string
	for _, w := range v.Suspensions {
		if counts(w) {
			keys = append(keys, w.Node)
		}
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

func runs(v *flow.View, key string) []flow.NodeRun {
	return slices.DeleteFunc(slices.Clone(v.Nodes), func(n flow.NodeRun) bool { return n.Node != key })
}

func count(keys []string, key string) int {
	return len(slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k != key }))
}

func jsonOf(b json.RawMessage) any {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Sprintf("%s: %v", b, err)
	}
	return v
}
