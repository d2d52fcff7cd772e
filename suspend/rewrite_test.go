package suspend_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/config/localredis"
)

// TestATornTransactionDoesNotComeBackInHalves: what Redis leaves of a torn transaction in its file must be gone before the next
// start reads it.
func TestATornTransactionDoesNotComeBackInHalves(t *testing.T) {
	t.Parallel()
	s, c := persistent(t, "")
	write := func(text string) {
		t.Helper()
		if err := c.ConfigSet(t.Context(), "appendfsync", "always").Err(); err != nil { // else the answer may come before the write
			t.Fatal(err)
		}
		script := ""
		for key := range strings.FieldsSeq(text) {
			script += "redis.call('SET','" + key + "','1') "
		}
		if err := c.Eval(t.Context(), script, nil).Err(); err != nil && !strings.Contains(err.Error(), "nil") {
			t.Fatal(err)
		}
	}
	restart := func() {
		t.Helper()
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	write("before")
	write("a b c")
	s.Kill()
	files, err := filepath.Glob(filepath.Join(s.Dir(), "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the files %v, %v", files, err)
	}
	file, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	const inTheMiddleOfItsLastWrite = 30
	if err := os.Truncate(files[0], file.Size()-inTheMiddleOfItsLastWrite); err != nil {
		t.Fatal(err)
	}
	restart()
	watched(t, c)
	untilRedis(t, c, "the file is written anew", func(told string) bool { return !strings.Contains(told, "aof_last_rewrite_time_sec:-1") })
	write("x y")
	s.Kill()
	restart()
	for key, there := range map[string]int64{"before": 1, "a": 0, "b": 0, "c": 0, "x": 1, "y": 1} {
		if n, err := c.Exists(t.Context(), key).Result(); err != nil || n != there {
			t.Errorf("%s is there %d times, want %d (%v)", key, n, there, err)
		}
	}
}

// persistent starts a Redis with an append-only file; an empty program is the one that is found.
func persistent(t *testing.T, program string) (*localredis.Server, *redis.Client) {
	t.Helper()
	s, err := localredis.Start(t.Context(), localredis.Options{Persist: true, Binary: program})
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Network: s.Network(), Addr: s.Addr()})
	t.Cleanup(func() {
		for _, err := range []error{c.Close(), s.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return s, c
}

func untilRedis(t *testing.T, c *redis.Client, what string, is func(told string) bool) {
	t.Helper()
	until(t, what, func() bool {
		told, err := c.Info(t.Context()).Result()
		return err == nil && is(told)
	})
}

// until waits for something to be so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come to this: %s", what)
		}
	}
}
