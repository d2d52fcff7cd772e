package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const longSecret = "0123456789abcdef01234567"

// choose loads from a file's text and some variables; the machine's own environment plays no part.
func choose(t *testing.T, text string, env ...string) (Config, error) {
	t.Helper()
	return Load(options(t, text, env...))
}

func options(t *testing.T, text string, env ...string) Options {
	t.Helper()
	dir := t.TempDir()
	if text != "" {
		write(t, filepath.Join(dir, fileName), text)
	}
	return Options{Dir: dir, Environ: append([]string{"PATH=/bin"}, env...)}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	c, err := choose(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("got %+v", c)
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	o := options(t, "port: 1001\npartitions: 2\nworker: {concurrency: 3, shutdown_grace: 5s}\n", "PRANA_PORT=1002", "PRANA_PARTITIONS=4")
	o.Flags = map[string]any{"port": 1003, "redis.url": "miniredis", "worker.queues": "slow, default"}
	c, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 1003 || c.Partitions != 4 || c.Worker.Concurrency != 3 || c.Worker.ShutdownGrace != 5*time.Second ||
		c.Worker.Servers != 2 || !slices.Equal(c.Worker.Queues, []string{"slow", "default"}) || c.Redis.URL != Miniredis {
		t.Errorf("got %+v", c)
	}
	settings, err := Settings(o)
	if err != nil {
		t.Fatal(err)
	}
	origins := map[string]string{}
	for _, s := range settings {
		origins[s.Key] = s.Origin
	}
	for key, want := range map[string]string{
		"port": "command line", "partitions": "PRANA_PARTITIONS", "worker.concurrency": "prana.yaml:3:10", "log.level": "default",
	} {
		if origins[key] != want {
			t.Errorf("origin of %s: got %q, want %q", key, origins[key], want)
		}
	}
}

func TestEveryKind(t *testing.T) {
	t.Parallel()
	c, err := choose(t, `
limits: {payload: 64KiB, body: 4096}
retention: {completed: 7d}
middleware: [logging, audit]
egress: {allow: [10.2.3.4/16, 192.168.1.7], private: never}
hooks: {git-hub: {event: pushed}}
streams: {all-orders: {stream: orders.events, from: end}}
`, "PRANA_STREAMS_ALL_ORDERS_GROUP=shop", "PRANA_STREAMS_NEW_STREAM=new", "PRANA_STREAMS_NEW_WORKFLOW=w", "PRANA_ENV_ALLOW=HOME, LANG", "PRANA_WORKER_INTAKE=false", "PRANA_SECRET_STRIPE_KEY=sk",
		"PRANA_HOOKS_GIT_HUB_SECRET="+longSecret, "PRANA_HOOKS_GIT_HUB_PREVIOUS_SECRET="+longSecret+"0", "PRANA_HOOKS_GIT_HUB_SCHEME=github",
		"PRANA_HOOKS_NEW_WORKFLOW=w", "PRANA_HOOKS_NEW_SECRET="+longSecret, "PRANA_HOOKS_NEW_SCHEME=hmac", "PRANA_HOOKS_NEW_ID_HEADER=X-ID", "PRANA_HOOKS_NEW_HEADER=X-Sum",
		"PRANA_HOOKS_NEW_TIMESTAMP_HEADER=X-Time", "PRANA_HOOKS_NEW_ID={{ $body.id }}", "PRANA_HOOKS_OPEN_SCHEME=none", "PRANA_HOOKS_OPEN_EVENT=e")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Limits.Payload, want.Limits.Body = 64*KiB, 4*KiB
	want.Retention.Completed = 7 * 24 * time.Hour
	want.Middleware = []string{"logging", "audit"}
	want.Egress = Egress{[]netip.Prefix{netip.MustParsePrefix("10.2.0.0/16"), netip.MustParsePrefix("192.168.1.7/32")}, "never"}
	want.EnvAllow = []string{"HOME", "LANG"}
	want.Worker.Intake = false
	want.Secrets["stripe_key"] = NewSecret("sk")
	want.Hooks["git-hub"] = Hook{Event: "pushed", Scheme: "github", Secret: NewSecret(longSecret), PreviousSecret: NewSecret(longSecret + "0")}
	want.Hooks["new"] = Hook{
		Workflow: "w", Scheme: "hmac", Secret: NewSecret(longSecret), Header: "X-Sum", TimestampHeader: "X-Time", IDHeader: "X-ID", ID: "{{ $body.id }}",
	}
	want.Hooks["open"] = Hook{Event: "e", Scheme: "none"}
	want.Streams["all-orders"] = Stream{Stream: "orders.events", Group: "shop", From: "end", Data: "data", ID: "id"}
	want.Streams["new"] = Stream{Stream: "new", Group: "prana", From: "beginning", Workflow: "w", Data: "data", ID: "id"}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "  s3cret \n")
	key := filepath.Join(t.TempDir(), "key")
	write(t, key, strings.Repeat("k", shortestKey))
	c, err := choose(t, "", "PRANA_TOKEN_FILE="+path, "PRANA_RESUME_KEY_FILE="+key, "PRANA_SECRET_DB_FILE="+path, "PRANA_LISTEN=0.0.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if c.Token.Reveal() != "  s3cret " || c.Secrets["db"].Reveal() != "  s3cret " {
		t.Errorf("got %q and %q", c.Token.Reveal(), c.Secrets["db"].Reveal())
	}
	if c.ResumeKey.Len() != shortestKey {
		t.Errorf("the key of resume URLs has %d bytes", c.ResumeKey.Len())
	}
}

