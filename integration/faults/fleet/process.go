package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"prana/cmd/prana/app"
	"prana/engine/node"
	"prana/handlers/nodes"
	"prana/integration/faults/partner"
	"prana/integration/proc"
)

// Variable makes the test binary a process of a fleet; its value is the JSON of a Setup.
const Variable = "PRANA_FAULTS_PROCESS"

// ExitGaveUp is how a process ends that stopped by itself, and said why.
const ExitGaveUp = 3

// Setup is what a process is made of.
type Setup struct {
	Redis      string // its URL
	Partner    string // its URL; empty = there is none
	Partitions int    // 0 = 1
	Slots      int    // steps at a time in a worker; 0 = as by default
	Server     bool   // it serves HTTP instead of running steps
	Metrics    bool   // a worker serves HTTP as well, so that its metrics can be read
	Plain      bool   // it knows the built-in nodes alone
	Grace      time.Duration
	Program    string        `json:"-"` // what plays the process, made of the package process; empty = the running test
	Ahead      time.Duration // by how much its clock is wrong, if the program can do that
}

// Options are those of a process of the product.
func (s Setup) Options() app.Options {
	c := app.TestConfig()
	c.Redis.URL = s.Redis
	c.Partitions = max(1, s.Partitions)
	c.Egress.Private = "always" // the partner is on this machine
	c.Worker.ShutdownGrace = s.Grace
	if s.Slots > 0 {
		c.Worker.Concurrency = s.Slots
	}
	c.Middleware = []string{"metrics"} // logs of every step would bury what matters
	return app.Options{Config: c, Listen: "127.0.0.1:0", Types: s.types(), Version: "faults"}
}

// Registry is the built-in nodes and those of the partner.
func (s Setup) Registry() *node.Registry {
	return node.NewRegistry(append(nodes.Builtin(nodes.Options{HTTP: nodes.NewClient(nodes.Egress{AllowPrivate: true})}), s.types()...)...)
}

func (s Setup) types() []node.Type {
	if s.Plain {
		return nil
	}
	return partner.Nodes(s.Partner)
}

// Main is a process of a fleet: it says "ready" on stdout and runs until SIGTERM, or until who started it is gone.
func Main(raw string) int {
	var s Setup
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		fmt.Fprintln(os.Stderr, "reading the setup:", err)
		return 2
	}
	o := s.Options()
	o.Worker, o.API = !s.Server, s.Server || s.Metrics
	o.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	a, err := app.Start(context.Background(), o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting:", err)
		return 1
	}
	fmt.Println("ready", a.URL())
	code := 0
	if err := proc.AwaitStop(a.Err()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = ExitGaveUp
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.Grace+5*time.Second)
	defer cancel()
	if err := a.Shutdown(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "shutting down:", err)
		return 1
	}
	return code
}

func spawn(s Setup) (*proc.Process, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if s.Program != "" {
		return proc.Start(exec.Command(s.Program), Variable+"="+string(raw), skewOf(s.Ahead))
	}
	return proc.StartSelf(Variable, string(raw))
}
