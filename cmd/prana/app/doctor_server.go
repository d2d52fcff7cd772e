package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/suspend"
)

// Bounds of what is still healthy.
const (
	leastRedis   = 7 // major version
	fullAt       = 80
	skewWarning  = time.Second
	skewFailed   = 5 * time.Second
	backlogSize  = 1000
	backlogDelay = time.Minute
)

// doctor is one examination.
type doctor struct {
	o      Options
	kind   string // of the backend
	client redis.UniversalClient
	store  *suspend.Store
	report Report
}

func (d *doctor) tell(name, status, message, hint string) {
	d.report.Checks = append(d.report.Checks, Check{name, status, message, hint})
	if status == Warning || status == Failed {
		d.report.OK = false
	}
}

// servers checks each server that holds our data.
func (d *doctor) servers(ctx context.Context) error {
	all, err := d.store.Servers(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Forbidden != nil && s.Version != "" {
			d.tell("settings", Advice, s.String()+" does not tell its settings: "+s.Forbidden.Error(),
				"what INFO tells was checked; look yourself at save, appendfsync and min-replicas-to-write, or allow CONFIG|GET")
		}
		for _, check := range []func(suspend.Server){d.version, d.eviction, d.persistence, d.memory, d.replicas, d.clock} {
			check(s)
		}
	}
	return nil
}

func (d *doctor) version(s suspend.Server) {
	major, _, _ := strings.Cut(s.Version, ".")
	n, err := strconv.Atoi(major)
	switch {
	case s.Version == "":
		d.tell("version", Passed, s.String(), "")
	case s.Name == "redis" && (err != nil || n < leastRedis):
		d.tell("version", Failed, s.String()+" is too old", "use Redis 7.0 or newer, or Valkey")
	default:
		d.tell("version", Passed, s.String(), "")
	}
}

func (d *doctor) eviction(s suspend.Server) {
	policy := s.Settings["maxmemory-policy"]
	switch {
	case policy == suspend.NoEviction, s.Version == "":
		d.tell("eviction", Passed, "nothing is evicted", "")
	case policy == "":
		d.tell("eviction", Advice, "whether keys are evicted cannot be seen", "make sure that maxmemory-policy is noeviction")
	default:
		d.tell("eviction", Failed, "maxmemory-policy is "+policy+": when memory is short, Redis deletes executions", "set maxmemory-policy to noeviction")
	}
}

func (d *doctor) persistence(s suspend.Server) {
	const hint = "set appendonly yes; appendfsync everysec may lose the last second, always loses nothing"
	switch aof := s.Settings["appendonly"]; {
	case d.kind == InMemory:
		d.tell("persistence", Advice, "volatile: all data ends with the process", "for anything but a try, use a redis-server")
	case !s.AOFOK || !s.LastSaveOK:
		d.tell("persistence", Failed, "the last attempt to write data to disk failed", "look at the log of the Redis server; often its disk is full")
	case aof == "yes":
		d.tell("persistence", Passed, "every write goes to the append-only file"+synced(s.Settings["appendfsync"]), "")
	case aof == "":
		d.tell("persistence", Advice, "whether data survives a restart cannot be seen", hint)
	default:
		d.snapshots(s, hint)
	}
}

// snapshots are what a Redis without an append-only file comes back with.
func (d *doctor) snapshots(s suspend.Server, hint string) {
	switch save, told := s.Settings["save"]; {
	case !told:
		d.tell("persistence", Warning, "the append-only file is off, and no snapshots are known: a restart of Redis may lose everything", hint)
	case save == "":
		d.tell("persistence", Failed, "the append-only file is off, and so are snapshots: a restart of Redis loses everything", hint)
	default:
		d.tell("persistence", Advice, "the append-only file is off: a crash of Redis loses what came after the last snapshot ("+save+")", hint)
	}
}

func synced(fsync string) string {
	if fsync == "" {
		return ""
	}
	return " (appendfsync " + fsync + ")"
}

func (d *doctor) memory(s suspend.Server) {
	if s.Max == 0 {
		d.tell("memory", Passed, fmt.Sprintf("%d MiB are used; there is no bound", s.Used>>20), "")
		return
	}
	percent := s.Used * 100 / s.Max
	message := fmt.Sprintf("%d %% of %d MiB are used", percent, s.Max>>20)
	if percent >= 100 {
		d.tell("memory", Failed, message+": Redis refuses every write", "give Redis more memory, or shorten the retention of finished executions")
		return
	}
	if percent > fullAt {
		d.tell("memory", Warning, message, "give Redis more memory, or shorten the retention of finished executions; at 100 % nothing new is accepted")
		return
	}
	d.tell("memory", Passed, message, "")
}

func (d *doctor) replicas(s suspend.Server) {
	least := s.Settings["min-replicas-to-write"]
	message := fmt.Sprintf("%d replicas", s.Replicas)
	if s.Replicas > 0 && (least == "" || least == "0") {
		d.tell("replication", Advice, message+", but writes do not wait for any of them to be connected", "set min-replicas-to-write 1, so that a master which is cut off stops accepting what a failover would lose")
		return
	}
	d.tell("replication", Passed, message, "")
}

func (d *doctor) clock(s suspend.Server) {
	off := max(0, s.Ahead.Abs()-s.Uncertain)
	message := fmt.Sprintf("the clock of Redis differs from ours by %s", s.Ahead.Round(time.Millisecond))
	const hint = "synchronise the clocks (NTP); timers go by the clock of Redis, leases of tasks by that of the worker"
	switch {
	case off > skewFailed:
		d.tell("clock", Failed, message, hint)
	case off > skewWarning:
		d.tell("clock", Warning, message, hint)
	default:
		d.tell("clock", Passed, message, "")
	}
}

// format tells whether the store is written for processes of the version before.
func (d *doctor) format(ctx context.Context) error {
	n, err := d.store.Format(ctx)
	if err != nil {
		return err
	}
	if n == suspend.NewestFormat {
		d.tell("format", Passed, fmt.Sprintf("the store is written in format %d", n), "")
		return nil
	}
	d.tell("format", Advice, fmt.Sprintf("the store is written in format %d, which processes of the version before read; in format %d it takes less memory", n, suspend.NewestFormat),
		fmt.Sprintf("once every process is of this version, and none will go back: %s in Redis, and start them again, one after the other", suspend.RaiseFormat))
	return nil
}
