package plan

import (
	"fmt"
	"slices"

	"prana/engine/flow"
)

// Bounds of settings.
const (
	MaxRetries    = 1000
	MaxIterations = 1_000_000
)

// What these settings accept.
var (
	backoffs = []string{"constant", "linear", "exponential"}
	onErrors = []string{flow.StopWorkflow, flow.Continue, flow.ContinueErrorOutput}
)

func (c *compiler) settings(path string, s flow.Settings) {
	bad := func(name, hint, format string, args ...any) {
		c.fail(path+"."+name, CodeBadSetting, hint, "%s %s", name, fmt.Sprintf(format, args...))
	}
	if s.MaxRetries < 0 || s.MaxRetries > MaxRetries {
		bad("max_retries", "", "is %d; it must be 1 to %d", s.MaxRetries, MaxRetries)
	}
	if s.RetryDelayMS != nil && *s.RetryDelayMS < 0 {
		bad("retry_delay_ms", "", "is negative")
	}
	if s.MaxDelayMS < 0 {
		bad("max_delay_ms", "", "is negative")
	}
	if s.TimeoutMS < 0 {
		bad("timeout_ms", "", "is negative")
	}
	if s.Join.N < 0 {
		bad("join", "write all, any or a number from 1", "is %d", s.Join.N)
	}
	if s.MaxIterations < 0 || s.MaxIterations > MaxIterations {
		bad("max_iterations", "", "is %d; it must be 0 to %d", s.MaxIterations, MaxIterations)
	}
	if s.Queue != "" && !flow.ValidQueue(s.Queue) {
		bad("queue", flow.QueueRule, "cannot be called %q", flow.Cut(s.Queue, 64))
	}
	c.oneOf(path+".backoff", s.Backoff, backoffs)
	c.oneOf(path+".on_error", s.OnError, onErrors)
}

func (c *compiler) oneOf(path, value string, accepted []string) {
	if value == "" || slices.Contains(accepted, value) {
		return
	}
	c.fail(path, CodeBadSetting, suggest(value, "it accepts", accepted), "there is no such choice as %q", value)
}
