// Package proxy is a bad network in front of a Redis. It knows requests and replies one by one, so that it can lose exactly one of
// them, and counts what it did.
package proxy

import (
	"bufio"
	"errors"
	"maps"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Fault is a way in which a network is bad.
type Fault string

// The faults.
const (
	Refuse  Fault = "refuse"  // a connection is closed as soon as it is open
	Swallow Fault = "swallow" // a request is not handed on, and its connection is closed
	Lose    Fault = "lose"    // what was asked for is done, and the connection is closed instead of the reply
	Cut     Fault = "cut"     // the connection is closed in the middle of a reply
	Delay   Fault = "delay"   // a reply comes later; replies that come together are delayed together
)

// Odds are the probabilities of faults: of a connection, a request or a reply each.
type Odds map[Fault]float64

// Counts are what a proxy passed on, and the faults that happened.
type Counts struct {
	Requests, Replies int
	Faults            map[Fault]int
}

// Proxy is a running proxy.
type Proxy struct {
	// URL is where it listens, as redis.ParseURL takes it.
	URL string

	listener      net.Listener
	network, addr string
	wg            sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond // severed or closed
	dice    *rand.Rand
	odds    Odds
	least   time.Duration // of a delay
	most    time.Duration
	counts  Counts
	lose    int // replies until the one that is lost; 0 = none
	severed bool
	closed  bool
	open    map[net.Conn]bool
}

// New starts a proxy of the Redis at the address. The seed repeats its choices, as far as the order of the traffic repeats.
func New(network, addr string, seed uint64) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		URL: "redis://" + l.Addr().String(), listener: l, network: network, addr: addr,
		dice: rand.New(rand.NewPCG(seed, 0)), open: map[net.Conn]bool{}, counts: Counts{Faults: map[Fault]int{}},
	}
	p.changed = sync.NewCond(&p.mu)
	p.wg.Go(p.accept)
	return p, nil
}

// Set changes the odds from now on.
func (p *Proxy) Set(o Odds) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.odds = o
}

// Late bounds delays, evenly.
func (p *Proxy) Late(least, most time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.least, p.most = least, most
}

// LoseReply loses the k-th reply from now on, on whatever connection; 0 = none.
func (p *Proxy) LoseReply(k int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = k
}

// Sever lets nothing through, in neither direction, and closes nothing: a partition. What is sent meanwhile is delayed, not lost.
func (p *Proxy) Sever() { p.sever(true) }

// Mend ends a partition.
func (p *Proxy) Mend() { p.sever(false) }

func (p *Proxy) sever(severed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.severed = severed
	p.changed.Broadcast()
}

// Counts tells what happened so far.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts
	c.Faults = maps.Clone(c.Faults)
	return c
}

// Close ends the proxy and all of its connections.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.open {
		c.Close()
	}
	p.changed.Broadcast()
	p.mu.Unlock()
	p.wg.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	if !p.keep(client) {
		return
	}
	defer p.forget(client)
	if !p.pass() || p.happens(Refuse) {
		return
	}
	server, err := net.Dial(p.network, p.addr)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.keep(server) {
		return
	}
	defer p.forget(server)
	var replies sync.WaitGroup
	replies.Go(func() { p.replies(server, client) })
	p.requests(client, server)
	replies.Wait()
}

func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = true
	return !p.closed
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// pass waits until the network is whole; false = the proxy ends.
func (p *Proxy) pass() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.severed && !p.closed {
		p.changed.Wait()
	}
	return !p.closed
}

// happens decides whether a fault happens now, and counts it.
func (p *Proxy) happens(f Fault) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dice.Float64() >= p.odds[f] {
		return false
	}
	p.counts.Faults[f]++
	return true
}

func (p *Proxy) countRequest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Requests++
}

// requests hands requests on. When the client goes, what it sent before still arrives, as from a kernel that sends it on.
func (p *Proxy) requests(client, server net.Conn) {
	r := bufio.NewReader(client)
	for {
		frame, err := readFrame(r)
		if err != nil || !p.pass() {
			break
		}
		if p.happens(Swallow) {
			client.Close()
			break
		}
		p.countRequest()
		if _, err := server.Write(frame); err != nil {
			break
		}
	}
	if half, ok := server.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // it may be closed already
	}
}

// errLost ends a connection on purpose.
var errLost = errors.New("the connection is lost")

// replies hands replies on, until Redis closes the connection, which it does once the requests have ended.
func (p *Proxy) replies(server, client net.Conn) {
	r := bufio.NewReader(server)
	var gone error // why the client gets nothing more
	for {
		together := r.Buffered() > 0
		frame, err := readFrame(r)
		if err != nil {
			break
		}
		if gone != nil || !p.pass() {
			continue
		}
		if gone = p.reply(client, frame, together); gone != nil {
			client.Close()
		}
	}
	client.Close()
}

func (p *Proxy) reply(client net.Conn, frame []byte, together bool) error {
	if !isPush(frame) {
		if p.lost() || p.happens(Lose) {
			return errLost
		}
		if p.happens(Cut) {
			_, _ = client.Write(frame[:len(frame)/2]) // it is closed next
			return errLost
		}
		if !together && p.happens(Delay) {
			time.Sleep(p.delay())
		}
	}
	_, err := client.Write(frame)
	return err
}

// lost counts a reply, and tells whether it is the one that is lost.
func (p *Proxy) lost() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Replies++
	if p.lose == 0 {
		return false
	}
	p.lose--
	if p.lose > 0 {
		return false
	}
	p.counts.Faults[Lose]++
	return true
}

func (p *Proxy) delay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.least + time.Duration(p.dice.Int64N(int64(p.most-p.least)+1))
}
