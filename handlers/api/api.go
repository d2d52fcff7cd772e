package api

import (
	"log/slog"
	"net/http"
	"time"

	"prana/engine/flow"
)

// MaxBody is the default bound of the body of a request.
const MaxBody = 1 << 20

// api holds what the routes need.
type api struct {
	Config
	guard guard
	log   *slog.Logger
}

// New makes the handler of the whole server: the API and what Config adds to it.
func New(c Config) http.Handler {
	a := newAPI(c)
	return recovered(a.log, a.mux(a.routes()))
}

func newAPI(c Config) *api {
	a := &api{Config: c, guard: newGuard(c), log: c.Logger}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	return a
}

// NewServer gives a server with timeouts that no slow client can stretch, and
// that leave room for the longest Prefer: wait.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      maxWait + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}

// routes is every route of the API, in the words of openapi.json.
func (a *api) routes() []route {
	routes := []route{
		{method: "GET", path: "/healthz", do: a.healthz, open: true},
		{method: "GET", path: "/readyz", do: a.readyz, open: true},
		{method: "GET", path: "/openapi.json", do: a.openapi},

		{method: "GET", path: "/v1/workflows", do: a.listWorkflows},
		{method: "POST", path: "/v1/workflows", do: a.deploy},
		{method: "POST", path: "/v1/workflows:validate", do: a.validate},
		{method: "GET", path: "/v1/workflows/{id}", do: a.getWorkflow},
		{method: "GET", path: "/v1/workflows/{id}/versions", do: a.listVersions},
		{method: "GET", path: "/v1/workflows/{id}/versions/{version}", do: a.getWorkflow},
		{method: "POST", path: "/v1/workflows/{id}/executions", do: a.start},

		{method: "GET", path: "/v1/executions", do: a.listExecutions},
		{method: "GET", path: "/v1/executions/{id}", do: a.getExecution},
		{method: "GET", path: "/v1/executions/{id}/history", do: a.getHistory},
		{method: "GET", path: "/v1/executions/{id}/suspensions", do: a.getSuspensions},
		{method: "GET", path: "/v1/executions/{id}/relations", do: a.getRelations},
		{method: "GET", path: "/v1/executions/{id}/output", do: a.getOutput},
		{method: "POST", path: "/v1/executions/{id}:resume", do: a.resumeExecution},
		{method: "POST", path: "/v1/executions/{id}:approve", do: a.decide(flow.Approved)},
		{method: "POST", path: "/v1/executions/{id}:reject", do: a.decide(flow.Rejected)},
		{method: "POST", path: "/v1/executions/{id}:cancel", do: a.endEarly(false)},
		{method: "POST", path: "/v1/executions/{id}:terminate", do: a.endEarly(true)},
		{method: "POST", path: "/v1/executions/{id}:pause", do: a.pause(Pauser.Pause)},
		{method: "POST", path: "/v1/executions/{id}:unpause", do: a.pause(Pauser.Unpause)},
		{method: "POST", path: "/v1/executions/{id}:retry", do: a.retry},
		{method: "POST", path: "/v1/executions/{id}:rerun", do: a.rerun},

		{method: "GET", path: "/v1/relations", do: a.listRelations},
		{method: "GET", path: "/v1/suspensions", do: a.listSuspensions},
		{method: "POST", path: "/v1/suspensions/{id}:resume", do: a.resumeSuspension},
		{method: "GET", path: "/v1/delays", do: a.listDelays},
		{method: "GET", path: "/v1/schedules", do: a.listSchedules},
		{method: "POST", path: "/v1/events", do: a.publish},
		{method: "GET", path: "/v1/node-types", do: a.listNodeTypes},

		{method: "GET", path: "/resume/{token}", do: a.showResume, open: true},
		{method: "POST", path: "/resume/{token}", do: a.resumeByURL, open: true},
	}
	if a.Hooks != nil {
		routes = append(routes,
			route{method: "POST", path: "/v1/hooks/{name}", do: pass(a.Hooks), open: true},
			route{method: "GET", path: "/v1/hooks", do: a.listHooks},
			route{method: "GET", path: "/v1/hooks/{name}/deliveries", do: a.listDeliveries},
			route{method: "GET", path: "/v1/hooks/{name}/deliveries/{id}", do: a.getDelivery},
			route{method: "POST", path: "/v1/hooks/{name}/deliveries/{id}:replay", do: a.replayDelivery},
		)
	}
	if a.Queues != nil {
		routes = append(routes, a.queueRoutes()...)
	}
	if a.Stream != nil {
		routes = append(routes, route{method: "GET", path: "/v1/stream", do: a.stream})
	}
	if a.Webhooks != nil {
		do := pass(a.Webhooks)
		routes = append(routes,
			route{method: "POST", path: "/webhook/{workflow}", do: do, open: true, every: true},
			route{method: "POST", path: "/webhook/{workflow}/{path}", do: do, open: true, every: true},
		)
	}
	return routes
}

// pass makes an action of a handler that writes its own errors.
func pass(h http.Handler) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}
