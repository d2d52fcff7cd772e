// Package config chooses: viper in, plain structs out. Flags win over PRANA_* variables, those over the file, that over
// the defaults. Only cmd imports it; everything else is handed the values it needs.
//
// A key such as worker.shutdown_grace is the variable PRANA_WORKER_SHUTDOWN_GRACE and, in the file, shutdown_grace
// under worker. Durations are written 20s, 5m, 168h or 7d; sizes 4096, 256KiB or 1MiB; lists in variables with commas.
package config

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Config is everything that can be chosen. Default gives the values named below; the zero value is not meant for use.
type Config struct {
	// Redis is where executions live.
	Redis Redis `key:"redis"`
	// DataDir is the directory of the embedded Redis, relative to the working directory. Default ".prana".
	DataDir string `key:"data_dir"`
	// Partitions is the number of hash tags that new executions are spread over, 1 to 1024. Default 1. Changing it
	// moves nothing that exists.
	Partitions int `key:"partitions"`

	// Listen is the host that API and console listen on. Default 127.0.0.1. Others need a Token.
	Listen string `key:"listen"`
	// Port is the TCP port that API and console listen on; 0 takes a free one. Default 8484.
	Port int `key:"port"`
	// PublicURL is how people and partners reach the server, for links that are sent out. Default "": where
	// this process listens; a worker without API takes Server. Workers send links too: give all processes the same.
	PublicURL string `key:"public_url"`
	// ResumeKey signs resume URLs; at least 32 bytes, the same in all processes. Default "": a key is made and kept in Redis.
	// With one of your own, whoever reads Redis cannot make a URL that ends a wait. Another key makes every URL unknown.
	ResumeKey Secret `key:"resume_key"`
	// Token is what the API asks for, and the client sends, as a Bearer token. Default "": none is asked for.
	Token Secret `key:"token"`
	// Server is the API that client commands speak to. Default http://127.0.0.1:8484.
	Server string `key:"server"`

	// Worker is how a process runs steps.
	Worker Worker `key:"worker"`
	// Retention is how long finished executions stay readable.
	Retention Retention `key:"retention"`
	// Limits bound everything that is stored.
	Limits Limits `key:"limits"`
	// Middleware names what sees the events of executions, in order. Default logging, tracing, metrics.
	Middleware []string `key:"middleware"`
	// EnvAllow names the environment variables that expressions may read as $env. Default none.
	EnvAllow []string `key:"env_allow"`
	// Secrets are what expressions read as $secrets, by lower-case name: PRANA_SECRET_STRIPE_KEY is stripe_key.
	Secrets map[string]Secret `key:"secrets"`
	// Egress is where nodes may connect to.
	Egress Egress `key:"egress"`
	// Hooks are the named webhooks that come in at /v1/hooks/NAME. Default none.
	Hooks map[string]Hook `key:"hooks"`
	// Streams are the Redis Streams, of the same Redis, through which other services publish and start. Default none.
	Streams map[string]Stream `key:"streams"`
	// OnRetryExhausted is who is told when a node has used up its retries. Default nobody.
	OnRetryExhausted Alert `key:"on_retry_exhausted"`
	// OTLP is where traces and metrics are sent.
	OTLP OTLP `key:"otlp"`
	// Queues is the view of the queues at /queues.
	Queues Queues `key:"queues"`
	// Log is what the process writes to stderr.
	Log Log `key:"log"`
}

// Redis says which server to use.
type Redis struct {
	// URL is redis://, rediss:// (TLS), unix://, redis-sentinel:// or redis-cluster://, the last two with a list of
	// hosts divided by commas; or "miniredis" for one in memory. Default "": a redis-server found on PATH is started as
	// a child, else one in memory. It may hold a password, which is not shown.
	URL string `key:"url"`
}

