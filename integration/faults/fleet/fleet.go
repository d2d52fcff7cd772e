// Package fleet runs the product as people do: a Redis, workers and servers in processes of their own, a partner outside, and
// somebody who looks at all of it. Everything in it can be killed.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/cmd/prana/app"
	"prana/config/localredis"
	"prana/engine"
	"prana/engine/definition"
	"prana/engine/plan"
	"prana/handlers/api/client"
	"prana/integration/faults/partner"
	"prana/integration/proc"
	"prana/suspend"
)

// Options are what a fleet is made of. The zero value has no processes, one partition, and a Redis on a socket that writes
// its file every second.
type Options struct {
	Workers, Servers int
	Partitions       int
	Slots            int    // steps at a time in a worker; 0 = as by default
	Fsync            string // appendfsync: always, everysec; "" = everysec
	Volatile         bool   // Redis keeps nothing on disk
	Older            bool   // the store is one that the version before made: it is written in its format
	// Redis gives the URL under which processes reach the Redis, such as that of a proxy; nil = its own.
	Redis func(*localredis.Server) (url string, err error)
	// Client changes how servers are asked; nil = as the client comes. What it sets may be newer than the version that this package is
	// built with.
	Client func(*client.Client)
}

// Fleet is a running fleet.
type Fleet struct {
	Setup   Setup // of its processes
	Redis   *localredis.Server
	Raw     redis.UniversalClient // past all proxies
	Partner *partner.Partner
	// App is the process that looks: a server inside of this one, past all proxies. It runs no steps, and nobody kills it.
	App    *app.App
	Engine *engine.Engine

	fsync   string
	tune    func(*client.Client)
	mu      sync.Mutex
	workers []*proc.Process
	servers []*server
	next    int // server to be asked
}

// server is a process that serves HTTP, with a client of it.
type server struct {
	*proc.Process
	client *client.Client
}

// Start starts a fleet. After an error nothing is left running.
func Start(ctx context.Context, o Options) (*Fleet, error) {
	f := &Fleet{fsync: o.Fsync, tune: o.Client}
	if err := f.start(ctx, o); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Fleet) start(ctx context.Context, o Options) (err error) {
	f.Partner = partner.New()
	if f.Redis, err = localredis.Start(ctx, localredis.Options{Persist: !o.Volatile}); err != nil {
		return err
	}
	if f.Raw, err = app.Connect(f.Redis.URL()); err != nil {
		return err
	}
	if err := f.setFsync(ctx); err != nil {
		return err
	}
	if o.Older {
		if err := f.Raw.Set(ctx, "prana:store", "older", 0).Err(); err != nil {
			return err
		}
	}
	f.Setup = Setup{Redis: f.Redis.URL(), Partner: f.Partner.URL, Partitions: o.Partitions, Slots: o.Slots, Grace: 5 * time.Second}
	look := f.Setup.Options()
	look.API = true
	if f.App, err = app.Start(ctx, look); err != nil {
		return err
	}
	f.Engine = f.App.Engine()
	if o.Redis != nil {
		if f.Setup.Redis, err = o.Redis(f.Redis); err != nil {
			return err
		}
	}
	return f.Add(o.Workers, o.Servers)
}

func (f *Fleet) setFsync(ctx context.Context) error {
	if f.fsync == "" {
		return nil
	}
	return f.Raw.ConfigSet(ctx, "appendfsync", f.fsync).Err()
}

// RestartRedis brings Redis back, on the data that it wrote.
func (f *Fleet) RestartRedis(ctx context.Context) error {
	if err := f.Redis.Restart(ctx); err != nil {
		return err
	}
	return f.setFsync(ctx) // which it forgot
}

// Crash kills every process and Redis, as a power cut does.
func (f *Fleet) Crash() {
	var wg sync.WaitGroup
	for _, p := range append(f.Workers(), f.Servers()...) {
		wg.Go(p.Kill)
	}
	wg.Go(f.Redis.Kill)
	wg.Wait()
}

// Recover starts Redis again, and so many workers and servers.
func (f *Fleet) Recover(ctx context.Context, workers, servers int) error {
	if err := f.RestartRedis(ctx); err != nil {
		return err
	}
	return f.Add(workers, servers)
}

// Add starts more workers and servers.
func (f *Fleet) Add(workers, servers int) (err error) {
	for range servers {
		err = errors.Join(err, f.AddServer())
	}
	for range workers {
		_, werr := f.AddWorker()
		err = errors.Join(err, werr)
	}
	return err
}

// AddWorker starts one more worker; change alters the setup of it alone.
func (f *Fleet) AddWorker(change ...func(*Setup)) (*proc.Process, error) {
	s := f.Setup
	for _, c := range change {
		c(&s)
	}
	p, err := spawn(s)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.workers = append(slices.DeleteFunc(f.workers, dead), p)
	return p, nil
}

