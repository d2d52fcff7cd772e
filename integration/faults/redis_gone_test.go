package faults

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/integration/faults/fleet"
	"prana/integration/proc"
)

// wantGiveUp waits until all processes have ended because of the store, and said so.
func (p *part) wantGiveUp(all []*proc.Process, says string, within time.Duration) {
	p.Helper()
	began, right := time.Now(), 0
	for _, x := range all {
		code, err := x.Ended(max(time.Millisecond, within-time.Since(began)))
		if err == nil && code == fleet.ExitGaveUp && strings.Contains(x.Log(), "this process stops") && strings.Contains(x.Log(), says) {
			right++
			continue
		}
		p.Errorf("process %d ended with %d, %v:\n%s", x.Pid, code, err, x.Log())
	}
	p.want("workers and servers that stopped, and said why", float64(right), "", "=", float64(len(all)))
	p.want("all of them had ended within", time.Since(began).Seconds(), "s", "≤", within.Seconds())
}

// TestRedisEmptied: what is erased is gone, and processes must not go on as if nothing had happened. Those that are started
// afterwards begin anew.
func TestRedisEmptied(t *testing.T) {
	t.Parallel()
	p := begin(t)
	f := p.fleet(fleet.Options{Workers: 2, Servers: 2, Partitions: 2})
	f.Partner.Slow = 200 * time.Millisecond // so that much is under way
	l := p.load(f, loadOptions{Executions: 120, Programs: 10, Rewinds: true})
	l.begun.Wait()
	living, err := l.living()
	if err != nil {
		t.Fatal(err)
	}
	p.want("executions under way when everything was erased", float64(len(living)), "", "≥", 5)
	all := slices.Concat(f.Workers(), f.Servers())
	if err := f.Raw.FlushAll(p.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	p.wantGiveUp(all, "is gone", 20*time.Second)
	if err := f.Add(2, 2); err != nil {
		t.Fatal(err)
	}
	for _, g := range l.programs {
		if err := f.Deploy(p.Context(), g.Sources()...); err != nil {
			t.Fatal(err)
		}
	}
	p.repeatAll(l)
	l.await(time.Minute)
	l.check()
	p.wantSound(f)
}

// repeatAll sends everything again with its ids.
func (p *part) repeatAll(l *load) {
	p.Helper()
	for _, r := range l.runs {
		if err := l.again(r); err != nil {
			p.Errorf("repeating: %v", err)
		}
	}
}

// TestRedisRestoredFromABackup puts data of half a minute before under running processes. It is the same store, and sound; but
// what they know, and have told others, it does not. They notice, stop, and say so; started again, they go on from what is there.
func TestRedisRestoredFromABackup(t *testing.T) {
	t.Parallel()
	p := begin(t)
	f := p.fleet(fleet.Options{Workers: 2, Servers: 2, Partitions: 2})
	f.Partner.Slow = 100 * time.Millisecond
	back := time.Duration(p.size(22, 90)) * time.Second
	l := p.load(f, loadOptions{Executions: p.size(60, 500), Programs: p.size(20, 50), Over: back, Rewinds: true})
	r := p.resumes(f, true)
	rest(p.Context(), 3*time.Second)
	backup := filepath.Join(t.TempDir(), "appendonlydir")
	data := filepath.Join(f.Redis.Dir(), "appendonlydir")
	if err := os.CopyFS(backup, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	rest(p.Context(), back)
	r.stop()
	all := slices.Concat(f.Workers(), f.Servers())
	began := len(r.ids)
	f.Redis.Kill()
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(data, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	if err := f.RestartRedis(p.Context()); err != nil {
		t.Fatal(err)
	}
	p.wantGiveUp(all, "went back in time", 15*time.Second)
	held, err := f.Raw.Keys(p.Context(), "{prana-r*}:start:held:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	p.want("starts that were answered since the backup", float64(began-len(held)), "", "≥", 20)
	if err := f.Add(2, 2); err != nil {
		t.Fatal(err)
	}
	l.begun.Wait()
	p.repeatAll(l)
	if err := r.again(); err != nil {
		t.Error(err)
	}
	l.await(time.Minute)
	r.check()
	l.check()
	p.wantSound(f)
}