// Worker is how a process runs steps.
type Worker struct {
	// Concurrency is how many steps run at once in this process, 1 to 10000. Default 64.
	Concurrency int `key:"concurrency"`
	// Queues names the queues whose steps run in this process; default stands for all steps that name none. Default none:
	// steps of all queues, also of those that come to be.
	Queues []string `key:"queues"`
	// QueueWeights share out Concurrency where several queues want more than there is, as NAME=WEIGHT: a queue of weight 3 gets three
	// times as many steps as one of weight 1. 1 to 100. Default none: each queue weighs 1.
	QueueWeights []string `key:"queue_weights"`
	// Servers is how many goroutines fetch tasks, each with its share of Concurrency, and never more than that; 1 to 64. Default 2.
	Servers int `key:"servers"`
	// ShutdownGrace is how long running steps may go on after a signal. Default 20s; 0 hands them back at once.
	ShutdownGrace time.Duration `key:"shutdown_grace"`
	// Intake also serves the queue, and reads the Streams, by which other services start and resume things. Default true.
	Intake bool `key:"intake"`
}

// Weights are the QueueWeights by name.
func (w Worker) Weights() map[string]int {
	weights := map[string]int{}
	for _, text := range w.QueueWeights {
		name, weight, _ := strings.Cut(text, "=")
		weights[name], _ = strconv.Atoi(weight) // validated before
	}
	return weights
}

// Retention is how long finished executions stay readable, counted from their end. Zero removes them at once.
type Retention struct {
	// Completed is for executions that completed. Default 168h.
	Completed time.Duration `key:"completed"`
	// Failed is for all that ended otherwise: failed, cancelled, timed out. Default 720h.
	Failed time.Duration `key:"failed"`
}

// Limits bound everything that is stored. All are at least 1.
type Limits struct {
	// Payload is the most that an input, an output or an event's data may take as JSON. Default 256 KiB.
	Payload Bytes `key:"payload"`
	// Body is the most that the API reads of one request. Default 1 MiB.
	Body Bytes `key:"body"`
	// HookBody is the most that a webhook reads of one request. Default 256 KiB.
	HookBody Bytes `key:"hook_body"`
	// Response is the most that http.request and polls read of one response. Default 1 MiB.
	Response Bytes `key:"response"`
	// Definition is the most that a workflow's definition may take. Default 256 KiB.
	Definition Bytes `key:"definition"`
	// Nodes of one workflow. Default 500.
	Nodes int `key:"nodes"`
	// Connections of one workflow. Default 2000.
	Connections int `key:"connections"`
	// Transitions are the completed steps of one execution, after which it fails. Default 1000000.
	Transitions int `key:"transitions"`
	// Iterations are the rounds of one loop, unless its head says max_iterations. Loops over items are bounded by Items. Default 10000.
	Iterations int `key:"iterations"`
	// Items of one core.for_each, or of one batch of children. Default 100000.
	Items int `key:"items"`
	// Depth of child workflows below the first. Default 10.
	Depth int `key:"depth"`
}

// Egress is where nodes may connect to. The metadata addresses of clouds are never reachable.
type Egress struct {
	// Allow lists networks that may be reached although they are private: 10.2.0.0/16, 192.168.1.7. Default none.
	Allow []netip.Prefix `key:"allow"`
	// Private says whether all loopback and private addresses may be reached: "dev" (in dev and demo only), "always"
	// or "never". Default "dev".
	Private string `key:"private"`
}

// AllowsPrivate resolves Private for a process that runs as a development server or not.
func (e Egress) AllowsPrivate(dev bool) bool {
	return e.Private == "always" || e.Private == "dev" && dev
}

// Hook is one named webhook. It has exactly one of Event and Workflow. A call counts once under the id that its scheme
// gives it, for a day at least as an event, and for as long as the execution is remembered as a start.
type Hook struct {
	// Event is the type of the event that a call publishes; it may hold templates over $body, $headers and $query.
	Event string `key:"event"`
	// Workflow is the id of the workflow that a call starts.
	Workflow string `key:"workflow"`
	// Scheme is how calls are signed: standard (Standard Webhooks), github, stripe, slack, hmac (any other HMAC of the body),
	// bearer (a token), or none: anybody may call. Default standard.
	Scheme string `key:"scheme"`
	// Secret signs the calls, or is the token of bearer; at least 24 bytes. Only the scheme none has none.
	Secret Secret `key:"secret"`
	// PreviousSecret counts as well, while senders change from it to Secret. Default none.
	PreviousSecret Secret `key:"previous_secret"`
	// Header is where hmac's signature stands, or bearer's token. Default X-Signature-256, and Authorization: Bearer.
	Header string `key:"header"`
	// Prefix stands before hmac's signature, such as "sha256=". Default none.
	Prefix string `key:"prefix"`
	// Algorithm of hmac: sha256 or sha512. Default sha256.
	Algorithm string `key:"algorithm"`
	// Encoding of hmac's signature: hex or base64. Default hex.
	Encoding string `key:"encoding"`
	// TimestampHeader is where hmac's time stands, in seconds; "time.body" is signed then. Default none: the body is.
	TimestampHeader string `key:"timestamp_header"`
	// IDHeader names the call, for hmac, bearer and none. Default webhook-id; a call without it counts once by its body.
	IDHeader string `key:"id_header"`
	// ID is a template that names the call instead: "{{ $body.order.id }}". Default none.
	ID string `key:"id"`
	// Data is a template that gives the data of the event, or the input of the workflow. Default the body.
	Data string `key:"data"`
	// When is an expression; calls for which it is false are answered, and nothing is done. Default none: all are of use.
	When string `key:"when"`
}

