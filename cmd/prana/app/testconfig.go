package app

import "prana/config"

// TestConfig is a configuration for one test: an embedded Redis that leaves nothing behind.
func TestConfig() config.Config {
	c := config.Default()
	c.DataDir = ""
	return c
}
