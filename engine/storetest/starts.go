package storetest

import (
	"sync"

	"prana/engine/flow"
)

var startPromises = []promise{
	{"a start id is bound once", func(w *world) {
		a, b := flow.NewExecutionID(0), flow.NewExecutionID(1)
		equal(w, "first", w.reserve("order", "7", a, "d1"), a)
		equal(w, "second", w.reserve("order", "7", b, "d1"), a)
		equal(w, "other id", w.reserve("order", "8", b, "d1"), b)
		equal(w, "other workflow", w.reserve("refund", "7", b, "d2"), b)
	}},
	{"a start id is not for another body", func(w *world) {
		w.reserve("order", "7", flow.NewExecutionID(0), "d1")
		_, err := w.Store.ReserveStart(w.Context(), "order", "7", flow.NewExecutionID(0), "d2")
		w.wantErr(err, flow.ErrMismatch)
	}},
	{"odd start ids are told apart", func(w *world) {
		ids := []string{"a", "a|b", "a:b", "a\x00b", "A", "ü", "{x}", "a b", "*"}
		bound := map[string]string{}
		for _, id := range ids {
			bound[id] = flow.NewExecutionID(0)
			equal(w, "first "+id, w.reserve("order", id, bound[id], "d"), bound[id])
		}
		for _, id := range ids {
			equal(w, "again "+id, w.reserve("order", id, flow.NewExecutionID(0), "d"), bound[id])
		}
	}},
	{"20 concurrent callers learn one holder", func(w *world) {
		var mu sync.Mutex
		holders := map[string]bool{}
		fine := race(20, func(int) bool {
			holder, err := w.Store.ReserveStart(w.Context(), "order", "7", flow.NewExecutionID(0), "d1")
			mu.Lock()
			defer mu.Unlock()
			holders[holder] = true
			return err == nil
		})
		equal(w, "number of answers", fine, 20)
		equal(w, "number of holders", len(holders), 1)
	}},
}

func (w *world) reserve(workflow, id, execution, digest string) string {
	w.Helper()
	holder, err := w.Store.ReserveStart(w.Context(), workflow, id, execution, digest)
	w.must(err)
	return holder
}
