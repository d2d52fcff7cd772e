package integration

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

// What somebody waits for who asks: `prana` itself, a page of a long list, an execution with many runs. A budget of the issue
// stands with each: 50 ms, 50 ms, 300 ms.

// BenchmarkStart is the binary from its start to its end, with nothing to do.
func BenchmarkStart(b *testing.B) {
	program := filepath.Join(b.TempDir(), "prana")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-o", program, "prana/cmd/prana")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for _, line := range []string{"version", "--help"} {
		b.Run(line, func(b *testing.B) {
			for b.Loop() {
				if err := exec.CommandContext(b.Context(), program, line).Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPage is a page of 100 among 100,000 executions, over HTTP.
func BenchmarkPage(b *testing.B) {
	s := begin(b, setup{Inside: true})
	s.deploy(b, "id: bench_listed\nnodes: [{key: start, type: manual.trigger}]")
	together(b, 100_000, 32, func(i int) error {
		tags := map[string]string{"team": []string{"a", "b"}[i%2], "batch": strconv.Itoa(i / 100)}
		_, err := s.engine.Start(b.Context(), flow.StartRequest{Workflow: "bench_listed", StartAt: time.Now().Add(24 * time.Hour), Tags: tags})
		return err
	})
	c := s.client(b)
	middle := pageAfter(b, c, 50)
	for name, f := range map[string]flow.ExecutionFilter{
		"newest": {}, "middle": {Cursor: middle}, "workflow": {Workflow: "bench_listed"}, "status": {Status: flow.Pending},
		"workflow and status": {Workflow: "bench_listed", Status: flow.Pending}, "nothing": {Workflow: "bench_listed", Status: flow.Failed},
		"thousand": {Limit: 1000}, "tag": {Tags: map[string]string{"team": "a"}},
		"tags and status": {Tags: map[string]string{"team": "a", "batch": "7"}, Status: flow.Pending},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.List(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// pageAfter is the cursor after so many pages of 1,000.
func pageAfter(b *testing.B, c *client.Client, pages int) (cursor string) {
	b.Helper()
	for range pages {
		page, err := c.List(b.Context(), flow.ExecutionFilter{Limit: 1000, Cursor: cursor})
		if err != nil {
			b.Fatal(err)
		}
		cursor = page.Cursor
	}
	return cursor
}

// BenchmarkShow is an execution with 10,000 runs of nodes, over HTTP: each item is a run of the loop and one of what it leads to.
func BenchmarkShow(b *testing.B) {
	s := begin(b, setup{Inside: true})
	s.deploy(b, `
id: bench_long
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: "{{ 1..5000 }}", parallel: 100}}
  - {key: set, type: data.set_data, params: {mapping_map: {n: $input}}}
connections: [start -> each, each.loop -> set, set -> each]
`)
	id := s.start(b, "bench_long", nil)
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	if v, err := s.ends(ctx, id, 5*time.Minute); err != nil || v.Status != flow.Completed || len(v.Nodes) < 10_000 {
		b.Fatalf("%v, %v", v, err)
	}
	c := s.client(b)
	b.Run("engine", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.engine.Describe(b.Context(), id); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("client", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Show(b.Context(), id); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, format := range []string{"json", "table"} {
		b.Run("prana/"+format, func(b *testing.B) {
			for b.Loop() {
				if code, _, stderr := s.prana(b.Context(), "show", id, "-o", format); code != 0 {
					b.Fatal(stderr)
				}
			}
		})
	}
}

// client is one of the system's own API.
func (s *system) client(t testing.TB) *client.Client {
	t.Helper()
	c, err := client.New(s.app.URL(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
