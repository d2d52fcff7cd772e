// Package hooks receives webhooks. Signed ones come to configured names, each
// of which publishes an event or starts a workflow; what a delivery is signed
// with is its only credential, so nothing of it is read before the signature
// holds. Triggers are the webhooks that workflows declare themselves.
package hooks

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"prana/engine/flow"
)

const (
	// MaxBody is the default bound of the body of a delivery.
	MaxBody = 256 << 10
	// Tolerance is how far the time of a delivery may be from ours.
	Tolerance = 5 * time.Minute
	// MinSecret is the least number of bytes of a secret.
	MinSecret = 24
)

// Publisher offers events to what waits for them.
type Publisher interface {
	Publish(ctx context.Context, e flow.Event) (flow.PublishResult, error)
}

// Starter starts executions.
type Starter interface {
	Start(ctx context.Context, r flow.StartRequest) (flow.StartResult, error)
}

// Deliveries keeps the last deliveries of each hook.
type Deliveries interface {
	NoteDelivery(ctx context.Context, d flow.Delivery) error
	Deliveries(ctx context.Context, f flow.DeliveryFilter) (flow.Page[flow.Delivery], error)
	Delivery(ctx context.Context, hook, id string) (flow.Delivery, error)
	CountDeliveries(ctx context.Context, hooks []string) ([]flow.DeliveryCounts, error)
}

// Config is what Hooks are made of.
type Config struct {
	Hooks      map[string]Hook // by name
	Publisher  Publisher
	Starter    Starter
	Deliveries Deliveries
	// Anonymous judges requests to hooks that ask for no proof; nil = they may come from anywhere.
	Anonymous func(r *http.Request) error
	MaxBody   int              // of one delivery, in bytes; 0 = 256 KiB
	Now       func() time.Time // nil = time.Now
	Logger    *slog.Logger     // told of deliveries that were refused; nil = none
}

// Hooks serves POST /v1/hooks/{name}, and tells operators what came there.
type Hooks struct {
	Config
	hooks  map[string]*hook
	nobody *hook
}

// New makes the handler. It refuses hooks that would let anybody in without saying so, or do nothing.
func New(c Config) (*Hooks, error) {
	ready, nobody, err := prepare(c.Hooks)
	if err != nil {
		return nil, err
	}
	hs := &Hooks{Config: c, hooks: ready, nobody: nobody}
	hs.MaxBody = cmp.Or(c.MaxBody, MaxBody)
	if hs.Now == nil {
		hs.Now = time.Now
	}
	if hs.Logger == nil {
		hs.Logger = slog.New(slog.DiscardHandler)
	}
	for _, name := range hs.names() {
		if hs.hooks[name].Scheme == None {
			hs.Logger.Warn("anybody who reaches this server can use this hook: its scheme is none", "hook", name)
		}
	}
	return hs, nil
}

// Check tells what New would refuse.
func Check(hooks map[string]Hook) error {
	_, _, err := prepare(hooks)
	return err
}

func (hs *Hooks) names() []string { return slices.Sorted(maps.Keys(hs.hooks)) }
