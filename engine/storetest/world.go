package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"prana/engine/flow"
)

// world is one promise's own store, with what its test says often.
type world struct {
	*testing.T
	Subject
}

// slack is how far two clocks may be apart that both count milliseconds.
const slack = 2 * time.Millisecond

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) wantErr(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("got error %v, want %v", err, want)
	}
}

func equal[T comparable](w *world, what string, got, want T) {
	w.Helper()
	if got != want {
		w.Errorf("%s is %v, want %v", what, got, want)
	}
}

// same compares by JSON, where nil and empty, int and float are alike or not as they are for users.
func same(w *world, what string, got, want any) {
	w.Helper()
	g, err := json.Marshal(got)
	w.must(err)
	e, err := json.Marshal(want)
	w.must(err)
	if string(g) != string(e) {
		w.Errorf("%s is\n %s\nwant\n %s", what, flow.Cut(string(g), 500), flow.Cut(string(e), 500))
	}
}

// sameSet compares lists without regard to order.
func sameSet(w *world, what string, got, want []string) {
	w.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		w.Errorf("%s are %q, want %q", what, got, want)
	}
}

// stamped checks a time that the store set: offset from a moment between began and now.
func (w *world) stamped(what string, got, began time.Time, offset time.Duration) {
	w.Helper()
	from, to := began.Add(offset-slack), w.Now().Add(offset+slack)
	if got.Before(from) || got.After(to) {
		w.Errorf("%s is %v, want between %v and %v", what, got, from, to)
	}
}

func (w *world) commit(changes ...*flow.Change) {
	w.Helper()
	w.must(w.Store.Commit(w.Context(), changes...))
}

func (w *world) load(id string, want flow.Want) *flow.Execution {
	w.Helper()
	x, err := w.Store.Load(w.Context(), id, want)
	w.must(err)
	return x
}

func (w *world) whole(id string) *flow.Execution {
	w.Helper()
	return w.load(id, flow.Want{All: true})
}

// create commits a new execution and answers its id.
func (w *world) create(edits ...edit) string {
	w.Helper()
	c := birth(edits...)
	w.commit(c)
	return c.Execution
}

// change makes the next change of an execution, as it stands now.
func (w *world) change(id string, edits ...edit) *flow.Change {
	w.Helper()
	return after(w.load(id, flow.Want{}), edits...)
}

// move commits the next change of an execution.
func (w *world) move(id string, edits ...edit) *flow.Change {
	w.Helper()
	c := w.change(id, edits...)
	w.commit(c)
	return c
}

// due takes what is due in partition 0, without the times at which it was due.
func (w *world) due(limit int, lease time.Duration) ([]flow.DueEntry, time.Duration) {
	w.Helper()
	due, next, err := w.Store.Due(w.Context(), 0, limit, lease)
	w.must(err)
	for i := range due {
		due[i].At = time.Time{}
	}
	return due, next
}

// quietFor checks that nothing is due now, and that the next entry is in d from began; d < 0: there is none.
func (w *world) quietFor(began time.Time, d time.Duration) {
	w.Helper()
	due, next := w.due(100, time.Minute)
	if len(due) > 0 {
		w.Fatalf("due now: %v", due)
	}
	passed := w.Now().Sub(began)
	switch {
	case d < 0 && next >= 0:
		w.Fatalf("the next entry is due in %v, want none", next)
	case d >= 0 && (next > d+slack || next < d-passed-slack):
		w.Fatalf("the next entry is due in %v, want %v", next, d)
	}
}

// wantDue takes what is due and compares it, in order.
func (w *world) wantDue(want ...flow.DueEntry) {
	w.Helper()
	due, _ := w.due(100, time.Minute)
	if !slices.Equal(due, want) {
		w.Fatalf("due are %v, want %v", due, want)
	}
}

func (w *world) settle(e flow.DueEntry, d time.Duration, note string) {
	w.Helper()
	w.must(w.Store.Settle(w.Context(), e, d, note))
}

func (w *world) taskState(d flow.Dispatch) flow.TaskState {
	w.Helper()
	state, err := w.Store.Task(w.Context(), d)
	w.must(err)
	return state
}

func (w *world) purge(age map[flow.Status]time.Duration, limit int) int {
	w.Helper()
	n, err := w.Store.Purge(w.Context(), 0, age, limit)
	w.must(err)
	return n
}

// race calls f n times at once and counts how often it answers true.
func race(n int, f func(i int) bool) int {
	var won int
	var mu sync.Mutex
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			if f(i) {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	close(begin)
	all.Wait()
	return won
}

// pages reads a list to its end, and checks what holds for every page.
func pages[T any](w *world, limit int, read func(ctx context.Context, cursor string) (flow.Page[T], error)) []T {
	w.Helper()
	var all []T
	cursor := ""
	for range 1000 {
		p, err := read(w.Context(), cursor)
		w.must(err)
		if len(p.Items) > limit {
			w.Fatalf("a page has %d items, want at most %d", len(p.Items), limit)
		}
		all = append(all, p.Items...)
		if cursor = p.Cursor; cursor == "" {
			return all
		}
	}
	w.Fatal("the list has no end")
	return nil
}
