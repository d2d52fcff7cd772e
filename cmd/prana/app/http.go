package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"

	"github.com/redis/go-redis/v9"

	"prana/config"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/api"
	"prana/handlers/api/stream"
	"prana/handlers/console"
	"prana/handlers/docs"
	"prana/handlers/hooks"
)

// openPort takes the port before anything runs: steps send out URLs that lead to it.
func (a *App) openPort(context.Context) (err error) {
	if !a.o.API {
		return nil
	}
	if a.listener, err = a.listen(); err != nil {
		return err
	}
	a.url = "http://" + a.listener.Addr().String()
	return nil
}

func (a *App) startAPI(context.Context) error {
	if !a.o.API {
		return nil
	}
	h, err := a.handler(a.listener.Addr())
	if err != nil {
		return err
	}
	a.server = api.NewServer(h)
	a.server.RegisterOnShutdown(a.triggers.Close)
	a.server.RegisterOnShutdown(a.stream.Close)
	go func() {
		if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("serving HTTP: %w", err)
		}
	}()
	return nil
}

// listen takes the port, or the next free one when that is allowed, and says so.
func (a *App) listen() (net.Listener, error) {
	host, port, err := net.SplitHostPort(a.o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", a.o.Listen, err)
	}
	first, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", a.o.Listen, err)
	}
	for n := first; ; n++ {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(n)))
		if err == nil {
			if n != first {
				fmt.Fprintf(a.o.Stderr, "port %d is busy; using %d\n", first, n)
			}
			return l, nil
		}
		if !a.o.NextPort || !errors.Is(err, syscall.EADDRINUSE) || n-first >= 100 {
			return nil, fmt.Errorf("listening on %s:%d (choose another with --port): %w", host, n, err)
		}
	}
}

func (a *App) handler(at net.Addr) (http.Handler, error) {
	c := a.o.Config
	reg := a.registry
	a.console = console.New(console.Config{
		Version: a.o.Version, Store: a.Redis(), Ready: a.store.Ready, Writable: c.Queues.Writable,
		Redis: func() redis.UniversalClient {
			client, err := Connect(a.backend.url)
			if err != nil {
				panic(err) // the same URL was connected to before
			}
			return client
		},
	})
	served := api.Config{
		Engine: a.engine, Store: a.store, Check: a.checker(reg), NodeTypes: reg.Describe(), Token: c.Token.Reveal(),
		Hosts: []string{c.Listen}, MaxBody: int64(c.Limits.Body), Console: a.console, Docs: docs.New(a.pages()...), Metrics: a.tel.MetricsHandler, Logger: a.log,
	}
	anonymous := api.Anonymous(served)
	known, err := hooks.New(hooks.Config{
		Hooks: hooksOf(c), Publisher: a.engine, Starter: a.engine, Deliveries: a.store, Anonymous: anonymous, MaxBody: int(c.Limits.HookBody), Logger: a.log,
	})
	if err != nil {
		return nil, fmt.Errorf("the configuration of hooks: %w", err)
	}
	served.Hooks = known
	a.triggers = hooks.NewTriggers(hooks.TriggersConfig{
		Engine: a.engine, Anonymous: anonymous, Public: !isLocal(at), Logger: a.log,
	})
	served.Webhooks = a.triggers
	served.Queues = queues{a.client, a.store}
	if a.waiting, err = Connect(a.backend.url); err != nil {
		return nil, err
	}
	a.stream = stream.NewHub(a.store.NewFeed(a.waiting), 0, a.log)
	served.Stream = a.stream
	return api.New(served), nil
}

// isLocal tells whether only this machine reaches the address.
func isLocal(at net.Addr) bool {
	tcp, ok := at.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// hooksOf are the named webhooks that the configuration wants.
func hooksOf(c config.Config) map[string]hooks.Hook {
	all := map[string]hooks.Hook{}
	for name, h := range c.Hooks {
		var secrets []string
		for _, s := range []config.Secret{h.Secret, h.PreviousSecret} {
			if s.IsSet() {
				secrets = append(secrets, s.Reveal())
			}
		}
		all[name] = hooks.Hook{
			Event: h.Event, Workflow: h.Workflow, Scheme: h.Scheme, Secrets: secrets,
			Header: h.Header, Prefix: h.Prefix, Algorithm: h.Algorithm, Encoding: h.Encoding, TimestampHeader: h.TimestampHeader, IDHeader: h.IDHeader,
			ID: h.ID, Data: h.Data, When: h.When,
		}
	}
	return all
}

// PlanOptions are what definitions are compiled with.
func PlanOptions(c config.Config) plan.Options {
	return plan.Options{EnvAllow: c.EnvAllow, Limits: plan.Limits{
		Nodes: c.Limits.Nodes, Connections: c.Limits.Connections, Bytes: int(c.Limits.Definition),
	}}
}

func (a *App) checker(reg *node.Registry) api.Check {
	o := PlanOptions(a.o.Config)
	return func(file string, src []byte) (*flow.Workflow, []any, bool) {
		w, _, diags := definition.Check(file, src, reg, o)
		all := make([]any, len(diags))
		for i, d := range diags {
			all[i] = d
		}
		return w, all, !plan.HasErrors(diags)
	}
}

// closeServer lets requests finish within ctx, then ends them.
func closeServer(ctx context.Context, s *http.Server) error {
	err := s.Shutdown(ctx)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}
