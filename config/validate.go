package config

import (
	"fmt"
	"maps"
	"math"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shortestSecret is the least that a signing secret may have, in bytes.
const shortestSecret = 24

// shortestKey is the least that the key of resume URLs may have, in bytes.
const shortestKey = 32

// shortestReplay is twice the time for which a signed call is accepted.
const shortestReplay = 10 * time.Minute

var (
	envName        = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	queueName      = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)
	middlewareName = regexp.MustCompile(`^[a-z][a-z0-9_.-]*$`)
)

// Validate tells everything that is wrong, as a Problems with key, value and what is accepted; nil when all is well.
func (c Config) Validate() error { return c.problems().err() }

// common is what is wrong for everybody, also for who serves nothing.
func (c Config) common() Problems {
	v := &validator{}
	v.numbers(c)
	v.addresses(c)
	v.words(c)
	v.names(c)
	return v.found
}

func (c Config) problems() Problems {
	v := &validator{found: c.common()}
	v.listens(c)
	v.secrets(c.Secrets)
	for _, name := range slices.Sorted(maps.Keys(c.Hooks)) {
		v.hook("hooks."+name, c.Hooks[name])
	}
	v.remembered(c)
	v.streams(c.Streams)
	v.alert(c.OnRetryExhausted)
	return v.found
}

// validator collects problems.
type validator struct{ found Problems }

func (v *validator) require(ok bool, key, value, message string) {
	if !ok {
		v.found = append(v.found, Problem{Key: key, Value: value, Message: message})
	}
}

func (v *validator) between(key string, n, low, high int) {
	v.require(low <= n && n <= high, key, strconv.Itoa(n), fmt.Sprintf("must be %d to %d", low, high))
}

func (v *validator) numbers(c Config) {
	v.between("partitions", c.Partitions, 1, 1024)
	v.between("port", c.Port, 0, 65535)
	v.between("worker.concurrency", c.Worker.Concurrency, 1, 10000)
	v.between("worker.servers", c.Worker.Servers, 1, 64)
	for key, d := range map[string]time.Duration{
		"worker.shutdown_grace": c.Worker.ShutdownGrace,
		"retention.completed":   c.Retention.Completed,
		"retention.failed":      c.Retention.Failed,
	} {
		v.require(d >= 0, key, d.String(), "must not be negative")
	}
	v.limits(c.Limits)
}

func (v *validator) limits(l Limits) {
	for key, b := range map[string]Bytes{
		"payload": l.Payload, "body": l.Body, "hook_body": l.HookBody, "response": l.Response, "definition": l.Definition,
	} {
		v.require(1 <= b && b <= 512*MiB, "limits."+key, b.String(), "must be 1 to 512MiB, the most that Redis stores in one value")
	}
	for key, n := range map[string]int{
		"nodes": l.Nodes, "connections": l.Connections, "transitions": l.Transitions, "iterations": l.Iterations, "items": l.Items, "depth": l.Depth,
	} {
		v.require(1 <= n && n <= math.MaxInt32, "limits."+key, strconv.Itoa(n), "must be at least 1")
	}
}

func (v *validator) addresses(c Config) {
	if err := checkRedisURL(c.Redis.URL); err != nil {
		v.require(false, "redis.url", c.Redis.Redacted(), err.Error())
	}
	v.require(c.DataDir != "", "data_dir", "", "must name a directory")
	v.require(isHost(c.Listen), "listen", c.Listen, "must be a host or an address, without a port: that is port (PRANA_PORT, --port)")
	v.require(!c.ResumeKey.IsSet() || c.ResumeKey.Len() >= shortestKey, "resume_key", "", fmt.Sprintf("must have at least %d bytes, has %d", shortestKey, c.ResumeKey.Len()))
	v.webURL("server", c.Server, true)
	v.webURL("public_url", c.PublicURL, false)
	v.webURL("otlp.endpoint", c.OTLP.Endpoint, false)
	v.webURL("on_retry_exhausted.url", c.OnRetryExhausted.URL, false)
}

// listens keeps those out whom nobody let in.
func (v *validator) listens(c Config) {
	v.require(!isHost(c.Listen) || c.Token.IsSet() || loopback(c.Listen), "listen", c.Listen,
		"whoever reaches this address could start workflows: set a token (PRANA_TOKEN or PRANA_TOKEN_FILE), or listen on 127.0.0.1")
}

