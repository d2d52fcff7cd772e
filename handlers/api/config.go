// Package api is the HTTP API under /v1: it reads requests strictly, hands them
// to the engine and the store, and writes answers and problem documents.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/stream"
	"prana/handlers/api/wire"
)

// Config is what the API is made of.
type Config struct {
	Engine Engine
	Store  Store
	// Check reads a definition, for publishing and validating.
	Check Check
	// NodeTypes is what /v1/node-types lists; it must be fit for JSON.
	NodeTypes any

	// Token is asked of every request, except of probes, hooks, webhooks and resume URLs. Empty: no token is asked, but only
	// requests to a loopback name or one of Hosts are served.
	Token string
	// Hosts are names, without port, that may be used without a token; "*" allows all.
	Hosts []string

	// MaxBody bounds the body of a request, in bytes; 0 = 1 MiB. Hooks and Webhooks bound theirs themselves.
	MaxBody int64

	// Hooks are the named webhooks; nil = there are none.
	Hooks Hooks
	// Queues tells of the queues and the workers; nil = nobody does.
	Queues Queues
	// Stream serves /v1/stream; nil = there is none. Heartbeat is how often it says at least that it lives; 0 = 15 s.
	Stream    *stream.Hub
	Heartbeat time.Duration
	// Webhooks serves /webhook/{workflow} and all below it, by any method, and authenticates by itself; nil = there is nothing.
	Webhooks http.Handler
	// Console serves / and /queues, behind the token; nil = there is none.
	Console http.Handler
	// Docs serves /docs and what is below it, to everybody: problems lead there, also those of who has no token; nil = there is none.
	Docs http.Handler
	// Metrics serves /metrics, behind the token; nil = there are none.
	Metrics http.Handler
	Logger  *slog.Logger // nil = none
}

// Check reads a definition. The diagnostics, warnings among them, are fit for
// JSON; ok tells whether the workflow can be published.
type Check func(file string, src []byte) (w *flow.Workflow, diagnostics []any, ok bool)

// Engine is what changes executions.
type Engine interface {
	Deployer
	Starter
	Resumer
	Publisher
	Canceller
	Pauser
	Retrier
	Rerunner
	Viewer
}

// Hooks serves POST /v1/hooks/{name}, where it authenticates by itself, and tells operators what came there.
type Hooks interface {
	http.Handler
	List(ctx context.Context) ([]flow.HookView, error)
	// History lists the deliveries of a hook, without their bodies; Show gives one whole.
	History(ctx context.Context, f flow.DeliveryFilter) (flow.Page[flow.Delivery], error)
	Show(ctx context.Context, hook, id string) (flow.Delivery, error)
	// Replay acts again by a delivery, once for each key; an empty key is always a new one.
	Replay(ctx context.Context, hook, id, key string, trace map[string]string) (answer wire.Processed, repeated bool, err error)
}

// Deployer publishes definitions.
type Deployer interface {
	Deploy(ctx context.Context, w *flow.Workflow) (version string, created bool, err error)
}

// Starter starts executions.
type Starter interface {
	Start(ctx context.Context, r flow.StartRequest) (flow.StartResult, error)
}

// Resumer ends waits by hand or by their URLs.
type Resumer interface {
	Resume(ctx context.Context, r flow.ResumeRequest) (flow.ResumeResult, error)
	// ResumeToken shows the wait that a resume URL names; ResumeByToken ends it and gives the execution.
	ResumeToken(ctx context.Context, token string) (flow.ResumeView, error)
	ResumeByToken(ctx context.Context, token string, r flow.ResumeRequest) (execution string, err error)
}

// Publisher offers events to what waits for them.
type Publisher interface {
	Publish(ctx context.Context, e flow.Event) (flow.PublishResult, error)
	// DryRun tells what an event would do, and changes nothing.
	DryRun(ctx context.Context, e flow.Event) (flow.EventPreview, error)
}

// Canceller ends executions before their time.
type Canceller interface {
	// End cancels one, or, when it is to be hard, terminates it: at once, with nothing undone.
	End(ctx context.Context, r flow.CancelRequest, hard bool) (flow.CancelResult, error)
}

// Pauser keeps executions from going on.
type Pauser interface {
	Pause(ctx context.Context, r flow.PauseRequest) error
	Unpause(ctx context.Context, r flow.PauseRequest) error
}

// Retrier lets executions live again that failed.
type Retrier interface {
	Retry(ctx context.Context, r flow.RetryRequest) (flow.RetryResult, error)
}

// Rerunner starts executions that run others again, or says what that would do.
type Rerunner interface {
	Rerun(ctx context.Context, r flow.RerunRequest) (flow.RerunResult, error)
	PlanRerun(ctx context.Context, r flow.RerunRequest) (flow.RerunPlan, error)
}

// Viewer shows whole executions.
type Viewer interface {
	Describe(ctx context.Context, id string) (*flow.View, error)
	// Await blocks until the execution is terminal. When ctx is done first it gives the current view and ctx's error.
	Await(ctx context.Context, id string) (*flow.View, error)
}

// Store is what is read without the engine.
type Store interface {
	Lister
	Catalog
	// Ready tells whether executions can be kept now.
	Ready(ctx context.Context) error
}

// Lister lists what executions are doing, and what starts them.
type Lister interface {
	Executions(ctx context.Context, f flow.ExecutionFilter) (flow.Page[flow.Summary], error)
	Suspensions(ctx context.Context, f flow.SuspensionFilter) (flow.Page[flow.Suspension], error)
	Relations(ctx context.Context, f flow.RelationFilter) (flow.Page[flow.Relation], error)
	Delays(ctx context.Context, f flow.DelayFilter) (flow.Page[flow.DelayView], error)
	Schedules(ctx context.Context, f flow.ScheduleFilter) (flow.Page[flow.ScheduleState], error)
}

// Catalog reads published definitions.
type Catalog interface {
	Workflows(ctx context.Context) ([]flow.WorkflowInfo, error)
	// Workflow gives a definition and its version; an empty version asks for the newest.
	Workflow(ctx context.Context, id, version string) (*flow.Workflow, string, error)
	Versions(ctx context.Context, id string) ([]flow.WorkflowInfo, error)
}
