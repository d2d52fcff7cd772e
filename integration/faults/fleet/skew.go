package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// skewVariable tells a skewed program by how many seconds its clock is ahead.
const skewVariable = "PRANA_FAULTS_SKEW"

// Where package time imports, and where it reads the clock.
var (
	timeImports = regexp.MustCompile(`(?m)^import \(\n`)
	timeReads   = regexp.MustCompile(`(?m)^func Now\(\) Time \{\n\tsec, nsec, mono := \w+\(\)\n`)
)

// skewed is what a skewed package time has more. The time of day alone is shifted, as on a machine whose clock is wrong. It can
// use nothing that imports it, and strconv is one of these.
const skewed = `
var skew = func() (n int64) {
	s, _ := syscall.Getenv("` + skewVariable + `")
	sign := int64(1)
	for _, c := range s {
		if c == '-' {
			sign = -1
			continue
		}
		n = n*10 + int64(c-'0')
	}
	return n * sign
}()
`

// BuildSkewed builds, in a folder, a program for processes whose clocks are wrong: the product with another package time. All of it is
// skewed, asynq included, and none of it is changed. It compiles the standard library anew, unless Go remembers that.
func BuildSkewed(ctx context.Context, folder string) (program string, err error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("asking where Go is: %w", err)
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	src, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	if !timeImports.Match(src) || !timeReads.Match(src) {
		return "", errors.New("package time of this Go reads the clock in another way: the skew has to be written anew")
	}
	src = timeImports.ReplaceAll(src, []byte("${0}\t\"syscall\"\n"))
	src = append(timeReads.ReplaceAll(src, []byte("${0}\tsec += skew\n")), skewed...)
	overlay, replaced := filepath.Join(folder, "overlay.json"), filepath.Join(folder, "time.go")
	plan, err := json.Marshal(map[string]any{"Replace": map[string]string{original: replaced}})
	if err := errors.Join(err, os.WriteFile(replaced, src, 0o600), os.WriteFile(overlay, plan, 0o600)); err != nil {
		return "", err
	}
	program = filepath.Join(folder, "process")
	out, err := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", program, "prana/integration/faults/fleet/process").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building a program with a wrong clock: %w\n%s", err, out)
	}
	return program, nil
}

// skewOf is the environment of a program whose clock is ahead.
func skewOf(ahead time.Duration) string {
	return skewVariable + "=" + strconv.FormatInt(int64(ahead/time.Second), 10)
}
