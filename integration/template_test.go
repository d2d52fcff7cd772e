package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"prana/config/localredis"
	"prana/engine/flow"
)

// TestATeamsOwnRepository copies testdata/template out, as a team would to begin, and follows its README: its tests, its
// binary with the node of the team, and this binary as server and worker on a real Redis.
func TestATeamsOwnRepository(t *testing.T) {
	t.Parallel()
	needRedis(t)
	r := copied(t)
	r.must(t, "go", "test", "./...")
	r.must(t, "go", "build", "-o", "acme", ".")

	if page := r.must(t, "./acme", "nodes", "acme.charge"); !strings.Contains(page, "| `cents` | int, at least 1, **required** |  | How much. |") {
		t.Errorf("the node is described as\n%s", page)
	}
	if offered := r.must(t, "./acme", "__complete", "nodes", "acme."); !strings.Contains(offered, "acme.charge\tCharges a customer") {
		t.Errorf("the shell is offered\n%s", offered)
	}
	r.must(t, "./acme", "validate", "workflows/payment.yaml", "workflows/delivery.yaml")
	r.must(t, "./acme", "fmt", "--check", "workflows/payment.yaml", "workflows/delivery.yaml")
	r.wantRefused(t, "acme", "validate", "workflows/wrong.yaml")

	redis, err := localredis.Start(t.Context(), localredis.Options{Persist: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := redis.Close(); err != nil {
			t.Error(err)
		}
	})
	r.environ = append(r.environ, "PRANA_REDIS="+redis.URL())
	r.starts(t, "acme worker: ", "worker")
	r.environ = append(r.environ, "PRANA_SERVER="+r.starts(t, "acme server: ", "server", "--port", "0"))

	r.wantRefused(t, "acme", "deploy", "workflows/wrong.yaml")
	var ran struct {
		Status flow.Status
		Output json.RawMessage
	}
	out := r.must(t, "./acme", "run", "workflows/payment.yaml", "-i", "customer=ada", "-i", "cents:=4200000", "--wait", "-o", "json")
	if err := json.Unmarshal([]byte(out), &ran); err != nil || ran.Status != flow.Completed || !bytes.Contains(ran.Output, []byte(`"due":"720h0m0s"`)) {
		t.Errorf("it came to %s (%v)", out, err)
	}
}

// TestTheHowToShowsTheTemplate: what readers copy from the page is what is built and run.
func TestTheHowToShowsTheTemplate(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../handlers/docs/pages/how-to-own-nodes.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"main.go", "charge/charge.go", "charge/charge_test.go", "courier/courier.go"} {
		source, err := os.ReadFile(filepath.Join("testdata", "template", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(page, []byte("```go\n"+string(source)+"```\n")) {
			t.Errorf("the page does not show %s as it is", name)
		}
	}
}

// repository is a copy of the template.
type repository struct {
	dir     string
	environ []string
}

// copied copies the template, with a definition whose parameter is wrong. Its module takes the versions of ours, and their sums.
func copied(t *testing.T) *repository {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	r := &repository{t.TempDir(), append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")}
	if err := os.CopyFS(r.dir, os.DirFS(filepath.Join("testdata", "template"))); err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(r.dir, "workflows", "payment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	r.write(t, "go.sum", sums)
	r.write(t, "workflows/wrong.yaml", bytes.Replace(source, []byte("method: invoice"), []byte("method: invoyce"), 1))
	r.must(t, "go", "mod", "edit", "-replace", "prana="+root)
	return r
}

func (r *repository) write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *repository) command(name string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	var said bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env, cmd.Stderr = r.dir, r.environ, &said
	return cmd, &said
}

// must runs a command that succeeds, and gives what it prints.
func (r *repository) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd, said := r.command(name, args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, said)
	}
	return string(out)
}

// wantRefused has a verb point at the wrong parameter.
func (r *repository) wantRefused(t *testing.T, args ...string) {
	t.Helper()
	cmd, said := r.command("./"+args[0], args[1:]...)
	out, err := cmd.Output()
	told := string(out) + said.String()
	for _, want := range []string{`wrong.yaml:27:15 error NOT_IN_ENUM method is "invoyce"`, `did you mean "invoice"?`} {
		if cmd.ProcessState.ExitCode() != 3 || !strings.Contains(told, want) {
			t.Errorf("%s: %v, and it says\n%s\nwithout %s", strings.Join(args, " "), err, told, want)
		}
	}
}

// starts runs a verb that goes on until the test ends, and gives what it says behind a mark.
func (r *repository) starts(t *testing.T, mark string, args ...string) string {
	t.Helper()
	cmd, _ := r.command("./acme", args...)
	cmd.Stderr = nil
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, closed := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(closed)
		for lines := bufio.NewScanner(stderr); lines.Scan(); { // to the end, so that it never blocks
			if rest, ok := strings.CutPrefix(lines.Text(), mark); ok {
				said <- rest
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it has ended, if that fails, as Wait will tell
		<-closed
		if err := cmd.Wait(); err != nil {
			t.Errorf("acme %s: %v", args[0], err)
		}
	})
	select {
	case rest := <-said:
		return rest
	case <-closed:
		t.Fatalf("acme %s ended before it said %s", args[0], mark)
		return ""
	}
}
