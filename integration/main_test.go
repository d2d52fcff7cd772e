package integration

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"prana/config/localredis"
)

// TestMain makes one binary play two parts: with the worker's variable it is a
// worker process (worker_test.go), without it the tests.
func TestMain(m *testing.M) {
	if raw := os.Getenv(workerVariable); raw != "" {
		os.Exit(workerMain(raw))
	}
	flag.Parse()
	waitSideBySide()
	goleak.VerifyTestMain(suite{m})
}

// waitSideBySide lets more tests run at once than there are processors: most of
// their time is waiting for claims, timers and restarts to happen.
func waitSideBySide() {
	f := flag.Lookup("test.parallel")
	if n, err := strconv.Atoi(f.Value.String()); err == nil && n < 6 {
		_ = f.Value.Set("6")
	}
}

// suite ends what the tests share before goleak looks.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	code := s.m.Run()
	if err := closeShared(); err != nil {
		fmt.Fprintln(os.Stderr, "ending the shared system:", err)
		code = max(code, 1)
	}
	return code
}

// needRedis fails a test with one clear line where no redis-server can be started.
func needRedis(t testing.TB) {
	t.Helper()
	if _, err := localredis.Find(context.Background()); err != nil {
		t.Fatalf("this test needs a real Redis: %v", err)
	}
}
