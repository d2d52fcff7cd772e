package cli

import (
	"encoding/json"
	"maps"
	"math"
	"runtime"
	"slices"
	"testing"
)

// small makes all that is measured small enough for a test.
var small = []string{
	"--rounds", "2", "--executions", "20", "--waiting", "20,10", "--suspended", "300", "--samples", "4", "--branches", "12", "--timers", "20", "--idle", "2s",
}

// TestBench runs it on a real Redis of its own. How long things take is not judged.
func TestBench(t *testing.T) {
	t.Parallel()
	args := []string{"bench", "--only", "throughput,idle_chain,resume,event_post,worker,fan,timers,suspended,event_match", "-o", "json"}
	r := prana(t, "", append(args, small...)...)
	r.wants(t, 0, "", "resume")
	var got struct {
		Environment struct {
			Go           string `json:"go"`
			CPUs         int    `json:"cpus"`
			RedisVersion string `json:"redis_version"`
			Durability   string `json:"durability"`
			Concurrency  int    `json:"concurrency"`
			Servers      int    `json:"servers"`
			Check        int    `json:"bare_check_interval_ms"`
		} `json:"environment"`
		Bare      rate     `json:"bare_asynq"`
		Engine    rate     `json:"engine"`
		Ratio     float64  `json:"ratio"`
		IdleChain spectrum `json:"idle_chain"`
		Resume    spectrum `json:"resume"`
		EventPost spectrum `json:"event_post"`
		Worker    struct {
			Commands float64 `json:"idle_commands_per_s"`
			Idle     float64 `json:"idle_mib"`
			Busy     float64 `json:"busy_mib"`
		} `json:"worker"`
		Fan struct {
			Branches int     `json:"branches"`
			Ratio    float64 `json:"ratio"`
		} `json:"fan"`
		Timers struct {
			Count int     `json:"count"`
			Last  float64 `json:"last_ms"`
		} `json:"timers"`
		Suspended struct {
			Count     int `json:"count"`
			BytesEach int `json:"bytes_each"`
			Used      int `json:"used_memory_each"`
		} `json:"suspended"`
		EventMatch []struct {
			Waiting int     `json:"waiting"`
			Samples int     `json:"samples"`
			P50     float64 `json:"p50_us"`
			P99     float64 `json:"p99_us"`
		} `json:"event_match"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	if e := got.Environment; e.Go == "" || e.CPUs < 1 || e.RedisVersion == "" || e.Durability != "append-only file everysec" ||
		e.Concurrency != 64 || e.Servers != 2 || e.Check != 1 {
		t.Errorf("it does not say what it ran on: %s", r.stdout)
	}
	for name, rate := range map[string]rate{"bare_asynq": got.Bare, "engine": got.Engine} {
		if rate.Steps != 200 || len(rate.Rounds) != 2 || rate.StepsPerS != min(rate.Rounds[0], rate.Rounds[1]) || rate.StepsPerS <= 0 {
			t.Errorf("%s: %+v", name, rate)
		}
	}
	if ratio := got.Engine.StepsPerS / got.Bare.StepsPerS; math.Abs(got.Ratio-ratio) > 0.001 {
		t.Errorf("the ratio is %v, and it should be %v", got.Ratio, ratio)
	}
	for name, m := range map[string]spectrum{"idle_chain": got.IdleChain, "resume": got.Resume, "event_post": got.EventPost} {
		if m.Samples != 4 || m.P50 <= 0 || m.P99 < m.P50 {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if got.IdleChain.Steps != 10 {
		t.Errorf("idle_chain: %+v", got.IdleChain)
	}
	if m := got.Worker; m.Commands <= 0 || m.Idle < 1 && runtime.GOOS == "linux" || m.Busy < m.Idle {
		t.Errorf("worker: %+v", m)
	}
	if m := got.Fan; m.Branches != 12 || m.Ratio <= 0 {
		t.Errorf("fan: %+v", m)
	}
	if m := got.Timers; m.Count != 20 || m.Last < 0 {
		t.Errorf("timers: %+v", m)
	}
	if m := got.Suspended; m.Count != 300 || m.BytesEach < 500 || m.BytesEach > 20_000 || m.Used < 500 || m.Used > 20_000 {
		t.Errorf("suspended: %+v", m)
	}
	if len(got.EventMatch) != 2 {
		t.Fatalf("event_match: %+v", got.EventMatch)
	}
	for i, m := range got.EventMatch {
		if m.Waiting != 10*(i+1) || m.Samples != 4 || m.P50 <= 0 || m.P99 < m.P50 {
			t.Errorf("event_match %d: %+v", i, m)
		}
	}
}

type rate struct {
	StepsPerS float64   `json:"steps_per_s"`
	Steps     int       `json:"steps"`
	Rounds    []float64 `json:"rounds"`
}

type spectrum struct {
	Steps   int     `json:"steps"`
	Samples int     `json:"samples"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
}

// TestBenchOnly: what was not measured is not in the report.
func TestBenchOnly(t *testing.T) {
	t.Parallel()
	r := prana(t, "", "bench", "--only", "resume", "--samples", "2", "-o", "json")
	var got map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != 0 {
		t.Fatalf("exit %d, %v: %s%s", r.code, err, r.stdout, r.stderr)
	}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, []string{"environment", "resume"}) {
		t.Errorf("it tells of %v", names)
	}
}

func TestBenchTable(t *testing.T) {
	t.Parallel()
	args := []string{"bench", "--only", "throughput,workers,suspended,event_match", "--cpuprofile", t.TempDir() + "/cpu"}
	r := prana(t, "", append(args, small...)...)
	for _, want := range []string{
		"p50 at 20 is ", "append-only file everysec", "bytes each", "engine / bare asynq: ", "64 steps at a time by 2 asynq Servers", "every 1 ms", "as fast as one", "█",
	} {
		r.wants(t, 0, want, "")
	}
}

func TestBenchRefuses(t *testing.T) {
	t.Parallel()
	prana(t, "", "bench", "--waiting", "0").wants(t, 2, "", "the least is 1")
	prana(t, "", "bench", "--rounds", "0").wants(t, 2, "", "the least is 1")
	prana(t, "", "bench", "--idle", "0s").wants(t, 2, "", "cannot be watched")
	prana(t, "", "bench", "--only", "speed").wants(t, 2, "", "speed")
	prana(t, "", "bench", "--samples", "-1").wants(t, 2, "", "the least is 1")
	prana(t, "", "bench", "--waiting", "many").wants(t, 2, "", "many")
	prana(t, "", "bench", "--redis", "miniredis").wants(t, 3, "", "redis://")
	prana(t, "", "bench", "--redis", "redis://127.0.0.1:1").wants(t, 6, "", "127.0.0.1:1")
}
