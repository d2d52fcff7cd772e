package demo_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is far more than a demo takes: a test that meets it has hung.
const patience = 2 * time.Minute

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(withBinary(m))
}

func withBinary(m *testing.M) int {
	dir, err := os.MkdirTemp("", "prana-demo-test-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory: the system removes it too
	binary = filepath.Join(dir, "prana")
	if out, err := exec.Command("go", "build", "-o", binary, "prana/cmd/prana").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building prana: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// command is prana in an environment and a directory of its own.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}
	return cmd
}

func TestDemoOnRedis(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if _, err := exec.LookPath("valkey-server"); err != nil {
			t.Skip("there is no redis-server or valkey-server on PATH")
		}
	}
	playsThrough(t, "child")
}

func TestDemoInMemory(t *testing.T) {
	t.Parallel()
	playsThrough(t, "miniredis", "--redis", "miniredis")
}

// result is what the surface promises of -o json.
type result struct {
	Patterns []map[string]string `json:"patterns"`
	Redis    string              `json:"redis"`
	OK       bool                `json:"ok"`
}

func playsThrough(t *testing.T, redis string, args ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := command(t, append([]string{"demo", "--once", "-o", "json", "--port", "0"}, args...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	t.Logf("it took %s", time.Since(began))
	var res result
	if err := json.Unmarshal(stdout.Bytes(), &res); err != nil {
		t.Fatalf("%v in %s", err, &stdout)
	}
	if !res.OK || res.Redis != redis || !slices.Equal(completed(res), patternNames) {
		t.Errorf("got %s\n%s", &stdout, &stderr)
	}
	tellsItsStory(t, stderr.String())
}

var patternNames = []string{
	"external_event", "sub_workflow_sync", "sub_workflow_async", "sub_workflow_fire_and_forget", "polling", "delay", "retry",
}

func completed(r result) []string {
	var names []string
	for _, p := range r.Patterns {
		if p["status"] == "completed" && p["execution_id"] != "" {
			names = append(names, p["pattern"])
		}
	}
	return names
}

func tellsItsStory(t *testing.T, stderr string) {
	t.Helper()
	for _, line := range []string{
		"with SIGKILL while", "published event approval_response: matched 1", "wait_approval: waits for event approval_response",
		"poll 1 found no answer yet", "sleeps 4.0s", "retry 1 of 5", "charge: completed at attempt 3",
	} {
		if !strings.Contains(stderr, line) {
			t.Errorf("it does not say %q:\n%s", line, stderr)
		}
	}
	if n := strings.Count(stderr, "started worker process"); n != 2 {
		t.Errorf("%d workers were started, want 2", n)
	}
	for _, m := range workerLine.FindAllStringSubmatch(stderr, -1) {
		if alive(t, m[1]) {
			t.Errorf("worker process %s still lives", m[1])
		}
	}
}

var workerLine = regexp.MustCompile(`started worker process (\d+)`)

// alive reads the state of a process; one that nobody has buried yet is dead all the same.
func alive(t *testing.T, pid string) bool {
	t.Helper()
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

// begun starts a demo and returns when its first worker runs, with the worker's process id.
func begun(t *testing.T) (*exec.Cmd, string, *bufio.Reader) {
	t.Helper()
	return saying(t, workerLine, "demo", "--once", "--redis", "miniredis", "--port", "0")
}

// saying starts a command and returns when it says something on stderr, with what is found in it.
func saying(t *testing.T, text *regexp.Regexp, args ...string) (*exec.Cmd, string, *bufio.Reader) {
	t.Helper()
	cmd := command(t, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("it ended and did not say %s: %v", text, err)
		}
		if m := text.FindStringSubmatch(line); m != nil {
			return cmd, m[1], lines
		}
	}
}

func TestWorkerDiesWithTheDemo(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the state of a process is read from /proc")
	}
	cmd, pid, _ := begun(t)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as it should be
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); alive(t, pid); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("worker process %s outlives its demo", pid)
		}
	}
}

func TestInterruptedDemo(t *testing.T) {
	t.Parallel()
	cmd, pid, lines := begun(t)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Skip("this system has no interrupts for other processes")
	}
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("it ended with %v, want exit 130\n%s", err, rest)
	}
	if alive(t, pid) {
		t.Errorf("worker process %s still lives", pid)
	}
}

// TestDemoStaysUp: without --once it serves API and console until it is interrupted, terminal or not.
func TestDemoStaysUp(t *testing.T) {
	t.Parallel()
	cmd, url, lines := saying(t, regexp.MustCompile(`(http://\S+) stays up`), "demo", "--redis", "miniredis", "--port", "0")
	for _, path := range []string{"/v1/executions", "/"} {
		res, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %d", path, res.StatusCode)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Skip("this system has no interrupts for other processes")
	}
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, rest)
	}
}

// A busy port gives the next free one, in one line.
func TestDemoFindsAFreePort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	cmd := command(t, "demo", "--once", "--redis", "miniredis", "--port", port)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if !strings.Contains(stderr.String(), "port "+port+" is busy") {
		t.Errorf("nothing was said about the port:\n%s", &stderr)
	}
}
