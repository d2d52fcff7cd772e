package demo

import "strings"

// workerEnviron is that of this process, with what the worker must know of it. The URL of Redis may have a password,
// which does not belong on a command line.
func (d *Demo) workerEnviron() []string {
	var environ []string
	for _, pair := range d.o.Environ {
		if !strings.HasPrefix(pair, "PRANA_REDIS") {
			environ = append(environ, pair)
		}
	}
	environ = append(environ, "PRANA_REDIS="+d.app.RedisURL(), "PRANA_WORKER_SHUTDOWN_GRACE=2s")
	if d.o.App.Config.Egress.AllowsPrivate(true) {
		environ = append(environ, "PRANA_EGRESS_PRIVATE=always") // the partner runs on this machine
	}
	return environ
}
