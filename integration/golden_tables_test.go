package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"prana/tasks"
)

// TestGoldenTables compares what people read, on stdout and without a terminal, with testdata/golden/tables.txt: tables, trees,
// sentences, and the commands that come next. What differs from one run to the next stands there in capitals.
func TestGoldenTables(t *testing.T) {
	t.Parallel()
	s := goldenSystem(t)
	x := s.goldenExecutions(t)
	s.bury(t, "golden-dead")
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("id: broken\nnodes: [{key: a, type: http.reqest}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var g golden
	for _, c := range []struct {
		code int
		line string
		name string // of what differs from one test to the next
	}{
		{0, "list --workflow golden_done", ""},
		{0, "list --workflow golden_parent", ""},
		{0, "list --workflow golden_fails", ""},
		{0, "list --status suspended --workflow golden_sleeps", ""},
		{0, "list --workflow nobody_published_this", ""},
		{0, "show " + x.done.ID, "show COMPLETED"},
		{0, "show " + x.fails.ID, "show FAILED"},
		{0, "show " + x.waits.ID, "show SUSPENDED"},
		{0, "show " + x.parent.ID, "show PARENT"},
		{0, "show " + x.waits.ID + " --node wait", "show SUSPENDED --node wait"},
		{0, "show " + x.waits.ID + " --ascii", "show SUSPENDED --ascii"},
		{0, "history " + x.done.ID, "history COMPLETED"},
		{0, "explain " + x.fails.ID, "explain FAILED"},
		{0, "explain " + x.waits.ID, "explain SUSPENDED"},
		{0, "explain " + x.parent.ID, "explain PARENT"},
		{0, "workflows", ""},
		{0, "workflows show golden_done", ""},
		{0, "suspended --type external_event", ""},
		{0, "delays", ""},
		{0, "relations", ""},
		{0, "relations " + x.parent.ID, "relations PARENT"},
		{0, "schedules", ""},
		{0, "hooks", ""},
		{0, "queues", ""},
		{0, "queues workers", ""},
		{0, "dead", ""},
		{0, "dead show golden-dead", ""},
		{3, "validate " + broken, "validate BROKEN"},
		{0, "event send golden_event -i n:=1 --dry-run", ""},
		{0, "rerun " + x.done.ID + " --plan", "rerun COMPLETED --plan"},
		{0, "run golden_done --wait", ""},
		{1, "run golden_fails --wait", ""},
		{0, "resume " + x.resumed.ID, "resume SUSPENDED"},
		{0, "retry " + x.fails.ID, "retry FAILED"},
		{0, "pause " + x.sleeps.ID + " --reason lunch", "pause SUSPENDED --reason lunch"},
		{0, "show " + x.sleeps.ID, "show PAUSED"},
		{0, "unpause " + x.sleeps.ID, "unpause PAUSED"},
		{0, "cancel " + x.sleeps.ID, "cancel SUSPENDED"},
		{0, "terminate " + x.parent.ID, "terminate PARENT"},
	} {
		code, stdout, stderr := s.prana(t.Context(), strings.Fields(c.line)...)
		if code != c.code {
			t.Errorf("prana %s ended with %d, want %d: %s", c.line, code, c.code, stderr)
			continue
		}
		if c.name == "" {
			c.name = c.line
		}
		g.section("prana "+c.name, strings.Split(strings.TrimSpace(plain(stdout)), "\n"))
	}
	g.compare(t, "tables.txt")
}

// bury has a task of another service given up.
func (s *system) bury(t *testing.T, id string) {
	t.Helper()
	c, i := s.asynq(t)
	task := asynq.NewTask("prana:start", []byte(`{"v":99}`))
	if _, err := c.Enqueue(task, asynq.Queue(tasks.IntakeQueue), asynq.TaskID(id)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	err := eventually(ctx, func() error {
		info, err := i.GetTaskInfo(tasks.IntakeQueue, id)
		if err == nil && info.State != asynq.TaskStateArchived {
			err = fmt.Errorf("task %s is %s", id, info.State)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// varying is what differs from one run to the next, and what stands for it.
var varying = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`--server \S+`), "--server URL"},
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "URL"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST"},
	{regexp.MustCompile(`\S*/broken\.yaml`), "FILE"},
	{regexp.MustCompile(`/resume/[\w.~-]+`), "/resume/TOKEN"},
	{regexp.MustCompile(`(\d{4}-\d\d-\d\d[T ]|tomorrow )?\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z)`), "TIME"},
	{regexp.MustCompile(`\S+:\d+(\s+active\s+)\d+ of`), "WORKER${1}N of"},
	{regexp.MustCompile(`\b[0-9a-f]{16}\b`), "VERSION"},
	{regexp.MustCompile(`\b0[0-9A-Za-z]{22,25}\b`), "EXECUTION"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(ms|s|m|h|d)( ?\d+(ms|s|m|h))*\b`), "SPAN"},
	{regexp.MustCompile(`(?m)^\S+ paused it`), "USER paused it"},
	{regexp.MustCompile(`(\S) {2,}`), "$1  "},
	{regexp.MustCompile(`(?m)^(prana(-\d)?)  .*$`), "$1  FIGURES"},
	{regexp.MustCompile(`(?m) +$`), ""},
}

// plain takes out of a text what differs from one run to the next, the widths of columns too.
func plain(text string) string {
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.name)
	}
	return text
}
