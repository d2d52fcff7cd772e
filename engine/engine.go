// Package engine decides: it turns facts about executions into changes, has
// them stored, and runs the steps that follow. It knows no Redis, no asynq and
// no HTTP; the store it is given remembers, and workers bring its tasks.
package engine

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/engine/telemetry"
)

// Config is what an Engine needs. Zero fields mean the defaults named here.
type Config struct {
	Store      Store          // required
	Registry   *node.Registry // required
	Partitions int            // that exist, and are swept; default 1
	Spread     int            // over how many of them new executions are spread; default all
	PublicURL  string         // where people and partners reach the API, for links; default http://127.0.0.1:8484
	ResumeKey  []byte         // signs resume URLs, the same in every process; empty = the key of the store
	EnvAllow   []string       // names that $env may read
	Env        func(name string) string
	Secrets    func(name string) (string, bool)
	// Notify is told everything that happened, after it was stored; nil = nobody.
	Notify func(ctx context.Context, n flow.Notice)
	// Durable is told everything too, at least once whatever dies in between; nil = nobody.
	Durable func(ctx context.Context, n flow.Notice)
	// Woken is called when a task was enqueued in a partition by this process, in its own queue ("") or the one of that
	// name; nil = nothing to wake.
	Woken func(partition int, queue string)
	// Hands are the workers of this process, as far as commits go past their queues; nil = they do not.
	Hands Hands
	// Alert tells somebody that retries are used up, unless the workflow says otherwise; nil = nobody.
	Alert *flow.Alert
	// Post sends an alert to a URL; nil = alerts by URL fail and are tried again.
	Post      func(ctx context.Context, url, id string, body []byte) error
	Retention map[flow.Status]time.Duration // by terminal status; default 7 days
	Limits    Limits
	Counters  *telemetry.Counters
	Logger    *slog.Logger
}

// Hands are the workers that run steps by this engine: a commit acknowledges the task that it ends, and may take the next one
// along for the worker that is free of it.
type Hands interface {
	// Free tells whether the worker whose context this is takes a task along.
	Free(ctx context.Context) bool
	// Pulls tells whether it takes whatever is next in the queue of its task, as it would by itself.
	Pulls(ctx context.Context) bool
	// Take gives it a task that the store holds for one that is being worked on.
	Take(ctx context.Context, t flow.Task)
	// Acknowledged tells that the task of that key needs no other acknowledgement.
	Acknowledged(key string)
}

// Limits bound executions. Zero fields mean the defaults named here.
type Limits struct {
	Transitions int // completed steps of one execution; 1,000,000
	Iterations  int // rounds of one loop that says nothing itself; 10,000
	Items       int // parts of one step; 100,000
	Payload     int // bytes of one value; 256 KiB
	Depth       int // ancestors of a child; 10
}

// Engine runs executions. It is safe for concurrent use. Several engines, in
// several processes, share one store.
type Engine struct {
	cfg    Config
	store  Store
	log    *slog.Logger
	limits limits

	plans      sync.Map // "workflow@version" -> *compiled
	key        atomic.Pointer[signer]
	folder     folder
	carried    carried
	known      knowledge
	running    running
	suspect    chan struct{} // holds the one suspect that may run
	delivering chan struct{} // holds the outboxes that are being emptied
	nudge      []chan struct{}
	id         string // this process, as a claimant
	pending    sync.WaitGroup
}

// New makes an engine. It starts nothing; see Run.
func New(cfg Config) (*Engine, error) {
	if cfg.Store == nil || cfg.Registry == nil {
		return nil, fmt.Errorf("making an engine: it needs a Store and a Registry")
	}
	if n := len(cfg.ResumeKey); n > 0 && n < minResumeKey {
		return nil, fmt.Errorf("making an engine: the resume key has %d bytes; it needs %d", n, minResumeKey)
	}
	setDefaults(&cfg)
	e := &Engine{
		cfg: cfg, store: cfg.Store, log: cfg.Logger, id: flow.NewToken(),
		suspect: make(chan struct{}, 1), delivering: make(chan struct{}, deliveries), nudge: make([]chan struct{}, cfg.Partitions),
		limits: limits{
			Transitions: cfg.Limits.Transitions, Payload: cfg.Limits.Payload, Depth: cfg.Limits.Depth, Attempts: 10,
			Iterations: cfg.Limits.Iterations, Items: cfg.Limits.Items, Results: maxResults,
		},
	}
	for i := range e.nudge {
		e.nudge[i] = make(chan struct{}, 1)
	}
	return e, nil
}

