package app

import "prana/config"

// TestConfig is a configuration for one test: an embedded Redis that leaves nothing behind.
func TestConfig() config.Config {
	c := config.Default()
	c.DataDir = ""
	return c
}

// TestSecret adds a secret that $secrets reads.
func TestSecret(c *config.Config, name, value string) {
	if c.Secrets == nil {
		c.Secrets = map[string]config.Secret{}
	}
	c.Secrets[name] = config.NewSecret(value)
}

// TestStream adds a stream of which nothing else was chosen; with a workflow, its entries start that.
func TestStream(c *config.Config, name, key, workflow string) {
	if c.Streams == nil {
		c.Streams = map[string]config.Stream{}
	}
	s := config.DefaultStream()
	s.Stream, s.Workflow = key, workflow
	c.Streams[name] = s
}
