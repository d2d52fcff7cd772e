package cli

import (
	"context"

	"prana/config"
	"prana/handlers/api/client"
)

// load reads the configuration of a process that serves. flags are those that were given, by their key in it.
func (sh *shell) load(flags map[string]any) (config.Config, error) {
	return config.Load(sh.configOptions(flags))
}

// loadAsUser reads the configuration for a verb that serves nothing: it runs where the secrets of servers are not.
func (sh *shell) loadAsUser() (config.Config, error) {
	o := sh.configOptions(nil)
	o.ServesNothing = true
	return config.Load(o)
}

func (sh *shell) configOptions(flags map[string]any) config.Options {
	if flags == nil {
		flags = map[string]any{}
	}
	if sh.server != "" {
		flags["server"] = sh.server
	}
	return config.Options{File: sh.config, Environ: sh.environ, Flags: flags}
}

// remote makes a client of the server that was chosen.
func (sh *shell) remote() (*client.Client, error) {
	cfg, err := sh.loadAsUser()
	if err != nil {
		return nil, err
	}
	c, err := client.New(cfg.Server, cfg.Token.Reveal())
	if err != nil {
		return nil, mark(err, errUsage)
	}
	c.Patience = 0 // who sits in front of it wants to know at once
	return c, nil
}

// asking makes a verb of a conversation with the server.
func (sh *shell) asking(ask func(ctx context.Context, c *client.Client, args []string) error) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		c, err := sh.remote()
		if err != nil {
			return err
		}
		defer c.Close()
		return ask(ctx, c, args)
	}
}
