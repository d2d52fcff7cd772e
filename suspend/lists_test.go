package suspend_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

// TestListsWithoutTheirLines: what was written before an index was kept, or what lost its lines, is left out by the lists
// that need them, and told by the others. It can be moved, ended and purged all the same.
func TestListsWithoutTheirLines(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		z.store = suspend.New(c, tasks.Encoder{}, suspend.Options{Format: 1})
		z.populate()
		for _, key := range z.keys() {
			kind, _, _ := strings.Cut(strings.TrimPrefix(key, "{prana-0}:"), ":")
			if kind == "wfst" || kind == "wfsus" || kind == "listen" || kind == "children" {
				z.must(c.Del(t.Context(), key).Err())
			}
		}
		z.lists(t, 0, flow.SuspensionFilter{Workflow: "order", Type: flow.ExternalEvent})
		z.lists(t, 1, flow.SuspensionFilter{Type: flow.ExternalEvent})
		page, err := z.store.Relations(t.Context(), flow.RelationFilter{Child: animal(child)})
		z.must(err)
		if len(page.Items) != 1 || page.Items[0].ParentID != animal(mother) {
			t.Errorf("the parent is %+v", page.Items)
		}
		x := z.load(heard)
		over := over(z.next(heard, stepOf(1, flow.StepCancelled)), flow.Cancelled)
		over.Closed = []flow.Closed{{ID: flow.SuspensionID{Execution: x.ID, Step: step1, Turn: 1}, Type: flow.ExternalEvent, Event: x.Steps[step1].Wait.Event}}
		z.commit(over)
		n, err := z.store.Purge(t.Context(), 0, map[flow.Status]time.Duration{flow.Cancelled: 0}, 10)
		if err != nil || n != 1 {
			t.Errorf("purged %d, %v", n, err)
		}
	})
}

func (z *zoo) lists(t *testing.T, want int, f flow.SuspensionFilter) {
	t.Helper()
	page, err := z.store.Suspensions(t.Context(), f)
	if err != nil || len(page.Items) != want {
		t.Errorf("%+v: %d waits, want %d, %v", f, len(page.Items), want, err)
	}
}

// TestListedByTheBytes: pages go by the order of bytes, which is that of Redis, and not by that of a language.
func TestListedByTheBytes(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		var want []string
		for _, name := range []string{"A", "Aa", "B", "a", "aB", "b"} { // ascending by bytes
			z.commit(z.birth(name, waits(1, flow.Wait{Type: flow.CustomWait})))
			want = append(want, animal(name)+":1.000:1")
		}
		f := flow.SuspensionFilter{Type: flow.CustomWait, Limit: 1}
		var got []string
		for range want {
			page, err := z.store.Suspensions(t.Context(), f)
			z.must(err)
			got, f.Cursor = append(got, page.Items[0].ID), page.Cursor
			z.must(c.ZRem(t.Context(), "{prana-0}:wfsus:order:custom", page.Items[0].ID).Err()) // so that the place is sought
		}
		if strings.Join(got, " ") != strings.Join(want, " ") || f.Cursor != "" {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestCursors: what is no cursor is refused as the caller's mistake.
func TestCursors(t *testing.T) {
	t.Parallel()
	s := storeOn(real(t))
	for _, cursor := range []string{"x", "!", "bm9uZQ", "TmFOIGE"} {
		_, waits := s.Suspensions(t.Context(), flow.SuspensionFilter{Cursor: cursor, Type: "a"})
		_, executions := s.Executions(t.Context(), flow.ExecutionFilter{Cursor: cursor})
		_, relations := s.Relations(t.Context(), flow.RelationFilter{Cursor: cursor})
		_, children := s.Relations(t.Context(), flow.RelationFilter{Parent: animal("a"), Cursor: cursor})
		for name, err := range map[string]error{"waits": waits, "executions": executions, "relations": relations, "children": children} {
			if !errors.Is(err, flow.ErrInvalid) {
				t.Errorf("%s from %q: %v", name, cursor, err)
			}
		}
	}
}
