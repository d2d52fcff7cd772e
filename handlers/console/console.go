// Package console is what people see in a browser: a status page, and asynqmon
// for the queues. It asks for no credentials; whoever mounts it guards it.
package console

import (
	"context"
	_ "embed"
	"html/template"
	"net/http"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Config is what the console is made of.
type Config struct {
	Version string // of the program
	Store   string // one line about Redis: which, and whether data survives
	// Ready tells whether the server can work.
	Ready func(ctx context.Context) error
	// Redis makes a new client, which the console closes; nil = no /queues.
	Redis func() redis.UniversalClient
	// Writable lets people delete and run tasks under /queues. What they do there goes past the engine,
	// which repairs it.
	Writable bool
	// Format shows the payload of a task; nil = FormatPayload.
	Format func(taskType string, payload []byte) string
}

// Console serves / and /queues.
type Console struct {
	Config
	queues *asynqmon.HTTPHandler // nil = none
}

// New makes the console. Close it when it is no longer used.
func New(c Config) *Console {
	con := &Console{Config: c}
	if c.Redis != nil {
		con.queues = newQueues(c)
	}
	return con
}

// Close ends the connections to Redis.
func (c *Console) Close() error {
	if c.queues == nil {
		return nil
	}
	return c.queues.Close()
}

// ServeHTTP serves what is below /queues with asynqmon, and the status page at /.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case underQueues(r.URL.Path) && c.queues != nil:
		c.serveQueues(w, r)
	case r.URL.Path != "/":
		wire.ProblemOf(flow.NotFound("page", flow.Cut(r.URL.Path, 100))).Write(w)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		wire.ProblemOf(flow.Problemf("method_not_allowed", "the page can only be read")).Write(w)
	default:
		c.servePage(w, r)
	}
}

var (
	//go:embed page.html
	pageSource string
	//go:embed page.css
	pageStyle string

	page = template.Must(template.New("page").Parse(pageSource))

	pagePolicy = wire.PagePolicy(pageStyle, "'none'")
)

func (c *Console) servePage(w http.ResponseWriter, r *http.Request) {
	secure(w.Header(), pagePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	data := map[string]any{
		"Version": c.Version, "Store": c.Store, "Queues": c.queues != nil, "Writable": c.Writable,
		"Ready": c.Ready == nil || c.Ready(r.Context()) == nil,
		"Style": template.CSS(pageStyle), // our own file, not what somebody sent
	}
	_ = page.Execute(w, data) // the reader is gone: nobody is left to tell
}

func secure(h http.Header, policy string) {
	wire.SecurePage(h, policy)
	h.Set("Cache-Control", "no-store")
}
