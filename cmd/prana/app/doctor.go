package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"prana/config/localredis"
	"prana/suspend"
	"prana/tasks"
)

// What a check can come to.
const (
	Passed  = "ok"
	Advice  = "advice"  // nothing is wrong; it could be better, or cannot be seen
	Warning = "warning" // it works, and work waits, was given up or is about to be refused
	Failed  = "failed"
)

// Check is one thing that was looked at.
type Check struct {
	Name    string `json:"name"`
	Status  string `json:"status"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // who should do what
}

// Report is what the doctor found.
type Report struct {
	OK     bool    `json:"ok"` // there are no findings: neither a warning nor a failure
	Redis  string  `json:"redis"`
	Checks []Check `json:"checks"`
}

// findingsAtMost bounds what is told of one partition.
const findingsAtMost = 50

// Doctor examines a Redis and everything that Prana keeps there. It needs
// neither a worker nor an API, and changes nothing. The error says that Redis
// could not be examined at all; whatever is wrong with it stands in the report.
func Doctor(ctx context.Context, o Options) (r Report, err error) {
	dir := o.Config.DataDir
	b, err := openExamined(ctx, &o)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	client, err := Connect(b.url)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	d := &doctor{o: o, kind: b.kind, client: client, report: Report{OK: true, Redis: b.line}}
	d.store = suspend.New(client, tasks.Encoder{}, suspend.Options{Partitions: o.Config.Partitions})
	if err := d.store.Ping(ctx); err != nil {
		return Report{}, fmt.Errorf("%s: %w", b.line, err)
	}
	if dir != o.Config.DataDir {
		d.tell("store", Passed, "there is nothing in "+dir+" yet; what a new store would be like was looked at", "")
	}
	d.hooks()
	for _, examine := range []func(context.Context) error{d.servers, d.format, d.queues, d.intake, d.streams, d.audits} {
		if err := examine(ctx); err != nil {
			return d.report, err
		}
	}
	return d.report, nil
}

// openExamined finds the Redis to look at. An embedded one that does not exist
// yet is not made: then a temporary one shows what this machine would use.
func openExamined(ctx context.Context, o *Options) (*backend, error) {
	if o.Config.Redis.URL == "" && o.Config.DataDir != "" {
		if _, err := os.Stat(o.Config.DataDir); errors.Is(err, os.ErrNotExist) {
			o.Config.DataDir = ""
		}
	}
	b, err := openRedis(ctx, o.Config)
	if _, locked := errors.AsType[*localredis.LockedError](err); locked {
		return nil, fmt.Errorf("the embedded Redis is being used, and only the process that started it can reach it: stop that process first, or name a Redis with --redis: %w", err)
	}
	return b, err
}
