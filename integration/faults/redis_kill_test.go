package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/integration/faults/fleet"
	"prana/suspend"
)

// TestRedisKilled kills Redis again and again under load, and starts it again on its data. It writes before it answers: so
// nothing that was acknowledged may be missing, and nobody repeats anything.
func TestRedisKilled(t *testing.T) {
	t.Parallel()
	p := begin(t)
	k := p.killRedis("always")
	p.tell("acknowledged starts and events, looked for after each restart", float64(k.acknowledged), "")
	p.want("acknowledged and lost", float64(len(k.gone)), "", "=", 0)
	k.finish()
}

// TestRedisKilledWithItsLastSecond also tears off the end of its file, at any byte of the last two seconds, as a machine does
// that crashes while Redis writes through once a second. What is lost is lost whole: what is left comes to its end, and a sender
// who repeats with its ids gets everything done.
func TestRedisKilledWithItsLastSecond(t *testing.T) {
	t.Parallel()
	p := begin(t)
	k := p.killRedis("everysec")
	p.tell("acknowledged starts and events, looked for after each restart", float64(k.acknowledged), "")
	p.want("bytes torn off", float64(k.torn), "", "≥", float64(k.kills))
	p.want("restarts with something torn off", float64(k.tears), "", "=", float64(k.kills))
	p.tell("acknowledged and lost", float64(len(k.gone)), "")
	p.tell("the oldest of these was acknowledged before the kill by", k.window.Seconds(), "s")
	p.want("acknowledged two seconds before what was torn off, and lost", float64(k.older), "", "=", 0)
	k.repeat()
	k.finish()
}

// redisKills is what came of killing Redis.
type redisKills struct {
	*load
	resumes *resumes

	kills, acknowledged, tears, older int
	torn                              int64
	living                            int             // kills while something was under way
	audited                           suspend.Audited // right after restarts
	gone                              []ack
	window                            time.Duration
	unwritten                         time.Duration // the longest wait for a file to be written anew, from two to five seconds after the start on
}

func (p *part) killRedis(fsync string) *redisKills {
	p.Helper()
	kills := p.size(3, 50)
	f := p.fleet(fleet.Options{Workers: 2, Servers: 2, Partitions: 2, Fsync: fsync})
	f.Partner.Slow = 100 * time.Millisecond
	g := &ledger{}
	executions := p.size(60, 2500)
	var restarts, round atomic.Int64 // how many there were, and since when the next kill is waited for
	round.Store(time.Now().UnixNano())
	l := p.load(f, loadOptions{
		Executions: executions, Programs: p.size(20, 100), Over: time.Duration(kills) * 5 * time.Second, Ledger: g, Rewinds: fsync != "always",
		Hold: func(run int) bool { // so that something is under way at each kill
			since := time.Since(time.Unix(0, round.Load()))
			return float64(run)*float64(kills+1)/float64(executions) > float64(restarts.Load())+min(1, since.Seconds()/7)
		},
	})
	p.Cleanup(func() {
		if p.Failed() {
			l.explain()
		}
	})
	k := &redisKills{load: l, resumes: p.resumes(f, fsync != "always"), kills: kills}
	file := watchAOF(f.Redis.Dir())
	defer file.close()
	dice := p.dice(1)
	for range kills {
		round.Store(time.Now().UnixNano())
		rest(p.Context(), 2*time.Second+time.Duration(dice.Int64N(int64(3*time.Second))))
		k.awaitRewrite()
		k.living += k.awaitLife()
		f.Redis.Kill()
		killed := time.Now()
		since := killed
		if fsync != "always" {
			torn, from, err := file.tear(dice)
			if err != nil {
				p.Fatal(err)
			}
			k.torn, k.tears, since = k.torn+torn, k.tears+int(min(1, torn)), from
		}
		rest(p.Context(), time.Duration(dice.Int64N(int64(time.Second))))
		if err := f.RestartRedis(p.Context()); err != nil {
			p.Fatal(err)
		}
		restarts.Add(1)
		k.writesThrough(fsync)
		k.look(g, killed, since)
		k.audit()
	}
	k.resumes.stop()
	return k
}