func setDefaults(cfg *Config) {
	cfg.Partitions = max(1, cfg.Partitions)
	if cfg.Spread < 1 || cfg.Spread > cfg.Partitions {
		cfg.Spread = cfg.Partitions
	}
	cfg.PublicURL = strings.TrimRight(cmp.Or(cfg.PublicURL, "http://127.0.0.1:8484"), "/")
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Notify == nil {
		cfg.Notify = func(context.Context, flow.Notice) {}
	}
	if cfg.Woken == nil {
		cfg.Woken = func(int, string) {}
	}
	if cfg.Retention == nil {
		week := 7 * 24 * time.Hour
		cfg.Retention = map[flow.Status]time.Duration{flow.Completed: week, flow.Failed: week, flow.Cancelled: week, flow.TimedOut: week}
	}
	for _, d := range []struct {
		field *int
		value int
	}{
		{&cfg.Limits.Transitions, 1_000_000},
		{&cfg.Limits.Iterations, 10_000},
		{&cfg.Limits.Items, 100_000},
		{&cfg.Limits.Payload, 256 << 10},
		{&cfg.Limits.Depth, 10},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
}

// Deploy publishes a definition and makes it the newest version of its
// workflow. created is false when this content was published before. A
// definition that does not compile is refused with flow.ErrInvalid.
func (e *Engine) Deploy(ctx context.Context, w *flow.Workflow) (version string, created bool, err error) {
	p, err := e.compile(w)
	if err != nil {
		return "", false, err
	}
	if err := e.addQueues(ctx, p); err != nil {
		return "", false, fmt.Errorf("deploying workflow %s: %w", w.ID, err)
	}
	created, err = e.store.PutWorkflow(ctx, w, p.Version)
	if err != nil {
		return "", false, fmt.Errorf("deploying workflow %s: %w", w.ID, err)
	}
	e.plans.Store(p.ref, p)
	return p.Version, created, nil
}

func (e *Engine) compile(w *flow.Workflow) (*compiled, error) {
	p, diags := plan.Compile(w, e.cfg.Registry, plan.Options{EnvAllow: e.cfg.EnvAllow})
	for _, d := range diags {
		if d.Severity == plan.SeverityError {
			problem := flow.Problemf(flow.ErrInvalid.Code, "workflow %s: %s %s", w.ID, d.Code, d.Message)
			problem.Details = map[string]any{"diagnostics": diags}
			return nil, problem
		}
	}
	return newCompiled(p, w.ID+"@"+p.Version), nil
}

// planFor gives the plan of a workflow; version "" means the newest.
func (e *Engine) planFor(ctx context.Context, id, version string) (*compiled, error) {
	if version != "" {
		if p, ok := e.plans.Load(id + "@" + version); ok {
			return p.(*compiled), nil
		}
	}
	w, v, err := e.store.Workflow(ctx, id, version)
	if err != nil {
		return nil, err
	}
	if p, ok := e.plans.Load(id + "@" + v); ok {
		return p.(*compiled), nil
	}
	p, err := e.compile(w)
	if err != nil {
		return nil, err
	}
	p.Version = v
	p = newCompiled(p.Plan, id+"@"+v)
	e.plans.Store(p.ref, p)
	return p, nil
}

// Rewound drops what was remembered of a store that lost its last writes: definitions and the key of resume URLs may be among them.
func (e *Engine) Rewound() {
	e.plans.Clear()
	e.key.Store(nil)
}

// whole loads all of an execution.
func (e *Engine) whole(ctx context.Context, id string) (*flow.Execution, *compiled, error) {
	if _, ok := flow.PartitionOf(id); !ok {
		return nil, nil, flow.NotFound("execution", flow.Cut(id, 64))
	}
	x, err := e.store.Load(ctx, id, flow.Want{All: true})
	if err != nil {
		return nil, nil, err
	}
	p, err := e.planFor(ctx, x.Workflow, x.Version)
	return x, p, err
}
