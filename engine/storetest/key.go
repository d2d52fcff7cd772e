package storetest

import "sync"

var keyPromises = []promise{
	{"20 concurrent callers learn one key of 32 bytes", func(w *world) {
		var mu sync.Mutex
		keys := map[string]bool{}
		fine := race(20, func(int) bool {
			key, err := w.Store.Key(w.Context())
			mu.Lock()
			defer mu.Unlock()
			keys[string(key)] = true
			return err == nil && len(key) == 32
		})
		equal(w, "number of answers", fine, 20)
		equal(w, "number of keys", len(keys), 1)
	}},
}
