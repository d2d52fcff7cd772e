// Package app puts the parts of Prana together into one process: a Redis, the
// engine on it, and, as asked, the worker and the HTTP side.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/cmd/prana/telemetry"
	"prana/config"
	"prana/engine"
	"prana/engine/flow"
	"prana/engine/node"
	enginetelemetry "prana/engine/telemetry"
	"prana/handlers/api/stream"
	"prana/handlers/console"
	"prana/handlers/docs"
	"prana/handlers/hooks"
	"prana/handlers/worker"
	"prana/suspend"
	"prana/tasks"
)

// Options say which parts a process runs.
type Options struct {
	Config config.Config
	// API serves HTTP; Worker runs steps, and the sweeper with them.
	API, Worker bool
	// Listen is "host:port"; port 0 means any. NextPort takes the next free port when this one is busy.
	Listen   string
	NextPort bool
	// Dev opens what only a development server may reach, as the configuration says.
	Dev bool
	// Version is what the program calls itself.
	Version string
	Stderr  io.Writer    // nil = os.Stderr; gets the one line about a busy port
	Logger  *slog.Logger // nil = none
	// Types are a team's own node types, beside the built-in ones.
	Types []node.Type
	// Around gives what the nodes of a type do instead, built-in ones among them, such as a measurement around Run; nil = as they are.
	Around func(node.Type) node.Func
	// Middleware adds to the names that the configuration may use.
	Middleware map[string]Middleware
	// Pages are more folders of the documentation than those of the parts.
	Pages []docs.Folder
	// StreamIdle is after how long an entry of a stream that its reader did not acknowledge is taken over; 0 = 30 s.
	StreamIdle time.Duration
}

// Middleware is a team's own middleware.
type Middleware struct {
	Call flow.Middleware
	// Durable: it is told everything at least once, whatever dies in between, instead of at most once.
	Durable bool
}

// App is a running process.
type App struct {
	o          Options
	log        *slog.Logger
	partitions int // that exist; the configuration may name fewer
	backend    *backend
	client     redis.UniversalClient
	store      *suspend.Store
	storeID    string
	waker      *tasks.Waker
	tel        *telemetry.Telemetry
	registry   *node.Registry
	engine     *engine.Engine
	worker     *worker.Worker
	headroom   []byte
	counters   *enginetelemetry.Counters
	reading    redis.UniversalClient // streams, with reads that wait
	stopRead   context.CancelFunc
	stream     *stream.Hub
	waiting    redis.UniversalClient // for the stream, with reads that wait
	egress     *http.Client
	console    *console.Console
	triggers   *hooks.Triggers
	listener   net.Listener
	server     *http.Server
	url        string
	failed     chan error
	run        context.Context //nolint:containedctx // ends with Shutdown, not with Start
	stopRun    context.CancelFunc
	sweeping   sync.WaitGroup
}

// Start brings the parts up, in the order of their needs. After an error
// nothing is left running.
func Start(ctx context.Context, o Options) (*App, error) {
	a := &App{o: o, log: o.Logger, failed: make(chan error, 4)}
	a.run, a.stopRun = context.WithCancel(context.WithoutCancel(ctx))
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.o.Stderr == nil {
		a.o.Stderr = os.Stderr
	}
	for _, part := range []func(context.Context) error{a.makeRegistry, a.openRedis, a.openPort, a.makeEngine, a.startWorker, a.startStreams, a.startAPI} {
		if err := part(ctx); err != nil {
			return nil, errors.Join(err, a.Shutdown(context.WithoutCancel(ctx)))
		}
	}
	return a, nil
}

func (a *App) openRedis(ctx context.Context) error {
	b, err := openRedis(ctx, a.o.Config)
	if err != nil {
		return err
	}
	a.backend = b
	if a.client, err = Connect(b.url); err != nil {
		return err
	}
	a.store = suspend.New(a.client, tasks.Encoder{}, suspend.Options{Partitions: a.o.Config.Partitions})
	if err := a.store.Ping(ctx); err != nil {
		return fmt.Errorf("%s: %w", b.line, err)
	}
	if err := a.trust(ctx); err != nil {
		return err
	}
	if a.storeID, err = a.store.Identify(ctx); err != nil {
		return err
	}
	if b.child != nil {
		a.sweeping.Go(func() { a.keepChild(a.run, b.child) })
	}
	if a.partitions, err = a.store.Grow(ctx, a.o.Config.Partitions); err != nil {
		return err
	}
	a.waker = tasks.NewWaker(a.client, tasks.WakerOptions{Logger: a.log})
	return nil
}

