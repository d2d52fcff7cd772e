package integration

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// clients are the programs of testdata/clients: what runs each, and whether it is told the output.
var clients = map[string]struct {
	program []string
	by      string // who signs
	tasks   bool   // it speaks to Redis alone, and is not told the output
}{
	"curl":        {program: []string{"sh", "start.sh"}, by: "curl"},
	"python":      {program: []string{"python3", "start.py"}, by: "python"},
	"node":        {program: []string{"node", "start.mjs"}, by: "node"},
	"go client":   {program: []string{"./goclient"}, by: "go"},
	"plain asynq": {program: []string{"./asynq"}, by: "asynq", tasks: true},
}

// TestProgramsOfOthersStartAndResume runs each program as a user would, against a server, a worker and a Redis: each starts an
// order, and ends its waits by the resume URL, by an event and by a resume.
func TestProgramsOfOthersStartAndResume(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{Inside: true}) // so that the worker knows the address of the server, and makes URLs of it
	programs := map[string][]string{}
	for name, c := range clients {
		programs[name] = runnable(t, c.program)
	}
	t.Run("nothing is there", func(t *testing.T) {
		for name, c := range clients {
			if c.tasks {
				continue // a task has no answer: it is archived
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s.wantTold(t, programs[name])
			})
		}
	})
	source, err := os.ReadFile(filepath.Join("testdata", "clients", "order.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.must(t, 201, "POST", "/v1/workflows?file=order.yaml", string(source))
	t.Run("all", func(t *testing.T) { // which ends before the system does
		for name, c := range clients {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				wrote := s.program(t, programs[name], c.by)
				if c.tasks {
					id, _ := wrote["execution_id"].(string)
					wrote = output(t, s.await(t, id, flow.Completed, 30*time.Second))
				}
				s.wantOrder(t, wrote, c.by)
			})
		}
	})
}

// runnable builds what is a folder, and demands what is not.
func runnable(t *testing.T, program []string) []string {
	t.Helper()
	if len(program) > 1 {
		if _, err := exec.LookPath(program[0]); err != nil {
			t.Fatalf("this test needs %s: %v", program[0], err)
		}
		return program
	}
	built := filepath.Join(t.TempDir(), "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", built, program[0])
	build.Dir = filepath.Join("testdata", "clients")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", program[0], err, out)
	}
	return []string{built}
}

// wantTold runs a program that is refused: it ends with an error, and says what the server said.
func (s *system) wantTold(t *testing.T, program []string) {
	t.Helper()
	if stdout, stderr, err := s.run(t, program, "nobody"); err == nil || !strings.Contains(stderr, "not_found") || stdout != "" {
		t.Errorf("%v ended with %v\n%s%s", program, err, stdout, stderr)
	}
}

// program runs a program for an order, and reads the JSON that it prints.
func (s *system) program(t *testing.T, program []string, order string) map[string]any {
	t.Helper()
	stdout, stderr, err := s.run(t, program, order)
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", program, err, stdout, stderr)
	}
	var wrote map[string]any
	if err := json.Unmarshal([]byte(stdout), &wrote); err != nil {
		t.Fatalf("%v wrote %s: %v", program, stdout, err)
	}
	return wrote
}

func (s *system) run(t *testing.T, program []string, order string) (wrote, said string, err error) {
	var stdout, stderr bytes.Buffer
	run := exec.CommandContext(t.Context(), program[0], append(slices.Clone(program[1:]), order)...)
	run.Dir = filepath.Join("testdata", "clients")
	run.Env = append(os.Environ(), "PRANA_SERVER="+s.app.URL(), "PRANA_REDIS="+s.asynqURL(), "PRANA_TOKEN=")
	run.Stdout, run.Stderr = &stdout, &stderr
	err = run.Run()
	return stdout.String(), stderr.String(), err
}

// asynqURL is where Redis is, in the words of asynq.
func (s *system) asynqURL() string {
	if s.redis.Network() == "unix" {
		return "redis-socket://" + s.redis.Addr()
	}
	return "redis://" + s.redis.Addr()
}

// wantOrder judges the output of an order, and that its start counted once.
func (s *system) wantOrder(t *testing.T, wrote map[string]any, by string) {
	t.Helper()
	id, _ := wrote["execution_id"].(string)
	want := map[string]any{
		"execution_id": id, "signed": map[string]any{"by": by},
		"paid": map[string]any{"order_id": by, "amount": 100.0}, "packed": map[string]any{"parcels": 2.0},
	}
	if !bytes.Equal(raw(wrote), raw(want)) {
		t.Errorf("the output is %s, want %s", raw(wrote), raw(want))
	}
	v, err := s.engine.Describe(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	ended := map[string]string{}
	for _, n := range v.Nodes {
		if n.ResumedBy != "" {
			ended[n.Node] = n.ResumedBy
		}
	}
	if want := map[string]string{"signed": flow.ByURL, "paid": flow.ByEvent, "packed": flow.ByManual}; !maps.Equal(ended, want) {
		t.Errorf("the waits were ended by %v, want %v", ended, want)
	}
	if v.StartID != "order-"+by {
		t.Errorf("the start has the id %q", v.StartID)
	}
}
