package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"prana/cmd/prana/app"
	"prana/config"
)

// given are flags that override keys of the configuration.
type given struct {
	cmd  *cobra.Command
	keys map[string]string // flag -> key
}

// overrides declares the flags of a verb that runs a part of the engine.
func overrides(cmd *cobra.Command) *given {
	g, d := &given{cmd, map[string]string{}}, config.Default()
	g.flag("redis", "redis.url", "URL of the Redis (PRANA_REDIS): redis://, rediss://, unix://, redis-sentinel://, redis-cluster://, or miniredis")
	g.flag("data-dir", "data_dir", "directory of the embedded Redis"+defaultOf(d.DataDir))
	g.flag("log-level", "log.level", "debug, info, warn or error"+defaultOf(d.Log.Level))
	return g
}

// listening adds the flags of a verb that serves the API.
func (g *given) listening() *given {
	g.flag("listen", "listen", "host to listen on (default 127.0.0.1; others need PRANA_TOKEN)")
	g.flag("port", "port", "port to listen on; 0 = a free one"+defaultOf(config.Default().Port))
	return g
}

// queues adds the flag of a verb that runs steps.
func (g *given) queues() {
	g.flag("queue-weights", "worker.queue_weights", "which queues get how much where all want more, such as default=3,slow=1 (each weighs 1)")
	g.flag("queues", "worker.queues", "names of the queues to run steps from, with commas; default is that of steps that name none (all queues unless given)")
}

func (g *given) flag(name, key, usage string) {
	g.cmd.Flags().String(name, "", usage)
	g.keys[name] = key
}

// defaultOf tells people what a setting is that they do not give.
func defaultOf(v any) string { return fmt.Sprintf(" (default %v)", v) }

// values are the flags that were given, by key.
func (g *given) values() map[string]any {
	values := map[string]any{}
	for name, key := range g.keys {
		if f := g.cmd.Flags().Lookup(name); f.Changed {
			values[key] = f.Value.String()
		}
	}
	return values
}

// isGiven tells whether a flag was given.
func (g *given) isGiven(name string) bool { return g.cmd.Flags().Changed(name) }

// options makes those of app.Start.
func (sh *shell) options(cfg config.Config) app.Options {
	return app.Options{
		Config: cfg,
		Listen: net.JoinHostPort(cfg.Listen, strconv.Itoa(cfg.Port)), Version: thisBuild().Version,
		Stderr: sh.stderr, Pages: pages(),
		Logger: sh.logger(cfg.Log), Types: sh.program.Types, Middleware: sh.program.Middleware,
	}
}

func (sh *shell) logger(cfg config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(sh.stderr, opts))
	}
	return slog.New(slog.NewTextHandler(sh.stderr, opts))
}

// stopMargin is what a shutdown may take beyond the grace of running steps: closing, and the last writes of Redis.
const stopMargin = 15 * time.Second

// serve runs until ctx ends, which is no error, or a part dies, which is one.
func (sh *shell) serve(ctx context.Context, a *app.App, grace time.Duration) error {
	var died error
	select {
	case <-ctx.Done():
		sh.note("shutting down; a second signal ends it at once")
	case died = <-a.Err():
		if died != nil {
			died = fmt.Errorf("a part of the process died: %w", died)
		}
	}
	return errors.Join(died, stop(ctx, a, grace))
}

// stop shuts down in order, also when ctx has ended.
func stop(ctx context.Context, a *app.App, grace time.Duration) error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace+stopMargin)
	defer cancel()
	if err := a.Shutdown(limit); err != nil {
		return fmt.Errorf("shutting down: %w", err)
	}
	return nil
}
