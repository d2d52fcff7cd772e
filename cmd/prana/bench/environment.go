package bench

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"strings"

	"prana/config"
)

// Environment is what was measured on. Figures of two environments do not compare.
type Environment struct {
	Go           string `json:"go"`
	OS           string `json:"os"`
	Arch         string `json:"arch"`
	CPUs         int    `json:"cpus"`
	Redis        string `json:"redis"` // which; without its password
	RedisVersion string `json:"redis_version"`
	Durability   string `json:"durability"` // when Redis writes to disk
	Partitions   int    `json:"partitions"`
	// Of each process, of ours and of bare asynq's.
	Concurrency int `json:"concurrency"` // steps at a time
	Servers     int `json:"servers"`     // asynq Servers, which share them
	// Of bare asynq's alone; ours are woken.
	BareCheckMS int64 `json:"bare_check_interval_ms"`
}

func (t *target) environment(ctx context.Context, c config.Config) (Environment, error) {
	server, err := t.info(ctx, "server")
	if err != nil {
		return Environment{}, err
	}
	disk, err := t.durability(ctx)
	return Environment{
		Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.GOMAXPROCS(0),
		Redis: t.name, RedisVersion: cmp.Or(server["valkey_version"], server["redis_version"]), Durability: disk, Partitions: c.Partitions,
		Concurrency: c.Worker.Concurrency, Servers: c.Worker.Servers, BareCheckMS: bareCheck.Milliseconds(),
	}, err
}

func (t *target) durability(ctx context.Context) (string, error) {
	fields, err := t.info(ctx, "persistence")
	if err != nil || fields["aof_enabled"] != "1" {
		return "no append-only file", err
	}
	const file = "append-only file"
	set, err := t.client.ConfigGet(ctx, "appendfsync").Result()
	if err != nil { // hosted ones do not say
		return file, nil //nolint:nilerr // it is only told, and measured just as well
	}
	return strings.TrimSpace(file + " " + set["appendfsync"]), nil
}

// String is two lines for people.
func (e Environment) String() string {
	return fmt.Sprintf("%s/%s, %d CPUs, %s; %s (version %s, %s); partitions: %d\n"+
		"each process, ours and bare asynq's: %d steps at a time by %d asynq Servers; those of bare asynq look for tasks every %d ms",
		e.OS, e.Arch, e.CPUs, e.Go, e.Redis, e.RedisVersion, e.Durability, e.Partitions, e.Concurrency, e.Servers, e.BareCheckMS)
}
