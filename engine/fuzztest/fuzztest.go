// Package fuzztest bounds what one input may cost, for fuzz targets of decoders and parsers.
package fuzztest

import (
	"runtime/metrics"
	"testing"
	"time"
)

// What one input may cost: time on a machine that has nothing else to do, and all memory that is asked for on the way.
const (
	MaxTime  = 100 * time.Millisecond
	MaxBytes = 64 << 20
)

// tries is how often an input is measured that took too much: what counts is the cheapest, since whatever else a machine
// does only adds to it.
const tries = 5

// Cheap calls f, which does the same whenever it is called, and fails the test if it takes more than it may.
func Cheap(t testing.TB, f func()) {
	t.Helper()
	took, bytes := measure(f)
	for range tries - 1 {
		if took <= MaxTime*slowdown && bytes <= MaxBytes {
			return
		}
		again, more := measure(f)
		took, bytes = min(took, again), min(bytes, more)
	}
	if took > MaxTime*slowdown {
		t.Errorf("the input takes %s; at most %s are allowed", took, MaxTime*slowdown)
	}
	if bytes > MaxBytes {
		t.Errorf("the input takes %d bytes of memory; at most %d are allowed", bytes, MaxBytes)
	}
}

func measure(f func()) (took time.Duration, bytes uint64) {
	before, began := allocated(), time.Now()
	f()
	return time.Since(began), allocated() - before
}

func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
