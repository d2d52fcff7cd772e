package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"prana/cmd/prana/app"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/handlers/nodes"
)

// workerVariable makes this binary a worker; its value is the JSON of a setup.
const workerVariable = "PRANA_TEST_WORKER"

// setup is what a system and its workers are made of.
type setup struct {
	Redis      string
	World      string
	Partitions int
	Grace      time.Duration // of the workers' shutdown
	OTLP       string
	NoIntake   bool
	Slots      int      // steps at a time in a worker; 0 = as by default
	Turnstile  string   // asked before and after each step; empty = nobody
	Queues     []string // that the workers serve; none = all
	Streams    []stream // that the workers read
	Server     bool     // the process is an API server instead of a worker
	// Inside runs the worker in the process of the tests instead of two of its own, so that middleware can tell them what happens.
	Inside     bool
	Middleware []watcher `json:"-"`
}

// stream is one that workers read: its entries are events, or start a workflow.
type stream struct{ Key, Workflow string }

// watcher is a middleware of a test, with its name.
type watcher struct {
	name string
	call flow.Middleware
}

// options are those of every process of the system: only the parts differ.
func (s setup) options() app.Options {
	c := app.TestConfig()
	c.Redis.URL = s.Redis
	c.Partitions = max(1, s.Partitions)
	c.Egress.Private = "always" // the world is on this machine
	c.Worker.ShutdownGrace = s.Grace
	c.Worker.Intake = !s.NoIntake
	c.Worker.Queues = s.Queues
	c.OTLP.Endpoint = s.OTLP
	for i, x := range s.Streams {
		app.TestStream(&c, "s"+strconv.Itoa(i), x.Key, x.Workflow)
	}
	if s.Slots > 0 {
		c.Worker.Concurrency = s.Slots
	}
	c.Middleware = []string{"tracing", "metrics"} // logs of every step would bury what matters
	own := map[string]app.Middleware{}
	for _, m := range s.Middleware {
		c.Middleware = append(c.Middleware, m.name)
		own[m.name] = app.Middleware{Call: m.call}
	}
	return app.Options{Config: c, Listen: "127.0.0.1:0", Registry: s.registry(), Middleware: own, Version: "test", StreamIdle: time.Second}
}

// registry is registry with all nodes behind the turnstile, if there is one.
func (s setup) registry() *node.Registry {
	r := registry(s.World)
	if s.Turnstile == "" {
		return r
	}
	for _, name := range r.Names() {
		t, _ := r.Lookup(name)
		r = r.With(gated(t, s.Turnstile))
	}
	return r
}

// registry is the built-in nodes and those of the tests.
func registry(world string) *node.Registry {
	client := nodes.NewClient(nodes.Egress{AllowPrivate: true})
	r := node.NewRegistry(nodes.Builtin(nodes.Options{HTTP: client})...)
	return r.With(testNode("test.effect", world+"/effect/"), testNode("test.block", world+"/block/"), testNode("test.room", world+"/room/"), spawnNode(world)).With(conformanceNodes()...)
}

// workerMain is a worker process: it says "ready" on stdout and runs until
// SIGTERM, or until its stdin closes because the test is gone.
func workerMain(raw string) int {
	var s setup
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		fmt.Fprintln(os.Stderr, "reading the setup:", err)
		return 2
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	o := s.options()
	o.Worker, o.API = !s.Server, s.Server
	o.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if s.Turnstile != "" {
		o.Middleware = map[string]app.Middleware{"turnstile": {Call: stored(s.Turnstile)}}
		o.Config.Middleware = append(o.Config.Middleware, "turnstile")
	}
	a, err := app.Start(context.Background(), o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting:", err)
		return 1
	}
	fmt.Println("ready", a.URL())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test, however that ends
		stop <- syscall.SIGTERM
	}()
	code := 0
	select {
	case <-stop:
	case err := <-a.Err():
		fmt.Fprintln(os.Stderr, err)
		code = exitStoreGone
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.Grace+5*time.Second)
	defer cancel()
	if err := a.Shutdown(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "shutting down:", err)
		return 1
	}
	return code
}

// exitStoreGone is how a worker process of these tests ends that stopped by itself.
const exitStoreGone = 3

// process is a running worker process.
type process struct {
	pid   int
	url   string // of a server
	cmd   *exec.Cmd
	stdin io.Closer
	log   tail
	done  chan struct{} // closed when it is gone and reaped
}

// spawn starts a worker process and returns once it works.
func spawn(s setup) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return spawnCommand(exec.Command(self), workerVariable+"="+string(raw))
}

// spawnCommand starts a program that says "ready" once it works.
func spawnCommand(cmd *exec.Cmd, environ ...string) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), environ...)
	p.cmd.Stderr = &p.log
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.pid, p.stdin = p.cmd.Process.Pid, stdin
	line, err := bufio.NewReader(stdout).ReadString('\n')
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.done)
	}()
	ready, url, _ := strings.Cut(strings.TrimSpace(line), " ")
	p.url = url
	if ready != "ready" {
		p.kill()
		return nil, fmt.Errorf("a worker process did not start (%q, %s):\n%s", line, fmt.Sprint(err), p.log.String())
	}
	return p, nil
}

// kill is SIGKILL: no handler runs, nothing is handed back.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // the only failure is that it has ended
	<-p.done
}

// terminate is SIGTERM; wait with ended.
func (p *process) terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// ended waits for the end and gives the exit code.
func (p *process) ended(t testing.TB, within time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		t.Fatalf("worker process %d did not end within %s:\n%s", p.pid, within, p.log.String())
		return -1
	}
}

func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop ends it in order, and by force when that takes too long.
func (p *process) stop() {
	_ = p.stdin.Close() // closed already when the process is gone
	p.terminate()
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		p.kill()
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
