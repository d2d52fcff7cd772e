package integration

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/cmd/prana/app"
	"prana/config/localredis"
	"prana/engine"
	"prana/engine/flow"
	"prana/engine/sim"
	"prana/integration/proc"
)

// redisHouse is a fleet on a real Redis, where time passes by itself.
type redisHouse struct {
	*system
	t *testing.T
}

func (h *redisHouse) Engine() *engine.Engine { return h.engine }
func (h *redisHouse) real() bool             { return true }
func (h *redisHouse) settle()                {}
func (h *redisHouse) pass(time.Duration)     {}

func (h *redisHouse) comesTrue(ask func() error) error {
	deadline := time.Now().Add(rest)
	for pause := 3 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if err := ask(); err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pause)
	}
}

// miss sets the schedule back.
func (h *redisHouse) miss(workflow string, d time.Duration) {
	h.t.Helper()
	ctx := h.t.Context()
	keys, err := h.raw.Keys(ctx, "{prana-r*}:cron:"+workflow).Result()
	if err != nil || len(keys) != 1 {
		h.t.Fatalf("the schedule of %s stands in %s (%v)", workflow, keys, err)
	}
	_, err = h.raw.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, keys[0], "after", time.Now().Add(-d).UnixMilli())
		p.ZAdd(ctx, strings.TrimSuffix(keys[0], "cron:"+workflow)+"crons", redis.Z{Member: workflow})
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *redisHouse) call(workflow string, w galleryWebhook) (execution string, got worldAnswer) {
	h.t.Helper()
	before := h.began(workflow)
	var headers []string
	for name, value := range w.Headers {
		headers = append(headers, name+": "+value)
	}
	a := h.request(h.t, "POST", "/webhook/"+workflow, []byte(w.Body), headers...)
	begun := slices.DeleteFunc(h.began(workflow), func(id string) bool { return slices.Contains(before, id) })
	if len(begun) != 1 {
		h.t.Fatalf("%d executions began: %d %s", len(begun), a.status, a.body)
	}
	return begun[0], worldAnswer{Status: a.status, Body: a.body}
}

func (h *redisHouse) follow(token string, data json.RawMessage) error {
	h.t.Helper()
	a := h.request(h.t, "POST", "/resume/"+token, []byte(data))
	if a.status != http.StatusOK {
		return flow.Problemf(a.text(h.t, "code"), "%d %s", a.status, a.body)
	}
	return nil
}

func (h *redisHouse) began(workflow string) []string {
	h.t.Helper()
	page, err := h.app.Store().Executions(h.t.Context(), flow.ExecutionFilter{Workflow: workflow})
	if err != nil {
		h.t.Fatal(err)
	}
	return executionIDs(page)
}

// path takes what ended in the same millisecond in the order that is wanted.
func (h *redisHouse) path(v *flow.View, wanted []string) []string {
	left := slices.Clone(v.Nodes)
	slices.SortStableFunc(left, func(a, b flow.NodeRun) int { return end(a).Compare(end(b)) })
	var order []string
	for _, name := range wanted {
		i := slices.IndexFunc(left, func(r flow.NodeRun) bool { return sim.RunName(r) == name && end(r).Equal(end(left[0])) })
		if i < 0 {
			break
		}
		order, left = append(order, name), slices.Delete(left, i, i+1)
	}
	for _, r := range left {
		order = append(order, sim.RunName(r))
	}
	return order
}

// end is far away for what did not end.
func end(r flow.NodeRun) time.Time {
	if r.EndedAt == nil {
		return time.Unix(1<<40, 0)
	}
	return *r.EndedAt
}

// galleryFleet starts a Redis, this process as its API, and two workers of the program that a team would build.
func galleryFleet(t *testing.T, entries []galleryEntry) *system {
	t.Helper()
	needRedis(t)
	program := filepath.Join(t.TempDir(), "worker")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./testdata/gallery/supplier_payout/worker")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the worker: %v\n%s", err, out)
	}
	s := &system{world: newWorld()}
	t.Cleanup(func() {
		if t.Failed() {
			s.dumpLogs(t)
		}
		if err := s.close(); err != nil {
			t.Errorf("ending the fleet: %v", err)
		}
	})
	var err error
	if s.redis, err = localredis.Start(t.Context(), localredis.Options{Persist: true}); err != nil {
		t.Fatal(err)
	}
	if s.raw, err = app.Connect(s.redis.URL()); err != nil {
		t.Fatal(err)
	}
	o := setup{Redis: s.redis.URL()}.options()
	o.API, o.Types = true, galleryTypes
	environ := []string{"PRANA_REDIS=" + s.redis.URL(), "PRANA_EGRESS_PRIVATE=always"} // the world is on this machine
	for _, e := range entries {
		for name, value := range e.Secrets {
			app.TestSecret(&o.Config, name, value)
			environ = append(environ, "PRANA_SECRET_"+strings.ToUpper(name)+"="+value)
		}
	}
	if s.app, err = app.Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	s.engine, s.reg = s.app.Engine(), s.app.Registry()
	for range 2 {
		cmd := exec.Command(program)
		cmd.Dir = t.TempDir()
		p, err := proc.Start(cmd, append(environ, "PRANA_PUBLIC_URL="+s.app.URL())...)
		if err != nil {
			t.Fatal(err)
		}
		s.workers = append(s.workers, p)
	}
	return s
}
