package partner

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Held is a call that may be held up.
type Held struct {
	Name   string
	Key    string // its idempotency key
	Number int    // from 1, among those with the key
	Pid    int
	Came   time.Time
	Left   time.Time // zero = it waits
	Broken bool      // the caller went before it was answered
}

// Answer is what a call is answered.
func (h Held) Answer() string { return fmt.Sprintf("%s#%d", h.Name, h.Number) }

// holds is the calls that are or were held.
type holds struct {
	calls  []*Held
	counts map[string]int         // by key
	gates  map[gate]chan struct{} // closed once the calls are let go
}

func (h holds) all() []Held {
	all := make([]Held, len(h.calls))
	for i, c := range h.calls {
		all[i] = *c
	}
	return all
}

func newHolds() holds { return holds{counts: map[string]int{}, gates: map[gate]chan struct{}{}} }

// gate is where calls of a group wait, each number at its own.
type gate struct {
	group  string // the names' beginning, up to a dash
	number int
}

func (h Held) gate() gate {
	group, _, _ := strings.Cut(h.Name, "-")
	return gate{group, h.Number}
}

// at gives the channel of a gate. The caller holds the lock.
func (h holds) at(g gate) chan struct{} {
	if h.gates[g] == nil {
		h.gates[g] = make(chan struct{})
	}
	return h.gates[g]
}

// LetGo answers the held calls of that number whose names begin with the group and a dash, and all such that come later.
func (p *Partner) LetGo(group string, number int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.holds.at(gate{group, number})
	select {
	case <-at:
	default:
		close(at)
	}
}

// Held gives all calls that are or were held, in the order in which they came.
func (p *Partner) Held() []Held {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holds.all()
}

// AwaitHeld waits until the calls are as they should be; false when they were not within the time.
func (p *Partner) AwaitHeld(within time.Duration, enough func([]Held) bool) bool {
	return p.await(within, func() bool { return enough(p.holds.all()) })
}

func (p *Partner) hold(w http.ResponseWriter, r *http.Request, name string) {
	_, _ = io.Copy(io.Discard, r.Body) // until it is read, the end of the caller is not noticed
	h, gate := p.arrive(r, name)
	broken := false
	if h.Number <= holdsOf(r) {
		select {
		case <-gate:
		case <-r.Context().Done():
			broken = true
		}
	}
	p.leave(h, broken)
	if !broken {
		fmt.Fprintf(w, `{"out":%q}`, h.Answer())
	}
}

func holdsOf(r *http.Request) int {
	n, _ := strconv.Atoi(r.URL.Query().Get("holds"))
	return n
}

func (p *Partner) arrive(r *http.Request, name string) (*Held, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	p.holds.counts[key]++
	h := &Held{Name: name, Key: key, Number: p.holds.counts[key], Pid: number(r, "X-Pid"), Came: time.Now()}
	p.holds.calls = append(p.holds.calls, h)
	p.news.Broadcast()
	return h, p.holds.at(h.gate())
}

func (p *Partner) leave(h *Held, broken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h.Left, h.Broken = time.Now(), broken
	p.news.Broadcast()
}
