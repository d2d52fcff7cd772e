package localredis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const lockName = "prana.lock"

// orphanGrace is how long a Redis whose parent was killed may need to follow it.
const orphanGrace = 5 * time.Second

// LockedError says that a data directory is in use.
type LockedError struct {
	Dir string // absolute
	Pid int    // of the prana process that holds it; 0 when unknown
}

// Error names the directory, the holder and the way out.
func (e *LockedError) Error() string {
	holder := "another process"
	if e.Pid != 0 {
		holder = "process " + strconv.Itoa(e.Pid)
	}
	return fmt.Sprintf("the data directory %s is in use by %s: stop that, or choose another directory with data_dir", e.Dir, holder)
}

// dirLock is an advisory lock on a file in the directory. The kernel drops it when the last process that has the file
// open is gone; the file itself stays.
type dirLock struct{ file *os.File }

// lockDir takes the lock. When the holder is dead its Redis is about to follow: then it waits a moment.
func lockDir(ctx context.Context, dir string) (*dirLock, error) {
	ctx, cancel := context.WithTimeout(ctx, orphanGrace)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		lock, err := tryLock(dir)
		var held *LockedError
		if !errors.As(err, &held) || held.Pid == 0 || alive(held.Pid) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-tick.C:
		}
	}
}

func tryLock(dir string) (*dirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data directory: %w", err)
	}
	free, err := flock(f)
	switch {
	case err != nil:
		f.Close()
		return nil, fmt.Errorf("locking the data directory %s: %w", dir, err)
	case !free:
		defer f.Close()
		return nil, &LockedError{Dir: dir, Pid: readPid(f)}
	}
	if err := writePid(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking the data directory %s: %w", dir, err)
	}
	return &dirLock{f}, nil
}

func (l *dirLock) release() { l.file.Close() }

func readPid(f *os.File) int {
	text, _ := io.ReadAll(io.LimitReader(f, 32))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

func writePid(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}