func (a *App) makeEngine(ctx context.Context) error {
	var err error
	a.tel, err = telemetry.Setup(ctx, telemetry.Options{
		ServiceName: "prana", Version: a.o.Version, OTLPEndpoint: a.o.Config.OTLP.Endpoint, Prometheus: true, Logger: a.log,
	})
	if err != nil {
		return err
	}
	notify, durable, err := a.middleware()
	if err != nil {
		return err
	}
	if a.counters, err = enginetelemetry.NewCounters(a.tel.Meters); err != nil {
		return err
	}
	if a.engine, err = engine.New(a.engineConfig(notify, durable)); err != nil {
		return err
	}
	a.sweeping.Go(func() { a.watchStore(a.run, a.storeID) })
	return nil
}

func (a *App) engineConfig(notify, durable func(context.Context, flow.Notice)) engine.Config {
	c := a.o.Config
	return engine.Config{
		Store: a.store, Registry: a.registry, Partitions: a.partitions, Spread: c.Partitions, PublicURL: cmp.Or(c.PublicURL, a.url, c.Server),
		ResumeKey: []byte(c.ResumeKey.Reveal()),
		EnvAllow:  c.EnvAllow, Env: os.Getenv, Secrets: a.secret,
		Notify:   notify,
		Durable:  durable,
		Woken:    func(p int, queue string) { a.waker.Wake(tasks.NamedQueue(p, queue)) },
		Hands:    a.waker,
		Alert:    alertOf(c.OnRetryExhausted),
		Post:     a.post,
		Counters: a.counters,
		Limits:   engine.Limits{Transitions: c.Limits.Transitions, Iterations: c.Limits.Iterations, Items: c.Limits.Items, Payload: int(c.Limits.Payload), Depth: c.Limits.Depth},
		Retention: map[flow.Status]time.Duration{
			flow.Completed: c.Retention.Completed, flow.Failed: c.Retention.Failed, flow.Cancelled: c.Retention.Failed, flow.TimedOut: c.Retention.Failed,
		},
		Logger: a.log,
	}
}

func (a *App) secret(name string) (string, bool) {
	s, ok := a.o.Config.Secrets[name]
	return s.Reveal(), ok
}

func alertOf(a config.Alert) *flow.Alert {
	if !a.Enabled() {
		return nil
	}
	return &flow.Alert{Event: a.Event, URL: a.URL, Workflow: a.Workflow}
}

// middleware chains what the configuration names, in its order: the durable ones apart, nil when there are none.
func (a *App) middleware() (notify, durable func(context.Context, flow.Notice), err error) {
	metrics, err := enginetelemetry.Metrics(a.tel.Meters)
	if err != nil {
		return nil, nil, err
	}
	known := enginetelemetry.Registry{
		"logging": enginetelemetry.Logging(a.log), "metrics": metrics, "tracing": enginetelemetry.Tracing(),
	}
	for name, m := range a.o.Middleware {
		known[name] = m.Call
	}
	chosen, err := known.Select(a.o.Config.Middleware)
	if err != nil {
		return nil, nil, err
	}
	var lasting []enginetelemetry.Named
	chosen = slices.DeleteFunc(chosen, func(n enginetelemetry.Named) bool {
		if a.o.Middleware[n.Name].Durable {
			lasting = append(lasting, n)
			return true
		}
		return false
	})
	if len(lasting) > 0 {
		durable = enginetelemetry.Chain(a.log, lasting...)
	}
	return enginetelemetry.Chain(a.log, chosen...), durable, nil
}

// collectAfter is how much a worker may allocate, beyond what it needs, before Go collects its garbage. What steps need lives
// briefly, and the heap is small: by itself Go would collect many times a second, and take a tenth of the time.
const collectAfter = 12 << 20

