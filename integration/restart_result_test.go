package integration

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// result is all that came of an execution and its descendants.
type result struct {
	status  flow.Status
	code    string
	output  string
	reply   string
	runs    []string // node and run index
	steps   []string // node, port, status, attempt, error, output: which run got which item is a matter of luck
	effects map[string]int
	crowd   int
}

// result waits for the end of an execution and of all its descendants.
func (r *restarts) result(ctx context.Context, c *restarted, within time.Duration) (result, error) {
	v, err := r.reaches(ctx, c.id, c.want(), within)
	if err != nil {
		return result{}, err
	}
	got := result{status: v.Status, output: scrub(v.Output), reply: string(v.Reply), effects: map[string]int{}}
	if v.Error != nil {
		got.code = v.Error.Code
	}
	if err := r.add(ctx, &got, v, within); err != nil {
		return got, err
	}
	slices.Sort(got.runs)
	slices.Sort(got.steps)
	r.effects(&got, c.start)
	return got, nil
}

// add notes the runs of an execution, and those of its children.
func (r *restarts) add(ctx context.Context, got *result, v *flow.View, within time.Duration) error {
	for _, n := range v.Nodes {
		code := ""
		if n.Error != nil {
			code = n.Error.Code
		}
		got.runs = append(got.runs, fmt.Sprintf("%s.%s[%d]", v.Workflow, n.Node, n.RunIndex))
		got.steps = append(got.steps, fmt.Sprintf("%s.%s %s by %q, attempt %d, %s, left %s", v.Workflow, n.Node, n.Status, n.Port, n.Attempt, cmp.Or(code, "no error"), scrub(n.Output)))
	}
	for _, child := range v.Children {
		cv, err := r.ends(ctx, child.ChildID, within)
		if err != nil {
			return fmt.Errorf("child %s of %s: %w", child.ChildID, v.ID, err)
		}
		got.steps = append(got.steps, fmt.Sprintf("%s of %s is %s", cv.Workflow, child.Node, cv.Status))
		if err := r.add(ctx, got, cv, within); err != nil {
			return err
		}
	}
	return nil
}

// effects counts what was done in the world, each idempotency key once.
func (r *restarts) effects(got *result, start string) {
	for _, kind := range []string{"effect", "http", "attempt", "poll", "room"} {
		keys := map[string]map[string]bool{}
		for _, call := range r.world.calls("/" + kind + "/" + start + "/") {
			name := kind + "/" + path.Base(call.Path)
			if keys[name] == nil {
				keys[name] = map[string]bool{}
			}
			keys[name][call.Key] = true
		}
		for name, k := range keys {
			got.effects[name] = len(k)
		}
	}
	got.crowd = r.world.crowd(start + "/room")
}

// volatile is what no two executions have in common: their ids, times, and how often the world was called.
var volatile = regexp.MustCompile(`"[01][0-9A-Za-z]{22}"|"\d{4}-\d\d-\d\dT[^"]*"|"call":\d+|-(calm|at|asleep|storm)[-\d]*"|"date":"[^"]*"`)

func scrub(raw json.RawMessage) string { return volatile.ReplaceAllString(string(raw), "~") }

// differs says in what two results differ; empty = in nothing.
func (got result) differs(want result, loose bool) string {
	type pair struct{ name, got, want string }
	pairs := []pair{
		{"status", string(got.status), string(want.status)},
		{"error", got.code, want.code},
		{"output", got.output, want.output},
		{"reply", got.reply, want.reply},
		{"done", fmt.Sprint(got.effects), fmt.Sprint(want.effects)},
		{"crowd", fmt.Sprint(got.crowd), fmt.Sprint(want.crowd)},
	}
	if !loose {
		pairs = append(pairs,
			pair{"runs", strings.Join(got.runs, " "), strings.Join(want.runs, " ")},
			pair{"steps", strings.Join(got.steps, "\n\t"), strings.Join(want.steps, "\n\t")})
	}
	var b strings.Builder
	for _, p := range pairs {
		if p.got != p.want {
			fmt.Fprintf(&b, "%s:\n\t%s\nwant:\n\t%s\n", p.name, p.got, p.want)
		}
	}
	return b.String()
}

// check compares with what stands in the table.
func (c *restarted) check(t *testing.T, got result) {
	t.Helper()
	if got.status != c.want() || got.code != c.code || got.reply != c.reply || c.output != "" && got.output != c.output {
		t.Errorf("%s: %s %q, output %s, reply %s; want %s %q, %s, %s", c.name, got.status, got.code, got.output, got.reply, c.want(), c.code, c.output, c.reply)
	}
	if !maps.Equal(got.effects, c.effects) || got.crowd != c.crowd {
		t.Errorf("%s did %v with %d in its room; want %v with %d", c.name, got.effects, got.crowd, c.effects, c.crowd)
	}
}