func TestForeignVariablesAreLeftAlone(t *testing.T) {
	t.Parallel()
	c, err := choose(t, "", "PRANA_SERVICE_HOST=10.0.0.1", "PRANA_SERVICE_PORT_HTTP=80", "PRANA_PORT=tcp://10.0.0.1:80",
		"PRANA_PORT_80_TCP_ADDR=10.0.0.1", "PRANA_REDIS_PORT=tcp://10.0.0.2:6380", "PRANA_TEST_X=1", "PRANA_TOKEN=",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318")
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 8484 || c.OTLP.Endpoint != "http://collector:4318" {
		t.Errorf("got %+v", c)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	for name, c := range map[string]struct {
		text string
		env  []string
		want []string
	}{
		"typo in a key":       {text: "worker:\n  concurency: 3\n", want: []string{"prana.yaml:2:3: worker.concurency: unknown; did you mean worker.concurrency?"}},
		"typo in a section":   {text: "wroker: {concurrency: 3}", want: []string{"prana.yaml:1:1: wroker: unknown; did you mean worker?"}},
		"key without section": {text: "concurrency: 3", want: []string{"did you mean worker.concurrency?"}},
		"another case":        {text: "Port: 1", want: []string{"Port: unknown; did you mean port?"}},
		"typo in a hook":      {text: "hooks: {a: {evnt: x}}", want: []string{"hooks.a.evnt: unknown; did you mean hooks.a.event?"}},
		"typo in a stream":    {text: "streams: {a: {steam: x}}", want: []string{"streams.a.steam: unknown; did you mean streams.a.stream?"}},
		"all of a stream": {text: "streams: {a: {group: 'a b', from: now, event: e, workflow: w, data: '', id: ''}, b: {stream: 'prana:queues'}}", want: []string{
			"streams.a.stream: must be the key of a stream", `streams.a.group is "a b": has 1 to 64`, "must be one of beginning, end", "at most one of event",
			"streams.a.data: must name", "streams.a.id: must name", `streams.b.stream is "prana:queues": is a key of prana`,
		}},
		"a stream read twice":  {text: "streams: {a: {stream: s}, b: {stream: s}}", want: []string{`streams.b.group is "prana": also reads this stream for streams.a`}},
		"nothing near":         {text: "xyzzyxyzzy: 1", want: []string{"xyzzyxyzzy: unknown; prana config lists"}},
		"typo in a variable":   {env: []string{"PRANA_WORKER_CONCURENCY=3"}, want: []string{"PRANA_WORKER_CONCURENCY: unknown; did you mean PRANA_WORKER_CONCURRENCY?"}},
		"file of a non-secret": {env: []string{"PRANA_PORT_FILE=/x"}, want: []string{"PRANA_PORT_FILE: unknown"}},
		"no such secret file":  {env: []string{"PRANA_TOKEN_FILE=" + missing}, want: []string{"PRANA_TOKEN_FILE: token: cannot be read"}},
		"twice":                {env: []string{"PRANA_REDIS=miniredis", "PRANA_REDIS_URL=miniredis"}, want: []string{"is also set by PRANA_REDIS"}},
		"no such file":         {env: []string{"PRANA_CONFIG=" + missing}, want: []string{missing + ": cannot be read"}},
		"not YAML":             {text: "a: [", want: []string{"prana.yaml: line 1"}},
		"duplicate key":        {text: "port: 1\nport: 2\n", want: []string{"already defined at line 1"}},
		"mapping for a value":  {text: "port: {a: 1}", want: []string{"port: must be a value"}},
		"value for a mapping":  {text: "redis: redis://h", want: []string{"write the address as url below redis"}},
		"all types at once": {text: "port: many\nworker: {intake: maybe, shutdown_grace: 20}\nlimits: {body: big}\ntoken: 123456\nresume_key: 123456\nmiddleware: 3\n", want: []string{
			`prana.yaml:1:1: port is "many": must be a whole number`, "must be true or false", "must be a duration with its unit",
			"must be a size", `token is "[REDACTED]": must be a text`, `resume_key is "[REDACTED]": must be a text`, "must be a list",
		}},
		"all values at once": {text: "port: 70000\npartitions: 0\nlisten: 0.0.0.0\nlog: {level: warning}\nresume_key: short\nhooks: {a: {event: e, workflow: w, secret: short}}\nenv_allow: [PRANA_TOKEN]\n" +
			"worker: {servers: 99, queues: [slow, Fast, slow], queue_weights: [slow=2, slow=3, fast, x=0]}\non_retry_exhausted: {url: 'ftp://x'}\nserver: ''\n", want: []string{
			`prana.yaml:1:1: port is "70000": must be 0 to 65535`, "must be 1 to 1024", "set a token", "did you mean warn?",
			"one of event", "at least 32 bytes, has 5", "at least 24 bytes, has 5", "use secrets instead", "must be 1 to 64", `worker.queue_weights is "slow": is weighed twice`, `worker.queue_weights is "fast": must be NAME=WEIGHT`, `worker.queue_weights is "x=0": must be NAME=WEIGHT`, `worker.queues is "Fast": a name has 1 to 32`, `worker.queues is "slow": is named twice`, "must be an http://", "at least 24 bytes, has 0",
		}},
		"hooks": {text: "retention: {completed: 9m}\nhooks:\n  a: {event: e, scheme: githab, secret: " + longSecret + ", previous_secret: short}\n  b: {event: e, scheme: none, secret: " + longSecret + "}\n" +
			"  c: {workflow: w, secret: " + longSecret + "}\n", want: []string{
			"did you mean github?", "hooks.a.previous_secret: must have at least 24 bytes, has 5", "hooks.b: has the scheme none", `retention.completed is "9m0s": must be at least 10m0s: hooks.c`,
		}},
		"empty secret of a hook": {text: "hooks: {a: {event: e, scheme: bearer, secret: ''}}", want: []string{"hooks.a.secret: must have at least 24 bytes, has 0"}},
		"name of a secret":       {text: "secrets: {StripeKey: x}", want: []string{"secrets.StripeKey: names begin"}},
		"redis":                  {text: "redis: {url: 'http://u:hidden@h'}", want: []string{`redis.url is "http://[REDACTED]@h": must be redis://`}},
		"listen with port":       {text: "listen: 127.0.0.1:8484", want: []string{"listen is \"127.0.0.1:8484\": must be a host or an address, without a port: that is port"}},
		"redis port":             {env: []string{"PRANA_REDIS=redis-cluster://a:1,b:99999999"}, want: []string{"is no port"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := choose(t, c.text, c.env...)
			if err == nil {
				t.Fatal("no problem was found")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			var all Problems
			if !errors.As(err, &all) || len(all) < len(c.want) {
				t.Errorf("want at least %d problems, got %v", len(c.want), err)
			}
		})
	}
}

func TestUnknownFlag(t *testing.T) {
	t.Parallel()
	o := options(t, "")
	o.Flags = map[string]any{"prot": 1}
	if _, err := Load(o); err == nil || !strings.Contains(err.Error(), "command line: prot: unknown; did you mean port?") {
		t.Errorf("got %v", err)
	}
}

func TestRedisURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "miniredis", "redis://h", "redis://:pw@h:1/2", "rediss://u:p@h:1", "unix:///run/r.sock?db=1", "unix://u:p@/run/r.sock",
		"redis-sentinel://a:1,b:2/master", "redis-cluster://u:p@a:1,b:2,[::1]:3",
	} {
		if err := checkRedisURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"h:1", "redis://", "unix://", "unix://run", "redis-cluster://a:1,,b:2", "redis://h:x"} {
		if checkRedisURL(url) == nil {
			t.Errorf("%s was accepted", url)
		}
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	o := options(t, "", "PRANA_HOOKS_H_EVENT=e", "PRANA_HOOKS_H_SECRET=canary-that-is-long-enough", "PRANA_HOOKS_H_PREVIOUS_SECRET=canary-that-is-long-enough-too", "PRANA_TOKEN=canary-token", "PRANA_SECRET_A=canary-a", "PRANA_REDIS=redis://u:canary-redis@h")
	c, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := Settings(o)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", c.Token, "redis", c.Redis.Redacted())
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", c.Token, "all", c)
	inJSON, err := json.Marshal(map[string]any{"token": c.Token, "secrets": c.Secrets})
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s %q %x %d", c, c, c.Token, c.Token, c.Token, c.Token, c.Token) +
		log.String() + string(inJSON) + fmt.Sprint(settings)
	if i := strings.Index(shown, "canary"); i >= 0 {
		t.Errorf("a secret is shown: …%s…", shown[max(0, i-60):min(len(shown), i+20)])
	}
	if !strings.Contains(string(inJSON), `"token":"[REDACTED]"`) {
		t.Errorf("got %s", inJSON)
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Bytes{"0": 0, "1": 1, "1KiB": KiB, "3 MiB": 3 * MiB, "1GiB": GiB, "7B": 7} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "KiB", "-1", "1KB", "1.5MiB", "9999999999999GiB"} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
	if s := fmt.Sprint(256*KiB, 4097*Bytes(1), Bytes(0)); s != "256KiB 4097 0" {
		t.Errorf("got %s", s)
	}
}

func TestEgressAllowsPrivate(t *testing.T) {
	t.Parallel()
	for private, want := range map[string][2]bool{"dev": {true, false}, "always": {true, true}, "never": {false, false}} {
		e := Egress{Private: private}
		if got := [2]bool{e.AllowsPrivate(true), e.AllowsPrivate(false)}; got != want {
			t.Errorf("%s: got %v, want %v", private, got, want)
		}
	}
}
