package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// stamp is what a file looked like: when either changes, its content may have.
type stamp struct {
	modified time.Time
	size     int64
}

// watcher finds the definitions of a directory that are new or changed since it looked last.
type watcher struct {
	dir  string
	seen map[string]stamp
}

// changed lists them in order. A file that is gone is forgotten, and news again when it comes back.
func (w *watcher) changed() ([]string, error) {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return nil, err
	}
	now := map[string]stamp{}
	var files []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !isDefinition(e.Name()) || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		file := filepath.Join(w.dir, e.Name())
		now[file] = stamp{info.ModTime(), info.Size()}
		if w.seen[file] != now[file] {
			files = append(files, file)
		}
	}
	w.seen = now
	slices.Sort(files)
	return files, nil
}
