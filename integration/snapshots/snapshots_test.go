package snapshots

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"prana/cmd/prana/app"
	"prana/config/localredis"
	"prana/engine/flow"
	"prana/suspend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// frozen reads a snapshot; that of the partner's address is the one of a partner that runs.
func frozen(t *testing.T, file, partner string) Snapshot {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s Snapshot
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(raw), partnerName, partner)), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// resumed starts a version of today on what a snapshot holds, written ten minutes ago.
func resumed(t *testing.T, s Snapshot) (API, *app.App) {
	t.Helper()
	r, err := localredis.Start(t.Context(), localredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := app.Connect(r.URL())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(t.Context(), c, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	config := app.TestConfig()
	config.Redis.URL, config.Egress.Private, config.Middleware = r.URL(), "always", []string{"metrics"}
	a, err := app.Start(t.Context(), app.Options{Config: config, Listen: "127.0.0.1:0", Worker: true, API: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		for _, err := range []error{a.Shutdown(ctx), c.Close(), r.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return API{a.URL()}, a
}

// TestOldSnapshotsGoOn: whatever an earlier version stored of executions that rest, this version works to its end.
func TestOldSnapshotsGoOn(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("../..", Dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no snapshots: %v", err)
	}
	var mu sync.Mutex
	most := 0
	t.Run("commits", func(t *testing.T) {
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
				t.Parallel()
				n := goesOn(t, file)
				mu.Lock()
				defer mu.Unlock()
				most = max(most, n)
			})
		}
	})
	if most != len(Scenarios) {
		t.Errorf("the newest snapshot knows %d of %d scenarios", most, len(Scenarios))
	}
}

// goesOn works the scenarios of a snapshot to their ends, and gives how many there are.
func goesOn(t *testing.T, file string) int {
	partner := NewPartner()
	t.Cleanup(partner.Close)
	partner.Recover()
	s := frozen(t, file, partner.URL)
	api, a := resumed(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, sc := range Scenarios {
		if sc.Name == "retried" && slices.Contains(unnoted, s.Commit) {
			wantRefusedRetry(t, api, s.Executions[sc.Name][0])
			continue
		}
		if ids, ok := s.Executions[sc.Name]; ok {
			wg.Go(func() {
				if err := api.Finish(ctx, sc, ids); err != nil {
					t.Errorf("commit %s (%s): %s: %v", s.Commit, s.About, sc.Name, err)
				}
			})
		}
	}
	wg.Wait()
	wantNothingLeft(t, a, s.Commit)
	return len(s.Executions)
}

// unnoted are versions that did not note yet what a retry runs again.
var unnoted = []string{"fd75aa57"}

// wantRefusedRetry: what failed in such a version is not retried, but run again by a new execution.
func wantRefusedRetry(t *testing.T, api API, id string) {
	t.Helper()
	err := api.ask(t.Context(), Ask{"/v1/executions/ID:retry", "{}"}, []string{id}, nil)
	if r, ok := errors.AsType[refused](err); !ok || r.status != 409 {
		t.Errorf("the retry of what failed in an earlier version gives %v", err)
	}
	var again struct {
		ID string `json:"execution_id"`
	}
	if err := api.ask(t.Context(), Ask{"/v1/executions/ID:rerun", `{"from":"call"}`}, []string{id}, &again); err != nil {
		t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if output, err := api.await(ctx, again.ID, flow.Completed); err != nil || string(output) != `"answered"` {
		t.Errorf("run again, it left %s, %v", output, err)
	}
}

// unlisted are versions that did not know all lists of today: what they stored goes on, but what ended, or has a parent, stands in
// none of the newer lists. Doctor tells it.
var unlisted = []string{"fd75aa57", "13ceb9f3", "5e19732c"}

// wantNothingLeft: all executions end, children included, and doctor finds nothing.
func wantNothingLeft(t *testing.T, a *app.App, commit string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, status := range []flow.Status{flow.Pending, flow.Running, flow.Suspended, flow.Cancelling, flow.Quarantined} {
		for {
			page, err := a.Store().Executions(ctx, flow.ExecutionFilter{Status: status})
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Items) == 0 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	audit, err := a.Store().Audit(ctx, 0, suspend.AuditOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range audit.Findings {
		if slices.Contains(unlisted, commit) && f.Invariant == "I12" && strings.Contains(f.Message, " is missing: ") {
			continue
		}
		t.Errorf("doctor finds: %+v", f)
	}
}
