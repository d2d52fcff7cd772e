package cli

import (
	"encoding/json"
	"testing"
)

// TestBench runs it on a real Redis of its own, small enough for a test. How long things take is not judged.
func TestBench(t *testing.T) {
	t.Parallel()
	r := prana(t, "", "bench", "--waiting", "20,10", "--suspended", "300", "--samples", "3", "-o", "json")
	r.wants(t, 0, "", "resume")
	var got struct {
		Environment struct {
			Go           string `json:"go"`
			CPUs         int    `json:"cpus"`
			RedisVersion string `json:"redis_version"`
			Durability   string `json:"durability"`
		} `json:"environment"`
		Resume struct {
			Samples int     `json:"samples"`
			P50     float64 `json:"p50_ms"`
			P99     float64 `json:"p99_ms"`
		} `json:"resume"`
		Suspended struct {
			Count     int `json:"count"`
			BytesEach int `json:"bytes_each"`
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
	if e := got.Environment; e.Go == "" || e.CPUs < 1 || e.RedisVersion == "" || e.Durability != "append-only file everysec" {
		t.Errorf("it does not say what it ran on: %s", r.stdout)
	}
	if m := got.Resume; m.Samples != 3 || m.P50 <= 0 || m.P99 < m.P50 {
		t.Errorf("resume: %+v", m)
	}
	if m := got.Suspended; m.Count != 300 || m.BytesEach < 500 || m.BytesEach > 20_000 {
		t.Errorf("suspended: %+v", m)
	}
	if len(got.EventMatch) != 2 {
		t.Fatalf("event_match: %+v", got.EventMatch)
	}
	for i, m := range got.EventMatch {
		if m.Waiting != 10*(i+1) || m.Samples != 3 || m.P50 <= 0 || m.P99 < m.P50 {
			t.Errorf("event_match %d: %+v", i, m)
		}
	}
}

func TestBenchTable(t *testing.T) {
	t.Parallel()
	r := prana(t, "", "bench", "--waiting", "10,20", "--suspended", "5", "--samples", "2", "--cpuprofile", t.TempDir()+"/cpu")
	r.wants(t, 0, "p50 at 20 is ", "")
	r.wants(t, 0, "append-only file everysec", "")
	r.wants(t, 0, "bytes each", "")
}

func TestBenchRefuses(t *testing.T) {
	t.Parallel()
	prana(t, "", "bench", "--waiting", "0").wants(t, 2, "", "the least is 1")
	prana(t, "", "bench", "--samples", "-1").wants(t, 2, "", "the least is 1")
	prana(t, "", "bench", "--waiting", "many").wants(t, 2, "", "many")
	prana(t, "", "bench", "--redis", "miniredis").wants(t, 3, "", "redis://")
	prana(t, "", "bench", "--redis", "redis://127.0.0.1:1").wants(t, 6, "", "127.0.0.1:1")
}
