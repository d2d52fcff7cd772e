package localredis

import (
	"os"
	"path/filepath"
	"time"
)

const (
	runDirPattern = "prana-redis-*"
	// socketPathLimit is what every unix takes as the path of a socket, in bytes.
	socketPathLimit = 100
	// abandonedAfter keeps removeAbandoned away from a directory that its owner has not locked yet.
	abandonedAfter = time.Minute
)

// makeRunDir makes a directory whose path is short enough for a socket.
func makeRunDir() (string, error) {
	dir, err := os.MkdirTemp("", runDirPattern)
	if err != nil || len(filepath.Join(dir, "redis.sock")) <= socketPathLimit {
		return dir, err
	}
	if err := os.Remove(dir); err != nil {
		return "", err
	}
	return os.MkdirTemp("/tmp", runDirPattern)
}

// removeAbandoned removes the temporary data of processes that were killed before they could. Best effort: a
// directory that cannot be locked or removed is somebody else's business.
func removeAbandoned() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), runDirPattern))
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < abandonedAfter {
			continue
		}
		if lock, err := tryLock(dir); err == nil {
			os.RemoveAll(dir) //nolint:errcheck // best effort, as said above
			lock.release()
		}
	}
}
