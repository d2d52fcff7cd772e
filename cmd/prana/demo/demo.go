// Package demo plays the five suspension patterns of the guide live: it serves the API in this process, runs a worker
// in a child process that it kills while everything waits, and brings its own partner service to talk to.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"prana/cmd/prana/app"
	"prana/cmd/prana/child"
	"prana/engine/flow"
)

// Options say how to play.
type Options struct {
	// App is how this process serves; which parts it runs is set here.
	App app.Options
	// Temporary uses a data directory that is removed by Close.
	Temporary bool
	// Executable is the prana binary to run the worker with, in the environment Environ.
	Executable string
	Environ    []string
	Stderr     io.Writer // gets the live lines
}

// limit ends a demo in which something hangs. One that works takes about eight seconds.
const limit = 60 * time.Second

// stopGrace bounds each step of stopping.
const stopGrace = 10 * time.Second

// Demo is a demo on its stage.
type Demo struct {
	o       Options
	began   time.Time
	dir     string // temporary; empty = none
	app     *app.App
	partner *partner
	worker  *child.Process
	request string // what the approval is about; no earlier demo on the same Redis had it
	tracked []*tracked
}

// Start brings up Redis, API, partner and worker. After an error nothing is left running.
func Start(ctx context.Context, o Options) (*Demo, error) {
	d := &Demo{o: o, began: time.Now(), request: "request-" + flow.NewToken()}
	for _, bring := range []func(context.Context) error{d.startApp, d.startPartner, d.startWorker} {
		if err := bring(ctx); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	return d, nil
}

func (d *Demo) startApp(ctx context.Context) error {
	o := d.o.App
	o.API, o.NextPort, o.Dev, o.Worker = true, true, true, false
	if d.o.Temporary {
		dir, err := os.MkdirTemp("", "prana-demo-")
		if err != nil {
			return fmt.Errorf("making a temporary data directory: %w", err)
		}
		d.dir, o.Config.DataDir = dir, dir
	}
	var err error
	if d.app, err = app.Start(ctx, o); err != nil {
		return err
	}
	d.say("", "API and console at %s", d.app.URL())
	d.say("", "%s", d.app.Redis())
	if d.dir != "" {
		d.say("", "the data directory is temporary: it goes with this demo")
	}
	return nil
}

func (d *Demo) startPartner(context.Context) error {
	var err error
	d.partner, err = startPartner()
	return err
}

func (d *Demo) startWorker(context.Context) error {
	w, err := child.Worker(d.o.Executable, d.workerEnviron())
	if err != nil {
		return fmt.Errorf("starting a worker: %w", err)
	}
	d.worker = w
	d.say("", "started worker process %d", w.Pid())
	return nil
}

// Play runs every pattern once. Only a demo that could not be played gives an error: what went wrong inside stands in
// the result.
func (d *Demo) Play(ctx context.Context) (Result, error) {
	if err := d.deploy(ctx); err != nil {
		return Result{}, err
	}
	if err := d.startAll(ctx); err != nil {
		return Result{}, err
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := d.scenes(limited)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		d.say("", "not everything ended within %s", limit)
		err = nil
	}
	return d.result(), err
}

// scenes is what happens once all executions are started.
func (d *Demo) scenes(ctx context.Context) error {
	if err := d.watch(ctx, d.quiet); err != nil {
		return err
	}
	if err := d.crash(ctx); err != nil {
		return err
	}
	if err := d.approve(ctx); err != nil {
		return err
	}
	return d.watch(ctx, d.over)
}

// crash kills the worker and starts another. What waits has no process to lose.
func (d *Demo) crash(ctx context.Context) error {
	waiting := 0
	for _, t := range d.tracked {
		if t.view.Status == flow.Suspended {
			waiting++
		}
	}
	old := d.worker
	old.Kill()
	d.say("", "killed worker process %d with SIGKILL while %d executions wait", old.Pid(), waiting)
	return d.startWorker(ctx)
}

// approve is the person whom the first pattern waits for.
func (d *Demo) approve(ctx context.Context) error {
	data, err := flow.Encode(map[string]any{"request_id": d.request, "approved": true, "approver": "you"})
	if err != nil {
		return err
	}
	res, err := d.app.Engine().Publish(ctx, flow.Event{Type: "approval_response", Data: data})
	if err != nil {
		return fmt.Errorf("publishing the approval: %w", err)
	}
	d.say("", "published event approval_response: matched %d", res.Matched)
	return nil
}

// Stay keeps everything up until ctx ends, which is no error.
func (d *Demo) Stay(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.app.Err():
		return err
	case <-d.worker.Done():
		return d.worker.Failure()
	}
}

// URL is where API and console are.
func (d *Demo) URL() string { return d.app.URL() }

// Close stops everything that Start started, and removes what was temporary.
func (d *Demo) Close() error {
	var errs []error
	if d.worker != nil {
		d.worker.Stop(stopGrace)
	}
	if d.partner != nil {
		errs = append(errs, d.partner.close())
	}
	if d.app != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*stopGrace)
		defer cancel()
		errs = append(errs, d.app.Shutdown(ctx))
	}
	if d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

// say prints a line with the time since the start; about one pattern, or about the stage.
func (d *Demo) say(pattern, format string, args ...any) {
	if pattern == "" {
		pattern = "prana"
	}
	fmt.Fprintf(d.o.Stderr, "%6.2fs  %-28s  %s\n", time.Since(d.began).Seconds(), pattern, fmt.Sprintf(format, args...))
}
