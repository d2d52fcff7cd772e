package flowtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"prana/config/localredis"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/handlers/nodes"
	"prana/integration/faults/desk"
	"prana/suspend"
)

// processes share the store.
const processes = 2

// Counts says what was done.
type Counts struct {
	Runs, Actions, Tasks, Doubled, Dropped, Repeated, Crashes int
	Lost                                                      int64
	Ends                                                      map[string]int // by status and who ended the wait
}

// Machine is an engine in two processes, beside its model.
type Machine struct {
	*desk.Desk
	ctx    context.Context //nolint:containedctx // actions have rapid's T only
	counts *Counts
	broken *atomic.Bool // the world

	all   []*execution
	queue []string // tasks that are in it, as they were met
	old   []flow.Dispatch
	asked []request
	named int
}

// request is something that was asked for, and may be asked for again.
type request struct {
	what string
	x    *execution
	id   string
	told flow.PublishResult // of an event
}

// New makes one on an empty database.
func New(ctx context.Context, server *localredis.Server, db int, counts *Counts) (*Machine, error) {
	broken := &atomic.Bool{}
	reg := node.NewRegistry(nodes.Builtin(nodes.Options{})...).With(node.Type{
		Name: "model.check", Summary: "Fails while the world is broken.", Inputs: []string{"*"},
		Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
			if broken.Load() {
				return node.Outcome{}, errors.New("the world is broken")
			}
			return node.Outcome{Output: c.Input}, nil
		},
	})
	d, err := desk.New(server, db, reg, processes)
	if err != nil {
		return nil, err
	}
	counts.Runs++
	return &Machine{Desk: d, ctx: ctx, counts: counts, broken: broken}, d.Empty(ctx, workflows...)
}

// Actions are what a machine does; rapid draws the first of them the most often.
func (w *Machine) Actions() map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){"": w.check}
	for i, a := range []struct {
		name string
		do   func(*rapid.T)
	}{
		{"run", w.run},
		{"start", w.start},
		{"run again", w.run},
		{"publish", w.publish},
		{"resume", w.resume},
		{"sweep", w.sweep},
		{"and again", w.run},
		{"retry", w.retry},
		{"break or mend", w.breakOrMend},
		{"repeat", w.repeat},
		{"drop", w.drop},
		{"old task", w.runOld},
		{"cancel", w.cancel},
		{"crash", w.crash},
	} {
		all[fmt.Sprintf("%02d %s", i, a.name)] = a.do
	}
	return all
}

// some draws a process, of which a reply may be lost: that of the n-th command at most.
func (w *Machine) some(t *rapid.T, n int64) *desk.Process {
	p := w.Processes[rapid.IntRange(0, processes-1).Draw(t, "process")]
	if rapid.IntRange(0, 5).Draw(t, "a reply is lost") == 0 {
		p.Replies.Lose(rapid.Int64Range(1, n).Draw(t, "of command"))
	}
	return p
}

// rest waits until nothing goes on, and lets no reply be lost that was not.
func (w *Machine) rest() {
	w.Rest()
	for _, p := range w.Processes {
		p.Replies.Lose(0)
	}
}

// until asks again while nobody knows the answer.
func until(ask func() error) (again bool, err error) {
	for ; ; again = true {
		if err := ask(); !errors.Is(err, flow.ErrUnavailable) {
			return again, err
		}
	}
}

func (w *Machine) must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// What fails is logged with its names, and fails in words that are the same in every run: so rapid knows it again in a shorter one.

// fresh lists the tasks of the queue that were not met before.
func (w *Machine) fresh(t *rapid.T) []string {
	in, err := w.Redis.LRange(w.ctx, desk.Pending, 0, -1).Result()
	w.must(t, err)
	return slices.DeleteFunc(in, func(id string) bool { return slices.Contains(w.queue, id) })
}

// follow finds the task that follows for an execution, and that no other came.
func (w *Machine) follow(t *rapid.T, x *execution, follows bool) {
	w.rest()
	fresh := w.fresh(t)
	if !follows && len(fresh) == 0 {
		return
	}
	if !follows || len(fresh) != 1 || !strings.HasPrefix(fresh[0], x.id+":") {
		t.Logf("tasks came that are %v; they should be of %s", fresh, x.name)
		t.Fatalf("%d tasks came; one should: %v", len(fresh), follows)
	}
	x.task, x.queued = fresh[0], true
	w.queue = append(w.queue, fresh[0])
}

// check holds what everybody sees against the model, and has the store audit itself.
func (w *Machine) check(t *rapid.T) {
	w.counts.Actions++
	w.rest()
	for _, x := range w.all {
		w.checkOne(t, x)
	}
	in, err := w.Redis.LRange(w.ctx, desk.Pending, 0, -1).Result()
	w.must(t, err)
	slices.Sort(in)
	if want := slices.Sorted(slices.Values(w.queue)); !slices.Equal(in, want) {
		t.Fatalf("the queue has %d tasks, want %d, and they are not the same", len(in), len(want))
	}
	found, err := w.Store.Audit(w.ctx, 0, suspend.AuditOptions{})
	w.must(t, err)
	for _, f := range found.Findings {
		if f.Invariant == "asynq" && slices.ContainsFunc(w.all, (*execution).bereft) {
			continue // it says that a task was lost, and when that will be found out
		}
		t.Logf("the audit finds %+v", f)
		t.Errorf("the audit finds something of %s", f.Invariant)
	}
}

func (w *Machine) checkOne(t *rapid.T, x *execution) {
	v, err := w.Processes[0].Describe(w.ctx, x.id)
	w.must(t, err)
	by, did := "", []string{}
	for _, n := range v.Nodes {
		if n.RunIndex > 0 {
			t.Fatalf("node %s ran twice", n.Node)
		}
		if n.Node == "w" {
			by = n.ResumedBy
		}
		if n.Status == flow.StepCompleted {
			did = append(did, n.Node)
		}
	}
	slices.Sort(did)
	got := fmt.Sprintf("%s in generation %d, after %v, its wait ended by %q, %d waits and %d letters", v.Status, v.Generation, did, by, len(v.Suspensions), len(v.Inbox))
	waits := 0
	if x.stage == waiting {
		waits = 1
	}
	want := fmt.Sprintf("%s in generation %d, after %v, its wait ended by %q, %d waits and %d letters", x.stands(), x.generation, slices.Sorted(slices.Values(x.did)), x.by, waits, len(x.letters))
	if got != want {
		t.Logf("it is %s", x.name)
		t.Fatalf("an execution is\n %s\nwant\n %s", got, want)
	}
	if v.Status == flow.Completed && x.by != flow.ByTimeout && !strings.Contains(string(v.Output), `"by":"`+x.by+`"`) {
		t.Fatalf("the wait was ended by %s, and left %s", x.by, v.Output)
	}
}

// Close ends it, and counts how the executions ended.
func (w *Machine) Close() error {
	w.rest()
	for _, p := range w.Processes {
		w.counts.Lost += p.Replies.Losses()
	}
	if w.counts.Ends == nil {
		w.counts.Ends = map[string]int{}
	}
	for _, x := range w.all {
		w.counts.Ends[strings.TrimSuffix(string(x.stands())+", "+x.by, ", ")]++
	}
	return w.Desk.Close()
}

// name makes one that is the same in every run of the same actions.
func (w *Machine) name(kind string) string {
	w.named++
	return fmt.Sprintf("%s-%d", kind, w.named)
}

// moment is as long as the time of a short wait.
const moment = 2 * time.Millisecond
