package proxy_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"prana/config/localredis"
	"prana/integration/faults/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start gives a proxy in front of a Redis, and a client that reaches it by the proxy and repeats nothing by itself.
func start(t *testing.T) (*proxy.Proxy, *redis.Client) {
	t.Helper()
	s, err := localredis.Start(t.Context(), localredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := proxy.New(s.Network(), s.Addr(), 1)
	if err != nil {
		t.Fatal(err)
	}
	o, err := redis.ParseURL(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	o.MaxRetries, o.ReadTimeout = -1, 300*time.Millisecond
	c := redis.NewClient(o)
	t.Cleanup(func() {
		for _, end := range []func() error{c.Close, p.Close, s.Close} {
			if err := end(); err != nil {
				t.Error(err)
			}
		}
	})
	return p, c
}

// incr counts in Redis, n times in one pipeline.
func incr(t *testing.T, c *redis.Client, n int) error {
	t.Helper()
	_, err := c.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
		for range n {
			pipe.Incr(t.Context(), "n")
		}
		return nil
	})
	return err
}

func counted(t *testing.T, c *redis.Client) int {
	t.Helper()
	n, err := c.Get(t.Context(), "n").Int()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestExactlyTheReplyIsLostAndTheRequestIsDone(t *testing.T) {
	p, c := start(t)
	if err := incr(t, c, 1); err != nil {
		t.Fatal(err)
	}
	p.LoseReply(2)
	if err := incr(t, c, 1); err != nil {
		t.Error("the first reply was lost:", err)
	}
	if err := incr(t, c, 1); err == nil {
		t.Error("the second reply was not lost")
	}
	if n := counted(t, c); n != 3 {
		t.Errorf("Redis counted %d; want 3", n)
	}
	if got := p.Counts().Faults[proxy.Lose]; got != 1 {
		t.Errorf("%d replies lost; want 1", got)
	}
}

func TestAReplyInsideAPipelineIsLost(t *testing.T) {
	p, c := start(t)
	if err := incr(t, c, 1); err != nil {
		t.Fatal(err)
	}
	p.LoseReply(3)
	if err := incr(t, c, 5); err == nil {
		t.Error("no reply was lost")
	}
	if n := counted(t, c); n < 4 || n > 6 {
		t.Errorf("Redis counted %d; want 4 to 6", n)
	}
}

func TestASwallowedRequestIsNotDone(t *testing.T) {
	p, c := start(t)
	if err := incr(t, c, 1); err != nil {
		t.Fatal(err)
	}
	p.Set(proxy.Odds{proxy.Swallow: 1})
	if err := incr(t, c, 1); err == nil {
		t.Error("the request was answered")
	}
	p.Set(proxy.Odds{})
	if n := counted(t, c); n != 1 {
		t.Errorf("Redis counted %d; want 1", n)
	}
}

func TestEachFaultBreaksTheConnection(t *testing.T) {
	p, c := start(t)
	for _, f := range []proxy.Fault{proxy.Cut, proxy.Lose, proxy.Swallow, proxy.Refuse} {
		p.Set(proxy.Odds{f: 1})
		if err := c.Ping(t.Context()).Err(); err == nil {
			t.Errorf("%s: the client was answered", f)
		}
		if got := p.Counts().Faults[f]; got == 0 {
			t.Errorf("%s did not happen", f)
		}
	}
}

func TestADelayIsThatOfAPacket(t *testing.T) {
	p, c := start(t)
	if err := incr(t, c, 1); err != nil {
		t.Fatal(err)
	}
	p.Set(proxy.Odds{proxy.Delay: 1})
	p.Late(20*time.Millisecond, 20*time.Millisecond)
	began := time.Now()
	if err := incr(t, c, 200); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 20*time.Millisecond || took > time.Second {
		t.Errorf("200 replies that came together took %s", took)
	}
}

func TestAPartitionHoldsUpAndLosesNothing(t *testing.T) {
	p, c := start(t)
	if err := incr(t, c, 1); err != nil {
		t.Fatal(err)
	}
	p.Sever()
	if err := incr(t, c, 1); err == nil {
		t.Error("the client was answered through a partition")
	}
	p.Mend()
	deadline, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for deadline.Err() == nil && counted(t, c) != 2 {
		time.Sleep(5 * time.Millisecond)
	}
	if n := counted(t, c); n != 2 {
		t.Errorf("Redis counted %d; want 2: what was sent into the partition arrives after it", n)
	}
}
