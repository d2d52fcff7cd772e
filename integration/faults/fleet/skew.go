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
	"runtime"
	"strconv"
	"time"
)

// skewVariable tells a skewed program by how many seconds its clock is ahead.
const skewVariable = "PRANA_FAULTS_SKEW"

// nowReads is where package time asks for the time of day.
var nowReads = regexp.MustCompile(`(?m)^func Now\(\) Time \{\n\tsec, nsec, mono := \w+\(\)\n`)

// skewed is what stands beside it in a skewed program. The wall clock alone is shifted, as by a machine whose clock is wrong.
const skewed = `
var skew = func() int64 {
	s, _ := syscall.Getenv("` + skewVariable + `")
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	var n int64
	for i := range len(s) {
		n = n*10 + int64(s[i]-'0')
	}
	if negative {
		return -n
	}
	return n
}()
`

// BuildSkewed builds the program of a process whose clock can be wrong: that of the product, with another package time. All of
// it is skewed, asynq included, and none of it is changed.
func BuildSkewed(ctx context.Context, dir string) (program string, err error) {
	original := filepath.Join(runtime.GOROOT(), "src", "time", "time.go") //nolint:staticcheck // the Go that runs the test builds the program
	src, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	at := nowReads.FindIndex(src)
	if at == nil {
		return "", errors.New("package time of this Go reads its clock in another way: the skew has to be written anew")
	}
	changed := string(src[:at[1]]) + "\tsec += skew\n" + string(src[at[1]:]) + skewed
	changed = regexp.MustCompile(`(?m)^import \(`).ReplaceAllString(changed, "import (\n\t\"syscall\"")
	replaced := filepath.Join(dir, "time.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: replaced}})
	if err != nil {
		return "", err
	}
	plan, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "process")
	if err := errors.Join(os.WriteFile(replaced, []byte(changed), 0o600), os.WriteFile(plan, overlay, 0o600)); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-overlay", plan, "-o", program, "prana/integration/faults/fleet/process").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building a program with a wrong clock: %w\n%s", err, out)
	}
	return program, nil
}

// skewOf is the environment of a program whose clock is ahead.
func skewOf(ahead time.Duration) string {
	return skewVariable + "=" + strconv.FormatInt(int64(ahead/time.Second), 10)
}
