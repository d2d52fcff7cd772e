package suspend_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

func formatOf(t *testing.T, s *suspend.Store) int {
	t.Helper()
	n, err := s.Format(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFormatOfStores: a new store has the newest format, one from before there were several stays in the first until somebody
// says that all can read a later one, and one that this version does not know is refused.
func TestFormatOfStores(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		identify := func() error {
			_, err := storeOn(c).Identify(t.Context())
			return err
		}
		if err := identify(); err != nil || formatOf(t, storeOn(c)) != 2 {
			t.Errorf("a new store has format %d, %v", formatOf(t, storeOn(c)), err)
		}
		if err := c.Del(t.Context(), "prana:format").Err(); err != nil {
			t.Fatal(err)
		}
		if err := identify(); err != nil || formatOf(t, storeOn(c)) != 1 {
			t.Errorf("an older store has format %d, %v", formatOf(t, storeOn(c)), err)
		}
		for _, text := range []string{"3", "0", "x"} {
			if err := c.Set(t.Context(), "prana:format", text, 0).Err(); err != nil {
				t.Fatal(err)
			}
			if identify() == nil {
				t.Errorf("format %q is not refused", text)
			}
		}
	})
}

// TestFormatRaised: what both formats wrote side by side is listed once, moved, ended and purged by either, and nothing stays.
func TestFormatRaised(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		first, newest := suspend.New(c, tasks.Encoder{}, suspend.Options{Format: 1}), suspend.New(c, tasks.Encoder{}, suspend.Options{})
		var names []string
		for i, s := range []*suspend.Store{first, newest, first, newest} {
			names = append(names, animal("wait"+string(rune('0'+i))))
			z.store = s
			z.commit(suspended(z.birth("wait"+string(rune('0'+i)), waits(1, flow.Wait{Type: flow.Delay, In: time.Hour}))))
		}
		for _, s := range []*suspend.Store{first, newest} {
			z.store = s
			z.wantListed(names)
		}
		z.store = newest
		z.wantFindings(z.audit(suspend.AuditOptions{}).Findings, nil)
		for i, s := range []*suspend.Store{first, newest, newest, first} {
			z.store = s
			name := "wait" + string(rune('0'+i))
			end := over(z.next(name, stepOf(1, flow.StepCompleted)), flow.Completed)
			end.Closed = []flow.Closed{{ID: flow.SuspensionID{Execution: animal(name), Step: step1, Turn: 1}, Type: flow.Delay}}
			z.commit(end)
		}
		z.store = newest
		z.wantFindings(z.audit(suspend.AuditOptions{}).Findings, nil)
		if n, err := newest.Purge(t.Context(), 0, map[flow.Status]time.Duration{flow.Completed: 0}, 10); n != len(names) || err != nil {
			t.Errorf("purged %d, %v", n, err)
		}
		for _, key := range z.keys() {
			if c.Type(t.Context(), key).Val() == "zset" {
				t.Errorf("%s is left: %v", key, c.ZRange(t.Context(), key, 0, -1).Val())
			}
		}
	})
}

// wantListed pages through all that wait, in steps of one.
func (z *zoo) wantListed(want []string) {
	z.Helper()
	executions := z.paged(flow.ExecutionFilter{Limit: 1})
	byStatus := z.paged(flow.ExecutionFilter{Limit: 3, Status: flow.Suspended})
	var waits []string
	for cursor := ""; ; {
		page, err := z.store.Suspensions(z.Context(), flow.SuspensionFilter{Limit: 1, Cursor: cursor})
		z.must(err)
		for _, w := range page.Items {
			waits = append(waits, w.ExecutionID)
		}
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	for what, got := range map[string][]string{"executions": executions, "by status": byStatus, "waits": waits} {
		slices.Sort(got)
		if !slices.Equal(got, want) {
			z.Errorf("%s lists %v, want %v", what, got, want)
		}
	}
}

// paged gives the ids of all pages of a list.
func (z *zoo) paged(f flow.ExecutionFilter) (ids []string) {
	z.Helper()
	for {
		page, err := z.store.Executions(z.Context(), f)
		z.must(err)
		for _, x := range page.Items {
			ids = append(ids, x.ID)
		}
		if f.Cursor = page.Cursor; f.Cursor == "" {
			return ids
		}
	}
}

// TestFormatRaisedOverWhatSleeps: what format 1 wrote is sound before anything of it moves.
func TestFormatRaisedOverWhatSleeps(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		z.store = suspend.New(c, tasks.Encoder{}, suspend.Options{Format: 1})
		z.populate()
		z.store = storeOn(c)
		z.wantFindings(z.audit(suspend.AuditOptions{}).Findings, nil)
	})
}

