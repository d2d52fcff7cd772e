package suspend_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

// update writes the golden snapshots anew. What was released once stays as it is: a
// change of the format gets a directory of its own beside it.
var update = flag.Bool("update", false, "write the golden snapshots anew")

// formats are those of which there are golden snapshots.
var formats = []int{1, 2}

func goldenFile(format int, name string) string {
	return filepath.Join("testdata", fmt.Sprintf("v%d", format), name+".json")
}

// snapshot is an execution as it stands in Redis.
type snapshot struct {
	About     string            `json:"about"`
	Execution string            `json:"execution"`
	Hash      map[string]string `json:"hash"`
	State     map[string]string `json:"state,omitempty"`
	Outbox    map[string]string `json:"outbox,omitempty"`
}

// began is the store's clock at the first commit of every golden execution.
var began = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

func after(d time.Duration) time.Time { return began.Add(d) }

// golden is one snapshot: how it comes to be, and what it says.
type golden struct {
	name, about string
	write       func(z *zoo, clock func(time.Duration))
	want        *flow.Execution
}

func dump(z *zoo, g golden) snapshot {
	z.Helper()
	get := func(kind string) map[string]string {
		v, err := z.redis.HGetAll(z.Context(), "{prana-0}:"+kind+":"+animal(g.name)).Result()
		if err != nil {
			z.Fatal(err)
		}
		return v
	}
	return snapshot{About: g.about, Execution: animal(g.name), Hash: get("x"), State: get("v"), Outbox: get("q")}
}

// eachGolden runs a test for each snapshot of each format.
func eachGolden(t *testing.T, test func(t *testing.T, format int, g golden)) {
	t.Helper()
	for _, format := range formats {
		for _, g := range goldens {
			t.Run(fmt.Sprintf("v%d/%s", format, g.name), func(t *testing.T) {
				t.Parallel()
				test(t, format, g)
			})
		}
	}
}

// TestGoldenWrite: what is written today has the form that it is to have, to the byte.
func TestGoldenWrite(t *testing.T) {
	t.Parallel()
	eachGolden(t, goldenWrite)
}

func goldenWrite(t *testing.T, format int, g golden) {
	t.Helper()
	m := miniredis.RunT(t)
	clock := func(d time.Duration) { m.SetTime(after(d)) }
	clock(0)
	z := &zoo{T: t, redis: inMemory(t, m)}
	z.store = suspend.New(z.redis, tasks.Encoder{}, suspend.Options{Partitions: 2, Format: format})
	g.write(z, clock)
	raw, err := json.MarshalIndent(dump(z, g), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	file := goldenFile(format, g.name)
	if *update {
		err = errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, append(raw, '\n'), 0o644))
		if err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(raw)+"\n" != string(want) {
		t.Errorf("the stored form changed: a new format version needs its own golden files, and older ones must stay readable. Written is\n%s", raw)
	}
}

// TestGoldenRead: what was ever written is read, for ever.
func TestGoldenRead(t *testing.T) {
	t.Parallel()
	eachGolden(t, func(t *testing.T, format int, g golden) {
		t.Helper()
		c := real(t)
		restore(t, c, format, g.name)
		got, err := storeOn(c).Load(t.Context(), animal(g.name), flow.Want{All: true})
		if err != nil {
			t.Fatal(err)
		}
		got.Now = time.Time{}
		wantSame(t, got, g.want)
		partly(t, c, g)
	})
}

func restore(t *testing.T, c *redis.Client, format int, name string) {
	t.Helper()
	raw, err := os.ReadFile(goldenFile(format, name))
	if err != nil {
		t.Fatal(err)
	}
	var s snapshot
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	for kind, fields := range map[string]map[string]string{"x": s.Hash, "v": s.State, "q": s.Outbox} {
		for name, v := range fields {
			if err := c.HSet(t.Context(), "{prana-0}:"+kind+":"+s.Execution, name, v).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// partly reads each step alone, as a worker does, with what it needs.
func partly(t *testing.T, c *redis.Client, g golden) {
	t.Helper()
	for id, want := range g.want.Steps {
		x, err := storeOn(c).Load(t.Context(), animal(g.name), flow.Want{Steps: []flow.StepID{id}, Inputs: true, Outputs: []int{id.Node}})
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, x.Steps[id], want)
		for ref, v := range x.Values {
			wantSame(t, string(v), string(g.want.Values[ref]))
		}
	}
}

func wantSame(t *testing.T, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	g, _ := json.MarshalIndent(got, "", " ")
	w, _ := json.MarshalIndent(want, "", " ")
	t.Errorf("read is\n%s\nwant\n%s", g, w)
}

// TestGoldenNewer: a field of a later format is passed over.
func TestGoldenNewer(t *testing.T) {
	t.Parallel()
	c := real(t)
	restore(t, c, 2, "event")
	key := x("event")
	if err := c.HSet(t.Context(), key, "Q1", "what a later version knows", "~", "as well").Err(); err != nil {
		t.Fatal(err)
	}
	if err := swap(key, "f", `{"s":`, `{"newer":[1],"s":`)(t.Context(), c, &zoo{T: t}); err != nil {
		t.Fatal(err)
	}
	if _, err := storeOn(c).Load(t.Context(), animal("event"), flow.Want{All: true}); err != nil {
		t.Error(err)
	}
}
