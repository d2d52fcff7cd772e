//go:build race

package fuzztest

// slowdown is how much longer everything may take with the race detector.
const slowdown = 10