// TestFormatsNarrowed: a filter for which an index in another order is the shortest finds those of all workflows and formats, in the
// order of the list.
func TestFormatsNarrowed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		older := suspend.New(c, tasks.Encoder{}, suspend.Options{Format: 1})
		parent, tags := animal(mother), map[string]string{"team": "a"}
		var want []string
		for i := range 24 {
			ch := suspended(z.birth("x"+string(rune('a'+i)), waits(1, flow.Wait{Type: flow.Delay, In: time.Hour})))
			ch.Head.Workflow = []string{"order", "other", "third"}[i%3]
			if i < 6 {
				ch.Head.Tags, ch.Head.Parent = tags, &flow.Parent{Execution: parent, Mode: "async"}
				want = append(want, ch.Execution)
			}
			z.must([]*suspend.Store{older, z.store}[i%2].Commit(t.Context(), ch))
		}
		z.must(c.Del(t.Context(), "{prana-0}:wfst:order:suspended").Err()) // from before there was such, for those of format 1
		for _, id := range []string{"xd", "xj", "xp", "xv"} {              // odd ones are of format 2
			z.must(c.ZAdd(t.Context(), "{prana-0}:wfst:order:suspended", redis.Z{Score: 1, Member: animal(id)}).Err())
		}
		slices.Sort(want)
		for name, f := range map[string]flow.ExecutionFilter{"tag": {Tags: tags}, "parent": {Parent: parent}, "both": {Tags: tags, Parent: parent}} {
			f.Status = flow.Suspended
			var inOrder []string
			for _, id := range z.paged(flow.ExecutionFilter{Status: flow.Suspended}) {
				if slices.Contains(want, id) {
					inOrder = append(inOrder, id)
				}
			}
			for _, f.Limit = range []int{1, 4, 100} {
				if got := z.paged(f); !slices.Equal(got, inOrder) || len(got) != len(want) {
					t.Errorf("by %s and status, %d a page: %v, want %v", name, f.Limit, got, inOrder)
				}
			}
			f.Workflow, f.Limit = "third", 2
			if got := z.paged(f); len(got) != 2 {
				t.Errorf("by %s, workflow and status: %v", name, got)
			}
		}
	})
}

// TestFormatOfNodes: the states of nodes are what was written last, whichever format who wrote them keeps to.
func TestFormatOfNodes(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		first, newest := suspend.New(c, tasks.Encoder{}, suspend.Options{Format: 1}), suspend.New(c, tasks.Encoder{}, suspend.Options{})
		born := z.birth(ran, stepOf(0, flow.StepCompleted), stepOf(1, flow.StepPending), stepOf(11, flow.StepPending), stepOf(20, flow.StepPending))
		z.must(first.Commit(t.Context(), born))
		want := map[int]flow.NodeState{0: {Runs: 1}, 1: {Runs: 1, Last: -1}, 11: {Runs: 1, Last: -1}, 20: {Runs: 1, Last: -1}}
		for i, s := range []*suspend.Store{first, newest, first, newest, first} {
			x := z.load(ran)
			moved := map[int]flow.NodeState{[]int{1, 11, 1, 20, 1}[i]: {Runs: 10 + i, Last: i, Rounds: i}, 2 + i: {Runs: 1, Last: -1}}
			z.must(s.Commit(t.Context(), &flow.Change{Execution: x.ID, Op: z.op(), Prev: x.Rev, Was: x.Status, Workflow: x.Workflow, Front: x.Front, Nodes: moved}))
			maps.Copy(want, moved)
			wantSame(t, z.load(ran).Nodes, want)
			some, err := s.Load(t.Context(), x.ID, flow.Want{Nodes: []int{20}, Outputs: []int{1}, Records: []int{11}})
			z.must(err)
			wantSame(t, some.Nodes, map[int]flow.NodeState{1: want[1], 11: want[11], 20: want[20]})
		}
	})
}