func dead(p *proc.Process) bool { return !p.Alive() }

// AddServer starts one more server; change alters the setup of it alone.
func (f *Fleet) AddServer(change ...func(*Setup)) error {
	s := f.Setup
	s.Server = true
	for _, c := range change {
		c(&s)
	}
	p, err := spawn(s)
	if err != nil {
		return err
	}
	c, err := client.New(p.URL, "")
	if err != nil {
		p.Kill()
		return err
	}
	if f.tune != nil {
		f.tune(c)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers = append(slices.DeleteFunc(f.servers, func(s *server) bool { return !s.Alive() }), &server{p, c})
	return nil
}

// Workers lists the workers that run.
func (f *Fleet) Workers() []*proc.Process {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.workers = slices.DeleteFunc(f.workers, dead)
	return slices.Clone(f.workers)
}

// Servers lists the servers that run.
func (f *Fleet) Servers() []*proc.Process {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*proc.Process
	for _, s := range f.servers {
		if s.Alive() {
			all = append(all, s.Process)
		}
	}
	return all
}

// Ask has one server after the other do something, until one did, or refused for good; as a careful client does, who repeats a
// request with its id.
func (f *Fleet) Ask(ctx context.Context, do func(context.Context, *client.Client) error) error {
	for {
		err := f.askOne(ctx, do)
		if !Passing(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (f *Fleet) askOne(ctx context.Context, do func(context.Context, *client.Client) error) error {
	f.mu.Lock()
	if len(f.servers) == 0 {
		f.mu.Unlock()
		return errors.New("the fleet has no server")
	}
	f.next++
	s := f.servers[f.next%len(f.servers)]
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return do(ctx, s.client)
}

// Deploy publishes definitions; PARTNER in them is the partner's address.
func (f *Fleet) Deploy(ctx context.Context, sources ...string) error {
	reg := f.Setup.Registry()
	for _, src := range sources {
		src = strings.ReplaceAll(src, "PARTNER", f.Partner.URL)
		w, _, found := definition.Check("faults.yaml", []byte(src), reg, plan.Options{})
		if plan.HasErrors(found) {
			return fmt.Errorf("a definition is wrong: %v\n%s", found, src)
		}
		if _, _, err := f.Engine.Deploy(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// Audit adds to a sum what prana doctor finds in all partitions.
func (f *Fleet) Audit(ctx context.Context, sum *suspend.Audited) error {
	for p := range f.partitions() {
		a, err := f.App.Store().Audit(ctx, p, suspend.AuditOptions{})
		if err != nil {
			return err
		}
		sum.Executions += a.Executions
		sum.Moving += a.Moving
		sum.Findings = append(sum.Findings, a.Findings...)
		sum.More = sum.More || a.More
	}
	return nil
}

// Executions counts what is in the lists of all workflows.
func (f *Fleet) Executions(ctx context.Context) (int64, error) { return f.Listed(ctx, "wf:*") }

// Listed counts what is in the lists, of all partitions, whose names match a pattern.
func (f *Fleet) Listed(ctx context.Context, pattern string) (n int64, err error) {
	for p := range f.partitions() {
		keys, err := f.Raw.Keys(ctx, fmt.Sprintf("{prana-%d}:%s", p, pattern)).Result()
		if err != nil {
			return 0, err
		}
		for _, key := range keys {
			there, err := f.Raw.ZCard(ctx, key).Result()
			if err != nil {
				return 0, err
			}
			n += there
		}
	}
	return n, nil
}

func (f *Fleet) partitions() int { return max(1, f.Setup.Partitions) }

// Logs are the ends of what the processes that run wrote.
func (f *Fleet) Logs() string {
	var b strings.Builder
	for _, p := range append(f.Workers(), f.Servers()...) {
		fmt.Fprintf(&b, "process %d:\n%s\n", p.Pid, p.Log())
	}
	return b.String()
}

// Close ends everything by its process id, workers first.
func (f *Fleet) Close() error {
	var wg sync.WaitGroup
	for _, p := range append(f.Workers(), f.Servers()...) {
		wg.Go(p.Stop)
	}
	wg.Wait()
	for _, s := range f.servers {
		s.client.Close()
	}
	var errs []error
	if f.App != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		errs = append(errs, f.App.Shutdown(ctx))
	}
	if f.Raw != nil {
		errs = append(errs, f.Raw.Close())
	}
	if f.Redis != nil {
		errs = append(errs, f.Redis.Close())
	}
	f.Partner.Close()
	return errors.Join(errs...)
}

// RedisVersion names the Redis that fleets start.
var RedisVersion = sync.OnceValue(func() string {
	path, err := localredis.Find(context.Background())
	if err != nil {
		return "none"
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return path
	}
	for word := range strings.FieldsSeq(string(out)) {
		if v, ok := strings.CutPrefix(word, "v="); ok {
			return "Redis " + v
		}
	}
	return path
})
