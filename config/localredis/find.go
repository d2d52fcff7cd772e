package localredis

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// oldest is the first major version whose scripts and commands the engine can use.
const oldest = 7

// ErrNotFound means that this machine has no Redis which could be started.
var ErrNotFound = errors.New("no usable redis-server or valkey-server")

var versionPattern = regexp.MustCompile(`\bv=(\d+)\.(\S+)`)

// Find returns the path of redis-server, else of valkey-server, from PATH. Versions before 7.0 are passed over.
// The error wraps ErrNotFound and says what to install.
func Find(ctx context.Context) (string, error) {
	var reasons error
	for _, name := range []string{"redis-server", "valkey-server"} {
		path, err := usable(ctx, name)
		if err == nil {
			return path, nil
		}
		reasons = errors.Join(reasons, err)
	}
	return "", fmt.Errorf("%w: install Redis 7.0 or newer, or Valkey, or name a server with --redis", reasons)
}

func usable(ctx context.Context, name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%w: asking %s for its version: %w", ErrNotFound, path, err)
	}
	m := versionPattern.FindStringSubmatch(string(out))
	if m == nil {
		return "", fmt.Errorf("%w: %s does not say its version", ErrNotFound, path)
	}
	if major, err := strconv.Atoi(m[1]); err != nil || major < oldest {
		return "", fmt.Errorf("%w: %s is version %s.%s, older than %d.0", ErrNotFound, path, m[1], m[2], oldest)
	}
	return path, nil
}