// awaitRewrite waits until Redis has written its file anew, as processes ask it to after each of its starts. A crash before that, with
// a torn file, and then another, is more than is promised: see "Rewind" in FORMAT.md.
func (k *redisKills) awaitRewrite() {
	k.Helper()
	began := time.Now()
	for told := ""; told == "" || strings.Contains(told, "aof_last_rewrite_time_sec:-1"); told = k.fleet.Raw.Info(k.Context(), "persistence").Val() {
		if !rest(k.Context(), 20*time.Millisecond) || time.Since(began) > time.Minute {
			k.Fatal("nobody has Redis write its file anew")
		}
	}
	k.unwritten = max(k.unwritten, time.Since(began))
}

// look compares what was acknowledged with what is there.
func (k *redisKills) look(g *ledger, killed, since time.Time) {
	k.Helper()
	gone, all, err := g.missing(k.Context(), k.fleet.Raw, killed)
	if err != nil {
		k.Fatal(err)
	}
	k.acknowledged = all + len(k.gone)
	k.gone = append(k.gone, gone...)
	for _, a := range gone {
		k.window = max(k.window, killed.Sub(a.at))
		if a.at.Before(since.Add(-2 * time.Second)) {
			k.older++
		}
	}
}

// audit looks at what a restart left, while work goes on from it.
func (k *redisKills) audit() {
	k.Helper()
	before := len(k.audited.Findings)
	if err := k.fleet.Audit(k.Context(), &k.audited); err != nil {
		k.Fatal(err)
	}
	for _, x := range k.audited.Findings[before:] {
		k.Logf("doctor finds after a restart: %+v", x)
	}
}

// repeat sends everything again, with its ids, as one does who learns that Redis lost its last second.
func (k *redisKills) repeat() {
	k.Helper()
	k.begun.Wait()
	for r := range slices.Values(k.runs) {
		k.complainOf(k.again(r))
	}
	k.complainOf(k.resumes.again())
}

func (k *redisKills) complainOf(err error) {
	k.Helper()
	if err != nil {
		k.Errorf("repeating: %v", err)
	}
}

// again starts an execution, and publishes its events.
func (l *load) again(r *loadRun) error {
	if err := l.start(r); err != nil {
		return err
	}
	for _, e := range r.want.Events {
		if err := l.publish(e); err != nil {
			return err
		}
	}
	return nil
}

// writesThrough sees that the Redis that was started again writes its file as the test says.
func (k *redisKills) writesThrough(fsync string) {
	k.Helper()
	if got, err := k.fleet.Raw.ConfigGet(k.Context(), "appendfsync").Result(); err != nil || got["appendfsync"] != fsync {
		k.Fatalf("Redis should have appendfsync %s, and has %v (%v)", fsync, got, err)
	}
}

// finish waits for the end of everything, and checks it.
func (k *redisKills) finish() {
	k.Helper()
	k.tell("all had ended, after the last restart and the last start, within", k.await(time.Minute).Seconds(), "s")
	k.want("kills of Redis", float64(k.kills), "", "≥", float64(k.size(3, 50)))
	k.tell("a kill waited for the file to be written anew, at most", k.unwritten.Seconds(), "s")
	k.want("of these while executions were under way", float64(k.living), "", "=", float64(k.kills))
	k.tell("executions that doctor looked at, right after restarts", float64(k.audited.Executions), "")
	k.tell("of these such as moved all the time", float64(k.audited.Moving), "")
	k.want("findings of doctor right after restarts", float64(len(k.audited.Findings)), "", "=", 0)
	k.want("processes that ended", float64(4-len(k.fleet.Workers())-len(k.fleet.Servers())), "", "=", 0)
	k.resumes.check()
	k.check()
	k.wantSound(k.fleet)
}

// explain tells of the events that executions still wait for what is known of them.
func (l *load) explain() {
	l.Helper()
	ctx := context.WithoutCancel(l.Context())
	page, err := l.fleet.App.Store().Suspensions(ctx, flow.SuspensionFilter{})
	l.Logf("%d suspensions (%v)", len(page.Items), err)
	for _, r := range l.runs {
		for _, e := range r.want.Events {
			for _, s := range page.Items {
				if strings.Contains(string(s.Data), fmt.Sprintf("%q", e.At)) {
					l.Logf("%s of %s waits since %s for event %s %s: %v", s.ExecutionID, r.start, s.SuspendedAt, e.Type, e.At, l.fleet.Raw.HGetAll(ctx, eventKey(e.Type, e.At)).Val())
				}
			}
		}
	}
}
