package storetest

import (
	"sync"

	"prana/engine/flow"
)

var placePromises = []promise{
	{"places of a key are given first come, first served", func(w *world) {
		a, b, c, d := stepHolder(), stepHolder(), stepHolder(), wholeHolder()
		equal(w, "the first", w.acquire("k", a, 2), 0)
		equal(w, "the second", w.acquire("k", b, 2), 0)
		equal(w, "the third", w.acquire("k", c, 2), 1)
		equal(w, "the fourth", w.acquire("k", d, 2), 2)
		sameSet(w, "holders", w.holders("k", 10), names(a, b))
		same(w, "who got the first place that became free", names(w.release("k", a)...), names(c))
		same(w, "who got the next", names(w.release("k", b)...), names(d))
		sameSet(w, "holders", w.holders("k", 10), names(c, d))
		equal(w, "the fourth", w.acquire("k", d, 2), 0)
	}},
	{"asking and giving up again changes nothing", func(w *world) {
		a, b, c := stepHolder(), stepHolder(), stepHolder()
		for range 2 {
			equal(w, "the first", w.acquire("k", a, 1), 0)
		}
		w.acquire("k", b, 1)
		for range 2 {
			equal(w, "the third", w.acquire("k", c, 1), 2)
			equal(w, "the second", w.acquire("k", b, 1), 1)
		}
		same(w, "who got the place", names(w.release("k", a)...), names(b))
		same(w, "who got a place by the repetition", names(w.release("k", a)...), names())
		equal(w, "the third", w.acquire("k", c, 1), 1)
	}},
	{"who waits may give up, and keeps nobody", func(w *world) {
		a, b, c := stepHolder(), stepHolder(), stepHolder()
		for _, h := range []flow.Holder{a, b, c} {
			w.acquire("k", h, 1)
		}
		same(w, "who got a place", names(w.release("k", b)...), names())
		equal(w, "the third", w.acquire("k", c, 1), 1)
		same(w, "who got a place", names(w.release("k", a)...), names(c))
		same(w, "who got a place", names(w.release("k", c)...), names())
		equal(w, "number of holders", len(w.holders("k", 10)), 0)
		equal(w, "a newcomer", w.acquire("k", b, 1), 0)
	}},
	{"the limit of who asks counts, and nobody overtakes", func(w *world) {
		a, b, c, d := stepHolder(), stepHolder(), stepHolder(), stepHolder()
		w.acquire("k", a, 1)
		equal(w, "the second, with the old limit", w.acquire("k", b, 1), 1)
		equal(w, "the third, with a larger one", w.acquire("k", c, 3), 2)
		same(w, "who got a place", names(w.release("k", a)...), names(b, c))
		equal(w, "one with the old limit again", w.acquire("k", d, 1), 1)
		same(w, "who got a place while another is inside", names(w.release("k", b)...), names())
		same(w, "who got a place when nobody is", names(w.release("k", c)...), names(d))
	}},
	{"keys are told apart", func(w *world) {
		for _, key := range []string{"a", "A", "a:b", "a|b", "{a}", " ", "ü", "*"} {
			equal(w, "the first of "+key, w.acquire(key, stepHolder(), 1), 0)
		}
		equal(w, "the second", w.acquire("a", stepHolder(), 1), 1)
	}},
	{"a sample of the holders is bounded", func(w *world) {
		seen := map[string]bool{}
		for range 20 {
			w.acquire("k", stepHolder(), 1000)
		}
		for range 200 {
			some := w.holders("k", 5)
			equal(w, "size of a sample", len(some), 5)
			for _, name := range some {
				seen[name] = true
			}
		}
		equal(w, "number of holders ever seen", len(seen), 20)
	}},
	{"100 at once: no more than there are places, and all get in", func(w *world) {
		var mu sync.Mutex
		var inside []flow.Holder
		positions := map[int]int{}
		race(100, func(int) bool {
			h := stepHolder()
			position, _, err := w.Store.Acquire(w.Context(), "k", h, 3)
			mu.Lock()
			defer mu.Unlock()
			if positions[position]++; position == 0 {
				inside = append(inside, h)
			}
			return err == nil
		})
		equal(w, "number that got in at once", len(inside), 3)
		equal(w, "number of different positions", len(positions), 98)
		entered := len(inside)
		for ; len(inside) > 0; inside = inside[1:] {
			promoted := w.release("k", inside[0])
			inside, entered = append(inside, promoted...), entered+len(promoted)
			if len(inside) > 4 {
				w.Fatalf("%d got in for one that left", len(promoted))
			}
		}
		equal(w, "number that got in", entered, 100)
	}},
	{"places that are given up at once are given on once", func(w *world) {
		var mu sync.Mutex
		a, next := stepHolder(), map[string]int{}
		w.acquire("k", a, 1)
		for range 10 {
			w.acquire("k", stepHolder(), 1)
		}
		race(20, func(int) bool {
			promoted, err := w.Store.Release(w.Context(), "k", a)
			mu.Lock()
			defer mu.Unlock()
			for _, name := range names(promoted...) {
				next[name]++
			}
			return err == nil
		})
		equal(w, "number of those who got the place", len(next), 1)
	}},
}

func stepHolder() flow.Holder {
	return flow.Holder{Execution: flow.NewExecutionID(0), Step: flow.StepID{Node: 3, Run: 1}}
}

func wholeHolder() flow.Holder { return flow.Holder{Execution: flow.NewExecutionID(1), Whole: true} }

func (w *world) acquire(key string, h flow.Holder, limit int) int {
	w.Helper()
	position, _, err := w.Store.Acquire(w.Context(), key, h, limit)
	w.must(err)
	return position
}

func (w *world) release(key string, h flow.Holder) []flow.Holder {
	w.Helper()
	promoted, err := w.Store.Release(w.Context(), key, h)
	w.must(err)
	return promoted
}

func (w *world) holders(key string, n int) []string {
	w.Helper()
	some, err := w.Store.Holders(w.Context(), key, n)
	w.must(err)
	return names(some...)
}

func names(holders ...flow.Holder) []string {
	all := []string{}
	for _, h := range holders {
		all = append(all, h.String())
	}
	return all
}
