// Package engine decides: it turns facts about executions into changes, has
// them stored, and runs the steps that follow. It knows no Redis, no asynq and
// no HTTP; the store it is given remembers, and workers bring its tasks.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
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
	EnvAllow   []string       // names that $env may read
	Env        func(name string) string
	Secrets    func(name string) (string, bool)
	// Notify is told everything that happened, after it was stored; nil = nobody.
	Notify func(ctx context.Context, n flow.Notice)
	// Durable is told everything too, at least once whatever dies in between; nil = nobody.
	Durable func(ctx context.Context, n flow.Notice)
	// Woken is called when a task was enqueued in a partition by this process; nil = nothing to wake.
	Woken func(partition int)
	// Alert tells somebody that retries are used up, unless the workflow says otherwise; nil = nobody.
	Alert *flow.Alert
	// Post sends an alert to a URL; nil = alerts by URL fail and are tried again.
	Post      func(ctx context.Context, url, id string, body []byte) error
	Retention map[flow.Status]time.Duration // by terminal status; default 7 days
	Limits    Limits
	Counters  *telemetry.Counters
	Logger    *slog.Logger
}

// Limits bound executions. Zero fields mean the defaults named here.
type Limits struct {
	Transitions int // steps of one execution; 10,000
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

	plans   sync.Map // "workflow@version" -> *compiled
	folder  folder
	running running
	suspect chan struct{} // holds the one suspect that may run
	nudge   []chan struct{}
	id      string // this process, as a claimant
	pending sync.WaitGroup
}