// Stream is one Redis Stream. Each of its entries publishes an event, or starts Workflow.
type Stream struct {
	// Stream is the key of the stream.
	Stream string `key:"stream"`
	// Group is the consumer group that all workers read it with. Default prana.
	Group string `key:"group"`
	// From is where a group begins that does not exist yet: "beginning" (with what the stream holds then) or "end" (with
	// what comes after). Default beginning.
	From string `key:"from"`
	// Event is the type of the events. Default "": the entry's field "type".
	Event string `key:"event"`
	// Workflow is the id of the workflow that an entry starts, instead of publishing an event. Default "".
	Workflow string `key:"workflow"`
	// Data is the field that holds the event's data, or the input, as JSON. An entry without it is taken as a whole, as an object of
	// texts. Default data.
	Data string `key:"data"`
	// ID is the field that makes an entry count once. An entry without it counts once by its own id in the stream. Default id.
	ID string `key:"id"`
}

// DefaultStream is a stream of which nothing was chosen.
func DefaultStream() Stream {
	return Stream{Group: "prana", From: "beginning", Data: "data", ID: "id"}
}

// Alert is who is told. Several may be set; all of them are told.
type Alert struct {
	// Event is the type of an event to publish.
	Event string `key:"event"`
	// URL receives a POST signed with Secret.
	URL string `key:"url"`
	// Secret signs the POST; at least 24 bytes, needed with URL.
	Secret Secret `key:"secret"`
	// Workflow is the id of a workflow to start.
	Workflow string `key:"workflow"`
}

// Enabled tells whether anybody is to be told.
func (a Alert) Enabled() bool { return a.Event != "" || a.URL != "" || a.Workflow != "" }

// OTLP is where traces and metrics are sent.
type OTLP struct {
	// Endpoint is an http:// or https:// URL of a collector. Default OTEL_EXPORTER_OTLP_ENDPOINT, else "": nothing is sent.
	Endpoint string `key:"endpoint"`
}

// Queues is the view of the queues at /queues.
type Queues struct {
	// Writable lets people delete, archive and run tasks there. Default false.
	Writable bool `key:"writable"`
}

// Log is what the process writes to stderr.
type Log struct {
	// Level is debug, info, warn or error. Default info.
	Level string `key:"level"`
	// Format is text or json. Default text.
	Format string `key:"format"`
}

// Default is the configuration of somebody who chose nothing.
func Default() Config {
	return Config{
		DataDir:    ".prana",
		Partitions: 1,
		Listen:     "127.0.0.1",
		Port:       8484,
		Server:     "http://127.0.0.1:8484",
		Worker:     Worker{Concurrency: 64, Servers: 2, ShutdownGrace: 20 * time.Second, Intake: true},
		Retention:  Retention{Completed: 168 * time.Hour, Failed: 720 * time.Hour},
		Limits: Limits{
			Payload: 256 * KiB, Body: MiB, HookBody: 256 * KiB, Response: MiB, Definition: 256 * KiB,
			Nodes: 500, Connections: 2000, Transitions: 1_000_000, Iterations: 10_000, Items: 100_000, Depth: 10,
		},
		Middleware: []string{"logging", "tracing", "metrics"},
		Egress:     Egress{Private: "dev"},
		Log:        Log{Level: "info", Format: "text"},
		Secrets:    map[string]Secret{},
		Hooks:      map[string]Hook{},
		Streams:    map[string]Stream{},
	}
}
