package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
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
	"prana/engine/definition"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/nodes"
	"prana/integration/proc"
)

// TestGalleryIsAsItShouldBe: what people copy is in the form that fmt writes, and nothing warns of it.
func TestGalleryIsAsItShouldBe(t *testing.T) {
	t.Parallel()
	reg := node.NewRegistry(append(nodes.Builtin(nodes.Options{}), galleryTypes...)...)
	for _, e := range galleryEntries(t) {
		files, err := filepath.Glob(filepath.Join(e.dir, "*.yaml"))
		if err != nil || len(files) != len(e.Workflows)+1 {
			t.Errorf("%s has the files %v, and plays %v", e.dir, files, e.Workflows)
		}
		for _, name := range e.Workflows {
			file, src, err := e.source(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, found := definition.Check(file, src, reg, plan.Options{}); len(found) > 0 {
				t.Errorf("%v", found)
			}
			if formatted, _, err := definition.Rewrite(file, src, definition.YAML); err != nil || !bytes.Equal(formatted, src) {
				t.Errorf("%s is not as fmt writes it (%v)", file, err)
			}
		}
	}
}

func TestGalleryUnderTheJumpingClock(t *testing.T) {
	t.Parallel()
	for _, e := range galleryEntries(t) {
		for _, c := range e.Cases {
			t.Run(e.name()+"/"+c.Says, func(t *testing.T) {
				t.Parallel()
				w := newGalleryWorld(c)
				types := append(nodes.Builtin(nodes.Options{HTTP: &http.Client{Transport: w}}), galleryTypes...)
				h := &clockHouse{t: t, Env: enginetest.Open(t, enginetest.Options{Types: types, Secrets: e.Secrets})}
				for _, name := range e.Workflows {
					if _, _, err := h.Engine().Deploy(t.Context(), e.published(t, name, node.NewRegistry(types...), nil, "")); err != nil {
						t.Fatal(err)
					}
				}
				play(t, h, e, c, w)
			})
		}
	}
}

// TestGalleryOnRedis plays the same on a real Redis, with two workers as a team would build them.
func TestGalleryOnRedis(t *testing.T) {
	t.Parallel()
	entries := galleryEntries(t)
	s := galleryFleet(t, entries)
	for _, e := range entries {
		t.Run(e.name(), func(t *testing.T) {
			t.Parallel()
			for _, c := range e.Cases { // one after the other: they publish the same workflows
				t.Run(c.Says, func(t *testing.T) {
					w := newGalleryWorld(c)
					url := w.serve(t, c.AtOnce)
					for _, name := range e.Workflows {
						if _, _, err := s.engine.Deploy(t.Context(), e.published(t, name, s.reg, c.Real.Variables, url)); err != nil {
							t.Fatal(err)
						}
					}
					play(t, &redisHouse{system: s, t: t}, e, c, w)
				})
			}
		})
	}
}

// clockHouse is an engine in memory whose time passes when the case says so.
type clockHouse struct {
	*enginetest.Env
	t *testing.T
}

func (h *clockHouse) real() bool                             { return false }
func (h *clockHouse) settle()                                { h.Run() }
func (h *clockHouse) pass(d time.Duration)                   { h.Advance(d) }
func (h *clockHouse) miss(_ string, d time.Duration)         { h.Advance(d) }
func (h *clockHouse) comesTrue(ask func() error) error       { return ask() }
func (h *clockHouse) path(v *flow.View, _ []string) []string { return h.Path(v.ID) }

// call begins what the trigger would begin, and reads the answer that is stored.
func (h *clockHouse) call(workflow string, w galleryWebhook) (execution string, got worldAnswer) {
	h.t.Helper()
	body, err := flow.Decode(w.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	id := h.Start(workflow, map[string]any{"method": "POST", "path": "/webhook/" + workflow, "headers": map[string]any{}, "query": map[string]any{}, "body": body})
	h.Run()
	var reply flow.HTTPReply
	if err := json.Unmarshal(h.Execution(id).Reply, &reply); err != nil {
		h.t.Fatalf("nobody answered: %v", err)
	}
	return id, worldAnswer{Status: reply.Status, Body: json.RawMessage(reply.Body)}
}

func (h *clockHouse) follow(token string, data json.RawMessage) error {
	_, err := h.Engine().ResumeByToken(h.t.Context(), token, flow.ResumeRequest{Data: data})
	return err
}

func (h *clockHouse) began(workflow string) []string {
	page, err := h.Store().Executions(h.t.Context(), flow.ExecutionFilter{Workflow: workflow})
	if err != nil {
		h.t.Fatal(err)
	}
	return executionIDs(page)
}

func executionIDs(page flow.Page[flow.Summary]) []string {
	var ids []string
	for _, x := range page.Items {
		ids = append(ids, x.ID)
	}
	return ids
}

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
		i := slices.IndexFunc(left, func(r flow.NodeRun) bool { return runName(r) == name && end(r).Equal(end(left[0])) })
		if i < 0 {
			break
		}
		order, left = append(order, name), slices.Delete(left, i, i+1)
	}
	for _, r := range left {
		order = append(order, runName(r))
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
	if s.redis, err = localredis.Start(t.Context(), localredis.Options{}); err != nil {
		t.Fatal(err)
	}
	if s.raw, err = app.Connect(s.redis.URL()); err != nil {
		t.Fatal(err)
	}
	o := setup{Redis: s.redis.URL()}.options()
	o.API, o.Registry = true, node.NewRegistry(append(nodes.Builtin(nodes.Options{}), galleryTypes...)...)
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
	s.engine, s.reg = s.app.Engine(), o.Registry
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

// TestGalleryIndex holds GALLERY.md against the files.
func TestGalleryIndex(t *testing.T) {
	t.Parallel()
	want := galleryIndex(t, galleryEntries(t))
	if *update {
		if err := os.WriteFile("GALLERY.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("GALLERY.md")
	if err != nil || string(got) != want {
		t.Errorf("GALLERY.md is not what the files of testdata/gallery say (%v); run this test with -update", err)
	}
}

func galleryIndex(t *testing.T, entries []galleryEntry) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(galleryHead)
	for _, e := range entries {
		for i, name := range e.Workflows {
			file, src, err := e.source(name)
			if err != nil {
				t.Fatal(err)
			}
			w, _, _ := definition.Read(file, src)
			if i == 0 {
				fmt.Fprintf(&b, "\n### [%s](%s)\n\n%s\n", w.Name, filepath.ToSlash(file), w.Description)
			} else {
				fmt.Fprintf(&b, "With [%s](%s).\n", w.ID, filepath.ToSlash(file))
			}
		}
		fmt.Fprintf(&b, "\n[Cases](%s/cases.yaml):\n\n", filepath.ToSlash(e.dir))
		for _, c := range e.Cases {
			fmt.Fprintf(&b, "- %s\n", c.Says)
		}
	}
	return b.String()
}

const galleryHead = "# Gallery\n"
