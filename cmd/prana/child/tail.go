package child

import (
	"strings"
	"sync"
)

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
	more chan struct{} // closed by the next write
}

const tailSize = 4 << 10

func newTail() *tail { return &tail{more: make(chan struct{})} }

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	close(t.more)
	t.more = make(chan struct{})
	return len(p), nil
}

// contains looks for a text; more is closed when it is worth looking again.
func (t *tail) contains(text string) (found bool, more <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Contains(string(t.text), text), t.more
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
