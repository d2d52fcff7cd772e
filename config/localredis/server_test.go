//go:build unix

package localredis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// helperVar makes the test binary act as a parent process that is about to be killed; its value is the data directory.
const helperVar = "PRANA_TEST_LOCALREDIS_PARENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperVar); dir != "" {
		beParent(dir)
		return
	}
	if _, err := Find(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// beParent starts a server, says "pid addr", and waits for the end of its input or a signal.
func beParent(dir string) {
	s, err := Start(context.Background(), Options{Dir: dir, Persist: true})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println(s.Pid(), s.Addr())
	bufio.NewReader(os.Stdin).ReadString('\n') //nolint:errcheck // any end will do
	s.Close()                                  //nolint:errcheck // the test looks at what is left
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask sends one inline command and returns the first line of the reply, or of its bulk.
func ask(t *testing.T, s *Server, command string) string {
	t.Helper()
	conn, err := net.DialTimeout(s.Network(), s.Addr(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s\r\n", command)
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err == nil && strings.HasPrefix(line, "$") && line != "$-1\r\n" {
		line, err = r.ReadString('\n')
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func want(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestStartTemporary(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	want(t, ask(t, s, "SET k v"), "+OK")
	want(t, s.URL(), "unix://"+s.Addr())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the temporary directory is still there: %v", err)
	}
	if alive(s.Pid()) {
		t.Fatal("Redis is still there after Close")
	}
	if err := s.Restart(t.Context()); !errors.Is(err, ErrClosed) {
		t.Fatalf("Restart after Close: %v", err)
	}
}

func TestStartTCP(t *testing.T) {
	t.Parallel()
	s := start(t, Options{TCP: true})
	want(t, s.URL(), "redis://"+s.Addr())
	want(t, ask(t, s, "PING"), "+PONG")
	addr := s.Addr()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, s.Addr(), addr)
}

func TestDataSurvives(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not", "yet", "there")
	s := start(t, Options{Dir: dir, Persist: true})
	ask(t, s, "SET k one")
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, ask(t, s, "GET k"), "one")

	ask(t, s, "SET k two")
	done := s.Done()
	s.Kill()
	<-done
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, ask(t, s, "GET k"), "two")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, Options{Dir: dir, Persist: true})
	want(t, ask(t, again, "GET k"), "two")
}

func TestWithoutPersistNothingSurvives(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Dir: t.TempDir()})
	ask(t, s, "SET k v")
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, ask(t, s, "GET k"), "$-1")
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Persist: true})
	for name, value := range map[string]string{
		"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec", "save": "", "port": "0",
	} {
		conn, err := net.Dial(s.Network(), s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "CONFIG GET %s\r\nQUIT\r\n", name)
		reply := new(strings.Builder)
		if _, err := bufio.NewReader(conn).WriteTo(reply); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if lines := strings.Split(reply.String(), "\r\n"); len(lines) < 5 || lines[4] != value {
			t.Errorf("%s: got %q, want %q", name, reply, value)
		}
	}
}

func TestLockedDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, Options{Dir: dir})
	_, err := Start(t.Context(), Options{Dir: dir})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Dir != dir || locked.Pid != os.Getpid() {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{dir, fmt.Sprint(os.Getpid()), "data_dir"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %s", err, part)
		}
	}
}

func TestMissingBinary(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Options{Binary: "no-such-redis"})
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "no-such-redis") {
		t.Fatalf("got %v", err)
	}
}

func TestOldBinary(t *testing.T) {
	t.Parallel()
	old := script(t, `echo "Redis server v=6.2.14 sha=0:0"`)
	_, err := Start(t.Context(), Options{Binary: old})
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "6.2.14, older than 7.0") {
		t.Fatalf("got %v", err)
	}
}

func TestBinaryThatEnds(t *testing.T) {
	t.Parallel()
	broken := script(t, `[ "$1" = --version ] && { echo "Valkey server v=8.1.0"; exit; }; echo no license; exit 3`)
	dir := t.TempDir()
	_, err := Start(t.Context(), Options{Binary: broken, Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "no license") {
		t.Fatalf("got %v", err)
	}
	start(t, Options{Dir: dir}) // the lock was given back
}

func TestStartIsBounded(t *testing.T) {
	t.Parallel()
	mute := script(t, `[ "$1" = --version ] && { echo "Redis server v=7.0.0"; exit; }; exec sleep 600`)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, Options{Binary: mute}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "redis-server")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestChildDiesWithKilledParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), helperVar+"="+dir)
	stdin, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var addr string
	if _, err := fmt.Fscan(stdout, &pid, &addr); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(addr)) }) //nolint:errcheck // nobody else removes it within a minute

	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait() //nolint:errcheck // killed, as it should be
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("Redis (process %d) outlives its parent: %v", pid, err)
	}
	start(t, Options{Dir: dir, Persist: true}) // the lock went with them
}

func TestWatchKillsWhenItsPipeEnds(t *testing.T) {
	t.Parallel()
	sleeper := exec.Command("sleep", "600")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	w, err := watch(sleeper.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	w.pipe.Close()
	if err := sleeper.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("the watched process ended with %v", err)
	}
	w.stop()
}

func TestWatchStopsInTime(t *testing.T) {
	t.Parallel()
	sleeper := exec.Command("sleep", "600")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	w, err := watch(sleeper.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	w.stop()
	if !alive(sleeper.Process.Pid) {
		t.Error("a stopped watcher killed the process")
	}
	sleeper.Process.Kill() //nolint:errcheck // it is our own child
	sleeper.Wait()         //nolint:errcheck // killed, as it should be
}

func TestAbandonedRunDirIsRemoved(t *testing.T) {
	dir, err := makeRunDir()
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * abandonedAfter)
	if err := os.Chtimes(dir, long, long); err != nil {
		t.Fatal(err)
	}
	live := start(t, Options{Dir: t.TempDir()})
	if err := os.Chtimes(live.runDir, long, long); err != nil {
		t.Fatal(err)
	}
	removeAbandoned()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
	want(t, ask(t, live, "PING"), "+PONG")
}
