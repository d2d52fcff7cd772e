package faults

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// aof looks how the append-only file of a Redis grows, so that its end can be torn off as a machine that crashes does.
type aof struct {
	dir  string
	stop chan struct{}
	done chan struct{}

	mu   sync.Mutex
	file string // that is written to
	grew []size // of this file
}

type size struct {
	at    time.Time
	bytes int64
}

// aofPatience is how far back the sizes are known.
const aofPatience = 5 * time.Second

func watchAOF(dir string) *aof {
	a := &aof{dir: filepath.Join(dir, "appendonlydir"), stop: make(chan struct{}), done: make(chan struct{})}
	go a.watch()
	return a
}

func (a *aof) watch() {
	defer close(a.done)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-a.stop:
			return
		case now := <-tick.C:
			a.look(now)
		}
	}
}

func (a *aof) close() {
	close(a.stop)
	<-a.done
}

// look notes the size; what cannot be read now is read the next time.
func (a *aof) look(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	file, err := a.last()
	if err != nil {
		return
	}
	if file != a.file {
		a.file, a.grew = file, nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return
	}
	for len(a.grew) > 0 && now.Sub(a.grew[0].at) > aofPatience {
		a.grew = a.grew[1:]
	}
	a.grew = append(a.grew, size{now, info.Size()})
}

// last is the file that the manifest names last for what is written now.
func (a *aof) last() (string, error) {
	manifest, err := os.Open(filepath.Join(a.dir, "appendonly.aof.manifest"))
	if err != nil {
		return "", err
	}
	defer manifest.Close()
	name := ""
	for lines := bufio.NewScanner(manifest); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) == 6 && words[5] == "i" {
			name = words[1]
		}
	}
	if name == "" {
		return "", fmt.Errorf("the manifest in %s names no file that is written to", a.dir)
	}
	return filepath.Join(a.dir, name), nil
}

// tear takes off the end of the file of a Redis that does not run: at any byte of what was written in the last two seconds. It gives how
// much was taken off, and a time before which nothing was.
func (a *aof) tear(dice *rand.Rand) (torn int64, since time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	info, err := os.Stat(a.file)
	if err != nil {
		return 0, since, err
	}
	from := info.Size() - 1
	for _, s := range a.grew {
		if time.Since(s.at) < 2*time.Second {
			from = min(from, s.bytes)
			break
		}
	}
	cut := from + dice.Int64N(info.Size()-from)
	since = time.Now().Add(-aofPatience)
	for _, s := range a.grew {
		if s.bytes <= cut {
			since = s.at
		}
	}
	a.grew = nil
	return info.Size() - cut, since, os.Truncate(a.file, cut)
}