func (a *App) startWorker(ctx context.Context) error {
	if !a.o.Worker {
		return nil
	}
	a.headroom = make([]byte, collectAfter) // is never touched, so it takes no memory, but counts as live
	run := a.run
	a.sweeping.Go(func() { a.engine.Run(run) })
	a.sweeping.Go(func() { a.keepQueues(run) })
	c := a.o.Config.Worker
	partitions := make([]int, a.partitions)
	for i := range partitions {
		partitions[i] = i
	}
	a.worker = worker.New(worker.Config{
		Redis: a.client, Partitions: partitions, Runner: a.engine, Queues: c.Queues, Weights: c.Weights(), Known: a.store.Queues, Concurrency: c.Concurrency, Servers: c.Servers,
		Grace: max(time.Millisecond, c.ShutdownGrace), Intake: c.Intake, Intaker: a.engine, Waker: a.waker, Logger: a.log,
	})
	if err := a.worker.Start(ctx); err != nil {
		a.worker = nil
		return err
	}
	return nil
}

// queuesEvery is how often asynq is told again which queues there are: others may delete its list.
const queuesEvery = 30 * time.Second

func (a *App) keepQueues(ctx context.Context) {
	tick := time.NewTicker(queuesEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := a.nameQueues(ctx); err != nil && ctx.Err() == nil {
				a.log.WarnContext(ctx, "naming the queues to asynq failed; it is tried again", "error", err)
			}
		}
	}
}

// nameQueues names to asynq's tools what there is, be it served or not.
func (a *App) nameQueues(ctx context.Context) error {
	named, err := a.store.Queues(ctx)
	if err != nil {
		return err
	}
	names := []string{tasks.IntakeQueue}
	for p := range a.partitions {
		for _, name := range append([]string{""}, named...) {
			names = append(names, tasks.NamedQueue(p, name))
		}
	}
	return tasks.Ensure(ctx, a.client, names...)
}

// Shutdown stops the parts in the reverse order: nothing new is taken, steps
// that run finish within their grace, the rest is handed back.
func (a *App) Shutdown(ctx context.Context) error {
	var errs []error
	if a.server != nil {
		errs = append(errs, closeServer(ctx, a.server))
	} else if a.listener != nil {
		errs = append(errs, a.listener.Close())
	}
	if a.stopRead != nil {
		a.stopRead()
	}
	if a.worker != nil {
		errs = append(errs, a.worker.Shutdown(ctx))
	}
	a.stopRun()
	a.sweeping.Wait()
	if a.engine != nil {
		a.engine.Wait()
	}
	errs = append(errs, a.closeParts(ctx)...)
	return errors.Join(errs...)
}

func (a *App) closeParts(ctx context.Context) []error {
	var errs []error
	if a.console != nil {
		errs = append(errs, a.console.Close())
	}
	if a.waker != nil {
		errs = append(errs, a.waker.Close())
	}
	if a.tel != nil {
		errs = append(errs, a.tel.Shutdown(ctx))
	}
	if a.egress != nil {
		a.egress.CloseIdleConnections()
	}
	if a.stream != nil {
		a.stream.Close()
	}
	if a.waiting != nil {
		errs = append(errs, a.waiting.Close())
	}
	if a.reading != nil {
		errs = append(errs, a.reading.Close())
	}
	if a.client != nil {
		errs = append(errs, a.client.Close())
	}
	if a.backend != nil {
		errs = append(errs, a.backend.close())
	}
	return errs
}

// URL is where the API is, such as "http://127.0.0.1:8484"; empty without API.
func (a *App) URL() string { return a.url }

// Redis says in one line which Redis is used, and whether data survives.
func (a *App) Redis() string { return a.backend.line }

// RedisURL is how another process reaches the same Redis.
func (a *App) RedisURL() string { return a.backend.url }

// RedisKind is Child, InMemory or External.
func (a *App) RedisKind() string { return a.backend.kind }

// Engine gives the engine.
func (a *App) Engine() *engine.Engine { return a.engine }

// Store gives the store.
func (a *App) Store() *suspend.Store { return a.store }

// Deploy publishes a definition.
func (a *App) Deploy(ctx context.Context, w *flow.Workflow) (string, bool, error) {
	return a.engine.Deploy(ctx, w)
}

// Err tells of a part that died.
func (a *App) Err() <-chan error { return a.failed }
