package documents

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const patience = time.Minute

// built builds prana, once for all pages.
func built(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "prana")
	out, err := exec.Command("go", "build", "-o", program, "prana/cmd/prana").CombinedOutput()
	if err != nil {
		t.Fatalf("building prana: %v\n%s", err, out)
	}
	return program
}

// shell is the terminal in which a page is typed.
type shell struct {
	t     *testing.T
	dir   string
	stdin io.WriteCloser
	done  *bufio.Reader
	n     int
}

func newShell(t *testing.T, dir, bin string) *shell {
	t.Helper()
	cmd := exec.Command("sh")
	cmd.Dir, cmd.Env = dir, append(environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill() // it has ended, unless a command hangs
		_ = cmd.Wait()
	})
	return &shell{t: t, dir: t.TempDir(), stdin: stdin, done: bufio.NewReader(stdout)}
}

// environ is ours, without what would change prana.
func environ() []string {
	env := []string{"NO_COLOR=1", "LC_ALL=C.UTF-8"}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "PRANA_") && !strings.HasPrefix(pair, "LC_ALL=") {
			env = append(env, pair)
		}
	}
	return env
}

// run types a command, and gives what it prints, and its exit code.
func (s *shell) run(text string) (printed string, code int) {
	s.t.Helper()
	s.n++
	script, output := filepath.Join(s.dir, fmt.Sprintf("%d.sh", s.n)), filepath.Join(s.dir, fmt.Sprintf("%d.out", s.n))
	if err := os.WriteFile(script, []byte(text+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(s.stdin, ". %s </dev/null >%s 2>&1; echo $?\n", script, output); err != nil {
		s.t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		line, _ := s.done.ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case line := <-answer:
		raw, err := os.ReadFile(output)
		code, convErr := strconv.Atoi(line)
		if err := errors.Join(err, convErr); err != nil {
			s.t.Fatalf("%s ended the shell: %v\n%s", text, err, raw)
		}
		return string(raw), code
	case <-time.After(patience):
		raw, _ := os.ReadFile(output)
		s.t.Fatalf("%s does not end\n%s", text, raw)
		return "", 0
	}
}

// process is a prana that goes on beside the page.
type process struct {
	cmd  *exec.Cmd
	text string
	log  log
	done chan struct{}
}

// log keeps what a process writes, and closes ready at the line that it works.
type log struct {
	mu    sync.Mutex
	text  strings.Builder
	works *regexp.Regexp
	ready chan struct{}
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.works.MatchString(l.text.String())
	l.text.Write(p)
	if !before && l.works.MatchString(l.text.String()) {
		close(l.ready)
	}
	return len(p), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var serverURL = regexp.MustCompile(`(?m)^prana (?:dev|server|demo): (http://\S+)`)

// start starts what goes on, and waits until it works.
func (r *reader) start(text string) {
	r.t.Helper()
	text, _, _ = strings.Cut(text, "#")
	words := strings.Fields(text)
	p := &process{cmd: exec.Command(r.prana, words[1:]...), text: text, done: make(chan struct{})}
	p.log.works, p.log.ready = regexp.MustCompile(`(?m)^prana `+words[1]+`: .*\n`), make(chan struct{})
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr, p.cmd.Stdout = r.dir, append(environ(), "PRANA_PORT=0"), &p.log, &p.log
	if r.redis != nil && words[1] != "dev" {
		p.cmd.Env = append(p.cmd.Env, "PRANA_REDIS="+r.redis.URL())
	}
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.done)
	}()
	r.t.Cleanup(p.stop)
	r.procs = append(r.procs, p)
	select {
	case <-p.log.ready:
	case <-p.done:
		r.t.Fatalf("%s: %s: it ended:\n%s", r.page, text, p.log.String())
	case <-time.After(patience):
		r.t.Fatalf("%s: %s: it does not begin:\n%s", r.page, text, p.log.String())
	}
	if m := serverURL.FindStringSubmatch(p.log.String()); m != nil && r.url == "" {
		r.url = m[1]
		r.shell.run("export PRANA_SERVER=" + r.url)
	}
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // the only failure is that it has ended
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// leave tells of what ended before its time.
func (r *reader) leave() {
	r.t.Helper()
	for _, p := range r.procs {
		select {
		case <-p.done:
			r.t.Errorf("%s: %s ended before the page did:\n%s", r.page, p.text, p.log.String())
		default:
		}
	}
}

func (r *reader) logs() string {
	var b strings.Builder
	for _, p := range r.procs {
		b.WriteString(p.text + ":\n" + p.log.String())
	}
	return b.String()
}

// settle waits until nothing runs: a reader types slower than executions go on.
func (r *reader) settle() {
	r.t.Helper()
	if r.url == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for quiet := 0; quiet < 2; {
		running, err := r.running(ctx)
		if err != nil {
			r.t.Fatalf("%s: %v\n%s", r.page, err, r.logs())
		}
		quiet++
		if running {
			quiet = 0
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (r *reader) running(ctx context.Context) (bool, error) {
	for _, status := range []string{"running", "cancelling"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/v1/executions?limit=1&status="+status, nil)
		if err != nil {
			return false, err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, err
		}
		var page struct{ Items []json.RawMessage }
		err = json.NewDecoder(res.Body).Decode(&page)
		res.Body.Close()
		if err != nil || len(page.Items) > 0 {
			return len(page.Items) > 0, err
		}
	}
	return false, nil
}
