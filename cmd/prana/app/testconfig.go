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