// New makes an engine. It starts nothing; see Run.
func New(cfg Config) (*Engine, error) {
	if cfg.Store == nil || cfg.Registry == nil {
		return nil, fmt.Errorf("making an engine: it needs a Store and a Registry")
	}
	setDefaults(&cfg)
	e := &Engine{
		cfg: cfg, store: cfg.Store, log: cfg.Logger, id: flow.NewToken(),
		suspect: make(chan struct{}, 1), nudge: make([]chan struct{}, cfg.Partitions),
		limits: limits{Transitions: cfg.Limits.Transitions, Payload: cfg.Limits.Payload, Depth: cfg.Limits.Depth, Attempts: 10},
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
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Notify == nil {
		cfg.Notify = func(context.Context, flow.Notice) {}
	}
	if cfg.Woken == nil {
		cfg.Woken = func(int) {}
	}
	if cfg.Retention == nil {
		week := 7 * 24 * time.Hour
		cfg.Retention = map[flow.Status]time.Duration{flow.Completed: week, flow.Failed: week, flow.Cancelled: week, flow.TimedOut: week}
	}
	for _, d := range []struct {
		field *int
		value int
	}{{&cfg.Limits.Transitions, 10_000}, {&cfg.Limits.Payload, 256 << 10}, {&cfg.Limits.Depth, 10}} {
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
	return &compiled{Plan: p, ref: w.ID + "@" + p.Version}, nil
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
	p.Version, p.ref = v, id+"@"+v
	e.plans.Store(p.ref, p)
	return p, nil
}

// Start begins an execution of a workflow. The same ID starts it once:
// repetitions are answered with the execution of the first, or
// flow.ErrMismatch when they bring another input.
func (e *Engine) Start(ctx context.Context, r flow.StartRequest) (flow.StartResult, error) {
	p, err := e.planFor(ctx, r.Workflow, r.Version)
	if err != nil {
		return flow.StartResult{}, err
	}
	if err := e.checkInput(p, r.Input); err != nil {
		return flow.StartResult{}, err
	}
	res := flow.StartResult{ExecutionID: flow.NewExecutionID(rand.IntN(e.cfg.Spread)), Workflow: p.Workflow.ID, Version: p.Version}
	if r.ID != "" {
		holder, err := e.store.ReserveStart(ctx, r.Workflow, r.ID, res.ExecutionID, digest(r.Input))
		if err != nil {
			return flow.StartResult{}, fmt.Errorf("starting workflow %s as %q: %w", r.Workflow, flow.Cut(r.ID, 100), err)
		}
		res.Replayed = holder != res.ExecutionID
		res.ExecutionID = holder
	}
	return e.create(ctx, p, r, res)
}

// create stores the execution. When another start holds the id, it makes up for
// what that one may not have lived to do.
func (e *Engine) create(ctx context.Context, p *compiled, r flow.StartRequest, res flow.StartResult) (flow.StartResult, error) {
	if res.Replayed {
		x, err := e.store.Load(ctx, res.ExecutionID, flow.Want{})
		if err == nil {
			res.Version = x.Version
			return res, nil
		}
		if !isNotFound(err) {
			return flow.StartResult{}, err
		}
	}
	ctx, end := telemetry.StartExecution(ctx, "prana.start", res.ExecutionID, p.Workflow.ID, p.Version, r.Trace)
	head := flow.Head{
		Workflow: p.Workflow.ID, Version: p.Version, StartID: r.ID, Tags: r.Tags,
		Timeout: time.Duration(p.Workflow.TimeoutMS) * time.Millisecond, Trace: telemetry.Inject(ctx),
	}
	ch := begin(p, res.ExecutionID, head, orNull(r.Input), e.startIn(r.StartAt), false)
	e.owe(p, nil, ch)
	err := e.commit(ctx, ch)
	if errors.Is(err, flow.ErrExists) {
		err = nil
	}
	end(err)
	if err != nil {
		return flow.StartResult{}, fmt.Errorf("starting workflow %s: %w", r.Workflow, err)
	}
	e.told(ctx, p, nil, ch)
	return res, nil
}

func (e *Engine) startIn(at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(0, time.Until(at))
}

func (e *Engine) checkInput(p *compiled, input json.RawMessage) error {
	if err := tooLarge("the input", input, e.limits.Payload); err != nil {
		return err
	}
	v, err := flow.Decode(input)
	if err != nil {
		return flow.Problemf(flow.ErrInvalid.Code, "the input is not JSON: %v", err)
	}
	if problem := p.CheckInput(v); problem != nil {
		return problem
	}
	return nil
}

// Resume ends one wait by hand. Without a suspension and a node it takes the
// only wait there is; when there are several, flow.ErrConflict lists them.
func (e *Engine) Resume(ctx context.Context, r flow.ResumeRequest) (flow.ResumeResult, error) {
	if r.Token != "" {
		id, err := flow.ParseSuspensionID(r.Token)
		if err != nil {
			return flow.ResumeResult{}, flow.NotFound("suspension", flow.Cut(r.Token, 64))
		}
		r.Execution, r.Suspension = id.Execution, &id
	}
	x, p, err := e.whole(ctx, r.Execution)
	if err != nil {
		return flow.ResumeResult{}, err
	}
	if err := tooLarge("the data", r.Data, e.limits.Payload); err != nil {
		return flow.ResumeResult{}, err
	}
	if again, ok := resumedBy(p, x, r.ID); ok && r.ID != "" {
		return again, nil
	}
	id, err := chooseWait(p, x, r)
	if err != nil {
		return flow.ResumeResult{}, err
	}
	res := flow.ResumeResult{Suspension: id.String(), Node: p.Nodes[id.Step.Node].Key}
	f := waitEnded{wait: id, by: flow.ByManual, event: r.ID, data: orNull(r.Data), err: r.Error}
	err = e.apply(ctx, x.ID, p, nil, f)
	if errors.Is(err, flow.ErrTaken) || errors.Is(err, flow.ErrConflict) {
		if again, ok := e.repeatedResume(ctx, r); ok {
			return again, nil
		}
	}
	if err != nil {
		return flow.ResumeResult{}, err
	}
	return res, nil
}

// repeatedResume answers a resume whose id ended a wait before.
func (e *Engine) repeatedResume(ctx context.Context, r flow.ResumeRequest) (flow.ResumeResult, bool) {
	if r.ID == "" {
		return flow.ResumeResult{}, false
	}
	x, p, err := e.whole(ctx, r.Execution)
	if err != nil {
		return flow.ResumeResult{}, false
	}
	return resumedBy(p, x, r.ID)
}

func resumedBy(p *compiled, x *flow.Execution, id string) (flow.ResumeResult, bool) {
	for _, s := range x.Steps {
		if s.Resumed != nil && s.Resumed.Event == id {
			wait := flow.SuspensionID{Execution: x.ID, Step: s.ID, Turn: s.Resumed.Turn}
			return flow.ResumeResult{Suspension: wait.String(), Node: p.Nodes[s.ID.Node].Key, Repeated: true}, true
		}
	}
	return flow.ResumeResult{}, false
}

// Cancel ends an execution before its time: steps that run are fenced at once,
// waits are withdrawn, children are cancelled.
func (e *Engine) Cancel(ctx context.Context, r flow.CancelRequest) error {
	x, err := e.store.Load(ctx, r.Execution, flow.Want{})
	if err != nil {
		return err
	}
	p, err := e.planFor(ctx, x.Workflow, x.Version)
	if err != nil {
		return err
	}
	problem := flow.Problemf("cancelled", "cancelled: %s", orElse(flow.Cut(r.Reason, 1024), "no reason was given"))
	if r.ID != "" {
		problem.Details = map[string]any{"request_id": r.ID}
	}
	err = e.apply(ctx, r.Execution, p, nil, ended{status: flow.Cancelled, reason: flow.Cut(r.Reason, 1024), err: problem})
	if r.ID != "" && errors.Is(err, flow.ErrConflict) && e.cancelledBy(ctx, r) {
		return nil
	}
	return err
}

// cancelledBy tells whether this very request cancelled the execution before.
func (e *Engine) cancelledBy(ctx context.Context, r flow.CancelRequest) bool {
	x, _, err := e.whole(ctx, r.Execution)
	return err == nil && x.Status == flow.Cancelled && x.Error != nil && x.Error.Details["request_id"] == r.ID
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
