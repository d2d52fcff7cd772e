package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"prana/cmd/prana/app"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/handlers/nodes"
	"prana/integration/proc"
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
	return app.Options{Config: c, Listen: "127.0.0.1:0", Types: testTypes(s.World), Around: s.around(), Middleware: own, Version: "test", StreamIdle: time.Second}
}

// around puts all nodes behind the turnstile, if there is one.
func (s setup) around() func(node.Type) node.Func {
	if s.Turnstile == "" {
		return nil
	}
	return func(t node.Type) node.Func { return gated(t.Run, s.Turnstile) }
}

// testTypes are the nodes of the tests.
func testTypes(world string) []node.Type {
	own := []node.Type{testNode("test.effect", world+"/effect/"), testNode("test.block", world+"/block/"), testNode("test.room", world+"/room/"), spawnNode(world)}
	return append(own, conformanceNodes()...)
}

// registry is the built-in nodes and those of the tests.
func registry(world string) *node.Registry {
	client := nodes.NewClient(nodes.Egress{AllowPrivate: true})
	return node.NewRegistry(append(nodes.Builtin(nodes.Options{HTTP: client}), testTypes(world)...)...)
}

// workerMain is a worker process: it says "ready" on stdout and runs until
// SIGTERM, or until its stdin closes because the test is gone.
func workerMain(raw string) int {
	var s setup
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		fmt.Fprintln(os.Stderr, "reading the setup:", err)
		return 2
	}
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
	code := 0
	if err := proc.AwaitStop(a.Err()); err != nil {
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

// spawn starts a worker process and returns once it works.
func spawn(s setup) (*proc.Process, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return proc.StartSelf(workerVariable, string(raw))
}

// ended waits for the end of a process and gives the exit code.
func ended(t testing.TB, p *proc.Process, within time.Duration) int {
	t.Helper()
	code, err := p.Ended(within)
	if err != nil {
		t.Fatal(err)
	}
	return code
}