func isHost(text string) bool {
	_, _, err := net.SplitHostPort(text)
	return text != "" && !strings.ContainsAny(text, " /") && err != nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func (v *validator) webURL(key, text string, needed bool) {
	if text == "" && !needed {
		return
	}
	u, err := url.Parse(text)
	ok := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	v.require(ok, key, RedactURL(text), "must be an http:// or https:// URL")
}

func (v *validator) words(c Config) {
	v.oneOf("egress.private", c.Egress.Private, "dev", "always", "never")
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "text", "json")
}

func (v *validator) oneOf(key, value string, accepted ...string) {
	message := "must be one of " + strings.Join(accepted, ", ")
	if near := nearest(value, accepted); near != "" {
		message += "; did you mean " + near + "?"
	}
	v.require(slices.Contains(accepted, value), key, value, message)
}

func (v *validator) names(c Config) {
	for i, name := range c.Middleware {
		v.require(middlewareName.MatchString(name), "middleware", name, "a name has lower-case letters, digits, _, - and dots")
		v.require(!slices.Contains(c.Middleware[:i], name), "middleware", name, "is named twice")
	}
	for i, name := range c.Worker.Queues {
		v.require(queueName.MatchString(name), "worker.queues", name, "a name has 1 to 32 lower-case letters, digits, - and _, and begins with a letter or a digit")
		v.require(!slices.Contains(c.Worker.Queues[:i], name), "worker.queues", name, "is named twice")
	}
	for i, text := range c.Worker.QueueWeights {
		name, weight, _ := strings.Cut(text, "=")
		n, err := strconv.Atoi(weight)
		v.require(queueName.MatchString(name) && err == nil && n >= 1 && n <= 100, "worker.queue_weights", text, "must be NAME=WEIGHT, such as slow=2; weights are 1 to 100")
		again := func(other string) bool { return strings.HasPrefix(other, name+"=") }
		v.require(!slices.ContainsFunc(c.Worker.QueueWeights[:i], again), "worker.queue_weights", name, "is weighed twice")
	}
	for _, name := range c.EnvAllow {
		v.require(envName.MatchString(name), "env_allow", name, "must be the name of one variable")
		v.require(!strings.HasPrefix(name, envPrefix), "env_allow", name, "variables of prana itself hold its secrets: use secrets instead")
	}
}

func (v *validator) secrets(all map[string]Secret) {
	for name, secret := range all {
		v.require(namePattern.MatchString(name), "secrets."+name, "", nameRule)
		v.require(secret.IsSet(), "secrets."+name, "", "is empty: give it a value or remove it")
	}
}

// hook checks what a hook needs; what its scheme makes of the rest is checked where hooks are served.
func (v *validator) hook(key string, h Hook) {
	v.require(namePattern.MatchString(lastPart(key)), key, "", nameRule)
	v.require((h.Event == "") != (h.Workflow == ""), key, "", "must have one of event (to publish) and workflow (to start)")
	if h.Scheme != "" {
		v.oneOf(key+".scheme", h.Scheme, "standard", "github", "stripe", "slack", "hmac", "bearer", "none")
	}
	if h.Scheme == "none" {
		v.require(!h.Secret.IsSet() && !h.PreviousSecret.IsSet(), key, "", "has the scheme none, which checks no secret: remove one of the two")
		return
	}
	v.signing(key+".secret", h.Secret)
	if h.PreviousSecret.IsSet() {
		v.signing(key+".previous_secret", h.PreviousSecret)
	}
}

// remembered: a start that comes again is recognised by its execution, which must outlive every replay that would be accepted.
func (v *validator) remembered(c Config) {
	for name, h := range c.Hooks {
		for key, d := range map[string]time.Duration{"retention.completed": c.Retention.Completed, "retention.failed": c.Retention.Failed} {
			v.require(h.Workflow == "" || d >= shortestReplay, key, d.String(),
				fmt.Sprintf("must be at least %s: hooks.%s starts a workflow, and a call that is sent again would start it twice", shortestReplay, name))
		}
	}
}

func (v *validator) alert(a Alert) {
	if a.URL != "" || a.Secret.IsSet() {
		v.signing("on_retry_exhausted.secret", a.Secret)
	}
	v.require(a.URL != "" || !a.Secret.IsSet(), "on_retry_exhausted.secret", "", "signs the POST to on_retry_exhausted.url, which is not set")
}

func (v *validator) signing(key string, s Secret) {
	v.require(s.Len() >= shortestSecret, key, "", fmt.Sprintf("must have at least %d bytes, has %d", shortestSecret, s.Len()))
}
