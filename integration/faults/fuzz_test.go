package faults

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fuzzInputs is how many inputs each target tries at least, the known ones among them. It is no time, since a run that ends by time
// is at times reported as failed by Go itself ("context deadline exceeded").
const fuzzInputs = 10_000

// target is a fuzz target of the product.
type target struct{ pkg, name string }

// TestFuzz lets every fuzz target of the product look for inputs that break it, from what is known already. In the quick tier it only
// sees that the targets are there: what is known is tried whenever their packages are tested.
func TestFuzz(t *testing.T) {
	p := begin(t)
	targets := p.targets()
	p.want("fuzz targets", float64(len(targets)), "", "≥", 35)
	if *tier != "full" {
		p.onlyLooked()
		return
	}
	tried, broken := 0, 0
	for _, x := range targets {
		n, err := p.fuzz(x)
		tried += n
		if err != nil {
			broken++
			t.Errorf("%s of %s: %v", x.name, x.pkg, err)
		}
	}
	p.want("inputs tried", float64(tried), "", "≥", float64(fuzzInputs*len(targets)))
	p.want("targets broken by an input", float64(broken), "", "=", 0)
}

var declared = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// targets finds the fuzz targets of the main module. They are read from the sources: to build all tests only to list them takes minutes.
func (p *part) targets() (all []target) {
	p.Helper()
	for _, top := range []string{"engine", "suspend", "tasks", "handlers", "config", "cmd"} {
		err := filepath.WalkDir(filepath.Join("../..", top), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			src, err := os.ReadFile(path)
			for _, found := range declared.FindAllStringSubmatch(string(src), -1) {
				pkg, _ := strings.CutPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")
				all = append(all, target{"./" + pkg, found[1]})
			}
			return err
		})
		if err != nil {
			p.Fatal(err)
		}
	}
	return all
}

var executions = regexp.MustCompile(`execs: (\d+)`)

// fuzz runs one target, and gives how many inputs it tried. The error is what it found.
func (p *part) fuzz(x target) (tried int, err error) {
	p.Helper()
	out, err := p.product("test", "-run", "^$", "-fuzz", "^"+x.name+"$", "-fuzztime", strconv.Itoa(fuzzInputs)+"x", x.pkg)
	if found := executions.FindAllStringSubmatch(out, -1); len(found) > 0 {
		tried, _ = strconv.Atoi(found[len(found)-1][1])
	}
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		p.Fatal(err)
	}
	if err != nil {
		return tried, errors.New(out)
	}
	p.Logf("%s of %s: %d inputs", x.name, x.pkg, tried)
	return tried, nil
}

// product runs the go command in the main module.
func (p *part) product(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(p.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	return string(out), err
}
