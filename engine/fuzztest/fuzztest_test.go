package fuzztest

import (
	"testing"
	"time"
)

// failing notes whether a test would have failed.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.failed = true }

var kept []byte

func TestCheap(t *testing.T) {
	slow := true
	for name, c := range map[string]struct {
		f    func()
		dear bool
	}{
		"nothing": {func() {}, false},
		"slow":    {func() { time.Sleep(MaxTime*slowdown + time.Millisecond) }, true},
		"slow once": {func() {
			first := slow
			slow = false
			time.Sleep(map[bool]time.Duration{true: MaxTime*slowdown + time.Millisecond}[first])
		}, false},
		"a lot":      {func() { kept = make([]byte, MaxBytes+1) }, true},
		"quite some": {func() { kept = make([]byte, MaxBytes/2) }, false},
	} {
		got := &failing{TB: t}
		if Cheap(got, c.f); got.failed != c.dear {
			t.Errorf("%s: failed is %v", name, got.failed)
		}
	}
	kept = nil
}
