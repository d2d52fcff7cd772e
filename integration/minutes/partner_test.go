package minutes

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// partner is the service that the workflows call. The first call of /busy is answered with 503, and that of /slow not at all.
// /calls lists what was asked: path, idempotency key, how often.
type partner struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[call]int
}

type call struct{ path, key string }

func newPartner(t *testing.T) *partner {
	p := &partner{calls: map[call]int{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/calls" {
		p.list(w)
		return
	}
	first := p.note(call{r.URL.Path, r.Header.Get("Idempotency-Key")})
	switch {
	case r.URL.Path == "/busy" && first:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Path == "/slow" && first:
		<-r.Context().Done() // the caller is gone
	default:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ok":true}`)
	}
}

// note counts a call, and tells whether it is the first of its path.
func (p *partner) note(c call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := true
	for other := range p.calls {
		first = first && other.path != c.path
	}
	p.calls[c]++
	return first
}

func (p *partner) list(w http.ResponseWriter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := make([]call, 0, len(p.calls))
	for c := range p.calls {
		calls = append(calls, c)
	}
	slices.SortFunc(calls, func(a, b call) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.key, b.key)) })
	for _, c := range calls {
		fmt.Fprintln(w, c.path, c.key, p.calls[c])
	}
}
