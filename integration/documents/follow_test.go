package documents

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"prana/config/localredis"
)

// TestCommands follows every page that people wrote, each with a prana of its own.
func TestCommands(t *testing.T) {
	t.Parallel()
	prana := built(t)
	for _, file := range written(t) {
		blocks := blocksOf(t, file)
		t.Run(strings.ReplaceAll(strings.TrimSuffix(file, ".md"), "/", "_"), func(t *testing.T) {
			t.Parallel()
			r := &reader{t: t, page: file, prana: prana, dir: t.TempDir()}
			r.prepare(blocks)
			for _, b := range blocks {
				r.follow(b)
			}
			r.leave()
		})
	}
}

// elsewhere is the Redis of a page that is not on this machine.
const elsewhere = "10.0.0.5"

// reader follows one page.
type reader struct {
	t     *testing.T
	page  string
	prana string // the program
	dir   string
	redis *localredis.Server // what the page finds elsewhere; nil = it does not look there
	url   string             // of the first server; empty = there is none yet
	procs []*process
	shell *shell

	execution string // what EXECUTION_ID stands for
}

func (r *reader) prepare(blocks []block) {
	r.t.Helper()
	for _, b := range blocks {
		if b.isCommands() && b.notRun == "" && strings.Contains(b.text, elsewhere) && r.redis == nil {
			server, err := localredis.Start(context.Background(), localredis.Options{Persist: true, TCP: true})
			if err != nil {
				r.t.Fatal(err)
			}
			r.t.Cleanup(func() { _ = server.Close() })
			r.redis = server
		}
	}
	bin := filepath.Join(r.t.TempDir(), "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		r.t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(bin, "prana"), filepath.Join(r.dir, "prana")} {
		if err := os.Symlink(r.prana, name); err != nil {
			r.t.Fatal(err)
		}
	}
	r.shell = newShell(r.t, r.dir, bin)
}

// follow does what a block says.
func (r *reader) follow(b block) {
	r.t.Helper()
	switch {
	case b.notRun != "":
	case b.file != "":
		if err := os.WriteFile(filepath.Join(r.dir, b.file), []byte(b.text), 0o644); err != nil {
			r.t.Fatal(err)
		}
	case b.isCommands():
		if b.language == "sh" && r.url == "" {
			r.start("prana dev")
		}
		for _, c := range commandsOf(b) {
			r.run(b, c)
		}
	}
}

// command is a line of a page, with what the page says that it prints.
type command struct {
	text   string
	prints []string
}

func commandsOf(b block) []command {
	var all []command
	for line := range strings.Lines(b.text) {
		line = strings.TrimRight(line, "\n")
		text, typed := strings.CutPrefix(line, "$ ")
		switch {
		case b.language == "console" && !typed:
		case b.language == "console":
			all = append(all, command{text: text})
		case strings.HasPrefix(line, "#") && len(all) == 0: // a remark
		case strings.HasPrefix(line, "#"):
			last := &all[len(all)-1]
			last.prints = append(last.prints, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
		case strings.HasPrefix(line, " ") && len(all) > 0:
			all[len(all)-1].text += "\n" + line
		case strings.TrimSpace(line) != "":
			all = append(all, command{text: line})
		}
	}
	return all
}

var (
	goesOn      = regexp.MustCompile(`^(\./)?prana (dev|server|worker|demo)\b`)
	executionID = regexp.MustCompile(`\b[0-9A-Za-z]{23,26}\b`)
)

const placeholder = "EXECUTION_ID"

func (r *reader) run(b block, c command) {
	r.t.Helper()
	text := r.here(c.text)
	if goesOn.MatchString(text) {
		r.start(text)
		return
	}
	named := strings.Contains(text, placeholder)
	if named && r.execution == "" {
		r.t.Fatalf("%s:%d: %s: no execution was printed yet", r.page, b.line, c.text)
	}
	printed, code := r.shell.run(strings.ReplaceAll(text, placeholder, r.execution))
	if code != 0 {
		r.t.Fatalf("%s:%d: %s: exit code %d\n%s\n%s", r.page, b.line, c.text, code, printed, r.logs())
	}
	if missing := missingIn(printed, c.prints); missing != "" {
		r.t.Fatalf("%s:%d: %s prints\n%s\nand not, in its place:\n%s", r.page, b.line, c.text, printed, missing)
	}
	if id := executionID.FindString(printed); id != "" && !named {
		r.execution = id
	}
	r.settle()
}

// here makes a command of the page one for this machine: it has its own port, and its own Redis elsewhere.
func (r *reader) here(text string) string {
	if r.url != "" {
		text = strings.ReplaceAll(text, "http://127.0.0.1:8484", r.url)
	}
	if r.redis != nil {
		host, port, _ := strings.Cut(r.redis.Addr(), ":")
		text = strings.ReplaceAll(text, "redis://"+elsewhere+":6379", r.redis.URL())
		text = strings.ReplaceAll(text, "-h "+elsewhere, "-h "+host+" -p "+port)
	}
	return text
}

// missingIn gives the first of the expected lines that does not come, in this order; nothing = all come.
func missingIn(printed string, expected []string) string {
	lines := strings.Split(printed, "\n")
	for _, want := range expected {
		if strings.TrimSpace(want) == "…" {
			continue
		}
		pattern := loosely(want)
		at := 0
		for at < len(lines) && !pattern.MatchString(lines[at]) {
			at++
		}
		if at == len(lines) {
			return want
		}
		lines = lines[at+1:]
	}
	return ""
}

var spaces = regexp.MustCompile(`\s+`)

// loosely takes … for any text, and spaces for any number of them.
func loosely(line string) *regexp.Regexp {
	parts := strings.Split(strings.TrimSpace(line), "…")
	for i, part := range parts {
		parts[i] = spaces.ReplaceAllString(regexp.QuoteMeta(part), `\s+`)
	}
	return regexp.MustCompile(`^\s*` + strings.Join(parts, ".*") + `\s*$`)
}
