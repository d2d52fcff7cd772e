package cli

import (
	"context"
	"fmt"
	"time"

	"prana/cmd/prana/app"
	"prana/engine/flow"
	"prana/handlers/api/client"
)

// distant is a server reached over HTTP.
type distant struct {
	*client.Client
	sh *shell
}

func (d distant) publish(ctx context.Context, s source) (id, version string, err error) {
	res, err := d.Deploy(ctx, s.file, s.text)
	if err == nil {
		d.sh.warnings(res.Diagnostics)
		d.sh.webhook(d.Client, s)
	}
	return res.ID, res.Version, err
}

func (d distant) left(id string) string {
	return fmt.Sprintf("the execution goes on: prana show %s --follow", id)
}

func (d distant) close(context.Context) error {
	d.Close()
	return nil
}

// embedded is an engine of this process, with its worker.
type embedded struct {
	app   *app.App
	pub   publisher
	grace time.Duration
}

// embed starts it. What it leaves unfinished is in the data directory, where `prana dev` goes on with it.
func (sh *shell) embed(ctx context.Context, g *given) (service, error) {
	flags := g.values()
	if !g.isGiven("log-level") {
		flags["log.level"] = "warn"
	}
	cfg, err := sh.load(flags)
	if err != nil {
		return nil, err
	}
	o := sh.options(cfg)
	o.Worker, o.Dev = true, true
	a, err := app.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	sh.note("%s", a.Redis())
	return embedded{a, publisher{sh, sh.checker(cfg), a.Deploy}, cfg.Worker.ShutdownGrace}, nil
}

func (e embedded) publish(ctx context.Context, s source) (id, version string, err error) {
	return e.pub.one(ctx, s)
}

func (e embedded) Start(ctx context.Context, r flow.StartRequest) (flow.StartResult, error) {
	return e.app.Engine().Start(ctx, r)
}

func (e embedded) Show(ctx context.Context, id string) (*flow.View, error) {
	return e.app.Engine().Describe(ctx, id)
}

func (e embedded) Changes(context.Context, string) <-chan struct{} { return nil }

func (e embedded) Await(ctx context.Context, id string) (*flow.View, error) {
	return e.app.Engine().Await(ctx, id)
}

func (e embedded) left(id string) string {
	switch e.app.RedisKind() {
	case app.InMemory:
		return fmt.Sprintf("execution %s was in memory, and is gone", id)
	case app.Child:
		return fmt.Sprintf("execution %s stands in the data directory; `prana dev` goes on with it", id)
	}
	return fmt.Sprintf("execution %s stands in Redis; `prana worker` goes on with it", id)
}

func (e embedded) close(ctx context.Context) error { return stop(ctx, e.app, e.grace) }
