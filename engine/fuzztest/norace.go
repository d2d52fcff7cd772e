//go:build !race

package fuzztest

// slowdown is how much longer everything may take without the race detector.
const slowdown = 1
