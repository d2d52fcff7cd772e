package demo

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"prana/engine/flow"
)

// How the partner behaves.
const (
	pollsUntilDone = 3
	failures       = 2
)

// partner is somebody else's service, on the loopback interface: jobs that take their time, and payments that fail at first.
type partner struct {
	url    string
	server *http.Server
	served chan struct{}

	mu       sync.Mutex
	polls    map[string]int    // by job
	attempts map[string]int    // by idempotency key
	charges  map[string]string // by idempotency key
}

func startPartner() (*partner, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the partner service: %w", err)
	}
	p := &partner{
		url: "http://" + l.Addr().String(), served: make(chan struct{}),
		polls: map[string]int{}, attempts: map[string]int{}, charges: map[string]string{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /jobs/{id}", p.job)
	mux.HandleFunc("POST /payments", p.payment)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(p.served)
		_ = p.server.Serve(l) // ends by Close only
	}()
	return p, nil
}

func (p *partner) close() error {
	err := p.server.Close()
	<-p.served
	return err
}

// job is completed from the third look on.
func (p *partner) job(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := r.PathValue("id")
	p.polls[id]++
	status := "running"
	if p.polls[id] >= pollsUntilDone {
		status = "completed"
	}
	answer(w, http.StatusOK, map[string]any{"id": id, "status": status, "looks": p.polls[id]})
}

// payment works at the third attempt, and charges once for an idempotency key.
func (p *partner) payment(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		answer(w, http.StatusBadRequest, map[string]any{"error": "Idempotency-Key is missing"})
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attempts[key]++
	charge, known := p.charges[key]
	switch {
	case known:
		answer(w, http.StatusOK, map[string]any{"charge": charge, "replayed": true})
	case p.attempts[key] <= failures:
		answer(w, http.StatusServiceUnavailable, map[string]any{"error": "try again later"})
	default:
		p.charges[key] = "charge-" + flow.NewToken()
		answer(w, http.StatusCreated, map[string]any{"charge": p.charges[key]})
	}
}

// paid says what the payments came to.
func (p *partner) paid() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	attempts := 0
	for _, n := range p.attempts {
		attempts += n
	}
	return fmt.Sprintf("attempts %d, keys %d, charges %d", attempts, len(p.attempts), len(p.charges))
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who asked may have gone
}
