package faults

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

var previous = flag.String("previous", "", "the commit of the version that works beside this one; by default that before the newest change of what is stored")

// judged are the files that say what processes leave for one another: a version before some other change may differ from this
// one in nothing that those who work beside it see.
var judged = []string{"suspend/lua", "suspend/codec*.go", "suspend/FORMAT.md", "tasks/encode.go", ":(exclude)*_test.go"}

// carried is what a process of a fleet is made of beside the product: today's, whatever the version of the product.
var carried = []string{"integration/proc", "integration/faults/partner", "integration/faults/fleet", "integration/faults/go.mod", "integration/faults/go.sum"}

// buildPrevious builds a process of a fleet against the version before this one, from the history of the repository, and
// gives its path and its commit.
func (p *part) buildPrevious() (binary, commit string) {
	p.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		p.Fatal(err)
	}
	commit = p.previousCommit(root)
	dir := p.TempDir()
	p.run(root, "git", "archive", "-o", filepath.Join(dir, "version.tar"), commit)
	old := filepath.Join(dir, "version")
	if err := os.Mkdir(old, 0o700); err != nil {
		p.Fatal(err)
	}
	p.run(old, "tar", "-xf", filepath.Join(dir, "version.tar"))
	for _, path := range carried {
		if err := replace(filepath.Join(old, path), filepath.Join(root, path)); err != nil {
			p.Fatal(err)
		}
	}
	binary = filepath.Join(dir, "process")
	p.run(filepath.Join(old, "integration/faults"), "go", "build", "-o", binary, "./fleet/process")
	return binary, commit
}

// previousCommit finds the version before this one: what is committed, if what is not differs from it in what counts, else the
// parent of the newest commit that does.
func (p *part) previousCommit(root string) string {
	p.Helper()
	if *previous != "" {
		return *previous
	}
	if p.run(root, "git", "rev-parse", "--is-shallow-repository") == "true" {
		p.Fatal("the version before this one is built from the history of the repository, which this clone does not have: git fetch --unshallow")
	}
	if p.run(root, append([]string{"git", "diff", "--name-only", "HEAD", "--"}, judged...)...) != "" {
		return p.run(root, "git", "rev-parse", "--short", "HEAD")
	}
	newest := p.run(root, append([]string{"git", "log", "--first-parent", "-1", "--format=%H", "--"}, judged...)...)
	if newest == "" {
		p.Fatal("the history of the repository knows no change of what is stored")
	}
	return p.run(root, "git", "rev-parse", "--short", newest+"^")
}

// run runs a command, and gives what it says.
func (p *part) run(dir string, command ...string) string {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), command[0], command[1:]...)
	cmd.Dir = dir
	var told strings.Builder
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		p.Fatalf("making the version before this one: %s: %v\n%s", strings.Join(command, " "), err, told.String())
	}
	return strings.TrimSpace(string(out))
}

// replace puts a copy of a file or a folder in the place of another.
func replace(to, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if info.IsDir() {
		return os.CopyFS(to, os.DirFS(from))
	}
	raw, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("copying %s: %w", from, err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, raw, 0o600)
}
