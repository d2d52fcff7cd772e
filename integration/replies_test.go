package integration

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"prana/config/localredis"
	"prana/engine/flow"
)

// forgetful stands between workers and Redis. Now and then it hands a request on
// and closes the connection instead of the reply: what was asked for is done, and
// who asked is told that it failed.
type forgetful struct {
	net.Listener
	target   *localredis.Server
	replies  atomic.Int64
	lost     atomic.Int64
	oneIn    int64
	wg       sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]bool
	stopping bool
}

func newForgetful(t *testing.T, target *localredis.Server, oneIn int64) *forgetful {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forgetful{Listener: l, target: target, oneIn: oneIn, open: map[net.Conn]bool{}}
	f.wg.Go(f.accept)
	t.Cleanup(f.stop)
	return f
}

func (f *forgetful) stop() {
	_ = f.Close() // its only error is that it is closed
	f.mu.Lock()
	f.stopping = true
	for c := range f.open {
		_ = c.Close() // may have ended by itself
	}
	f.mu.Unlock()
	f.wg.Wait()
}

func (f *forgetful) accept() {
	for {
		client, err := f.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(f.target.Network(), f.target.Addr())
		if err != nil || !f.keep(client, server) {
			_ = client.Close()
			continue
		}
		f.wg.Go(func() { f.requests(server, client) })
		f.wg.Go(func() { f.answers(client, server) })
	}
}

// keep notes connections, so that they end with the test.
func (f *forgetful) keep(conns ...net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range conns {
		if f.stopping {
			_ = c.Close()
			continue
		}
		f.open[c] = true
	}
	return !f.stopping
}

func (f *forgetful) requests(server, client net.Conn) {
	_, _ = io.Copy(server, client) // ends with either side
	_ = server.Close()
}

func (f *forgetful) answers(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		if f.replies.Add(1)%f.oneIn == 0 {
			f.lost.Add(1)
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// TestLostRepliesOfRedisRepeatNothing runs executions in all states over a
// connection that loses one reply in sixty.
func TestLostRepliesOfRedisRepeatNothing(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{Partitions: 2})
	f := newForgetful(t, s.redis, 60)
	for _, p := range s.living() {
		p.Terminate()
		ended(t, p, 10*time.Second)
	}
	s.setup.Redis = "redis://" + f.Addr().String()
	for range 2 {
		if err := s.addWorker(); err != nil {
			t.Fatal(err)
		}
	}
	const n = 20
	ids := s.populate(t, n)
	time.Sleep(time.Second)
	s.free(t)
	began := time.Now()
	s.awaitAll(t, ids, flow.Completed, 2*time.Minute) // each lost task is found after 16 s at the latest
	t.Logf("%d executions completed within %s, though %d of %d replies were lost", len(ids), time.Since(began).Round(time.Millisecond), f.lost.Load(), f.replies.Load())
	if f.lost.Load() < 20 {
		t.Error("hardly any reply was lost: this says nothing")
	}
	s.wantOnce(t, "/effect/before", n)
	s.wantOnce(t, "/effect/after", n)
	s.wantOnce(t, "/effect/delayed", 2*n)
}
