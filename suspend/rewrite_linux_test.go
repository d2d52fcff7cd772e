package suspend_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sys/unix"

	"prana/config/localredis"
)

// TestADiskThatWasFullIsNoEndOfTheFile: Redis leaves a hole in a file that was written anew before, where the disk took only the
// beginning of a write. What it acknowledges after that must be read again.
func TestADiskThatWasFullIsNoEndOfTheFile(t *testing.T) {
	t.Parallel()
	s, c := redisOnADisk(t)
	watched(t, c)
	untilRedis(t, c, "the file is written anew", func(told string) bool { return !strings.Contains(told, "aof_rewrites:0") && idle(told) })
	set := func(key string) error { return c.Set(t.Context(), key, strings.Repeat("x", 400), 0).Err() }
	if err := set("before"); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(s.Dir(), "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the files %v, %v", files, err)
	}
	disk(t, s, size(t, files[0])+100)
	until(t, "the disk is full", func() bool { return set("full") != nil })
	disk(t, s, unix.RLIM_INFINITY)
	until(t, "the disk takes more", func() bool { return set("after") == nil })
	untilRedis(t, c, "the file is written anew again", func(told string) bool { return !strings.Contains(told, "aof_rewrites:1\r") && idle(told) })
	if err := set("later"); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Exists(t.Context(), "before", "after", "later").Result(); err != nil || n != 3 {
		t.Errorf("%d of what was acknowledged is there, want 3 (%v)", n, err)
	}
}

// redisOnADisk starts a Redis whose writes fail, instead of ending it, where the disk takes no more.
func redisOnADisk(t *testing.T) (*localredis.Server, *redis.Client) {
	t.Helper()
	found, err := localredis.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "redis-server")
	script := fmt.Sprintf("#!/bin/sh\ntrap '' XFSZ\nexec %s \"$@\"\n", found)
	if err := os.WriteFile(binary, []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	return persistent(t, binary)
}

// disk bounds what the files of a server may become.
func disk(t *testing.T, s *localredis.Server, most uint64) {
	t.Helper()
	if err := unix.Prlimit(s.Pid(), unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: most, Max: unix.RLIM_INFINITY}, nil); err != nil {
		t.Fatal(err)
	}
}

func size(t *testing.T, file string) uint64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return uint64(info.Size()) //nolint:gosec // no file is shorter than nothing
}

func idle(told string) bool {
	return strings.Contains(told, "aof_rewrite_in_progress:0") && strings.Contains(told, "aof_rewrite_scheduled:0")
}
