// Package partner is the world outside: a service whose answers depend on nothing but what it is asked, and which remembers
// under which idempotency keys it was asked. It shares nothing with what is tested but HTTP.
package partner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Effect is something that was done: by what name, and to what.
type Effect struct{ Name, To string }

// Done is the calls that asked for an effect, in their order.
type Done []Call

// Call is one of them.
type Call struct {
	Key     string // its idempotency key
	Attempt int    // of the node, from 0
	Pid     int    // of the process that asked
	At      time.Time
}

// Keys counts the calls by their idempotency key.
func (d Done) Keys() map[string]int {
	keys := map[string]int{}
	for _, c := range d {
		keys[c.Key]++
	}
	return keys
}

// Partner is a running service.
//
//	POST /effect/NAME?fail=N  body TO: answers {"out": Digest(NAME, TO)}, or 503 to attempts before N
//	POST /hold/NAME?holds=N   answers {"out": NAME#I} to the I-th call with its key; the first N of them once they are let go
//	GET  /job?at=TO&after=N   says "running" to the first N questions about TO, then {"status":"completed","result":Digest("job", TO)}
type Partner struct {
	*httptest.Server
	// Slow is the longest time that an effect takes; it is set before the first call.
	Slow time.Duration

	mu      sync.Mutex
	effects map[Effect]Done
	jobs    map[string]int
	holds   holds
	news    *sync.Cond
}

// New starts a partner.
func New() *Partner {
	p := &Partner{effects: map[Effect]Done{}, jobs: map[string]int{}, holds: newHolds()}
	p.news = sync.NewCond(&p.mu)
	p.Server = httptest.NewServer(p)
	return p
}

// Digest is what the partner makes of a text.
func Digest(name, to string) string {
	sum := sha256.Sum256([]byte(name + "\x00" + to))
	return hex.EncodeToString(sum[:6])
}

// ServeHTTP answers a call.
func (p *Partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if name, ok := strings.CutPrefix(r.URL.Path, "/effect/"); ok {
		p.effect(w, r, name)
		return
	}
	if name, ok := strings.CutPrefix(r.URL.Path, "/hold/"); ok {
		p.hold(w, r, name)
		return
	}
	if r.URL.Path == "/job" {
		p.job(w, r)
		return
	}
	http.NotFound(w, r)
}

func (p *Partner) effect(w http.ResponseWriter, r *http.Request, name string) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // who asked died while it asked: nothing was asked for
	}
	p.note(Effect{name, string(raw)}, Call{r.Header.Get("Idempotency-Key"), number(r, "X-Prana-Attempt"), number(r, "X-Pid"), time.Now()})
	if p.Slow > 0 {
		time.Sleep(rand.N(p.Slow)) // the work that a caller may die in
	}
	if fail, _ := strconv.Atoi(r.URL.Query().Get("fail")); number(r, "X-Prana-Attempt") < fail {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintf(w, `{"out":%q}`, Digest(name, string(raw)))
}

func number(r *http.Request, header string) int {
	n, _ := strconv.Atoi(r.Header.Get(header))
	return n
}

func (p *Partner) note(e Effect, c Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.effects[e] = append(p.effects[e], c)
	p.news.Broadcast()
}

func (p *Partner) job(w http.ResponseWriter, r *http.Request) {
	at := r.URL.Query().Get("at")
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	p.mu.Lock()
	p.jobs[at]++
	asked := p.jobs[at]
	p.mu.Unlock()
	answer := map[string]string{"status": "running"}
	if asked > after {
		answer = map[string]string{"status": "completed", "result": Digest("job", at)}
	}
	_ = json.NewEncoder(w).Encode(answer) // who asked may be dead
}

// Effects gives all that was done.
func (p *Partner) Effects() map[Effect]Done {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[Effect]Done, len(p.effects))
	for e, d := range p.effects {
		all[e] = slices.Clone(d)
	}
	return all
}

// Await waits until n effects whose name begins so were done; false when they were not within the time.
func (p *Partner) Await(prefix string, n int, within time.Duration) bool {
	return p.await(within, func() bool {
		done := 0
		for e := range p.effects {
			if strings.HasPrefix(e.Name, prefix) {
				done++
			}
		}
		return done >= n
	})
}

// await waits until something is so, which is asked with the lock held, whenever something happened.
func (p *Partner) await(within time.Duration, so func() bool) bool {
	late := false
	timer := time.AfterFunc(within, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		late = true
		p.news.Broadcast()
	})
	defer timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !late {
		if so() {
			return true
		}
		p.news.Wait()
	}
	return false
}
